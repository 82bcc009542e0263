"""Crowds of impolite clients: a normal client gets right answers meanwhile, and nothing of them is kept afterwards."""

import contextlib
import hashlib
import http.client
import os
import sys
import time

import pytest

from tests import live
from tests.benchmarks import crowds
from tests.distributions import wheel
from tests.needs import needs

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

WHEEL = wheel("crowded", "1.0", payload=os.urandom(24 << 20))
PATH = f"/repository/pypi-hosted/packages/crowded/1.0/{WHEEL.filename}"
PAGE = "/repository/pypi-hosted/simple/crowded/"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    needs(crowds.raise_limit() >= 6000, "a hard limit of 6,000 open files (ulimit -Hn)")
    with live.running(tmp_path_factory.mktemp("crowds"), REPOMAN_ANONYMOUS_READ="on") as running:
        running.upload(WHEEL, running.user_token())
        yield running


@pytest.fixture(scope="module")
def port(server) -> int:
    return int(server.base.rpartition(":")[2])


@pytest.fixture(scope="module")
def worker(server, port) -> int:
    crowds.latencies(port, PAGE, requests=30)  # what is opened once is open now
    normal_client(server, port)
    return crowds.worker_of(server)


def normal_client(server, port: int) -> None:
    """Pages on old and new connections, a file, a range of it and the console."""
    page = server.get(PAGE)[2]
    assert WHEEL.filename.encode() in page
    assert len(crowds.latencies(port, PAGE, requests=40, fresh_each=5)) == 40
    assert server.get(PAGE)[2] == page
    assert hashlib.sha256(server.get(PATH)[2]).hexdigest() == WHEEL.sha256
    assert server.get(PATH, {"Range": "bytes=1000-2000999"})[2] == WHEEL.content[1000:2_001_000]
    assert server.get("/sign-in/")[0] == 200


CROWDS = {
    "connections that say nothing": lambda port: crowds.idle(port, 2000),
    "headers byte by byte": lambda port: crowds.dribbling(port, 300),
    "readers that hardly read": lambda port: crowds.reading_slowly(port, 200, PATH),
    "a thousand overlapping ranges": lambda port: crowds.overlapping(port, 4, PATH),
    "clients that drop in the middle": lambda port: crowds.dropping(port, 4, PATH),
}


@pytest.mark.parametrize("name", CROWDS)
def test_normal_client_is_served_beside(server, port, worker, name) -> None:
    files, threads = crowds.open_files(worker), crowds.threads(worker)
    with CROWDS[name](port):
        time.sleep(0.5)
        normal_client(server, port)
        # Pools grow to their sizes, and nothing grows with the crowd.
        assert crowds.threads(worker) < threads + 80
    live.wait_until(lambda: crowds.open_files(worker) <= files + 20, 30, "the crowd's files and connections are closed")
    normal_client(server, port)
    assert crowds.worker_of(server) == worker
    assert "Traceback" not in server.stderr()


def test_slow_readers_of_a_large_file_take_little_memory(server, port, worker) -> None:
    with crowds.reading_slowly(port, 20, PATH):
        time.sleep(0.5)
    before = crowds.pss(worker)
    with crowds.reading_slowly(port, 300, PATH):
        time.sleep(1)
        assert crowds.pss(worker) - before < 300 * 0.2e6


def test_ranges_that_overlap_are_answered_with_the_file_once(server) -> None:
    ranges = ",".join(f"{start}-" for start in range(1000))
    status, headers, body = server.get(PATH, {"Range": f"bytes={ranges}"})
    assert (status, headers["content-length"], len(body)) == (200, str(len(WHEEL.content)), len(WHEEL.content))


@pytest.mark.parametrize(("size", "expected"), [(16_000, 200), (48_000, 200), (200_000, 431)])
def test_long_headers_are_taken_up_to_a_reasonable_length(port, size, expected) -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", PAGE, headers={"X-Long": "a" * size})
        assert connection.getresponse().status == expected
