"""A large file: from its first byte at the upstream to its first byte at the client, and many clients for one cold file."""

import hashlib
import random
import socket
import statistics
import tempfile
import threading
import time
from pathlib import Path

from tests import live
from tests.benchmarks.cold.asked import MB, ask, cpu_of, fresh_proxy, head_of, peak_memory, report, server, swallow
from tests.benchmarks.cold.offered import nginx, offer
from tests.simulators.upstream import Exchange, SimulatedUpstream


def first_byte(rounds: int) -> None:
    simulated = SimulatedUpstream()
    content = random.Random(1).randbytes(MB) * 300
    small = random.Random(2).randbytes(100_000)
    digest = hashlib.sha256(content).hexdigest()
    try:
        with server() as running:
            fresh_proxy(running, "proxy", simulated.url + "/simple")
            for label, body, listed in (
                ("file of 300 MB", content, {"sha256": digest}),
                ("file of 300 MB without digest", content, {}),
                ("file of 100 KB", small, {"sha256": hashlib.sha256(small).hexdigest()}),
            ):
                _first_byte_times(running, simulated, label, body, listed, rounds)
    finally:
        simulated.stop()


def _first_byte_times(
    running: live.LiveServer, simulated: SimulatedUpstream, label: str, body: bytes, hashes: dict[str, str], rounds: int
) -> None:
    project = "f" + hashlib.sha256(label.encode()).hexdigest()[:6]
    for number in range(rounds + 1):
        simulated.add(f"{project}-{number}-py3-none-any.whl", b"", hashes=hashes, size=len(body))
    with ask(running.base, f"/repository/proxy/simple/{project}/") as sock:
        head_of(sock)
    asked_after, first, whole, cpu = [], [], [], cpu_of(running)
    for number in range(rounds + 1):
        sent: list[float] = []

        def answer(exchange: Exchange, sent: list[float] = sent) -> None:
            sent.append(time.monotonic())
            exchange.start(200, {"Content-Type": "application/octet-stream", "Content-Length": str(len(body))})
            exchange.wfile.write(body)

        path = f"/files/{project}-{number}-py3-none-any.whl"
        simulated.fault(path, answer, times=1)
        began = time.monotonic()
        sock = ask(running.base, f"/repository/proxy/packages/{project}/{number}/{project}-{number}-py3-none-any.whl")
        _, data, came = head_of(sock)
        size, ended = len(data), 0.0
        buffer = bytearray(MB)
        while count := sock.recv_into(buffer, MB, socket.MSG_TRUNC):
            size += count
        ended = time.monotonic()
        sock.close()
        if size != len(body):
            raise ConnectionError(f"{size} of {len(body)} bytes")
        if number:
            asked_after.append((sent[0] - began) * 1000)
            first.append((came - sent[0]) * 1000)
            whole.append(ended - began)
    report(
        label,
        f"upstream asked after {statistics.median(asked_after):5.1f} ms, first byte {statistics.median(first):5.1f} ms later "
        f"(most {max(first):.1f}); whole {statistics.median(whole):.3f} s, {len(body) / MB / statistics.median(whole):.0f} MB/s, "
        f"cpu {(cpu_of(running) - cpu) / (rounds + 1):.3f} s",
    )


def crowd(rounds: int) -> None:
    content = random.Random(3).randbytes(MB) * 100
    for folder, label in (("files", "as fast as nginx is"), ("slow", "upstream of 50 MB/s")):
        with tempfile.TemporaryDirectory(prefix="cold-crowd-") as name:
            root = Path(name)
            with nginx(root) as base, server() as running:
                names = [f"crowd-{number}-py3-none-any.whl" for number in range(2 * rounds + 2)]
                offer(root, base, folder, "crowd", dict.fromkeys(names, (content, b"")))
                fresh_proxy(running, "proxy", base + "/simple")
                _crowd_times(running, root, folder, label, names, len(content))


def _crowd_times(running: live.LiveServer, root: Path, folder: str, label: str, names: list[str], size: int) -> None:
    alone, many, memory, cpu = [], [], 0.0, {1: 0.0, 64: 0.0}
    swallowed(running, names.pop(), 1, size)
    for place, filename in enumerate(names):
        clients = 1 if place % 2 == 0 else 64
        before = cpu_of(running)
        taken = swallowed(running, filename, clients, size)
        cpu[clients] += cpu_of(running) - before
        (alone if clients == 1 else many).append(taken)
        memory = max(memory, peak_memory(running))
        requests = (root / "access.log").read_text().count(f"/{folder}/{filename} ")
        if requests != 1:
            report(f"  {filename}", f"{requests} upstream requests")
    one, all_of_them = statistics.median(alone), statistics.median(many)
    report(
        f"100 MB, {label}",
        f"1 client {one:.3f} s (cpu {cpu[1] / len(alone):.2f}), 64 clients {all_of_them:.3f} s (cpu {cpu[64] / len(many):.2f}), "
        f"ratio {all_of_them / one:.2f}, {64 * size / MB / all_of_them:.0f} MB/s in all; peak memory {memory:.0f} MB",
    )
    warm = [swallowed(running, names[1], 64, size) for _ in range(3)]
    report("  the same 64 once it is kept", f"{statistics.median(warm):.3f} s")


def swallowed(running: live.LiveServer, filename: str, clients: int, size: int) -> float:
    """Seconds until the last of ``clients`` has the whole file."""
    version = filename.split("-")[1]
    path = f"/repository/proxy/packages/crowd/{version}/{filename}"
    began = time.monotonic()
    socks = [ask(running.base, path) for _ in range(clients)]
    ended: list[float] = []

    def read(sock: socket.socket) -> None:
        count, moment = swallow(sock)
        if count == size:
            ended.append(moment)

    readers = [threading.Thread(target=read, args=(sock,)) for sock in socks]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    if len(ended) != clients:
        raise ConnectionError(f"{clients - len(ended)} of {clients} got no whole file")
    return max(ended) - began
