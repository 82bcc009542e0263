"""The application on Granian's RSGI interface, which costs less CPU an answer than its ASGI one and sends ranges of files.

All code stays plain ASGI: what is here only translates. RSGI keeps two things from an application that ASGI has:

* The path comes decoded, so ``raw_path`` is made from it anew: ``%2F`` arrives as a slash, and a byte that is not UTF-8
  as U+FFFD.
* Headers with bytes outside ASCII cannot be read. Where that would change who asks or what is meant the request is
  refused, else the header is as good as absent.

The extension ``repoman.response.filerange`` is a message ``{"type": …, "path": str, "start": int, "end": int}`` (``end``
is behind the last byte) that sends a part of a file as ``http.response.pathsend`` sends a whole one.
"""

import asyncio
import logging
import os
import re
from collections.abc import Awaitable, Callable, Generator
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from repoman import connection, delivery
from repoman.outlet import Pipe, Queue

if TYPE_CHECKING:
    from granian._granian import RSGIHeaders
    from granian._granian import RSGIHTTPProtocol as HTTPProtocol
    from granian.rsgi import Scope as RSGIScope

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]
Quick = Callable[["RSGIScope", "HTTPProtocol"], bool]

FILE_RANGE = "repoman.response.filerange"
QUEUE_LIMIT = 1 << 20  # bytes; answers known to be no longer may wait in memory for their reader

LARGE = 1 << 20  # bytes of a file from which a connection of its own costs less than what the server would do

_ASGI = {"version": "3.0", "spec_version": "2.3"}
_EXTENSIONS: dict[str, dict[str, Any]] = {"http.response.pathsend": {}, FILE_RANGE: {}}
_VERSIONS = {"1": "1.0"}
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._~-]*")
_IN_PATHS = "/:@!$&'()*+,;=~"  # RFC 3986 §3.3: pchar, and the slash
_DECISIVE = ("authorization", "content-type", "cookie", "host")
_TEXT = [("content-type", "text/plain; charset=utf-8")]

logger = logging.getLogger(__name__)


class Edge:
    """The target of Granian's RSGI interface around an ASGI application.

    ``quick`` is asked first, before anything of ASGI is made: it answers a request at once and returns True, or leaves
    the protocol alone and returns False. It must not wait for anything.
    """

    def __init__(self, application: Application, quick: Quick | None = None) -> None:
        self._application = application
        self._quick = quick
        self._lifespan = _Lifespan(application)

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_until_complete(self._lifespan.start())

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_until_complete(self._lifespan.stop())

    async def __rsgi__(self, scope: "RSGIScope", protocol: "HTTPProtocol") -> None:
        """Answer one request."""
        if self._quick is not None and self._quick(scope, protocol):
            return
        headers = scope.headers  # each access copies them all
        fields = headers.items()
        if len(fields) < len(headers) and (name := _unreadable(headers)):  # type: ignore[arg-type]  # its stub leaves out the length
            protocol.response_str(400, _TEXT, f"The header {name} has characters outside ASCII\n")
            return
        exchange = _Exchange(scope, protocol)
        try:
            await self._application(asgi_scope(scope, fields), exchange.receive, exchange.send)
        except Exception:
            logger.exception("The application failed at a %s request", scope.method)
        finally:
            exchange.end()


def _unreadable(headers: "RSGIHeaders") -> str | None:
    return next((name for name in _DECISIVE if name in headers and headers.get(name) is None), None)


def asgi_scope(scope: "RSGIScope", fields: list[tuple[str, str]]) -> dict[str, Any]:
    """The ASGI scope of an HTTP request, as Granian's ASGI interface gives it."""
    path = scope.path
    raw = path if _PLAIN_PATH.fullmatch(path) else quote(path, safe=_IN_PATHS)
    version = scope.http_version
    headers = [(name.encode(), value.encode()) for name, value in fields]
    if version != "1.1" and not any(name == "host" for name, value in fields):
        headers.insert(0, (b"host", (scope.authority or "").encode()))
    return {
        "type": "http",
        "asgi": _ASGI,
        "http_version": _VERSIONS.get(version, version),
        "method": scope.method,
        "scheme": scope.scheme,
        "path": path,
        "raw_path": raw.encode("ascii"),
        "query_string": scope.query_string.encode("utf-8"),
        "root_path": "",
        "headers": headers,
        "client": _address(scope.client),
        "server": _own_address(scope.server),
        "extensions": _EXTENSIONS,
    }


