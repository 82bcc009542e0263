"""Names of projects, repositories and distribution files: what is legal and what two spellings mean the same."""

import functools
import re
from typing import Literal, NamedTuple

from packaging.utils import (
    InvalidSdistFilename,
    NormalizedName,
    canonicalize_name,
    parse_sdist_filename,
)
from packaging.version import InvalidVersion, Version

from repositories.domain.errors import InvalidRequest

__all__ = [
    "MAX_FILENAME_BYTES",
    "NormalizedName",
    "ParsedFilename",
    "canonical_version",
    "is_project_name",
    "is_repository_name",
    "looks_like_distribution",
    "normalize",
    "parse_filename",
    "printable",
    "require_filename",
    "require_project",
    "same_version",
    "url_version",
]

# The specification on names; \Z because $ would accept a trailing newline.
_PROJECT_NAME = re.compile(r"([A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9])\Z", re.IGNORECASE | re.ASCII)
_REPOSITORY_NAME = re.compile(r"[a-zA-Z0-9\-][a-zA-Z0-9_\-.]*\Z", re.ASCII)  # as in Nexus
# Control characters, line separators, invisible and direction marks, and halves of surrogate pairs
# (they come out of lenient decoders and cannot be encoded again).
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")

MAX_NAME_LENGTH = 128
MAX_FILENAME_BYTES = 255 - len(".provenance")  # side files add a suffix and must still fit a file system

_SDIST_SUFFIXES = (".tar.gz", ".tar.bz2", ".tar.xz", ".tar.Z", ".tgz", ".zip")
_OTHER_SUFFIXES = (".egg", ".exe", ".msi", ".rpm", ".dmg", ".deb")
_FILE_SUFFIXES = tuple(
    suffix.lower() for suffix in (".whl", ".whlx", *_SDIST_SUFFIXES, *_OTHER_SUFFIXES)
)  # .whlx: PEP 777
# What installers put after the version: "foo-1.0.win32-py2.7.exe", "foo-1.0.linux-x86_64.tar.gz".
_PLATFORM = re.compile(r"\.(?:win|linux|macosx|noarch)[^.]*\Z", re.ASCII)
# Nearly every file name; what is not takes the longer way.
_PLAIN_FILENAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+!-]*\Z", re.ASCII)
_VERSION_LENGTH = 200  # no file name holds more, and reading long numbers costs more than linear time

Packagetype = Literal["bdist_wheel", "sdist", "bdist_egg", "other"]


class ParsedFilename(NamedTuple):
    """What a file name alone says. ``version`` is "" when the name does not tell."""

    project: NormalizedName | None
    version: str
    packagetype: Packagetype


def normalize(name: str) -> NormalizedName:
    """PEP 503: runs of ``-``, ``_`` and ``.`` are one ``-``, lower case."""
    return canonicalize_name(name)


# All wheels of a page begin with the same few spellings.
_wheel_project = functools.lru_cache(maxsize=1024)(normalize)


def is_project_name(name: str) -> bool:
    return len(name) <= MAX_NAME_LENGTH and _PROJECT_NAME.match(name) is not None


def is_repository_name(name: str) -> bool:
    return 0 < len(name) <= MAX_NAME_LENGTH and _REPOSITORY_NAME.match(name) is not None


def require_project(name: str) -> NormalizedName:
    """Return the normalized name.

    Raises InvalidRequest when ``name`` is no project name.
    """
    if not is_project_name(name):
        raise InvalidRequest(f"{printable(name)!r} is not a valid project name")
    return normalize(name)


def require_filename(filename: str) -> str:
    """Return ``filename`` when it can be a file name on every system and in every URL.

    Raises InvalidRequest for separators, control and direction characters, dot names, spaces at the ends, over-long names.
    """
    if _PLAIN_FILENAME.match(filename) and ".." not in filename and len(filename) <= MAX_FILENAME_BYTES:
        return filename
    if (
        not filename
        or _UNPRINTABLE.search(filename)
        or "/" in filename
        or "\\" in filename
        or filename.startswith(".")
        or ".." in filename
        or filename != filename.strip()
        or len(filename.encode("utf-8", "surrogatepass")) > MAX_FILENAME_BYTES
    ):
        raise InvalidRequest(f"{printable(filename)!r} is not a valid file name")
    return filename


def printable(text: str, limit: int = 80) -> str:
    """Cut and clean text from outside so that it can stand in a message or a log line."""
    cleaned = _UNPRINTABLE.sub("?", text[: limit + 1])
    return cleaned if len(cleaned) <= limit else cleaned[: limit - 1] + "…"


def parse_filename(filename: str, project: NormalizedName | None = None) -> ParsedFilename:
    """Read project and version from a file name, leniently: old upstream names do not follow the rules.

    ``project``, when known, decides where the name ends and the version begins ("foo-bar-1.0.zip").
    Never raises for an odd name: the fields it cannot tell stay empty.
    """
    if filename.endswith(".whl"):
        # Split by hand: strict parsers refuse old wheels and wheel variants (PEP 825), and cost more than a page can pay.
        parts = filename[:-4].split("-")
        version = canonical_version(parts[1].replace("_", "-")) if len(parts) >= 5 else ""
        return ParsedFilename(_wheel_project(parts[0]) if parts[0] else None, version, "bdist_wheel")
    try:
        name, parsed = parse_sdist_filename(filename)
        if project is None or name == project:
            return ParsedFilename(name, str(parsed), "sdist")
    except (InvalidSdistFilename, InvalidVersion, ValueError):
        pass
    for suffix in _SDIST_SUFFIXES + _OTHER_SUFFIXES:
        if filename.lower().endswith(suffix.lower()):
            stem = filename[: -len(suffix)]
            kind: Packagetype = "sdist" if suffix in _SDIST_SUFFIXES else "bdist_egg" if suffix == ".egg" else "other"
            return _split_stem(stem, project, kind)
    return ParsedFilename(project, "", "other")


def _split_stem(stem: str, project: NormalizedName | None, kind: Packagetype) -> ParsedFilename:
    parts = stem.split("-")
    for cut in range(1, len(parts)):
        name, rest = "-".join(parts[:cut]), parts[cut:]
        if kind != "sdist":
            # Eggs and installers carry a platform and a Python tag after the version.
            rest = [_PLATFORM.sub("", rest[0])]
        matches = normalize(name) == project if project is not None else rest[0][:1].isdigit()
        if matches:
            return ParsedFilename(normalize(name), canonical_version("-".join(rest)), kind)
    return ParsedFilename(project, "", kind)


def looks_like_distribution(filename: str) -> bool:
    """Whether the name ends as files of an index do; tells them from other links of an HTML page."""
    return filename.lower().endswith(_FILE_SUFFIXES)


@functools.lru_cache(maxsize=4096)
def canonical_version(raw: str) -> str:
    """The version as PEP 440 writes it; a legacy one stays as it is."""
    if len(raw) > _VERSION_LENGTH:
        return raw
    try:
        return str(Version(raw))
    except (InvalidVersion, ValueError):
        return raw


def same_version(left: str, right: str) -> bool:
    """Compare as versions where both are, else as text ("1.0" and "1.0.0" are the same release)."""
    if left == right:
        return True
    if max(len(left), len(right)) > _VERSION_LENGTH:
        return False
    try:
        return Version(left) == Version(right)
    except (InvalidVersion, ValueError):
        return False


def url_version(version: str) -> str:
    """The path segment for a version; "-" where a file's version is unknown."""
    return version or "-"
