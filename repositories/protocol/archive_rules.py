"""What holds for members of every archive: limits, and which paths are legal. Archives are read, never extracted."""

import re
from dataclasses import dataclass

from repositories.domain.names import printable


class BadArchive(Exception):
    """The archive breaks a rule; the text is the reason, for the person who uploads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much an archive may hold. Sizes in bytes.

    ``ratio`` is unpacked to packed size and only counts above ``ratio_floor``: small text packs very well.
    """

    members: int = 50_000
    unpacked: int = 8 * 1024**3
    ratio: int = 50
    ratio_floor: int = 64 * 1024**2
    metadata: int = 2 * 1024**2
    record: int = 32 * 1024**2
    path: int = 1_000


LIMITS = Limits()

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_DRIVE = re.compile(r"[A-Za-z]:", re.ASCII)


class Budget:
    """Counts what comes out of an archive, so that a bomb ends early whatever its headers claim."""

    def __init__(self, limits: Limits, packed: int) -> None:
        self._allowed = min(limits.unpacked, max(limits.ratio_floor, limits.ratio * packed))
        self._spent = 0

    def spend(self, size: int) -> None:
        """Raises BadArchive when the archive unpacks to more than it may."""
        self._spent += size
        if self._spent > self._allowed:
            raise BadArchive("It unpacks to too much data (decompression bomb)")


class Paths:
    """The paths of an archive: legal ones only, each once, and not too many."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.files: set[str] = set()
        self._folders: set[str] = set()
        self._count = 0

    def count(self) -> None:
        """Count a member or a header between members. Raises BadArchive when there are too many."""
        self._count += 1
        if self._count > self._limits.members:
            raise BadArchive(f"It has more than {self._limits.members} members")

    def add(self, path: str, *, folder: bool) -> None:
        """Raises BadArchive."""
        self.count()
        plain = path[:-1] if folder and path.endswith("/") else path
        check_path(plain, self._limits)
        if plain in self.files or (plain in self._folders and not folder):
            raise BadArchive(f"It has {printable(plain)!r} twice")
        (self._folders if folder else self.files).add(plain)

    def top_folders(self) -> set[str]:
        """First segments of all paths. Raises BadArchive when a file lies beside them."""
        for path in self.files:
            if "/" not in path:
                raise BadArchive(f"{printable(path)!r} lies outside of the top directory")
        return {path.partition("/")[0] for path in (*self.files, *self._folders)}


def check_path(path: str, limits: Limits = LIMITS) -> None:
    """Raises BadArchive for a path that could leave the folder it is unpacked to, or be read as two different ones."""
    if (
        not path
        or len(path) > limits.path
        or "\\" in path
        or _CONTROL.search(path)
        or _DRIVE.match(path)
        or not {"", ".", ".."}.isdisjoint(path.split("/"))
    ):
        raise BadArchive(f"{printable(path)!r} is not a legal path in an archive")
