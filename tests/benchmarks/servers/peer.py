"""Another server to compare with, as the groups see it, and the environment it is installed into."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.processes import Child, CouldNotRun

LOCKS = Path(__file__).resolve().parent.parent / "locks"


@dataclass(frozen=True)
class Uploads:
    """Where a peer takes uploads, and as whom."""

    url: str
    username: str
    password: str


@dataclass(frozen=True)
class Peer:
    """A running peer. ``simple`` is the path its project pages stand below, with a slash at both ends."""

    name: str
    port: int
    child: Child
    simple: str
    json: bool = True
    proxies: bool = True
    caches: bool = True
    metadata: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    uploads: Uploads | None = None

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def index(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.simple}"

    def page(self, project: str) -> str:
        return f"{self.simple}{project}/"


# Starts it in a folder (anew, or on what an earlier start left there): programs, folder, corpus folder, upstream's address.
Start = Callable[[Path, Path, Path, str], AbstractContextManager[Peer]]


@dataclass(frozen=True)
class PeerKind:
    """A server that can be installed. ``package`` is the distribution whose version names it, and its lock file."""

    package: str
    run_as: str
    start: Start

    @property
    def version(self) -> str:
        lines = (LOCKS / f"{self.package}.in").read_text().splitlines()
        return next(line for line in lines if line.startswith(self.package)).partition("==")[2]


def install(kind: PeerKind, cache: Path) -> Path:
    """The folder of a peer's programs, installed once from its lock file. Raises CouldNotRun."""
    lock = LOCKS / f"{kind.package}.txt"
    folder = cache / "peers" / f"{kind.package}-{kind.version}"
    stamp = folder / "installed.txt"
    if not stamp.exists() or stamp.read_text() != lock.read_text():
        uv = Path(sys.executable).with_name("uv")
        steps = (
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder],
            [uv, "pip", "install", "--quiet", "--python", folder / "bin" / "python", "--require-hashes", "-r", lock],
        )
        for step in steps:
            done = subprocess.run([str(word) for word in step], capture_output=True, text=True, timeout=300)
            if done.returncode:
                raise CouldNotRun("it could not be installed from the package index")
        stamp.write_text(lock.read_text())
    return folder / "bin"


@dataclass(frozen=True)
class Installed:
    """A peer that can be started: ``files`` is the corpus for those that serve a folder, ``upstream`` for proxies."""

    kind: PeerKind
    programs: Path
    files: Path
    upstream: str

    @contextmanager
    def running(self, folder: Path) -> Iterator[Peer]:
        """Start it on a folder, new or used. Raises CouldNotRun."""
        folder.mkdir(parents=True, exist_ok=True)
        with self.kind.start(self.programs, folder, self.files, self.upstream) as peer:
            yield peer


def environment(**settings: str) -> dict[str, str]:
    """What a peer runs with: nothing of this machine's settings but the path."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **settings}
