"""Large files by sendfile(2), straight from the page cache to a client's socket.

The server itself reads a file into memory and writes it out: four times the CPU, and a quarter of a megabyte for each
client that reads slowly. Over HTTP/1 without TLS the answer can be written past it: nothing else is sent on a connection
whose request is not answered yet, and after the answer the connection is closed, which its header says. A client that
waits holds no thread; one that reads nothing for ten minutes is let go.
"""

import asyncio
import contextlib
import errno
import fcntl
import os
import re
import socket
import struct
import termios
from collections.abc import Awaitable, Callable, Iterable
from email.utils import formatdate
from http import HTTPStatus

Headers = Iterable[tuple[bytes, bytes]]

BLOCK = 1 << 20
STALL_SECONDS = 600.0
_LINGER_SECONDS = 2.0
_FIELD = re.compile(rb"[\t\x20-\x7e]*")


def head(status: int, headers: Headers) -> bytes | None:
    """The head of the answer; None when a header has what must not be in one."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    for name, value in headers:
        if not _FIELD.fullmatch(name) or not _FIELD.fullmatch(value):
            return None
        lines.append(f"{name.decode()}: {value.decode()}")
    lines += ["connection: close", f"date: {formatdate(usegmt=True)}", "", ""]
    return "\r\n".join(lines).encode("ascii")


async def deliver(
    connection: socket.socket, start: bytes, file: int, span: tuple[int, int], gone: Callable[[], Awaitable[None]]
) -> None:
    """Send ``start`` and the bytes of the open ``file`` from ``span[0]`` to before ``span[1]``, then end the connection.

    ``gone()`` returns when the client has closed it. A client that leaves, or a file that is too short, ends it early.
    """
    try:
        if await _send_all(connection, start, file, *span):
            connection.shutdown(socket.SHUT_WR)
            await _let_read(connection, gone)
    except (OSError, TimeoutError):
        pass  # the client left, or might as well have
    finally:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()


async def _send_all(connection: socket.socket, start: bytes, file: int, offset: int, end: int) -> bool:
    """False when the file ended before the span. Raises OSError, TimeoutError."""
    sender = _Sender(connection, start, file, offset, end)
    try:
        while not sender.done.done():
            before = sender.offset
            await asyncio.wait((sender.done,), timeout=STALL_SECONDS)
            if not sender.done.done() and sender.offset == before:
                raise TimeoutError
        return sender.done.result()
    finally:
        await sender.stop()


class _Sender:
    """Sends a block whenever the socket takes one; between two blocks others have their turn."""

    def __init__(self, connection: socket.socket, start: bytes, file: int, offset: int, end: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._socket = connection.fileno()
        self._start = memoryview(start)
        self._file = file
        self.offset = offset
        self._end = end
        self._reading: asyncio.Future[int] | None = None
        self.done: asyncio.Future[bool] = self._loop.create_future()
        self._loop.add_writer(self._socket, self._writable)

    def _writable(self) -> None:
        try:
            if self._start:
                sent = self._connection.send(self._start, getattr(socket, "MSG_MORE", 0))
                self._start = self._start[sent:]
                return
            size = min(BLOCK, self._end - self.offset)
            if size and not _in_memory(self._file, self.offset, size):
                # The disk may take its time. The thread waits for that, and not for the client.
                self._loop.remove_writer(self._socket)
                self._reading = self._loop.run_in_executor(
                    None, os.sendfile, self._socket, self._file, self.offset, size
                )
                self._reading.add_done_callback(self._read)
                return
            self._advance(os.sendfile(self._socket, self._file, self.offset, size) if size else 0)
        except BlockingIOError:
            pass
        except OSError as error:
            self._finish(error)

    def _read(self, reading: "asyncio.Future[int]") -> None:
        self._reading = None
        if reading.cancelled() or self.done.done():
            return
        error = reading.exception()
        if error is None:
            self._advance(reading.result())
        elif not isinstance(error, BlockingIOError):
            self._finish(error)
        if not self.done.done():
            self._loop.add_writer(self._socket, self._writable)

    def _advance(self, sent: int) -> None:
        self.offset += sent
        if not sent or self.offset >= self._end:
            self._finish(None)

    def _finish(self, error: BaseException | None) -> None:
        self._loop.remove_writer(self._socket)
        if not self.done.done():
            if error is not None:
                self.done.set_exception(error)
            else:
                self.done.set_result(self.offset >= self._end)

    async def stop(self) -> None:
        """Leave the socket and the file alone; a thread that reads is waited for, since it uses both."""
        self._loop.remove_writer(self._socket)
        self.done.cancel()
        if self._reading is not None:
            await asyncio.wait((self._reading,))


def _in_memory(file: int, offset: int, size: int) -> bool:
    """Whether the first and the last byte of a block can be had without waiting for a disk."""
    nowait = getattr(os, "RWF_NOWAIT", None)
    if nowait is None:
        return False
    byte = bytearray(1)
    try:
        return all(os.preadv(file, [byte], place, nowait) >= 0 for place in (offset, offset + size - 1))
    except OSError as error:
        # EOPNOTSUPP: a file system that cannot tell
        return error.errno not in (errno.EAGAIN, errno.EOPNOTSUPP)


async def _let_read(connection: socket.socket, gone: Callable[[], Awaitable[None]]) -> None:
    """Wait until the client has taken what the kernel still holds: closing earlier could take it away (RFC 9112 §9.6)."""
    left = asyncio.ensure_future(_forever(gone))
    waiting, since = _unread(connection), 0.0
    try:
        while since < (STALL_SECONDS if waiting else _LINGER_SECONDS):
            await asyncio.wait((left,), timeout=_LINGER_SECONDS)
            if left.done():
                return
            now = _unread(connection)
            waiting, since = now, (since + _LINGER_SECONDS if now == waiting else 0.0)
    finally:
        left.cancel()


async def _forever(gone: Callable[[], Awaitable[None]]) -> None:
    await gone()


def _unread(connection: socket.socket) -> int:
    """Bytes the other side has not acknowledged (SIOCOUTQ)."""
    (waiting,) = struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0\0\0\0"))
    return int(waiting)
