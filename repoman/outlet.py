"""How the parts of a streamed answer leave through Granian's RSGI interface, no faster than the client reads them.

Granian's own ``response_stream`` takes all it is given at once and keeps it until the client has read it: a few clients
that stop reading a large file would fill the memory. So a long answer goes through a pipe, which Granian reads as it
reads any file: when the client does not read, the pipe is full and the sender waits. A wait for the sender holds a thread
of Granian's, never one for the client.
"""

import asyncio
import contextlib
import fcntl
import os
import struct
import termios
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from granian._granian import RSGIHTTPProtocol as HTTPProtocol

Headers = list[tuple[str, str]]

PIPE_SIZE = 256 * 1024
_FIRST_LOOK, _LOOKS_APART = 0.0005, 0.05  # seconds


class Queue:
    """For answers short enough to wait in memory."""

    def __init__(self, protocol: "HTTPProtocol", status: int, headers: Headers) -> None:
        self._stream = protocol.response_stream(status, headers)

    async def send(self, data: bytes) -> bool:
        """False when the client is gone."""
        try:
            await self._stream.send_bytes(data)
        except RuntimeError:  # of which Granian's own errors are
            return False
        return True

    def close(self) -> None:
        """The end of the answer, which comes when the stream is let go."""
        del self._stream


class Pipe:
    """For answers of any length. Both ends are ours until the server has opened the one for reading."""

    def __init__(self, protocol: "HTTPProtocol", status: int, headers: Headers) -> None:
        self._protocol = protocol
        reader, self._writer = os.pipe()
        self._reader: int | None = reader
        os.set_blocking(self._writer, False)
        protocol.response_file(status, headers, f"/dev/fd/{reader}")

    async def send(self, data: bytes) -> bool:
        """False when the client is gone."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._writer, rest) :]
            except BlockingIOError:
                await self._writable()
            except BrokenPipeError:
                return False
            if self._reader is not None and not await self._opened(len(data) - len(rest)):
                return False
        return True

    async def _opened(self, written: int) -> bool:
        """Wait until the server has read something, then leave it alone with its end; False when the client is gone."""
        assert self._reader is not None
        gone = asyncio.ensure_future(_disconnected(self._protocol))
        pause = _FIRST_LOOK
        try:
            while _waiting_in(self._reader) >= written:
                await asyncio.wait((gone,), timeout=pause)
                if gone.done():
                    return False
                pause = min(2 * pause, _LOOKS_APART)
        finally:
            gone.cancel()
        os.close(self._reader)
        self._reader = None
        with contextlib.suppress(OSError, AttributeError):  # not on every system, and not above a limit of the user
            fcntl.fcntl(self._writer, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        return True

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_writer(self._writer, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_writer(self._writer)

    def close(self) -> None:
        """The end of the answer."""
        if self._reader is not None:
            os.close(self._reader)
            self._reader = None
        os.close(self._writer)


async def _disconnected(protocol: "HTTPProtocol") -> None:
    await protocol.client_disconnect()


def _waiting_in(reader: int) -> int:
    """Bytes in a pipe."""
    (waiting,) = struct.unpack("i", fcntl.ioctl(reader, termios.FIONREAD, b"\0\0\0\0"))
    return int(waiting)
