"""One request and its answer, with two things done on the client's own socket that the server below cannot do.

Large files and parts of files go by sendfile (`delivery.py`), and an answer that fails after its start is broken off, where
its end would look like a clean one (RFC 9112 §8: chunks without a length). Both need HTTP/1 without TLS; elsewhere the
server sends files itself, and breaks off as well as it can. Plain ASGI otherwise, so that any ASGI server will do.
"""

import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from repoman import connection, delivery
from repoman.toolbox import threads
from repositories.dataplane.request import FILE_RANGE

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PATHSEND = "http.response.pathsend"
LARGE = 1 << 20  # bytes; smaller answers are not worth finding the socket and a new connection
BLOCK = 256 * 1024


class Exchange:
    """``scope`` and ``send`` are to be used in place of the server's own."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._own_scope = scope
        self._since = time.monotonic()
        self._receive = receive
        self._send = send
        self._held: Message | None = None
        self._started = False
        self._reachable = scope.get("scheme") == "http" and scope.get("http_version") in ("1.0", "1.1")
        extensions = scope.get("extensions") or {}
        self._server_sends_files = PATHSEND in extensions
        self.scope = scope
        if self._reachable:
            self.scope = {**scope, "extensions": {**extensions, PATHSEND: {}, FILE_RANGE: {}}}

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start" and self._reachable and _length(message["headers"]) >= LARGE:
            self._held = message  # a file may follow
            return
        held, self._held = self._held, None
        self._started = True
        if kind in (PATHSEND, FILE_RANGE) and held is not None and await self._delivered(held, message):
            return
        if held is not None:
            await self._send(held)
        if kind in (PATHSEND, FILE_RANGE) and not (kind == PATHSEND and self._server_sends_files):
            await self._send_blocks(message)
        else:
            await self._send(message)

    def failed(self) -> None:
        """The application has failed: an answer that was begun must not look complete."""
        if self._started and self._reachable:
            connection.cut(*_ends(self._own_scope), self._since)

    async def _delivered(self, start: Message, message: Message) -> bool:
        """Whether the file was sent past the server; False when nothing of it was done."""
        headers = dict(self._own_scope["headers"])
        if b"content-length" in headers or b"transfer-encoding" in headers:
            return False  # what is left of a body would be taken for the next request
        head = delivery.head(start["status"], start["headers"])
        if head is None:
            return False
        try:
            file = os.open(message["path"], os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            client = connection.find(*_ends(self._own_scope), self._since)
            if client is None:
                return False
            first = message.get("start", 0)
            span = (first, first + _length(start["headers"]))
            await delivery.deliver(client, head, file, span, self._disconnected)
        finally:
            os.close(file)
        return True

    async def _disconnected(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _send_blocks(self, message: Message) -> None:
        """What the server would do: for one that sends no files, or no parts of files."""
        with open(message["path"], "rb") as file:  # noqa: ASYNC230 - opening is quick; reading is not
            file.seek(message.get("start", 0))
            left = message["end"] - message["start"] if "end" in message else sys.maxsize
            while chunk := await threads.transfer(file.read, min(BLOCK, left)):
                left -= len(chunk)
                await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        await self._send({"type": "http.response.body"})


def _ends(scope: Scope) -> tuple[connection.Address, connection.Address]:
    server, client = scope.get("server") or ("", 0), scope.get("client") or ("", 0)
    return (str(server[0]), int(server[1] or 0)), (str(client[0]), int(client[1]))


def _length(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """Content-Length, 0 when there is none."""
    return next((int(value) for name, value in headers if name == b"content-length"), 0)
