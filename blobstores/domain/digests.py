"""Digests of bytes as they pass, and what a digest looks like."""

import hashlib
import re

from blobstores.kind import Digests

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


def require_sha256(text: str) -> str:
    """Return ``text`` when it is a lower-case hex sha256; it becomes part of a path. Raises ValueError."""
    if not _SHA256.match(text):
        raise ValueError("not a sha256 digest")
    return text


class Hasher:
    """The three digests clients send and read: sha256, blake2b with 32 bytes, md5."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._blake2b = hashlib.blake2b(digest_size=32)
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._size = 0

    def update(self, data: bytes) -> None:
        self._sha256.update(data)
        self._blake2b.update(data)
        self._md5.update(data)
        self._size += len(data)

    def digests(self) -> Digests:
        return Digests(
            sha256=self._sha256.hexdigest(),
            blake2b_256=self._blake2b.hexdigest(),
            md5=self._md5.hexdigest(),
            size=self._size,
        )
