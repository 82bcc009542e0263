"""proxpi: a caching proxy, run as its container image runs it."""

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
    (folder / "cache").mkdir(parents=True, exist_ok=True)
    settings = environment(
        PROXPI_INDEX_URL=f"{upstream}/simple/",
        PROXPI_CACHE_DIR=str(folder / "cache"),
        # Its 0.9 seconds send clients of large files to the upstream; that is not what is compared here.
        PROXPI_DOWNLOAD_TIMEOUT="60",
        PROXPI_LOGGING_LEVEL="WARNING",
    )
    command = [programs / "gunicorn", "--preload", "--threads", "2", "--bind", f"127.0.0.1:{port}", "proxpi.server:app"]
    child = Child(command, log=folder / "log", environment=settings, cwd=folder)
    try:
        peer = Peer("proxpi", port, child, "/index/", metadata=True)
        wait_for_page(peer.index + f"{SMALL}/", child, seconds=30)
        yield peer
    finally:
        child.stop()


KIND = PeerKind("proxpi", "gunicorn --preload --threads 2, cache folder set", start)
