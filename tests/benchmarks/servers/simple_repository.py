"""simple-repository-server: a proxy without a cache."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.corpus import SMALL
from tests.benchmarks.processes import Child, wait_for_page
from tests.benchmarks.servers.peer import Peer, PeerKind, environment
from tests.live import free_port


@contextmanager
def start(programs: Path, folder: Path, files: Path, upstream: str) -> Iterator[Peer]:
    port = free_port()
    # Its default is to send clients to the upstream for every file.
    options = ["--host", "127.0.0.1", "--port", str(port), "--stream-http-resources"]
    command = [programs / "simple-repository-server", *options, f"{upstream}/simple/"]
    child = Child(command, log=folder / "log", environment=environment(), cwd=folder)
    try:
        peer = Peer("simple-repository-server", port, child, "/simple/", metadata=True, caches=False)
        wait_for_page(peer.index + f"{SMALL}/", child, seconds=30)
        yield peer
    finally:
        child.stop()


KIND = PeerKind("simple-repository-server", "one process, --stream-http-resources", start)
