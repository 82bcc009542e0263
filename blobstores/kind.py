"""What a blob store kind file declares: a name, its options and how to open a store.

Kinds are synchronous and dumb: bytes in, bytes out, named by digest. The async face, the rows and the rules are in
`stores.py` and `services/`. One contract suite runs over every registered kind.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


class BlobMissing(Exception):
    """The store has no blob of that digest."""


class NoSpace(Exception):
    """The store is full."""


class StoreFailure(Exception):
    """The store cannot be read or written right now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """Digests (lower-case hex) and size (bytes) of one blob."""

    sha256: str
    blake2b_256: str
    md5: str
    size: int


class BlobWriter(Protocol):
    """Bytes on their way in. Until ``commit`` nothing is visible; a writer that is dropped leaves a temporary
    file that the next start sweeps."""

    @property
    def path(self) -> Path:
        """The growing temporary file on this machine: archives are examined in it, and readers may follow it."""
        ...

    def write(self, data: bytes) -> None:
        """Take the next bytes, which must not change afterwards. Raises NoSpace, StoreFailure."""
        ...

    def begin_sync(self) -> None:
        """All is written: begin to make it durable beside what the caller does next. May do nothing."""
        ...

    def sync(self) -> None:
        """Wait until what was written is durable; a commit does so by itself. Raises NoSpace, StoreFailure."""
        ...

    def digests(self) -> Digests:
        """Digests of what has been written so far."""
        ...

    def commit(self) -> Digests:
        """Make the bytes durable under their sha256 and visible. Raises NoSpace, StoreFailure."""
        ...

    def abort(self) -> None:
        """Throw the bytes away. Does nothing after a commit."""
        ...


class OpenStore(Protocol):
    """A store of some kind, open for work."""

    def writer(self) -> BlobWriter:
        """Raises NoSpace, StoreFailure."""
        ...

    def commit(self, writers: Sequence[BlobWriter]) -> list[Digests]:
        """Commit several of this store's writers, for less than one by one. Raises NoSpace, StoreFailure."""
        ...

    def path(self, sha256: str) -> Path | None:
        """The blob's file on this machine, None when the kind keeps no files. Raises BlobMissing."""
        ...

    def read(self, sha256: str, start: int = 0) -> Iterator[bytes]:
        """The blob's bytes from ``start``. Raises BlobMissing, StoreFailure."""
        ...

    def exists(self, sha256: str) -> bool: ...

    def delete(self, sha256: str) -> None:
        """Does nothing when it is not there."""
        ...

    def digests(self) -> Iterator[str]:
        """The sha256 of every blob kept, in no order."""
        ...

    def free_bytes(self) -> int | None:
        """Room left, None when the kind cannot say."""
        ...

    def sweep(self, older_than_seconds: float) -> int:
        """Remove temporary files older than that; returns how many."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of blob store, registered by a module-level ``KIND`` in `blobstores/kinds/`."""

    key: str
    label: Any
    open: Callable[[str, Mapping[str, Any]], OpenStore]
