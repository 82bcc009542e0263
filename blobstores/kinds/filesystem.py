"""Blobs in a folder of this machine.

    <folder>/sha256/ab/cd/abcd…   one file a blob, named by its digest, never changed
    <folder>/incoming/…           temporary files of writers; swept when they are old

No text from outside is ever part of a path. A commit is: sync the file, rename it, sync the folder; only then may a
row refer to it (`docs/decisions/0005`).
"""

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from django.utils.translation import gettext_lazy as _

from blobstores import stores
from blobstores.domain.digests import Hasher, require_sha256
from blobstores.kind import BlobMissing, Digests, Kind, NoSpace, StoreFailure

CHUNK = 256 * 1024
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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
        except OSError as error:
            raise _failure(error) from error
        self._path = Path(name)
        self._file: IO[bytes] = os.fdopen(descriptor, "wb", buffering=0)

    @property
    def path(self) -> Path:
        return self._path

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[self._file.write(view) or 0 :]
        except OSError as error:
            raise _failure(error) from error
        self._hasher.update(data)

    def digests(self) -> Digests:
        return self._hasher.digests()

    def commit(self) -> Digests:
        digests = self._hasher.digests()
        target = self._store.location(digests.sha256)
        try:
            os.fsync(self._file.fileno())
            self._file.close()
            self._store.make_folder(target.parent)
            os.chmod(self._path, 0o640)
            os.replace(self._path, target)  # the same bytes may be there already: replacing them changes nothing
            _sync_folder(target.parent)
        except OSError as error:
            raise _failure(error) from error
        self._done = True
        return digests

    def abort(self) -> None:
        if not self._done:
            self._done = True
            self._file.close()
            self._path.unlink(missing_ok=True)


class FilesystemStore:
    """An open folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.incoming = folder / "incoming"
        try:
            self.incoming.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _failure(error) from error

    def location(self, sha256: str) -> Path:
        digest = require_sha256(sha256)
        return self.folder / "sha256" / digest[:2] / digest[2:4] / digest

    def make_folder(self, folder: Path) -> None:
        """Make a folder and sync the entries that lead to it, else a power cut could lose a committed blob."""
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir(exist_ok=True)
            _sync_folder(path.parent)

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
