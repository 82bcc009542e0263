"""The index: what a repository is once it is live, an object with three questions.

Hosted, proxy and group answer the same three, so a group is made of indexes, a filter wraps an index, and
nothing above or below cares which kind it has in hand.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Protocol, runtime_checkable

from repositories.domain.errors import NotFound, Refused
from repositories.domain.names import NormalizedName
from repositories.domain.page import DistributionFile, ProjectList, ProjectPage
from repositories.domain.uploading import Upload


class Part(Enum):
    """Which bytes of a file are asked for; the value is the URL's suffix."""

    FILE = ""
    METADATA = ".metadata"  # PEP 658
    PROVENANCE = ".provenance"  # PEP 740 leaves the URL open


@dataclass(frozen=True, slots=True)
class LocalFile:
    """Bytes in a file of this machine that does not change any more.

    ``holds_until`` as `page.Freshness` has it: how long asking for the same file leads here. ``content`` is the bytes
    themselves where they are at hand.
    """

    path: Path
    size: int
    holds_until: datetime | None = None
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class ByteStream:
    """Bytes that come as they come: from a remote blob store, or a download still under way.

    ``chunks(start)`` gives the bytes from offset ``start`` to the end. ``size`` is None when not known yet.
    An iterator that cannot finish raises; it never ends early in silence.
    """

    size: int | None
    chunks: Callable[[int], AsyncIterator[bytes]]

    @classmethod
    def holding(cls, content: bytes) -> "ByteStream":
        """A stream of bytes that are already at hand."""

        async def chunks(start: int) -> AsyncIterator[bytes]:
            yield content[start:]

        return cls(len(content), chunks)


@dataclass(frozen=True, slots=True)
class Redirect:
    """A signed address where the client may fetch the bytes itself."""

    url: str


FileSource = LocalFile | ByteStream | Redirect


class Index(Protocol):
    """A live repository.

    ``name`` is the repository's name; ``origins`` the names of all repositories whose files it may list
    (itself, or a group's members and theirs).
    """

    name: str
    origins: frozenset[str]

    async def owns(self, project: NormalizedName) -> bool:
        """Whether the company itself keeps this name: a hosted repository that has the project, or a group holding one.

        Never asks an upstream. A proxy owns nothing.
        """
        ...

    async def project_list(self) -> ProjectList:
        """Raises UpstreamError."""
        ...

    async def project_page(self, project: NormalizedName) -> ProjectPage:
        """Raises NotFound when there is no such project, Refused when a rule hides all of it, UpstreamError when
        nobody can tell."""
        ...

    async def open_file(self, file: DistributionFile, part: Part) -> FileSource:
        """Open bytes of a file that came from this index's own page; callers get it from `find_file`.

        Raises NotFound when that part does not exist, UpstreamError, StorageFailed.
        """
        ...


@runtime_checkable
class Writable(Protocol):
    """An index that takes uploads."""

    async def accept(self, upload: Upload) -> None:
        """Check and keep one upload; it is on the very next page when this returns.

        Raises InvalidRequest, FileExists, Forbidden, StorageFull.
        """
        ...


async def find_file(index: Index, project: NormalizedName, filename: str) -> DistributionFile:
    """The one gate: a file is served if and only if its project's page lists it.

    Raises as `listed_file` does, and what ``project_page`` raises.
    """
    return listed_file(await index.project_page(project), filename, index.name)


def listed_file(page: ProjectPage, filename: str, index: str) -> DistributionFile:
    """The file as the page of the index of that name lists it.

    Raises Refused when a rule hides it, NotFound when the page does not have it.
    """
    for file in page.files:
        if file.filename == filename:
            return file
    for refused in page.refused:
        if refused.file.filename == filename:
            raise Refused(refused.detail, rule=refused.rule)
    raise NotFound(f"{index} has no file {filename}")
