"""Whether bytes are the ones a page promised."""

import hashlib
from collections.abc import Mapping

from blobstores.kind import Digests

# Strongest first; only digests whose length alone tells them apart from weaker ones decide.
_STRENGTH = (
    "sha512", "sha3_512", "blake2b", "sha384", "sha3_384", "sha256", "sha3_256", "blake2s", "sha224", "sha3_224", "sha1", "md5",
)  # fmt: skip


def strongest(hashes: Mapping[str, str]) -> str | None:
    """The algorithm to trust among those given; None when there is none."""
    return next((algorithm for algorithm in _STRENGTH if hashes.get(algorithm)), None)


class Verifier:
    """Watches bytes pass and says whether they are the promised ones.

    A blob writer counts sha256 and md5 itself; only another algorithm costs a digest of its own.
    """

    def __init__(self, hashes: Mapping[str, str], size: int | None) -> None:
        self.size = size
        self._hashes = hashes
        self._algorithm = strongest(hashes)
        own = self._algorithm not in (None, "sha256", "md5")
        self._own = hashlib.new(self._algorithm, usedforsecurity=False) if own and self._algorithm else None

    @property
    def can_tell(self) -> bool:
        return self._algorithm is not None

    def update(self, data: bytes) -> None:
        if self._own is not None:
            self._own.update(data)

    def complaint(self, digests: Digests) -> str:
        """What is wrong with all the bytes, "" when nothing is."""
        if self.size is not None and digests.size != self.size:
            return f"it has {digests.size} bytes, the index says {self.size}"
        found = {"sha256": digests.sha256, "md5": digests.md5}
        if self._own is not None and self._algorithm is not None:
            found[self._algorithm] = self._own.hexdigest()
        for algorithm in (self._algorithm, "sha256"):
            if algorithm and algorithm in self._hashes and found[algorithm] != self._hashes[algorithm]:
                return f"its {algorithm} is {found[algorithm]}, the index says {self._hashes[algorithm]}"
        return ""