def _address(text: str) -> tuple[str, int]:
    """``192.0.2.7:4711`` or ``[2001:db8::7]:4711``."""
    host, _, port = text.rpartition(":")
    return (host[1:-1] if host.startswith("[") else host), int(port)


_own_address = lru_cache(maxsize=64)(_address)


class _Done:
    """What waiting for something gives that is done already."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, Any, None]:
        yield from ()


_DONE = _Done()


class _Exchange:
    """One request and its answer: the application's ``receive`` and ``send``."""

    __slots__ = ("_body", "_held", "_outlet", "_over", "_protocol", "_scope", "over")

    def __init__(self, scope: "RSGIScope", protocol: "HTTPProtocol") -> None:
        self._scope = scope
        self._protocol = protocol
        self._body: _Body | None = None
        self._held: tuple[int, list[tuple[str, str]]] | None = None
        self._outlet: Pipe | Queue | None = None
        self._over: asyncio.Future[None] | None = None
        self.over = False  # all is handed over, or nobody is there to take it

    async def receive(self) -> Message:
        if self._body is None:
            self._body = _Body(self._scope, self._protocol)
        if not self._body.ended:
            return await self._body.read()
        await self._until_over()
        return {"type": "http.disconnect"}

    async def _until_over(self) -> None:
        if self.over:
            return
        if self._over is None:
            self._over = asyncio.get_running_loop().create_future()
        gone = asyncio.ensure_future(disconnected(self._protocol))
        try:
            await asyncio.wait((gone, self._over), return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                self._is_over()
        finally:
            gone.cancel()

    def send(self, message: Message) -> Awaitable[None]:
        """Never fails for a client that is gone, as other servers' does not: ``receive`` tells."""
        if self.over:
            return asyncio.sleep(0)  # so that one that sends on without end lets the others run, and itself be told
        kind = message["type"]
        if kind == "http.response.start":
            headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.get("headers", ())]
            self._held = (message["status"], headers)
        elif self._held is None:
            raise RuntimeError(f"{kind} before http.response.start")
        elif kind == "http.response.body":
            body, more = message.get("body", b""), message.get("more_body", False)
            if more or self._outlet is not None:
                return self._send_part(body, more)
            self._send_whole(body)
        elif kind == "http.response.pathsend":
            return self._send_file(message["path"], 0, None)
        elif kind == FILE_RANGE:
            return self._send_file(message["path"], message["start"], message["end"])
        else:
            raise RuntimeError(f"{kind} is not known here")
        return _DONE

    async def _send_part(self, body: bytes, more: bool) -> None:
        assert self._held is not None
        outlet = self._outlet
        if outlet is None:
            if not body:
                return
            length = _content_length(self._held[1])
            if length == len(body):
                self._send_whole(body)
                return
            kind = Queue if length is not None and length <= QUEUE_LIMIT else Pipe
            outlet = self._outlet = kind(self._protocol, *self._held)
        if (body and not await outlet.send(body)) or not more:
            self._close_outlet()
            self._is_over()

    async def _send_file(self, path: str, start: int, end: int | None) -> None:
        """A file, or the part before ``end``: large ones past the server where that can be, else by the server."""
        assert self._held is not None
        length = _content_length(self._held[1])
        if length is None or length < LARGE or not await self._delivered(path, start, start + length):
            if end is None:
                self._protocol.response_file(*self._held, path)
            else:
                self._protocol.response_file_range(*self._held, path, start, end)
        self._is_over()

    async def _delivered(self, path: str, start: int, end: int) -> bool:
        """False when nothing of it was done."""
        assert self._held is not None
        scope, headers = self._scope, self._scope.headers
        if scope.scheme != "http" or scope.http_version == "2":
            return False
        if "content-length" in headers or "transfer-encoding" in headers:
            return False  # what is left of a body would be taken for the next request
        if (head := delivery.head(*self._held)) is None:
            return False
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            client = connection.find(scope.server, scope.client)
            if client is None:
                return False
            await delivery.deliver(client, head, file, (start, end), lambda: disconnected(self._protocol))
        finally:
            os.close(file)
        return True

    def _send_whole(self, body: bytes) -> None:
        assert self._held is not None
        if body:
            self._protocol.response_bytes(*self._held, body)
        else:
            self._protocol.response_empty(*self._held)
        self._is_over()

    def _is_over(self) -> None:
        self.over = True
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    def end(self) -> None:
        """The application has returned or failed: an answer that is not complete must not look like one that is."""
        if not self.over:
            if self._outlet is None:
                self._protocol.response_str(500, _TEXT, "The server made a mistake\n")
            else:
                connection.cut(self._scope.server, self._scope.client)
            self._is_over()
        self._close_outlet()

    def _close_outlet(self) -> None:
        if self._outlet is not None:
            self._outlet.close()
            self._outlet = None


