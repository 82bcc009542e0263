"""Silent connections are ended, and others are not."""

import socket
import sys
import time

import pytest

from repoman import silence

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux' TCP")


class Pair:
    def __init__(self, listener):
        self.client = socket.create_connection(listener.getsockname())
        self.server, _ = listener.accept()
        self.client.settimeout(0.2)

    @property
    def ended(self):
        try:
            return self.client.recv(1) == b""
        except TimeoutError:
            return False

    def close(self):
        self.client.close()
        self.server.close()


@pytest.fixture
def make():
    pairs = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def pair(client=b"", server=b""):
            pairs.append(made := Pair(listener))
            made.client.sendall(client)
            made.server.sendall(server)
            if server:
                assert made.client.recv(len(server)) == server
            return made

        pair.port = listener.getsockname()[1]
        yield pair
    for each in pairs:
        each.close()


def test_who_says_nothing_is_ended(make):
    mute, beginning, asking = make(), make(b"PRI * HTTP/2.0"), make(b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n")
    short = make(b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.1 200 OK\r\n")
    assert silence.end_silent(make.port) == 0
    time.sleep(0.3)
    assert silence.end_silent(make.port, mute=0.2) == 2
    assert [pair.ended for pair in (mute, beginning, asking, short)] == [True, True, False, False]


def test_who_does_nothing_for_long_is_ended(make):
    idle, busy = make(b"x" * 100, b"y"), make(b"x" * 100, b"y")
    time.sleep(0.4)
    busy.server.sendall(b"y")
    assert busy.client.recv(1) == b"y"
    assert silence.end_silent(make.port, idle=0.2) == 1
    assert (idle.ended, busy.ended) == (True, False)


def test_connections_to_others_are_left_alone(make):
    there = make()
    time.sleep(0.2)
    assert silence.end_silent(there.client.getsockname()[1] - 1 or 1, mute=0.1) == 0
    assert not there.ended
