"""The simple API in JSON: PEP 691 with 700 (versions, size, upload-time), 714, 740 and 792; API version 1.4."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import msgspec
from packaging.utils import canonicalize_version

from repositories.domain.errors import UpstreamInvalid
from repositories.domain.names import NormalizedName, is_project_name, normalize, printable
from repositories.domain.page import DistributionFile, ProjectList, ProjectPage, ProjectStatus
from repositories.protocol import entries

API_VERSION = "1.4"

# Keys written here, those of rejected PEP 708 and of PEP 752 (which an index that does not implement them must not
# advertise), and gpg-sig, which promises a signature file that is not served.
_PAGE_KEYS = frozenset(
    {"meta", "name", "project-status", "versions", "files", "tracks", "alternate-locations", "namespaces"}
)
_FILE_KEYS = frozenset(
    {
        "filename",
        "url",
        "hashes",
        "requires-python",
        "size",
        "upload-time",
        "yanked",
        "core-metadata",
        "dist-info-metadata",
        "data-dist-info-metadata",
        "provenance",
        "gpg-sig",
    }
)
# The default spelling first; a published index misnames the key as the third (and nothing but the third is written there).
_METADATA_KEYS = ("core-metadata", "dist-info-metadata", "data-dist-info-metadata")
_META = {"api-version": API_VERSION}


def render_project(
    page: ProjectPage,
    file_url: Callable[[DistributionFile], str],
    provenance_url: Callable[[DistributionFile], str] | None = None,
) -> bytes:
    """One project's page. ``file_url`` gives the address clients fetch the file from, relative or absolute.

    ``provenance_url`` gives that of its attestations; PEP 740 wants it absolute, so pass it wherever ``file_url`` is relative
    (without it, it is the file's with ".provenance").
    """
    # PEP 792: a quarantined project offers no files, whatever the page still holds.
    files = () if page.status.status == "quarantined" else page.files
    document: dict[str, Any] = {
        "meta": _META,
        "name": page.name,
        "project-status": _status(page.status),
        "versions": [*page.versions, *_missing_versions(page.versions, files)],
        "files": [_file(file, file_url(file), provenance_url) for file in files],
    }
    _add_unknown(document, page.extra, _PAGE_KEYS)
    return msgspec.json.encode(document)


def render_root(listing: ProjectList) -> Iterator[bytes]:
    """The list of projects in parts: a public index's has tens of megabytes."""
    names = iter(listing.projects.values())
    batches = iter(lambda: list(islice(names, 10_000)), [])
    yield b'{"meta":' + msgspec.json.encode(_META) + b',"projects":['
    for number, batch in enumerate(batches):
        yield (b"," if number else b"") + msgspec.json.encode([{"name": name} for name in batch])[1:-1]
    yield b"]}"


class _Entry(msgspec.Struct, gc=False, rename="kebab"):
    """A file's entry as it is written, in this order; a struct, since a dict takes three times as long to make."""

    filename: str
    url: str
    hashes: Mapping[str, str]
    requires_python: str | msgspec.UnsetType
    size: int | msgspec.UnsetType
    upload_time: datetime | msgspec.UnsetType
    yanked: bool | str
    core_metadata: Mapping[str, str] | msgspec.UnsetType
    dist_info_metadata: Mapping[str, str] | msgspec.UnsetType
    data_dist_info_metadata: Mapping[str, str] | msgspec.UnsetType
    provenance: str | None


def _file(file: DistributionFile, url: str, provenance_url: Callable[[DistributionFile], str] | None) -> Any:
    # Never bare true: clients that cannot check the side file take an error page for metadata.
    digest = file.core_metadata.get("sha256") if file.core_metadata else None
    metadata = {"sha256": digest} if digest else msgspec.UNSET
    provenance = None
    if file.provenance:
        provenance = provenance_url(file) if provenance_url else url + ".provenance"
    time = file.upload_time
    entry = _Entry(
        file.filename,
        url,
        public_hashes(file.hashes),
        msgspec.UNSET if file.requires_python is None else file.requires_python,
        msgspec.UNSET if file.size is None else file.size,
        # PEP 700: UTC with a Z and at most six digits of a second, which is how it is encoded.
        msgspec.UNSET if time is None else time if time.tzinfo is UTC else time.astimezone(UTC),
        file.yanked,
        metadata,
        metadata,
        metadata,
        provenance,
    )
    if not file.extra:
        return entry
    with_extra: dict[str, Any] = msgspec.to_builtins(entry, builtin_types=(datetime,))
    _add_unknown(with_extra, file.extra, _FILE_KEYS)
    return with_extra


def _add_unknown(entry: dict[str, Any], extra: Mapping[str, Any], known: frozenset[str]) -> None:
    entry.update((key, value) for key, value in extra.items() if key not in known)


def public_hashes(hashes: Mapping[str, str]) -> Mapping[str, str]:
    """Hashes by names of hashlib (PEP 691), sha256 first: `uv publish --check-url` compares the first one only."""
    if len(hashes) == 1 and "sha256" in hashes:
        return hashes
    ordered = {"sha256": hashes["sha256"]} if hashes.get("sha256") else {}
    ordered.update((algorithm, digest) for algorithm, digest in hashes.items() if algorithm in entries.HEX_LENGTHS)
    return ordered


def timestamp(time: datetime) -> str:
    """PEP 700: UTC with a Z and at most six digits of a second."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def _status(status: ProjectStatus) -> dict[str, str]:
    return {"status": status.status, "reason": status.reason} if status.reason else {"status": status.status}


def _missing_versions(listed: tuple[str, ...], files: Iterable[DistributionFile]) -> list[str]:
    # PEP 700: every file belongs to a listed version. "1.0" and "1.0.0" are the same one.
    absent = dict.fromkeys(file.version for file in files if file.version)
    for version in listed:
        absent.pop(version, None)
    if not absent:
        return []
    known = {canonicalize_version(version) for version in listed}
    return [version for version in absent if canonicalize_version(version) not in known]


def parse_project(body: bytes, base_url: str, project: NormalizedName) -> ProjectPage:
    """Read an upstream's page. ``base_url`` is the address that finally answered, after redirects.

    Odd entries are left out. Raises UpstreamInvalid when the body is not a page of this project.
    """
    document, raw_files = _page_document(body)
    if not isinstance(raw_files, list):
        raise UpstreamInvalid(
            'The upstream\'s JSON has no list "files" and is not a project page. Check the remote URL'
        )
    if len(raw_files) > entries.MAX_FILES:
        raise UpstreamInvalid(f"The upstream's page has more than {entries.MAX_FILES} files")
    name = document.get("name")
    if not isinstance(name, str) or not is_project_name(name):
        name = str(project)
    elif normalize(name) != project:
        raise UpstreamInvalid(f"The upstream answered with the page of {printable(name)} when asked for {project}")
    status = _parse_status(document)
    files: dict[str, DistributionFile] = {}
    for raw in raw_files:
        file = _file_of(raw, base_url, project)
        if file is not None:
            files.setdefault(file.filename, file)
    return ProjectPage(
        project=project,
        name=name,
        files=() if status.status == "quarantined" else tuple(files.values()),
        versions=entries.versions(document.get("versions"), files.values()),
        status=status,
        extra=entries.unknown_keys(document, _PAGE_KEYS),
    )


def parse_root(body: bytes) -> dict[NormalizedName, str]:
    """Display names by normalized name. Raises UpstreamInvalid when the body is not a project list."""
    try:
        document = _LISTING.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _lenient_root(body)
    check_api_version(document.meta.api_version)
    return _by_normalized_name(entry.name for entry in document.projects)


class _Name(msgspec.Struct, gc=False):
    name: str


class _ListingMeta(msgspec.Struct):
    api_version: str = msgspec.field(name="api-version", default="1.0")


class _Listing(msgspec.Struct):
    projects: list[_Name]
    meta: _ListingMeta = msgspec.field(default_factory=_ListingMeta)


# A public index has several hundred thousand names: as typed structs they take a quarter of the memory of dicts.
_LISTING = msgspec.json.Decoder(_Listing)


def _by_normalized_name(names: Iterable[str]) -> dict[NormalizedName, str]:
    listing: dict[NormalizedName, str] = {}
    for name in names:
        if is_project_name(name):
            normalized = normalize(name)
            # Most names are normalized already: one string serves for both.
            listing.setdefault(normalized, normalized if normalized == name else name)
    return listing


def _lenient_root(body: bytes) -> dict[NormalizedName, str]:
    """The same for a list that has odd entries, which are left out."""
    projects = _document(body).get("projects")
    if not isinstance(projects, list):
        raise UpstreamInvalid('The upstream\'s JSON has no list "projects" and is not an index. Check the remote URL')
    named = (raw.get("name") for raw in projects if isinstance(raw, dict))
    return _by_normalized_name(name for name in named if isinstance(name, str))


class _PlainFile(msgspec.Struct, gc=False, forbid_unknown_fields=True, rename="kebab"):
    """A file's entry as nearly every index writes it: read in a third of the time that a dict of anything takes."""

    filename: str
    url: str
    hashes: dict[str, str] = {}
    requires_python: str | None = None
    size: int | None = None
    upload_time: str | None = None
    yanked: bool | str = False
    core_metadata: dict[str, str] | bool | msgspec.UnsetType | None = msgspec.UNSET
    dist_info_metadata: dict[str, str] | bool | msgspec.UnsetType | None = msgspec.UNSET
    data_dist_info_metadata: dict[str, str] | bool | msgspec.UnsetType | None = msgspec.UNSET
    provenance: str | msgspec.UnsetType | None = msgspec.UNSET
    gpg_sig: Any = None


_PARTS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_PLAIN_FILES = msgspec.json.Decoder(list[_PlainFile])


def _page_document(body: bytes) -> tuple[dict[str, Any], Any]:
    """The page without its files, and the files: a list of _PlainFile, or of dicts as soon as one entry is odd."""
    try:
        parts = _PARTS.decode(body.removeprefix(b"\xef\xbb\xbf"))
        raw_files = parts.pop("files", None)
        document = {key: msgspec.json.decode(value) for key, value in parts.items()}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        document = _document(body)
        return document, document.get("files")
    _check_version_of(document)
    return document, _files_of(raw_files) if raw_files is not None else None


def _files_of(raw: msgspec.Raw) -> Any:
    try:
        return _PLAIN_FILES.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _decoded(raw)


def _decoded(raw: bytes | msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise UpstreamInvalid("The upstream's answer is not valid JSON; it may be cut off") from None


def _document(body: bytes) -> dict[str, Any]:
    document = _decoded(body.removeprefix(b"\xef\xbb\xbf"))
    if not isinstance(document, dict):
        raise UpstreamInvalid("The upstream's JSON is not an index page. Check the remote URL")
    _check_version_of(document)
    return document


def _check_version_of(document: Mapping[str, Any]) -> None:
    meta = document.get("meta")
    version = meta.get("api-version") if isinstance(meta, dict) else None
    check_api_version(version if isinstance(version, str) else "1.0")


def check_api_version(version: str) -> None:
    """PEP 629: a client must not go on with a major version it does not know; any minor is fine.

    Raises UpstreamInvalid.
    """
    major = version.strip().partition(".")[0]
    if major != "1":
        raise UpstreamInvalid(f"The upstream speaks version {printable(version, 20)} of the index protocol, not 1.x")


def _parse_status(document: Mapping[str, Any]) -> ProjectStatus:
    # PEP 792 says top level "status"; its prose once says "state", and the published example puts it into "meta".
    meta = document.get("meta")
    for raw in (document.get("project-status"), meta.get("project-status") if isinstance(meta, dict) else None):
        if isinstance(raw, dict):
            return entries.status(raw.get("status", raw.get("state")), raw.get("reason"))
        if isinstance(raw, str):
            return entries.status(raw)
    return ProjectStatus()


def _file_of(raw: object, base_url: str, project: NormalizedName) -> DistributionFile | None:
    if isinstance(raw, _PlainFile):
        return _plain_file(raw, base_url, project)
    return _parse_file(raw, base_url, project) if isinstance(raw, dict) else None


def _plain_file(raw: _PlainFile, base_url: str, project: NormalizedName) -> DistributionFile | None:
    url = entries.address(raw.url, base_url)
    if url is None:
        return None
    metadata: Any = raw.core_metadata
    if metadata is msgspec.UNSET:
        metadata = raw.dist_info_metadata
        if metadata is msgspec.UNSET:
            metadata = raw.data_dist_info_metadata
    return entries.distribution_file(
        raw.filename,
        project,
        url,
        digests=entries.hashes(raw.hashes),
        size=entries.size(raw.size),
        upload_time=entries.upload_time(raw.upload_time),
        requires_python=entries.text(raw.requires_python),
        yanked=entries.yanked(raw.yanked),
        core_metadata=entries.hashes(metadata) if isinstance(metadata, dict) else {} if metadata is True else None,
        provenance_url=entries.address(raw.provenance, base_url) if raw.provenance else None,
        provenance=False if raw.provenance is None else None,
    )


def _parse_file(raw: Mapping[str, Any], base_url: str, project: NormalizedName) -> DistributionFile | None:
    filename = raw.get("filename")
    url = entries.address(raw.get("url"), base_url)
    if not isinstance(filename, str) or url is None:
        return None
    provenance = raw.get("provenance")
    return entries.distribution_file(
        filename,
        project,
        url,
        digests=entries.hashes(raw.get("hashes")),
        size=entries.size(raw.get("size")),
        upload_time=entries.upload_time(raw.get("upload-time")),
        requires_python=entries.text(raw.get("requires-python")),
        yanked=entries.yanked(raw.get("yanked")),
        core_metadata=_parse_core_metadata(raw),
        provenance_url=entries.address(provenance, base_url),
        provenance=False if provenance is None and "provenance" in raw else None,
        extra=entries.unknown_keys(raw, _FILE_KEYS),
    )


def _parse_core_metadata(raw: Mapping[str, Any]) -> dict[str, str] | None:
    for key in _METADATA_KEYS:
        if key in raw:
            value = raw[key]
            return entries.hashes(value) if isinstance(value, dict) else {} if value is True else None
    return None
