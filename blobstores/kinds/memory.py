"""Blobs in the memory of this process: for trying things out and for tests. Everything is gone with the process."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from django.utils.translation import gettext_lazy as _

from blobstores.domain.digests import Hasher, require_sha256
from blobstores.kind import BlobMissing, BlobWriter, Digests, Kind

CHUNK = 256 * 1024


class MemoryWriter:
    """A temporary file until the commit, because archives are examined in files."""

    def __init__(self, blobs: dict[str, bytes]) -> None:
        self._blobs = blobs
        self._hasher = Hasher()
        descriptor, name = tempfile.mkstemp(suffix=".part")
        self._path = Path(name)
        self._file: IO[bytes] = os.fdopen(descriptor, "wb", buffering=0)

    @property
    def path(self) -> Path:
        return self._path

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._hasher.update(data)

    def begin_sync(self) -> None:
        """Nothing lasts here."""

    def sync(self) -> None:
        """Nothing lasts here."""

    def digests(self) -> Digests:
        return self._hasher.digests()

    def commit(self) -> Digests:
        digests = self._hasher.digests()
        self._blobs[digests.sha256] = self._path.read_bytes()
        self.abort()
        return digests

    def abort(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


class MemoryStore:
    """A dict of blobs."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    def writer(self) -> MemoryWriter:
        return MemoryWriter(self._blobs)

    def commit(self, writers: Sequence[BlobWriter]) -> list[Digests]:
        return [writer.commit() for writer in writers]

    def path(self, sha256: str) -> Path | None:
        require_sha256(sha256)
        return None

    def read(self, sha256: str, start: int = 0) -> Iterator[bytes]:
        try:
            content = self._blobs[require_sha256(sha256)]
        except KeyError:
            raise BlobMissing(sha256) from None
        return (content[offset : offset + CHUNK] for offset in range(start, len(content), CHUNK))

    def exists(self, sha256: str) -> bool:
        return require_sha256(sha256) in self._blobs

    def delete(self, sha256: str) -> None:
        self._blobs.pop(require_sha256(sha256), None)

    def digests(self) -> Iterator[str]:
        return iter(list(self._blobs))

    def free_bytes(self) -> int | None:
        return None

    def sweep(self, older_than_seconds: float) -> int:
        return 0


def _open(name: str, options: Mapping[str, Any]) -> MemoryStore:
    return MemoryStore()


KIND = Kind(key="memory", label=_("Memory (lost at restart)"), open=_open)
