"""What a normal client notices of a crowd: `python -m tests.benchmarks.crowds [name …]`.

Starts a server, measures the latency of a page for one client alone and then beside each crowd, and prints a line for
each: p50 and p99 in ms, memory (PSS of the web worker) and its threads.
"""

import argparse
import contextlib
import http.client
import os
import resource
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import live
from tests.distributions import wheel

SMALL, LARGE = "/repository/pypi-hosted/simple/", "/repository/pypi-hosted/packages/big/1.0/big-1.0-py3-none-any.whl"
LARGE_SIZE = 100 << 20
Crowd = Callable[[int], contextlib.AbstractContextManager[None]]


def raise_limit() -> int:
    """Let this process open as many files as it may; returns the limit."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def worker_of(server: live.LiveServer) -> int:
    """The process that answers: the one child of the web server's main process that has the most memory."""
    web = [pid for pid, command in live.process_tree(server.process.pid).items() if "repoman.serve.web" in command]
    below = [pid for pid in live.process_tree(web[0]) if pid != web[0]]
    return max(below, key=pss)


def pss(pid: int) -> int:
    """Bytes of memory that are a process's, with its share of what it shares."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no Pss")


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def connect(port: int, *, receive_buffer: int | None = None) -> socket.socket:
    connection = socket.socket()
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", port))
    return connection


@contextmanager
def idle(port: int, count: int = 2000) -> Iterator[None]:
    """Connections that say nothing."""
    crowd = [connect(port) for _ in range(count)]
    try:
        yield
    finally:
        for connection in crowd:
            connection.close()


@contextmanager
def dribbling(port: int, count: int = 500) -> Iterator[None]:
    """Clients that send their headers byte by byte and never come to an end."""
    crowd = [connect(port) for _ in range(count)]
    with _repeated(lambda: [_send(connection, b"x") for connection in crowd], 0.1):
        for connection in crowd:
            _send(connection, b"GET /status HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        yield
    for connection in crowd:
        connection.close()


@contextmanager
def reading_slowly(port: int, count: int = 500, path: str = LARGE) -> Iterator[None]:
    """Clients that ask for a large file and read 4 KB of it a second."""
    crowd = [connect(port, receive_buffer=16384) for _ in range(count)]
    for connection in crowd:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert connection.recv(12) == b"HTTP/1.1 200"
    with _repeated(lambda: [_receive(connection, 4096) for connection in crowd], 1.0):
        yield
    for connection in crowd:
        connection.close()


@contextmanager
def overlapping(port: int, count: int = 16, path: str = LARGE) -> Iterator[None]:
    """Clients that ask for a thousand overlapping ranges of a large file and leave after the first bytes."""
    ranges = ",".join(f"{start}-" for start in range(1000))

    def ask() -> None:
        with connect(port) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nRange: bytes={ranges}\r\n\r\n".encode())
            _receive(connection, 4096)

    with contextlib.ExitStack() as all_at_once:
        for _ in range(count):
            all_at_once.enter_context(_repeated(ask, 0.1))
        yield


@contextmanager
def dropping(port: int, count: int = 8, path: str = LARGE) -> Iterator[None]:
    """Clients that leave in the middle: of their headers, of their body, of the answer."""
    beginnings = (
        b"GET /stat",
        b"POST /repository/pypi-hosted/ HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\nabc",
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
    )

    def ask() -> None:
        for beginning in beginnings:
            with connect(port) as connection:
                connection.sendall(beginning)
                if beginning.endswith(b"\r\n\r\n"):
                    _receive(connection, 4096)

    with contextlib.ExitStack() as all_at_once:
        for _ in range(count):
            all_at_once.enter_context(_repeated(ask, 0.02))
        yield


CROWDS: dict[str, Crowd] = {
    "idle": idle, "dribbling": dribbling, "slow": reading_slowly, "ranges": overlapping, "dropping": dropping,
}  # fmt: skip


def _send(connection: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):  # the server ends what takes too long
        connection.send(data)


def _receive(connection: socket.socket, size: int) -> None:
    with contextlib.suppress(OSError):
        connection.recv(size)


@contextmanager
def _repeated(action: Callable[[], object], seconds: float) -> Iterator[None]:
    """Do something again and again, in a thread."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(seconds):
            with contextlib.suppress(OSError):
                action()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def latencies(port: int, path: str = SMALL, *, requests: int = 300, fresh_each: int = 10) -> list[float]:
    """Seconds of each request of one client; every tenth on a new connection. Fails for a wrong answer."""
    measured: list[float] = []
    connection: http.client.HTTPConnection | None = None
    for number in range(requests):
        began = time.perf_counter()
        if connection is None or number % fresh_each == 0:
            if connection is not None:
                connection.close()
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, (answer.status, body)
        measured.append(time.perf_counter() - began)
        time.sleep(0.003)
    assert connection is not None
    connection.close()
    return measured


def add_large(server: live.LiveServer) -> None:
    """Upload a wheel of 100 MB, stored and not compressed."""
    server.upload(wheel("big", "1.0", payload=os.urandom(LARGE_SIZE)), server.user_token())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(CROWDS))
    chosen = parser.parse_args().names or [*CROWDS]
    raise_limit()
    with tempfile.TemporaryDirectory() as folder, live.running(Path(folder), REPOMAN_ANONYMOUS_READ="on") as server:
        port = int(server.base.rpartition(":")[2])
        add_large(server)
        latencies(port)
        worker = worker_of(server)
        line("alone", latencies(port), worker)
        for name in chosen:
            with CROWDS[name](port):
                time.sleep(2)
                line(name, latencies(port), worker)
            time.sleep(1)
        line("after", latencies(port), worker)
    return 0


def line(name: str, measured: list[float], worker: int) -> None:
    p50, p99 = statistics.median(measured) * 1000, statistics.quantiles(measured, n=100)[98] * 1000
    print(
        f"{name:10} p50 {p50:6.1f} ms  p99 {p99:6.1f} ms  {pss(worker) / 1e6:6.0f} MB  "
        f"{threads(worker):4} threads  {open_files(worker):5} open files",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
