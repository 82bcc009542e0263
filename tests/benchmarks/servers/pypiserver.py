"""pypiserver: a folder of files, run as its README says, with the watchdog version that lets its cache live."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.corpus import SMALL
from tests.benchmarks.processes import Child, wait_for_page
from tests.benchmarks.servers.peer import Peer, PeerKind, Uploads, environment
from tests.live import free_port

_PASSWORDS = (
    "import sys; from passlib.apache import HtpasswdFile; f = HtpasswdFile(sys.argv[1], new=True, "
    "default_scheme='apr_md5_crypt'); f.set_password('bench', 'bench'); f.save()"
)


@contextmanager
def start(programs: Path, folder: Path, files: Path, upstream: str) -> Iterator[Peer]:
    port = free_port()
    packages, passwords = folder / "packages", folder / "passwords"
    if not packages.exists():
        shutil.copytree(files, packages)  # uploads are written into it
        subprocess.run([str(programs / "python"), "-c", _PASSWORDS, str(passwords)], check=True, capture_output=True)
    app = (
        f"pypiserver:app(roots=['{packages}'], password_file='{passwords}', authenticate=['update'], "
        "backend_arg='cached-dir', disable_fallback=True)"
    )
    command = [programs / "gunicorn", "-w4", "--bind", f"127.0.0.1:{port}", app]
    child = Child(command, log=folder / "log", environment=environment(), cwd=folder)
    try:
        uploads = Uploads(f"http://127.0.0.1:{port}/", "bench", "bench")
        peer = Peer("pypiserver", port, child, "/simple/", json=False, proxies=False, uploads=uploads)
        wait_for_page(peer.index + f"{SMALL}/", child, seconds=60)
        yield peer
    finally:
        child.stop()


KIND = PeerKind("pypiserver", "gunicorn -w4, cached-dir backend, watchdog 2.1.9", start)
