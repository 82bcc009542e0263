"""Stores by name: the async face of an open store, and where open stores are kept.

Everything above asks here; nothing above knows kinds.
"""

import functools
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

import blobstores.kinds
from blobstores.kind import BlobMissing, BlobWriter, Digests, Kind, OpenStore, StoreFailure
from blobstores.models import Blob
from blobstores.models import BlobStore as BlobStoreRow
from repoman.toolbox import plugins, threads

__all__ = ["BlobStore", "OpenedFile", "OpenedStream", "forget", "kinds", "store"]

_open: dict[str, "BlobStore"] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A blob that is a file of this machine."""

    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class OpenedStream:
    """A blob that must be read through its store."""

    size: int
    store: "BlobStore"
    sha256: str

    async def chunks(self, start: int = 0) -> AsyncIterator[bytes]:
        iterator: Iterator[bytes] = await threads.transfer(self.store.raw.read, self.sha256, start)
        while (chunk := await threads.transfer(next, iterator, b"")) != b"":
            yield chunk


class BlobStore:
    """One open store. Methods that are not async are for code that already runs in a thread."""

    def __init__(self, name: str, raw: OpenStore, key: int) -> None:
        self.name = name
        self.raw = raw
        self._key = key  # of the store's row

    def writer(self) -> BlobWriter:
        """Raises NoSpace, StoreFailure."""
        return self.raw.writer()

    async def open(self, sha256: str) -> OpenedFile | OpenedStream:
        """Raises BlobMissing, StoreFailure."""
        return await threads.transfer(self._open, sha256)

    def _open(self, sha256: str) -> OpenedFile | OpenedStream:
        path = self.raw.path(sha256)
        if path is not None:
            try:
                return OpenedFile(path, path.stat().st_size)
            except FileNotFoundError:
                raise BlobMissing(sha256) from None
        size = Blob.objects.filter(store__name=self.name, sha256=sha256).values_list("size", flat=True).first()
        if size is None:
            raise BlobMissing(sha256)
        return OpenedStream(size, self, sha256)

    def record(self, digests: Digests) -> Blob:
        """As `record_all`, for one."""
        return self.record_all([digests])[0]

    def record_all(self, digests: Sequence[Digests]) -> list[Blob]:
        """The rows of blobs that have been committed; call inside the transaction that refers to them.

        Of a row only its key and what ``digests`` says may be relied on.
        Raises StoreFailure when the bytes are gone: garbage collection took the old ones at this very moment.
        """
        rows = {each.sha256: self._row(each) for each in digests}
        # One statement that makes each row or takes its mark away. It locks them, so that one that is being collected
        # at this moment is waited for; all in the same order, so that two writers never wait for each other.
        Blob.objects.bulk_create(
            [rows[sha256] for sha256 in sorted(rows)],
            update_conflicts=True,
            unique_fields=["store", "sha256"],
            update_fields=["unreferenced_since"],
        )
        if not all(map(self.raw.exists, rows)):
            raise StoreFailure("The blob was removed while it was being recorded; send it again")
        return [rows[each.sha256] for each in digests]

    def _row(self, digests: Digests) -> Blob:
        return Blob(
            store_id=self._key,
            sha256=digests.sha256,
            blake2b_256=digests.blake2b_256,
            md5=digests.md5,
            size=digests.size,
        )

    def commit(self, writers: Sequence[BlobWriter]) -> list[Digests]:
        """Commit several writers of this store at once. Raises NoSpace, StoreFailure."""
        return self.raw.commit(writers)

    def staged(self, content: bytes) -> BlobWriter:
        """A writer with small content that is on its way to the disk; commit or abort it.

        Raises NoSpace, StoreFailure.
        """
        writer = self.writer()
        try:
            writer.write(content)
            writer.begin_sync()
        except BaseException:
            writer.abort()
            raise
        return writer

    def keep(self, content: bytes) -> Digests:
        """Write and commit small content in one go."""
        writer = self.writer()
        try:
            writer.write(content)
            return writer.commit()
        finally:
            writer.abort()


def store(name: str) -> BlobStore:
    """The open store of that name.

    Raises BlobStoreRow.DoesNotExist; reads the row only once in a process.
    """
    found = _open.get(name)
    if found is None:
        row = BlobStoreRow.objects.get(name=name)
        with _lock:
            found = _open.setdefault(name, BlobStore(name, kinds()[row.kind].open(name, row.options), row.pk))
    return found


def forget(name: str | None = None) -> None:
    """Close one store, or all: after its row has changed, and between tests."""
    with _lock:
        if name is None:
            _open.clear()
        else:
            _open.pop(name, None)


@functools.cache
def kinds() -> dict[str, Kind]:
    """Every kind by its key."""
    return plugins.discover(blobstores.kinds, attribute="KIND", kind=Kind, group="repoman.blobstores")


def default_folder(name: str) -> Path:
    """Where a store of files lies when its options do not say."""
    return Path(settings.REPOMAN.data_dir) / "blobs" / name
