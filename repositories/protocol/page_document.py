"""A project page as bytes for the database: MessagePack under zstd.

Readers ignore fields they do not know and writers may leave out any but the project, so that versions of this
program can add fields and still read each other's documents.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import zstandard

from repositories.domain.names import NormalizedName
from repositories.domain.page import DistributionFile, Location, ProjectPage, ProjectStatus, Status

_LEVEL = 3
_LIMIT = 1 << 30  # of a document unpacked: a guard against damage, far above what a page of 64 MiB makes


class DocumentDamaged(Exception):
    """The bytes are no document; the page must be asked for again."""


class _File(msgspec.Struct, omit_defaults=True, gc=False):
    filename: str
    url: str = ""
    version: str = ""
    hashes: Mapping[str, str] = {}
    size: int | None = None
    upload_time: datetime | None = None
    first_seen: datetime | None = None
    requires_python: str | None = None
    yanked: bool | str = False
    core_metadata: Mapping[str, str] | None = None
    provenance: bool | None = None
    provenance_url: str = ""
    extra: Mapping[str, Any] = {}


class _Page(msgspec.Struct, omit_defaults=True):
    project: str
    name: str = ""
    files: list[_File] = []
    versions: list[str] = []
    status: str = "active"
    status_reason: str = ""
    extra: dict[str, Any] = {}
    source: str = ""


class _Listing(msgspec.Struct, omit_defaults=True):
    projects: dict[str, str] = {}


_pages = msgspec.msgpack.Decoder(_Page)
_listings = msgspec.msgpack.Decoder(_Listing)
_encoder = msgspec.msgpack.Encoder()


def pack_page(page: ProjectPage, source: str = "") -> bytes:
    """``source`` names the index the page comes from. Freshness and what is cached of a file stay out."""
    return _pack(
        _Page(
            project=page.project,
            name=page.name,
            files=[_pack_file(file) for file in page.files],
            versions=list(page.versions),
            status=page.status.status,
            status_reason=page.status.reason,
            extra=dict(page.extra),
            source=source,
        )
    )


def unpack_page(document: bytes, *, origin: str = "", source: str = "") -> ProjectPage:
    """``origin`` is set on each file.

    Raises DocumentDamaged when the bytes are no document, or one of another ``source``.
    """
    packed = _unpack(document, _pages)
    if packed.source != source:
        raise DocumentDamaged("the document is of another index")
    project = NormalizedName(packed.project)
    return ProjectPage(
        project=project,
        name=packed.name or packed.project,
        files=tuple(_unpack_file(file, project, origin) for file in packed.files),
        versions=tuple(packed.versions),
        status=ProjectStatus(status=_status(packed.status), reason=packed.status_reason),
        extra=packed.extra,
    )


def pack_listing(projects: Mapping[NormalizedName, str]) -> bytes:
    return _pack(_Listing(projects={str(project): name for project, name in projects.items()}))


def unpack_listing(document: bytes) -> dict[NormalizedName, str]:
    """Display names by normalized name. Raises DocumentDamaged."""
    return {NormalizedName(project): name for project, name in _unpack(document, _listings).projects.items()}


def with_first_seen(page: ProjectPage, before: ProjectPage | None, now: datetime, *, origin: str = "") -> ProjectPage:
    """Set when each file was first seen here: carried over by name and digest, else ``now``; and ``origin``.

    A file whose digests contradict those it had is a new file under an old name and starts anew.
    """
    earlier = {file.filename: file for file in before.files} if before is not None else {}

    def first_seen(file: DistributionFile) -> datetime | None:
        known = earlier.get(file.filename)
        return now if known is None or contradicts(known.hashes, file.hashes) else known.first_seen

    files = tuple(file.changed(first_seen=first_seen(file), origin=origin) for file in page.files)
    return page.with_files(files)


def contradicts(left: Mapping[str, str], right: Mapping[str, str]) -> bool:
    """Whether two sets of digests cannot belong to the same bytes."""
    return any(right.get(algorithm, digest) != digest for algorithm, digest in left.items())


def _pack_file(file: DistributionFile) -> _File:
    return _File(
        filename=file.filename,
        url=file.location.upstream_url,
        version=file.version,
        hashes=file.hashes,
        size=file.size,
        upload_time=file.upload_time,
        first_seen=file.first_seen,
        requires_python=file.requires_python,
        yanked=file.yanked,
        core_metadata=file.core_metadata,
        provenance=file.provenance,
        provenance_url=file.location.provenance_url,
        extra=file.extra,
    )


def _unpack_file(file: _File, project: NormalizedName, origin: str) -> DistributionFile:
    return DistributionFile(
        filename=file.filename,
        project=project,
        version=file.version,
        hashes=file.hashes,
        size=file.size,
        upload_time=file.upload_time,
        first_seen=file.first_seen,
        requires_python=file.requires_python,
        yanked=file.yanked,
        core_metadata=file.core_metadata,
        provenance=file.provenance,
        origin=origin,
        location=Location(upstream_url=file.url, provenance_url=file.provenance_url),
        extra=file.extra,
    )


def _status(word: str) -> Status:
    for known in ("archived", "quarantined", "deprecated"):
        if word == known:
            return known
    return "active"


def _pack(value: msgspec.Struct) -> bytes:
    return zstandard.ZstdCompressor(level=_LEVEL).compress(_encoder.encode(value))


def _unpack(document: bytes, decoder: "msgspec.msgpack.Decoder[Any]") -> Any:
    try:
        with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(bytes(document)) as reader:
            content = reader.read(_LIMIT)
        return decoder.decode(content)
    except (zstandard.ZstdError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DocumentDamaged(str(error)) from error
