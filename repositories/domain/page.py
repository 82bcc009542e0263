"""Pages and files as plain frozen values: what a repository knows about a project.

Read first, in this order: PEP 503 (simple HTML), 691 (JSON), 700 (versions, size, upload-time), 658/714
(core metadata), 592 (yank), 740 (provenance), 792 (project status), 833 (HTML frozen at 1.4).
Wire formats are made from these values in `repositories.protocol`, never the other way round.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from repositories.domain.names import NormalizedName

Status = Literal["active", "archived", "quarantined", "deprecated"]
FOREVER = datetime.max.replace(tzinfo=UTC)


# Locations and files are structs, not dataclasses: a page has thousands of them, a dataclass takes ten times as long to
# make, and the garbage collector would walk over each of them again and again. Neither can be part of a cycle.
class Location(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where the bytes are; for the index that made the file, never rendered.

    ``blob`` and ``metadata_blob`` are sha256 digests in the blob store of a hosted repository, ``upstream_url`` is the file's
    address at the upstream of a proxy; "" where there is none.
    """

    upstream_url: str = ""
    provenance_url: str = ""
    blob: str = ""
    metadata_blob: str = ""


class DistributionFile(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One file of a project.

    Shapes: ``hashes`` lower-case algorithm name to lower-case hex (PEP 503; may be empty for an upstream without);
    ``size`` bytes (PEP 700; None when an HTML upstream did not say); ``upload_time`` aware UTC, the upstream's own
    (PEP 700), never the time of caching; ``first_seen`` aware UTC, when this server first saw the file;
    ``yanked`` False, True or the reason (PEP 592); ``core_metadata`` hashes of the ``.metadata`` side file, None when there
    is none to serve, empty when the upstream has one and gave no hash (PEP 658, 714); ``provenance`` whether attestations can
    be served (PEP 740), None when unknown; ``replaceable`` whether other bytes may take the name later; ``origin`` name of
    the repository the file comes from; ``extra`` keys of the upstream's JSON that are not known here, passed through.
    """

    filename: str
    project: NormalizedName
    version: str
    hashes: Mapping[str, str] = {}
    size: int | None = None
    upload_time: datetime | None = None
    first_seen: datetime | None = None
    requires_python: str | None = None
    yanked: bool | str = False
    core_metadata: Mapping[str, str] | None = None
    provenance: bool | None = None
    replaceable: bool = False
    origin: str = ""
    location: Location = Location()
    extra: Mapping[str, Any] = {}

    def changed(self, **values: Any) -> "DistributionFile":
        """The same file with other ``values``."""
        return msgspec.structs.replace(self, **values)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectStatus:
    """PEP 792."""

    status: Status = "active"
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedFile:
    """A file a filter hides, with the rule's name and a sentence for people."""

    file: DistributionFile
    rule: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How far a page can be trusted to be current.

    ``max_age`` seconds a client may keep it without asking; 0 means ask each time (anything with hosted files).
    ``stale`` is set when the upstream could not be asked and an older copy is served; ``reason`` says why.
    ``holds_until`` is the moment up to which asking again gives the same, as long as nothing is written to the
    repositories it came from (FOREVER: only a write changes it; None: nobody can tell, so that it is not kept).
    """

    max_age: int = 0
    stale: bool = False
    reason: str = ""
    holds_until: datetime | None = None


def earliest(*moments: datetime | None) -> datetime | None:
    """How long several answers hold together: as long as the first to end, and None when one of them cannot tell."""
    known = [moment for moment in moments if moment is not None]
    return min(known, default=FOREVER) if len(known) == len(moments) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPage:
    """What one repository says about one project. ``versions`` may hold versions without files (PEP 700)."""

    project: NormalizedName
    name: str
    files: tuple[DistributionFile, ...] = ()
    versions: tuple[str, ...] = ()
    status: ProjectStatus = ProjectStatus()
    refused: tuple[RefusedFile, ...] = ()
    freshness: Freshness = Freshness()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def with_files(self, files: tuple[DistributionFile, ...]) -> "ProjectPage":
        return replace(self, files=files)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectList:
    """The root page: display names by normalized name."""

    projects: Mapping[NormalizedName, str]
    freshness: Freshness = Freshness()
