"""The load generator: one thread of wrk, and the probe that looks at an answer before it is measured."""

import gzip
import http.client
import json
import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.processes import CouldNotRun

SUMMARY = Path(__file__).with_name("summary.lua")
PATIENCE = 60  # seconds for one answer


@dataclass(frozen=True)
class Target:
    """A request to make again and again: a GET of ``path`` at ``port`` of this machine."""

    port: int
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.path}"


@dataclass(frozen=True)
class Answer:
    """One answer: header names are lower case, the body is as sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def plain(self) -> bytes:
        """The body without its coding."""
        return gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body


@dataclass(frozen=True)
class Load:
    """What one window of load gave. Latencies in ms, ``bytes`` with headers."""

    requests: int
    seconds: float
    bytes: int
    p50: float
    p99: float
    errors: int

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    @property
    def megabytes(self) -> float:
        """MB (10^6 bytes) a second."""
        return self.bytes / self.seconds / 1e6


def ask(target: Target) -> Answer:
    """Make the request once on a connection of its own; http.client asks for no coding by itself."""
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=PATIENCE)
    try:
        connection.request("GET", target.path, headers=dict(target.headers))
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read())
    except (OSError, http.client.HTTPException) as error:
        raise CouldNotRun(f"no answer: {type(error).__name__}") from error
    finally:
        connection.close()


def prime(target: Target, times: int) -> None:
    """Ask ``times`` times, eight at once, so that every worker process of a server has seen the request."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ask(target), range(times)))


def require_tools() -> None:
    """Raises CouldNotRun with what to install."""
    packages = {"nginx": "nginx-light", "wrk": "wrk"}
    missing = [
        packages[tool] for tool in packages if shutil.which(tool) is None and not Path(f"/usr/sbin/{tool}").exists()
    ]
    if missing:
        raise CouldNotRun(f"the benchmark needs more programs; install them first: apt-get install {' '.join(missing)}")


def run(target: Target, connections: int, seconds: int) -> Load:
    """Ask as fast as ``connections`` connections can for whole ``seconds``. Raises CouldNotRun when wrk fails."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", f"{PATIENCE}s", "-s", str(SUMMARY)]
    for name, value in target.headers.items():
        command += ["-H", f"{name}: {value}"]
    done = subprocess.run([*command, target.url], capture_output=True, text=True, timeout=seconds + 2 * PATIENCE)
    line = next((line for line in done.stdout.splitlines() if line.startswith("{")), "")
    if done.returncode or not line:
        raise CouldNotRun(f"wrk failed: {(done.stderr or done.stdout).strip()[:120]}")
    values = json.loads(line)
    return Load(
        requests=values["requests"],
        seconds=values["duration"] / 1e6,
        bytes=values["bytes"],
        p50=values["p50"] / 1e3,
        p99=values["p99"] / 1e3,
        errors=values["errors"],
    )
