"""What is done on the client's own socket: large files past the server, and breaking off an answer that failed."""

import asyncio
import socket
import struct
import sys
import threading
import time
from typing import Any

import pytest

from repoman import delivery
from repoman.exchange import LARGE, PATHSEND, Exchange
from repositories.dataplane.request import FILE_RANGE

CONTENT = bytes(range(256)) * 8192  # 2 MB


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(delivery, "_LINGER_SECONDS", 0.05)
    file = tmp_path / "file"
    file.write_bytes(CONTENT)
    return str(file)


class Ends:
    """A client's socket, the server's, and what the server itself was asked to send."""

    def __init__(self, **changed: Any) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.client = socket.create_connection(listener.getsockname())
            self.server = listener.accept()[0]
        self.server.setblocking(False)
        self.sent: list[dict[str, Any]] = []
        self.received = b""
        self.broken_off = False
        self.scope = {
            "type": "http",
            "scheme": "http",
            "http_version": "1.1",
            "headers": [],
            "server": self.server.getsockname(),
            "client": self.client.getsockname(),
            "extensions": {PATHSEND: {}},
            **changed,
        }

    def send(self, *messages: dict[str, Any], fails: bool = False) -> None:
        async def receive() -> dict[str, Any]:
            await asyncio.sleep(3600)
            return {"type": "http.disconnect"}

        async def keep(message: dict[str, Any]) -> None:
            self.sent.append(message)

        exchange = Exchange(self.scope, receive, keep)

        reader = threading.Thread(target=self._read)

        async def run() -> None:
            for message in messages:
                await exchange.send(message)
            if fails:
                exchange.failed()
                reader.join(1)
            self.broken_off = not reader.is_alive()

        reader.start()
        asyncio.run(run())
        self.server.close()
        reader.join()
        self.client.close()

    def _read(self) -> None:
        while chunk := self.client.recv(65536):
            self.received += chunk


def start(length: int, status: int = 200) -> dict[str, Any]:
    headers = [(b"content-length", str(length).encode()), (b"etag", b'"e"')]
    return {"type": "http.response.start", "status": status, "headers": headers}


def test_a_large_file_goes_past_the_server(path):
    ends = Ends()
    ends.send(start(len(CONTENT)), {"type": PATHSEND, "path": path})
    head, _, body = ends.received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'etag: "e"' in head
    assert (body, ends.sent) == (CONTENT, [])


def test_so_does_a_large_part_of_one(path):
    ends = Ends()
    part = {"type": FILE_RANGE, "path": path, "start": 7, "end": 7 + LARGE}
    ends.send(start(LARGE, 206), part)
    head, _, body = ends.received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 206 Partial Content\r\n")
    assert (body, ends.sent) == (CONTENT[7 : 7 + LARGE], [])


@pytest.mark.parametrize(
    "changed",
    [
        {"scheme": "https"},
        {"http_version": "2"},
        {"headers": [(b"content-length", b"5")]},
        {"headers": [(b"transfer-encoding", b"chunked")]},
        {"client": ("192.0.2.7", 4711)},
    ],
)
def test_where_the_socket_is_not_ours_alone_the_server_sends_the_file(path, changed):
    ends = Ends(**changed)
    messages = [start(len(CONTENT)), {"type": PATHSEND, "path": path}]
    ends.send(*messages)
    assert (ends.sent, ends.received) == (messages, b"")


def test_small_answers_and_bodies_are_left_to_the_server(path):
    for messages in (
        [start(5), {"type": PATHSEND, "path": path}],
        [start(len(CONTENT)), {"type": "http.response.body", "body": CONTENT}],
    ):
        ends = Ends()
        ends.send(*messages)
        assert (ends.sent, ends.received) == (messages, b"")


def test_a_server_that_sends_no_files_gets_them_in_blocks(path):
    ends = Ends(client=("192.0.2.7", 4711), extensions={})
    ends.send(start(len(CONTENT)), {"type": PATHSEND, "path": path})
    assert b"".join(message.get("body", b"") for message in ends.sent[1:]) == CONTENT
    assert ends.sent[-1] == {"type": "http.response.body"}
    part = Ends(client=("192.0.2.7", 4711))
    part.send(start(LARGE, 206), {"type": FILE_RANGE, "path": path, "start": 3, "end": 3 + LARGE})
    assert b"".join(message.get("body", b"") for message in part.sent[1:]) == CONTENT[3 : 3 + LARGE]


@pytest.mark.parametrize("begun", [True, False])
def test_an_answer_that_fails_after_its_start_is_broken_off_and_no_other(begun):
    ends = Ends()
    messages = [{"type": "http.response.start", "status": 200, "headers": []}]
    messages.append({"type": "http.response.body", "body": b"half", "more_body": True})
    ends.send(*(messages if begun else []), fails=True)
    assert ends.broken_off is begun


async def _forever() -> dict[str, Any]:
    await asyncio.sleep(3600)
    return {"type": "http.disconnect"}


@pytest.mark.skipif(sys.platform != "linux", reason="only there the kernel tells when a connection was last heard of")
def test_another_client_that_comes_from_the_same_port_later_gets_nothing_of_it(path):
    """As a proxy or a gateway may use a port again while an upstream lets the first request wait."""
    sent: list[str] = []

    async def keep(message: dict[str, Any]) -> None:
        sent.append(message["type"])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        first = socket.create_connection(listener.getsockname())
        address = first.getsockname()
        scope = {"type": "http", "scheme": "http", "http_version": "1.1", "headers": [], "extensions": {PATHSEND: {}}}
        exchange = Exchange({**scope, "server": listener.getsockname(), "client": address}, _forever, keep)
        first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closed without a trace
        first.close()
        listener.accept()[0].close()
        time.sleep(0.5)
        second = socket.create_connection(listener.getsockname(), source_address=address)
        with second, listener.accept()[0] as server:
            second.settimeout(0.3)
            server.setblocking(False)

            async def answer() -> None:
                await exchange.send(start(len(CONTENT)))
                await asyncio.wait_for(exchange.send({"type": PATHSEND, "path": path}), 10)

            asyncio.run(answer())
            exchange.failed()
            with pytest.raises(TimeoutError):  # neither bytes nor an end
                second.recv(9)
    assert sent == ["http.response.start", PATHSEND]
