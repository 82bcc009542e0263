"""Digests of bytes as they pass, and what a digest looks like."""

import functools
import hashlib
import os
import re
from concurrent.futures import Future, ThreadPoolExecutor

from blobstores.kind import Digests

# From here on a block is worth three threads: handing it over costs 50 µs, hashing it 900 µs.
PARALLEL_BYTES = 128 * 1024

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_ALGORITHMS = 3


def require_sha256(text: str) -> str:
    """Return ``text`` when it is a lower-case hex sha256; it becomes part of a path. Raises ValueError."""
    if not _SHA256.match(text):
        raise ValueError("not a sha256 digest")
    return text


class Hasher:
    """The three digests clients send and read: sha256, blake2b with 32 bytes, md5.

    Large blocks are hashed in threads, one for each digest, while the caller goes on; at most one block is under way.
    """

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._blake2b = hashlib.blake2b(digest_size=32)
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._size = 0
        self._pool = _pool()
        self._running: list[Future[None]] = []

    def update(self, data: bytes) -> None:
        """Take the next bytes. May return before they are hashed, so they must not be of a kind that can change."""
        self._settle()
        hashes = (self._md5, self._blake2b, self._sha256)  # the slowest first
        if self._pool is not None and len(data) >= PARALLEL_BYTES:
            self._running = [self._pool.submit(algorithm.update, data) for algorithm in hashes]
        else:
            for algorithm in hashes:
                algorithm.update(data)
        self._size += len(data)

    def digests(self) -> Digests:
        self._settle()
        return Digests(
            sha256=self._sha256.hexdigest(),
            blake2b_256=self._blake2b.hexdigest(),
            md5=self._md5.hexdigest(),
            size=self._size,
        )

    def _settle(self) -> None:
        for future in self._running:
            future.result()
        self._running = []


@functools.cache
def _pool() -> ThreadPoolExecutor | None:
    """Threads for all hashers of this process; None where one core makes them useless. Their work never waits."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return ThreadPoolExecutor(max(_ALGORITHMS, cores), thread_name_prefix="digest") if cores > 1 else None