async def disconnected(protocol: "HTTPProtocol") -> None:
    """Return when the client's connection has ended."""
    await protocol.client_disconnect()


def _content_length(headers: list[tuple[str, str]]) -> int | None:
    for name, value in headers:
        if name.lower() == "content-length":
            return int(value)
    return None


class _Body:
    """The request's body, in chunks as they come.

    Granian gives an empty chunk at the end, and one more before it when reading failed: a body that was cut off is told
    from a whole one by that, and by its announced length where there is one (HTTP/2 has other empty chunks).
    """

    __slots__ = ("_chunks", "_left", "_reading", "_tolerant", "ended")

    def __init__(self, scope: "RSGIScope", protocol: "HTTPProtocol") -> None:
        headers = scope.headers
        length = headers.get("content-length")
        self._left: int | None = int(length) if length is not None and length.isdigit() else None
        self._tolerant = scope.http_version == "2"
        self._chunks: Any = None
        self._reading: asyncio.Task[bytes | None] | None = None
        self.ended = False
        if self._left == 0 or (self._left is None and not self._tolerant and "transfer-encoding" not in headers):
            return  # RFC 9112 §6.3: no body
        self._chunks = protocol.__aiter__()

    async def read(self) -> Message:
        """The next message. A chunk that comes after the waiting was given up is kept for the next call."""
        if self._chunks is None:
            self.ended = True
            return {"type": "http.request", "body": b"", "more_body": False}
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._next())
        chunk = await asyncio.shield(self._reading)
        self._reading = None
        if chunk is None:
            self.ended = True
            return {"type": "http.disconnect"}
        self.ended = not chunk
        return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}

    async def _next(self) -> bytes | None:
        """The next chunk, b"" at the end; None when the body was cut off."""
        empty = 0
        while True:
            try:
                chunk: bytes = await self._chunks.__anext__()
            except StopAsyncIteration:
                whole = self._left == 0 if self._left is not None else (empty == 1 or self._tolerant)
                return b"" if whole else None
            if chunk:
                if self._left is not None:
                    self._left -= len(chunk)
                return chunk
            empty += 1


class _Lifespan:
    """ASGI's lifespan protocol: a task that is told when the server starts and stops."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._told: asyncio.Queue[Message] = asyncio.Queue()
        self._heard: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Raises RuntimeError when the application does not want to start."""
        scope = {"type": "lifespan", "asgi": _ASGI, "state": {}}
        self._task = asyncio.ensure_future(self._application(scope, self._told.get, self._heard.put))
        await self._tell("lifespan.startup")

    async def stop(self) -> None:
        await self._tell("lifespan.shutdown")

    async def _tell(self, kind: str) -> None:
        assert self._task is not None
        await self._told.put({"type": kind})
        answer = asyncio.ensure_future(self._heard.get())
        await asyncio.wait((answer, self._task), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            self._task.result()  # raises what it failed with
            raise RuntimeError(f"the application ended without an answer to {kind}")
        if answer.result()["type"] != f"{kind}.complete":
            raise RuntimeError(answer.result().get("message") or f"the application refused {kind}")
