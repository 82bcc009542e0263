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
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from http import HTTPStatus

from repoman.toolbox.writable import writable

Headers = list[tuple[str, str]]

BLOCK = 1 << 20
STALL_SECONDS = 600.0
_LINGER_SECONDS = 2.0
_PAGE = 4096
_FIELD = re.compile(r"[\t\x20-\x7e]*")


def head(status: int, headers: Headers) -> bytes | None:
    """The head of the answer; None when a header has what must not be in one."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    for name, value in headers:
        if not _FIELD.fullmatch(name) or not _FIELD.fullmatch(value):
            return None
        lines.append(f"{name}: {value}")
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
    rest = memoryview(start)
    while rest:
        try:
            rest = rest[connection.send(rest, getattr(socket, "MSG_MORE", 0)) :]
        except BlockingIOError:
            await _writable(connection)
    loop = asyncio.get_running_loop()
    while offset < end:
        size = min(BLOCK, end - offset)
        try:
            if _in_memory(file, offset, size):
                sent = os.sendfile(connection.fileno(), file, offset, size)
                await asyncio.sleep(0)  # others' turn
            else:  # the disk may take its time; the thread does not wait for the client
                sent = await loop.run_in_executor(None, os.sendfile, connection.fileno(), file, offset, size)
        except BlockingIOError:
            await _writable(connection)
            continue
        if not sent:
            return False
        offset += sent
    return True


async def _writable(connection: socket.socket) -> None:
    async with asyncio.timeout(STALL_SECONDS):
        await writable(connection.fileno())


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
