"""An installer that asks for forty packages nobody has asked for before."""

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.cold.asked import cpu_of, fresh_proxy, report, server
from tests.benchmarks.cold.offered import nginx, offer
from tests.distributions import metadata_for, wheel


def install(rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="cold-install-") as name:
        root = Path(name)
        with nginx(root) as base, server() as running:
            names = packages(root, base)
            times: dict[str, list[float]] = {}
            cpu: dict[str, list[float]] = {}
            for number in range(rounds + 1):
                proxy = fresh_proxy(running, f"proxy-{number}", base + "/simple")
                for label, index in (
                    ("straight", base + "/simple/"),
                    ("cold", running.index(proxy)),
                    ("warm", running.index(proxy)),
                ):
                    before = cpu_of(running)
                    taken = installed(root, index, names)
                    if number:
                        times.setdefault(label, []).append(taken)
                        cpu.setdefault(label, []).append(cpu_of(running) - before)
            straight = statistics.median(times["straight"])
            for label, taken_all in times.items():
                median = statistics.median(taken_all)
                report(
                    f"uv pip install of {len(names)}: {label}",
                    f"{median:.3f} s (least {min(taken_all):.3f}), ratio {median / straight:.2f}; "
                    f"cpu of the server {statistics.median(cpu[label]):.2f} s",
                )


def packages(root: Path, base: str) -> list[str]:
    """Forty packages: wheels of 0.1 to 10 MB, pages of 10 to 4,000 files."""
    dice = random.Random(4)
    names = []
    for number in range(40):
        name = f"bench-{number:02}"
        size = min(10_000_000, int(100_000 * 100 ** (dice.random() ** 2)))
        listed = int(10 * 400 ** (dice.random() ** 1.5))
        built = wheel(name, "100000.0", payload=dice.randbytes(size))
        offer(root, base, "files", name, {built.filename: (built.content, metadata_for(name, "100000.0"))}, listed)
        names.append(name)
    return names


def installed(root: Path, index: str, names: list[str]) -> float:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_"))}
    target, cache = root / "target", root / "cache"
    for folder in (target, cache):
        shutil.rmtree(folder, ignore_errors=True)
    uv = Path(sys.executable).parent / "uv"
    command = [
        uv,
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--index-url",
        index,
        "--target",
        target,
        "--cache-dir",
        cache,
    ]
    began = time.monotonic()
    done = subprocess.run([*command, *names], env={**environment, "UV_NO_CONFIG": "1"}, capture_output=True, text=True)
    taken = time.monotonic() - began
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return taken
