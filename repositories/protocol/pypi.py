"""The URL table below ``/repository/<name>/``: from a raw path to a question, and back.

    GET   simple/                                    project list
    GET   simple/<project>/                          project page
    GET   +simple/<project>/                         the same, as HTML (hatch asks here before it publishes)
    GET   packages/<project>/<version>/<filename>    file; with .metadata or .provenance its side files
    GET   integrity/<project>/<version>/<filename>/provenance
    GET   pypi/<project>/json                        JSON API, and pypi/<project>/<version>/json
    POST  (empty) or legacy/                         upload
    POST  pypi                                       XML-RPC search

Paths come in raw (still percent-encoded) so that ``%2F`` and ``..`` cannot change which rule they meet.
"""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from repositories.domain.errors import InvalidRequest, NotFound
from repositories.domain.index import Part
from repositories.domain.names import (
    NormalizedName,
    is_project_name,
    normalize,
    printable,
    require_filename,
    require_project,
    url_version,
)
from repositories.domain.page import DistributionFile

MAX_PATH = 4096
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*\Z", re.ASCII)  # what `quote` leaves as it is


@dataclass(frozen=True, slots=True)
class ListProjects:
    """The root page."""


@dataclass(frozen=True, slots=True)
class ShowProject:
    """A project's page; ``html_only`` for hatch, which scrapes HTML whatever it accepts."""

    project: NormalizedName
    html_only: bool = False


@dataclass(frozen=True, slots=True)
class GetFile:
    """A file or one of its side files. The version in the URL is for people; the file name decides."""

    project: NormalizedName
    filename: str
    part: Part


@dataclass(frozen=True, slots=True)
class GetJson:
    """The JSON API of a project or of one release."""

    project: NormalizedName
    version: str | None


@dataclass(frozen=True, slots=True)
class TakeUpload:
    """The address uploads are posted to."""


@dataclass(frozen=True, slots=True)
class TakeSearch:
    """The address of XML-RPC."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The page lives at another path: ``location`` is relative to the repository's root, with no leading slash."""

    location: str


Question = ListProjects | ShowProject | GetFile | GetJson | TakeUpload | TakeSearch | Elsewhere


def parse(raw_path: bytes) -> Question:  # noqa: C901 - a table reads best in one piece
    """Read the path below the repository's name, without its leading slash.

    Raises InvalidRequest for paths nobody means, NotFound for ones that are not in the table.
    """
    if len(raw_path) > MAX_PATH:
        raise InvalidRequest("The path is too long")
    segments = [_decode(segment) for segment in raw_path.split(b"/")]
    match segments:
        case [""] | ["legacy"] | ["legacy", ""]:
            return TakeUpload()
        case ["simple" | "+simple"]:
            return Elsewhere("simple/")
        case ["simple" | "+simple", ""]:
            return ListProjects()
        case ["simple" | "+simple" as root, project]:
            return Elsewhere(f"{root}/{require_project(project)}/")
        case ["simple" | "+simple" as root, project, ""]:
            normalized = require_project(project)
            if normalized != project:
                return Elsewhere(f"{root}/{normalized}/")
            return ShowProject(normalized, html_only=root == "+simple")
        case ["packages", project, _, filename]:
            return _file(project, filename)
        case ["integrity", project, _, filename, "provenance"]:
            return GetFile(require_project(project), require_filename(filename), Part.PROVENANCE)
        case ["pypi"] | ["pypi", ""]:
            return TakeSearch()
        case ["pypi", project, "json"]:
            return _json(project, None)
        case ["pypi", project, version, "json"]:
            return _json(project, version)
    raise NotFound(f"There is nothing at {printable('/'.join(segments))}")


def _decode(segment: bytes) -> str:
    try:
        text = unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest("The path is not UTF-8") from None
    if "/" in text or "\\" in text or "\x00" in text or text in (".", ".."):
        raise InvalidRequest("The path has an encoded separator or dot segment")
    return text


def _file(project: str, filename: str) -> GetFile:
    normalized = require_project(project)
    for part in (Part.METADATA, Part.PROVENANCE):
        if filename.endswith(part.value):
            return GetFile(normalized, require_filename(filename.removesuffix(part.value)), part)
    return GetFile(normalized, require_filename(filename), Part.FILE)


def _json(project: str, version: str | None) -> Question:
    if not is_project_name(project) or (version is not None and len(version) > 200):
        raise NotFound("Not Found")
    normalized = normalize(project)
    if normalized != project:
        tail = "json" if version is None else f"{quote(version)}/json"
        return Elsewhere(f"pypi/{normalized}/{tail}")
    return GetJson(normalized, version)


def file_path(file: DistributionFile) -> str:
    """The file's stable, query-free path below the repository's root, percent-encoded (``+`` as ``%2B``)."""
    return f"packages/{file.project}/{_quoted(url_version(file.version))}/{_quoted(file.filename)}"


def _quoted(segment: str) -> str:
    return segment if _PLAIN.match(segment) else quote(segment, safe="")
