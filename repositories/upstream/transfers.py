"""Getting one file from an upstream, in a thread: streamed, hashed on the way, verified before anything is kept.

`keep` writes into a blob store, `pass_through` gives the bytes on without keeping them. Both hold the last block back until
the whole file has been verified, so that nobody ever receives a complete file that is wrong.
"""

import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

from blobstores.domain.digests import Hasher
from blobstores.kind import BlobWriter, Digests, NoSpace, StoreFailure
from blobstores.stores import BlobStore
from repositories.domain.errors import RepositoryError, StorageFailed, UpstreamError
from repositories.upstream import client
from repositories.upstream.client import FILE_PACE, Answer, Upstream
from repositories.upstream.failures import invalid_error
from repositories.upstream.verification import Verifier

MAX_UNKNOWN_SIZE = 32 * 1024**3  # of a file whose page does not say its size

# As identity: an installer hashes the bytes as they are, so a transport encoding would only do harm.
HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity"}

stopping = threading.Event()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOrder:
    """What to get: the address, and what the page promises about the bytes.

    ``derive`` reads the core metadata out of the whole, verified temporary file; None when it is not wanted.
    """

    upstream: Upstream
    filename: str
    url: str
    hashes: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None
    derive: Callable[[Path], bytes | None] | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """Digests of the file's blob, and of its core metadata's when that was derived."""

    file: Digests
    metadata: Digests | None = None


class Watcher(Protocol):
    """Whoever follows a transfer; called in its thread."""

    def begin(self, path: Path, size: int | None) -> None: ...

    def advance(self, visible: int) -> None: ...


class OutOfRoom(RepositoryError):
    """The blob store is full; the file can still be passed through. Never leaves the upstream room."""


class Stopped(UpstreamError):
    """The server is shutting down."""


def keep(order: FileOrder, store: BlobStore, watcher: Watcher) -> Kept:
    """Get the file into ``store``.

    Raises NotFound, UpstreamError and its kinds, StorageFailed, OutOfRoom; then nothing is kept.
    """
    with _answer(order) as (answer, verifier), _storing():
        writer = store.writer()
        try:
            watcher.begin(writer.path, verifier.size)
            written = 0
            for block in _blocks(answer, order, verifier):
                watcher.advance(written)
                writer.write(block)
                written += len(block)
            return _verified(order, store, writer, verifier)
        finally:
            writer.abort()


def pass_through(order: FileOrder, start: int) -> Generator[bytes, None, None]:
    """The file's bytes from ``start``, kept nowhere. Raises as `keep`, but for the store's errors."""
    hasher = Hasher()
    held = b""
    with _answer(order) as (answer, verifier):
        for block in _blocks(answer, order, verifier):
            if len(held) > start:
                yield held[start:]
            start = max(0, start - len(held))
            hasher.update(block)
            held = block
        _check(order, verifier, hasher.digests())
    if len(held) > start:
        yield held[start:]


def beside(url: str, suffix: str) -> str:
    """The address of a side file: the suffix belongs to the path, whatever query a signed address has."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path + suffix))


def fetch(order: FileOrder, limit: int) -> bytes:
    """A small file, whole and verified. Raises as `keep`, UpstreamInvalid when it has more than ``limit`` bytes."""
    with _answer(order) as (answer, verifier):
        hasher = Hasher()
        content = bytearray()
        for block in _blocks(answer, order, verifier):
            hasher.update(block)
            content += block
            if len(content) > limit:
                raise invalid_error(f"The upstream's {order.filename} is too large", main=answer.main)
        _check(order, verifier, hasher.digests())
        return bytes(content)


@contextmanager
def _answer(order: FileOrder) -> Iterator[tuple[Answer, Verifier]]:
    with client.get(order.upstream, order.url, HEADERS) as answer:
        if answer.status != 200:
            raise invalid_error(f"The upstream {answer.host} answered {answer.status} to a plain request for a file")
        verifier = Verifier(order.hashes, order.size if order.size is not None else answer.length)
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if not verifier.can_tell and kind in ("text/html", "application/xhtml+xml"):
            raise invalid_error(f"The upstream {answer.host} sent a web page instead of {order.filename}")
        if answer.length is not None and verifier.size != answer.length:
            raise invalid_error(
                f"The upstream {answer.host} offers {order.filename} with {answer.length} bytes, its index says {order.size}",
                main=answer.main,
            )
        yield answer, verifier


def _blocks(answer: Answer, order: FileOrder, verifier: Verifier) -> Iterator[bytes]:
    limit = verifier.size if verifier.size is not None else MAX_UNKNOWN_SIZE
    received = 0
    for block in answer.blocks(FILE_PACE):
        if stopping.is_set():
            raise Stopped("The server is shutting down; try again in a moment", retry_after=5)
        received += len(block)
        if received > limit:
            raise invalid_error(
                f"The upstream {answer.host} sent more of {order.filename} than the {limit} bytes that were announced",
                main=answer.main,
            )
        verifier.update(block)
        yield block


def _check(order: FileOrder, verifier: Verifier, digests: Digests) -> None:
    complaint = verifier.complaint(digests)
    if complaint:
        raise invalid_error(f"The upstream sent a wrong {order.filename}: {complaint}; it was not kept")


def _verified(order: FileOrder, store: BlobStore, writer: BlobWriter, verifier: Verifier) -> Kept:
    _check(order, verifier, writer.digests())
    # Read before the commit, because a store may keep no file on this machine afterwards.
    derived = order.derive(writer.path) if order.derive is not None else None
    digests = writer.commit()
    return Kept(digests, store.keep(derived) if derived is not None else None)


@contextmanager
def _storing() -> Iterator[None]:
    try:
        yield
    except NoSpace as error:
        raise OutOfRoom("The blob store is full") from error
    except StoreFailure as error:
        raise StorageFailed("The blob store cannot be written to right now") from error
