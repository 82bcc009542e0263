"""A large page: from its last byte at the upstream to its last byte at the client."""

import contextlib
import hashlib
import statistics
import threading
import time
from collections.abc import Iterator

from tests import live
from tests.benchmarks.cold.asked import MB, ask, cpu_of, fresh_proxy, head_of, report, server
from tests.benchmarks.cold.offered import BIG, JSON, big_page
from tests.simulators.upstream import Exchange, SimulatedUpstream


def page(rounds: int) -> None:
    simulated = SimulatedUpstream()
    try:
        with server() as running:
            fresh_proxy(running, "proxy", simulated.url + "/simple")
            for label, (kind, files) in BIG.items():
                for accept, wanted in ((JSON, "JSON"), ("text/html", "HTML")):
                    _page_times(running, simulated, f"{label}, served as {wanted}", kind, files, accept, rounds)
    finally:
        simulated.stop()


def _page_times(
    running: live.LiveServer, simulated: SimulatedUpstream, label: str, kind: str, files: int, accept: str, rounds: int
) -> None:
    first, last, pings, cpu = [], [], [], cpu_of(running)
    for number in range(rounds + 1):
        name = f"{kind}-{hashlib.sha256(label.encode()).hexdigest()[:6]}-{number}"
        content_type, body = big_page(kind, files, name, f"{simulated.url}/files")
        sent: list[float] = []

        def answer(
            exchange: Exchange, content_type: str = content_type, body: bytes = body, sent: list[float] = sent
        ) -> None:
            exchange.start(200, {"Content-Type": content_type, "Content-Length": str(len(body))})
            exchange.wfile.write(body[:-1000])
            time.sleep(0.1)
            sent.append(time.monotonic())
            exchange.wfile.write(body[-1000:])

        simulated.fault(f"/simple/{name}/", answer, times=1)
        with pinging(running) as worst:
            sock = ask(running.base, f"/repository/proxy/simple/{name}/", accept)
            _, rest, began = head_of(sock)
            while block := sock.recv(MB):
                rest += block
            ended = time.monotonic()
            sock.close()
        if number:  # the first one finds the index root and loads what is loaded once
            first.append((began - sent[0]) * 1000)
            last.append((ended - sent[0]) * 1000)
            pings.append(max(worst, default=0.0))
    report(
        label,
        f"first byte {statistics.median(first):6.1f} ms, last {statistics.median(last):6.1f} ms (least {min(last):.1f}); "
        f"slowest ping meanwhile {statistics.median(pings):5.1f} ms; cpu {(cpu_of(running) - cpu) / (rounds + 1) * 1000:.0f} ms",
    )


@contextlib.contextmanager
def pinging(running: live.LiveServer) -> Iterator[list[float]]:
    """Another client meanwhile; gives the milliseconds each of its requests took."""
    times: list[float] = []
    over = threading.Event()

    def run() -> None:
        while not over.wait(0.005):
            began = time.monotonic()
            with ask(running.base, "/status") as sock:
                while sock.recv(65536):
                    pass
            times.append((time.monotonic() - began) * 1000)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield times
    finally:
        over.set()
        thread.join()
