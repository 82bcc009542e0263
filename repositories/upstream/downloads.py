"""Downloads under way: one per file however many clients wait, and each client follows the growing file.

A thread of the transfer pool writes; readers are coroutines that look at the temporary file, so a slow client costs
memory for one block and never a thread. The download belongs to nobody: it goes on when the client that began it leaves.
"""

import asyncio
import contextlib
import logging
import os
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from blobstores.stores import BlobStore
from repoman.toolbox import threads
from repositories.domain.errors import RepositoryError, StorageFailed
from repositories.domain.index import ByteStream
from repositories.upstream import transfers
from repositories.upstream.transfers import FileOrder, Kept, OutOfRoom

logger = logging.getLogger(__name__)

BLOCK = 256 * 1024
# The other threads of the pool stay free for pages, so that slow downloads never hold up an index.
AT_ONCE = max(1, threads.TRANSFER_THREADS * 3 // 4)

Recorder = Callable[[Kept], Awaitable[None]]
FailureRecorder = Callable[[RepositoryError], Awaitable[None]]


class Download:
    """One file on its way in. ``begin`` and ``advance`` are called in the transfer's thread, the rest on the loop."""

    def __init__(self, order: FileOrder) -> None:
        self.order = order
        self.size: int | None = order.size
        self.error: RepositoryError | None = None
        self.complete = False
        self._visible = 0
        self._descriptor = -1
        self._changes = 0
        self._lock = threading.Lock()
        self._waiting: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}

    def begin(self, path: Path, size: int | None) -> None:
        # Kept open, since the file changes its name when it is committed and goes away when it is not.
        self._descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)
        self.size = size

    def advance(self, visible: int) -> None:
        with self._lock:
            if visible == self._visible:
                return
            self._visible = visible
        self._changed()

    def finish(self, kept: Kept) -> None:
        self.size = self._visible = kept.file.size
        self.complete = True
        self._changed()

    def fail(self, error: RepositoryError) -> None:
        self.error = error
        self._changed()

    async def first_byte(self) -> None:
        """Wait until there is something to send. Raises what went wrong before that."""
        while not self._visible and not self.complete:
            if self.error is not None:
                raise self.error
            await self._change(self._changes)

    async def follow(self, start: int) -> AsyncIterator[bytes]:
        """The bytes from ``start``, as they come. Raises when the download fails: it never ends early in silence."""
        position = start
        while True:
            seen = self._changes
            if position < self._visible:
                # From the page cache, where it was put a moment ago: cheaper here than by way of a thread.
                block = os.pread(self._descriptor, min(BLOCK, self._visible - position), position)
                if not block:
                    raise StorageFailed("The file being downloaded cannot be read back")
                position += len(block)
                yield block
            elif self.complete:
                return
            elif isinstance(self.error, OutOfRoom):
                async for block in stream_through(self.order, position):
                    yield block
                return
            elif self.error is not None:
                raise self.error
            else:
                await self._change(seen)

    async def _change(self, seen: int) -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._lock:
            if self._changes != seen:
                return
            self._waiting.setdefault(loop, []).append(future)
        await future

    def _changed(self) -> None:
        with self._lock:
            self._changes += 1
            waiting, self._waiting = self._waiting, {}
        for loop, futures in waiting.items():
            if not loop.is_closed():
                # One call for all who follow: each call writes to a pipe of the loop.
                loop.call_soon_threadsafe(_wake, futures)


def _wake(futures: "list[asyncio.Future[None]]") -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


async def stream_through(order: FileOrder, start: int) -> AsyncIterator[bytes]:
    """The file from ``start`` without keeping it, for a blob store that has no room."""
    blocks = transfers.pass_through(order, start)
    try:
        while (block := await threads.transfer(next, blocks, b"")) != b"":
            yield block
    finally:
        with contextlib.suppress(ValueError):  # a thread still waits in it; it ends by its own time limit
            await threads.transfer(blocks.close)


class Downloads:
    """The downloads under way in this process, by repository and file name."""

    def __init__(self) -> None:
        self._running: dict[tuple[int, str], Download] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            weakref.WeakKeyDictionary()
        )

    async def open(
        self, repository_id: int, order: FileOrder, store: BlobStore, recorded: Recorder, failed: FailureRecorder
    ) -> ByteStream:
        """Join the download of this file, or begin it; returns when the first byte is there.

        ``recorded`` writes down what was kept, before anybody has the last byte; ``failed`` hears of errors.
        Raises NotFound, UpstreamError and its kinds, StorageFailed.
        """
        key = (repository_id, order.filename)
        download = self._running.get(key)
        if download is None or download.order.hashes != order.hashes:
            download = self._running[key] = Download(order)
            task = asyncio.get_running_loop().create_task(self._run(key, download, store, recorded, failed))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            await download.first_byte()
        except OutOfRoom:
            logger.warning("blob store %s is full: %s is passed on without being kept", store.name, order.filename)
            return ByteStream(order.size, lambda start: stream_through(order, start))
        return ByteStream(download.size, download.follow)

    async def _run(
        self,
        key: tuple[int, str],
        download: Download,
        store: BlobStore,
        recorded: Recorder,
        failed: FailureRecorder,
    ) -> None:
        try:
            async with self._turn():
                kept = await threads.transfer(transfers.keep, download.order, store, download)
            try:
                await recorded(kept)
            except Exception:
                # The bytes are whole and verified; not having written them down costs another download, no more.
                logger.exception("%s was downloaded but could not be recorded", download.order.filename)
            download.finish(kept)
        except RepositoryError as error:
            logger.warning("download of %s failed: %s", download.order.filename, error.detail)
            download.fail(error)
            await failed(error)
        except BaseException:
            download.fail(StorageFailed("The download could not be completed; try again"))
            raise
        finally:
            if self._running.get(key) is download:
                del self._running[key]

    def _turn(self) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        turn = self._turns.get(loop)
        if turn is None:
            turn = self._turns[loop] = asyncio.Semaphore(AT_ONCE)
        return turn


downloads = Downloads()


def stop() -> None:
    """Give up transfers at their next block, so that the process can end."""
    transfers.stopping.set()
