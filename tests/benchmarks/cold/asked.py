"""The server under measurement, raw requests to it, and what it used meanwhile."""

import contextlib
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests import live

MB = 1024 * 1024


def report(what: str, value: str) -> None:
    print(f"{what:<64} {value}", flush=True)


@contextlib.contextmanager
def server(**settings: str) -> Iterator[live.LiveServer]:
    with (
        tempfile.TemporaryDirectory(prefix="cold-path-") as folder,
        live.running(Path(folder), REPOMAN_ANONYMOUS_READ="on", **settings) as running,
    ):
        yield running


def fresh_proxy(running: live.LiveServer, name: str, url: str) -> str:
    """A new proxy with a blob store of its own; returns its name."""
    running.python(f"""
from pathlib import Path
from blobstores.models import BlobStore
from repositories.services.repositories import create_repository
BlobStore.objects.create(name={name!r}, kind="filesystem", options={{"path": str(Path({str(running.data)!r}) / {name!r})}})
create_repository(name={name!r}, recipe="pypi-proxy", blob_store={name!r}, options={{"remote_url": {url!r}}})
""")
    return name


def cpu_of(running: live.LiveServer) -> float:
    """Seconds of CPU that the processes of the server have used."""
    ticks = 0
    for pid in live.process_tree(running.process.pid):
        with contextlib.suppress(OSError):
            fields = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def ask(base: str, path: str, accept: str = "*/*") -> socket.socket:
    """A raw request; the answer is the caller's to read."""
    host, port = base.split("//")[1].split(":")
    sock = socket.create_connection((host, int(port)))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n".encode()
    )
    return sock


def head_of(sock: socket.socket) -> tuple[bytes, bytes, float]:
    """Head and first bytes of the body, and when they came."""
    data = b""
    while b"\r\n\r\n" not in data or not data.partition(b"\r\n\r\n")[2]:
        block = sock.recv(65536)
        if not block:
            raise ConnectionError(f"no answer: {data[:200]!r}")
        data += block
    head, _, body = data.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise ConnectionError(f"no success: {data[:400]!r}")
    return head, body, time.monotonic()


def swallow(sock: socket.socket) -> tuple[int, float]:
    """The length of the body and when its last byte came; the kernel throws the bytes away uncopied."""
    _, body, _ = head_of(sock)
    size, room = len(body), bytearray(1)
    del room
    buffer = bytearray(4 * MB)
    while count := sock.recv_into(buffer, len(buffer), socket.MSG_TRUNC):
        size += count
    sock.close()
    return size, time.monotonic()


def peak_memory(running: live.LiveServer) -> float:
    """MB of the web worker, the largest process."""
    peaks = [0]
    for pid in live.process_tree(running.process.pid):
        with contextlib.suppress(OSError):
            status = (Path("/proc") / str(pid) / "status").read_text()
            peaks.append(int(status.partition("VmHWM:")[2].split()[0]))
    return max(peaks) / 1024
