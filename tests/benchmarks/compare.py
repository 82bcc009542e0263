"""`python -m tests.benchmarks.compare A.json B.json`: which ratios of two runs agree within 20 %.

Exit codes: 0 all of those that count agree, 1 some do not, 2 nothing to compare. Ratios to nginx and to other bases count;
those to the best peer are shown.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOLERANCE = 1.2


@dataclass(frozen=True)
class Pair:
    """One ratio of both runs; ``kind`` is the key of it in the JSON."""

    what: str
    kind: str
    first: float
    second: float

    @property
    def apart(self) -> float:
        """The larger by the smaller: 1 when they are equal."""
        low, high = sorted((self.first, self.second))
        return high / low if low > 0 else float("inf")

    @property
    def agrees(self) -> bool:
        return self.apart <= TOLERANCE


def pairs(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Pair]:
    """Ratios that both runs have, in the first one's order."""
    others = {row["key"]: row for row in second["rows"]}
    for row in first["rows"]:
        other = others.get(row["key"])
        for kind in ("ratio", "ratio_to_best_peer"):
            if other is not None and row[kind] is not None and other[kind] is not None:
                yield Pair(row["what"], kind, row[kind], other[kind])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.compare", description=__doc__.partition("\n")[0])
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    options = parser.parse_args(arguments)
    found = list(pairs(*(json.loads(path.read_text(encoding="utf-8")) for path in (options.first, options.second))))
    for pair in found:
        kind = {"ratio": "ratio", "ratio_to_best_peer": "to best peer"}[pair.kind]
        verdict = "agree" if pair.agrees else f"APART by {(pair.apart - 1) * 100:.0f} %"
        print(f"{pair.what[:80]:80} {kind:12} {pair.first:9.3f} {pair.second:9.3f}  {verdict}")
    counted = [pair for pair in found if pair.kind == "ratio"]
    print(f"{sum(pair.agrees for pair in counted)} of {len(counted)} ratios agree within {(TOLERANCE - 1) * 100:.0f} %")
    if not counted:
        return 2
    return 0 if all(pair.agrees for pair in counted) else 1


if __name__ == "__main__":
    sys.exit(main())
