"""Large files by sendfile: whole, in parts, from a slow disk, to clients that stall or leave."""

import asyncio
import os
import socket
import threading

import pytest

from repoman import delivery

CONTENT = bytes(range(256)) * 20_000  # 5 MB


async def nobody_leaves():
    await asyncio.sleep(3600)


def send(path, span, *, read, gone=nobody_leaves):
    """Deliver to a socket whose other end ``read`` handles in a thread; returns what that returns."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    result = []
    reader = threading.Thread(target=lambda: result.append(read(theirs)))
    reader.start()
    file = os.open(path, os.O_RDONLY)
    try:
        asyncio.run(delivery.deliver(ours, b"HEAD\r\n\r\n", file, span, gone))
    finally:
        os.close(file)
        reader.join()
        theirs.close()
    assert ours.fileno() == -1
    return result[0]


def read_all(connection):
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    connection.close()
    return received


@pytest.fixture(params=["in memory", "from a disk"])
def path(request, tmp_path, monkeypatch):
    """A file, with a system that can tell whether it is in memory and one that cannot."""
    if request.param == "from a disk":
        monkeypatch.delattr(os, "RWF_NOWAIT", raising=False)
    monkeypatch.setattr(delivery, "_LINGER_SECONDS", 0.05)
    file = tmp_path / "file"
    file.write_bytes(CONTENT)
    return file


@pytest.mark.parametrize("span", [(0, len(CONTENT)), (0, 1), (7, 2_000_003), (len(CONTENT) - 1, len(CONTENT))])
def test_exactly_the_span_arrives(path, span):
    assert send(path, span, read=read_all) == b"HEAD\r\n\r\n" + CONTENT[slice(*span)]


def test_file_that_is_too_short_ends_early(path):
    assert send(path, (0, len(CONTENT) + 1), read=read_all) == b"HEAD\r\n\r\n" + CONTENT


def test_client_that_leaves_ends_it(path):
    def leave(connection):
        connection.recv(100)
        connection.close()

    send(path, (0, len(CONTENT)), read=leave)


def test_client_that_never_reads_is_let_go(path, monkeypatch):
    monkeypatch.setattr(delivery, "STALL_SECONDS", 0.2)
    received = []

    def stall(connection):
        ended = threading.Event()
        threading.Timer(1.0, ended.set).start()
        ended.wait()
        received.append(read_all(connection))

    send(path, (0, len(CONTENT)), read=stall)
    assert len(received[0]) < len(CONTENT)


def test_head_is_refused_when_a_header_would_end_it():
    whole = delivery.head(206, [(b"content-length", b"5")])
    assert whole.startswith(b"HTTP/1.1 206 Partial Content\r\ncontent-length: 5\r\nconnection: close\r\ndate: ")
    assert whole.endswith(b" GMT\r\n\r\n")
    assert delivery.head(200, [(b"location", b"a\r\nset-cookie: b")]) is None
    assert delivery.head(200, [(b"x-name", b"caf\xe9")]) is None
