"""Background work through the embedded broker: it runs, and a death of broker or worker loses nothing."""

import os
import signal
import sys
import time

import pytest
import redis

from tests import live
from tests.faults.test_serve import children

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

ENQUEUE = """
from repoman.celery import app
app.send_task("blobstores.sweep_temporary_files")
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with live.running(tmp_path_factory.mktemp("background")) as server:
        yield server


def leftover(server, name: str):
    """A temporary file of a writer that died two days ago."""
    path = server.data / "blobs" / "default" / "incoming" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half of a package")
    then = time.time() - 2 * 86400
    os.utime(path, (then, then))
    return path


def test_task_is_run(server):
    path = leftover(server, "one.part")
    server.python(ENQUEUE)
    live.wait_until(lambda: not path.exists(), 20, "the task has run")


def test_task_survives_the_death_of_broker_and_worker(server):
    path = leftover(server, "two.part")
    worker = children(server, "serve.background")[0]
    os.kill(worker, signal.SIGSTOP)  # it cannot take the task before it dies
    # Its pop that waits at the broker has to end first: what is handed to it there is in nobody's books.
    url = (server.data / "broker" / "url").read_text().strip().replace("redis+socket://", "unix://")
    with redis.Redis.from_url(url.partition("?")[0]) as broker:
        live.wait_until(lambda: broker.info("clients")["blocked_clients"] == 0, 20, "no pop waits")
    try:
        server.python(ENQUEUE)
        os.kill(children(server, "broker.sock")[0], signal.SIGKILL)
    finally:
        os.kill(worker, signal.SIGKILL)
    live.wait_until(lambda: not path.exists(), 30, "the task has run after all")


def test_packages_are_served_while_the_broker_is_away(server):
    broker = children(server, "broker.sock")[0]
    os.kill(broker, signal.SIGSTOP)
    try:
        status, _headers, body = server.get("/status/ready")
    finally:
        os.kill(broker, signal.SIGCONT)
    assert status == 200
    assert b'"broker": "does not answer"' in body
