"""`python -m tests.benchmarks`: build the fixed set, start the servers, measure in turn, print and write the table.

Exit codes: 0 measured, 1 something that should have been measured was not (with ``--strict``: anything), 2 the programs it needs
are missing. A number that is not reached is no failure of the benchmark.
"""

import argparse
import json
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from tests.benchmarks import load, machine, report, world
from tests.benchmarks.plan import GROUPS
from tests.benchmarks.processes import CouldNotRun
from tests.benchmarks.results import Results, as_json
from tests.live import ROOT

CACHE = ROOT / ".cache" / "bench"


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        load.require_tools()
    except CouldNotRun as reason:
        print(reason, file=sys.stderr)
        return 2
    results = Results()
    began = time.monotonic()
    try:
        _measure(options, results)
    except CouldNotRun as reason:
        print(f"could not start: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; everything is stopped, nothing was written", file=sys.stderr)
        return 130
    about = {**machine.about(), "quick": options.quick, "seconds": round(time.monotonic() - began)}
    _write(options.json, json.dumps(as_json(results, about), indent=1, ensure_ascii=False) + "\n")
    if options.markdown:
        _write(options.markdown, report.markdown(results, about))
    print(report.plain(results))
    unmeasured = [missing for missing in results.missing if missing.required or options.strict]
    return 1 if unmeasured else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="only the most important rows, in under 3 minutes")
    parser.add_argument(
        "--only", action="append", choices=[group.name for group in GROUPS], help="a group to measure (repeatable)"
    )
    parser.add_argument("--no-peers", action="store_true", help="leave out the other servers")
    parser.add_argument("--disk", action="store_true", help="let pip and uv install to the disk, not to memory")
    parser.add_argument("--json", type=Path, default=CACHE / "latest.json", help="where the results go")
    parser.add_argument("--markdown", type=Path, help="where the page for people goes")
    parser.add_argument("--seed", type=int, default=20261122, help="of the generated files")
    parser.add_argument("--strict", action="store_true", help="exit 1 when anything at all could not be measured")
    return parser


def _measure(options: argparse.Namespace, results: Results) -> None:
    chosen = [
        group for group in GROUPS if (group.name in options.only if options.only else group.quick or not options.quick)
    ]
    began = time.monotonic()

    def tell(text: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {text}", file=sys.stderr, flush=True)

    tell("making the fixed set and starting the servers")
    with world.built(
        quick=options.quick,
        seed=options.seed,
        cache=CACHE,
        peers=not options.no_peers,
        disk=options.disk,
        results=results,
    ) as built:
        for group in chosen:
            tell(group.name)
            with built.attempt(group.name, required=True):
                group.measure(built)
        tell("stopping the servers")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
