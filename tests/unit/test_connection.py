"""Finding the socket below a request by its addresses."""

import os
import socket
import time

import pytest

from repoman import connection


@pytest.fixture(params=["127.0.0.1", "::1"])
def pair(request):
    """A client's socket and the server's."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with (
        socket.create_server((request.param, 0), family=family) as listener,
        socket.create_connection(listener.getsockname()[:2]) as client,
        listener.accept()[0] as server,
    ):
        yield client, server


def addresses(pair):
    return pair[1].getsockname()[:2], pair[0].getsockname()[:2]


def test_connection_is_found_among_all_open_files(pair):
    before = len(os.listdir("/dev/fd"))
    found = connection.find(*addresses(pair), time.monotonic())
    assert found is not None
    with found:
        found.sendall(b"hello")
    assert pair[0].recv(9) == b"hello"
    assert len(os.listdir("/dev/fd")) == before


def test_server_that_listens_on_all_addresses_is_meant_by_its_port(pair):
    server, client = addresses(pair)
    with connection.find(("0.0.0.0", server[1]), client, time.monotonic()) as found:
        assert found.getpeername() == pair[1].getpeername()


def test_others_are_not_taken_for_it(pair):
    server, client = addresses(pair)
    assert connection.find(server, server, time.monotonic()) is None
    assert connection.find(("127.0.0.1", 1), client, time.monotonic()) is None
    assert connection.cut(server, ("192.0.2.7", 4711), time.monotonic()) is False


def test_cut_ends_it(pair):
    assert connection.cut(*addresses(pair), time.monotonic()) is True
    assert pair[0].recv(9) == b""
