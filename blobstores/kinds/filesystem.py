"""Blobs in a folder of this machine.

    <folder>/sha256/ab/cd/abcd…   one file a blob, named by its digest, never changed
    <folder>/incoming/…           temporary files of writers; swept when they are old

No text from outside is ever part of a path. A commit is: sync the files, rename them, sync the folders that got an entry;
only then may a row refer to them (`docs/decisions/0005`). What is synced at one moment is synced side by side, because the
file system's journal is written once for all who wait for it.
"""

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, cast

from django.utils.translation import gettext_lazy as _

from blobstores import stores
from blobstores.domain.digests import Hasher, require_sha256
from blobstores.kind import BlobMissing, BlobWriter, Digests, Kind, NoSpace, StoreFailure

CHUNK = 256 * 1024
SYNC_EVERY = 64 * 1024 * 1024  # a large file goes to the disk while it grows, not all at its end
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_syncs = ThreadPoolExecutor(16, thread_name_prefix="sync")


def _failure(error: OSError) -> NoSpace | StoreFailure:
    if error.errno in _FULL:
        return NoSpace("The blob store has no space left")
    return StoreFailure(f"The blob store cannot be used: {error.strerror}")


class FilesystemWriter:
    """One growing temporary file."""

    def __init__(self, folder: "FilesystemStore") -> None:
        self._store = folder
        self._hasher = Hasher()
        self._done = False
        try:
            descriptor, name = tempfile.mkstemp(dir=folder.incoming, suffix=".part")
            os.fchmod(descriptor, 0o640)
        except OSError as error:
            raise _failure(error) from error
        self._path = Path(name)
        self._file: IO[bytes] = os.fdopen(descriptor, "wb", buffering=0)
        self._written = 0
        self._synced = -1  # bytes there were when the newest sync began
        self._sync: Future[None] | None = None

    @property
    def path(self) -> Path:
        return self._path

    def write(self, data: bytes) -> None:
        self._hasher.update(data)  # large blocks: in threads of its own, while they are written here
        view = memoryview(data)
        try:
            while view:
                view = view[self._file.write(view) or 0 :]
        except OSError as error:
            raise _failure(error) from error
        self._written += len(data)
        if self._written - self._synced >= SYNC_EVERY and (self._sync is None or self._sync.done()):
            self.begin_sync()

    def begin_sync(self) -> None:
        if self._synced == self._written:
            return
        self._settle()
        self._synced = self._written
        self._sync = _syncs.submit(os.fsync, self._file.fileno())

    def sync(self) -> None:
        self._settle()
        if self._synced < self._written:
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                raise _failure(error) from error
            self._synced = self._written

    def digests(self) -> Digests:
        return self._hasher.digests()

    def commit(self) -> Digests:
        return self._store.commit([self])[0]

    def place(self, target: Path) -> None:
        """Give the synced file its place; the folder is there. Raises OSError."""
        self._file.close()
        os.replace(self._path, target)  # the same bytes may be there already: replacing them changes nothing
        self._done = True

    def abort(self) -> None:
        if not self._done:
            self._done = True
            if self._sync is not None:
                self._sync.exception()  # the file must stay open until the sync has ended
            self._file.close()
            self._path.unlink(missing_ok=True)

    def _settle(self) -> None:
        """Wait for the sync under way. Its error counts, because the system tells it only once."""
        if self._sync is not None:
            try:
                self._sync.result()
            except OSError as error:
                raise _failure(error) from error
            self._sync = None


class FilesystemStore:
    """An open folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.incoming = folder / "incoming"
        self._blobs = folder / "sha256"
        # Folders below sha256/ that are known to outlive a power cut: of the first pair of digits, and of both.
        self._firsts = bytearray(1 << 8)
        self._seconds = bytearray(1 << 16)
        try:
            made = [path for path in (folder, *folder.parents) if not path.exists()]
            self.incoming.mkdir(parents=True, exist_ok=True)
            self._blobs.mkdir(exist_ok=True)
            _sync_folders([folder, *(path.parent for path in made)])
        except OSError as error:
            raise _failure(error) from error

    def location(self, sha256: str) -> Path:
        digest = require_sha256(sha256)
        return self._blobs / digest[:2] / digest[2:4] / digest

    def commit(self, writers: Sequence[BlobWriter]) -> list[Digests]:
        digests = [writer.digests() for writer in writers]
        for writer in writers[1:]:
            writer.begin_sync()
        for writer in writers:
            writer.sync()
        try:
            folders: set[Path] = set()
            for writer, each in zip(writers, digests, strict=True):
                target = self.location(each.sha256)
                target.parent.mkdir(parents=True, exist_ok=True)
                cast(FilesystemWriter, writer).place(target)
                folders |= self._to_sync(each.sha256)
            _sync_folders(folders)
        except OSError as error:
            raise _failure(error) from error
        for each in digests:
            slot = int(each.sha256[:4], 16)
            self._firsts[slot >> 8] = self._seconds[slot] = 1
        return digests

    def _to_sync(self, sha256: str) -> set[Path]:
        """Folders with an entry that a power cut could still take from a blob just placed.

        Also when another writer made the folder a moment ago: that one may not have synced it yet.
        """
        slot, folder = int(sha256[:4], 16), self.location(sha256).parent
        found = {folder}
        if not self._seconds[slot]:
            found.add(folder.parent)
        if not self._firsts[slot >> 8]:
            found.add(self._blobs)
        return found

    def writer(self) -> FilesystemWriter:
        return FilesystemWriter(self)

    def path(self, sha256: str) -> Path:
        return self.location(sha256)

    def read(self, sha256: str, start: int = 0) -> Iterator[bytes]:
        try:
            file = open(self.location(sha256), "rb")  # noqa: SIM115 - closed by the generator
        except FileNotFoundError:
            raise BlobMissing(sha256) from None
        except OSError as error:
            raise _failure(error) from error
        return self._chunks(file, start)

    def _chunks(self, file: IO[bytes], start: int) -> Iterator[bytes]:
        with file:
            file.seek(start)
            while chunk := file.read(CHUNK):
                yield chunk

    def exists(self, sha256: str) -> bool:
        return self.location(sha256).is_file()

    def delete(self, sha256: str) -> None:
        try:
            self.location(sha256).unlink(missing_ok=True)
        except OSError as error:
            raise _failure(error) from error

    def digests(self) -> Iterator[str]:
        for path in self.folder.glob("sha256/??/??/*"):
            yield path.name

    def free_bytes(self) -> int | None:
        try:
            return shutil.disk_usage(self.folder).free
        except OSError:
            return None

    def sweep(self, older_than_seconds: float) -> int:
        limit = time.time() - older_than_seconds
        swept = 0
        for path in self.incoming.iterdir():
            try:
                if path.stat().st_mtime < limit:
                    path.unlink()
                    swept += 1
            except FileNotFoundError:
                continue
        return swept


def _sync_folders(folders: Iterable[Path]) -> None:
    """All at once, so that they share one write of the file system's journal."""
    first, *others = folders
    syncing = [_syncs.submit(_sync_folder, folder) for folder in others]
    _sync_folder(first)
    for future in syncing:
        future.result()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open(name: str, options: Mapping[str, Any]) -> FilesystemStore:
    path = options.get("path")
    return FilesystemStore(Path(path) if path else stores.default_folder(name))


KIND = Kind(key="filesystem", label=_("Folder on this machine"), open=_open)
