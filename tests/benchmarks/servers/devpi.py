"""devpi: a mirror of the upstream and a stage for uploads in one process."""

import base64
import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.corpus import SMALL
from tests.benchmarks.processes import Child, CouldNotRun, wait_for_page
from tests.benchmarks.servers.peer import Peer, PeerKind, Uploads, environment
from tests.live import free_port

USER, PASSWORD = "root", "bench"


@contextmanager
def start(programs: Path, folder: Path, files: Path, upstream: str) -> Iterator[Peer]:
    port = free_port()
    data = folder / "data"
    fresh = not data.exists()
    settings = environment(HOME=str(folder))
    if fresh:
        command = [str(programs / "devpi-init"), "--serverdir", str(data), "--no-root-pypi", "--root-passwd", PASSWORD]
        done = subprocess.run(command, env=settings, cwd=folder, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise CouldNotRun("devpi-init failed")
    child = Child(
        [programs / "devpi-server", "--serverdir", data, "--host", "127.0.0.1", "--port", str(port)],
        log=folder / "log",
        environment=settings,
        cwd=folder,
    )
    try:
        base = f"http://127.0.0.1:{port}"
        if fresh:
            wait_for_page(f"{base}/+api", child, seconds=60, headers={"Accept": "application/json"})
            _make_indexes(base, upstream)
        uploads = Uploads(f"{base}/{USER}/hosted/", USER, PASSWORD)
        peer = Peer("devpi-server", port, child, f"/{USER}/mirror/+simple/", uploads=uploads)
        wait_for_page(peer.index + f"{SMALL}/", child, seconds=60)
        yield peer
    finally:
        child.stop()


def _make_indexes(base: str, upstream: str) -> None:
    login = _call(base, "POST", "/+login", {"user": USER, "password": PASSWORD})
    token = base64.b64encode(f"{USER}:{login['result']['password']}".encode()).decode()
    # Its own copy of the list of projects is off: with it a cold mirror answers some pages empty.
    mirror = {
        "type": "mirror",
        "mirror_url": f"{upstream}/simple/",
        "mirror_no_project_list": True,
        "volatile": False,
    }
    _call(base, "PUT", f"/{USER}/mirror", mirror, token)
    _call(base, "PUT", f"/{USER}/hosted", {"type": "stage", "volatile": True, "bases": []}, token)


def _call(base: str, method: str, path: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token:
        headers["X-Devpi-Auth"] = token
    request = urllib.request.Request(base + path, data=json.dumps(body).encode(), headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return dict(json.load(answer))
    except OSError as error:
        raise CouldNotRun(f"its indexes could not be made: {error}") from error


KIND = PeerKind("devpi-server", "one process, 50 threads, SQLite, mirror_no_project_list", start)
