"""METADATA of wheels and PKG-INFO of sdists: core metadata 1.0 to 2.6 (PEP 241, 345, 566, 643, 685, 639, 794, 808).

The bytes come from strangers. Third-party parsers below are slow or recurse on text made for that, so sizes are checked before
they see it, and whatever they raise becomes one documented error.
"""

import re
from collections.abc import Mapping
from typing import Any

from packaging.metadata import RawMetadata, parse_email
from packaging.version import InvalidVersion, Version

from repositories.domain.errors import InvalidRequest
from repositories.domain.names import is_project_name, printable
from repositories.domain.uploading import CoreMetadata

MAX_BYTES = 2 * 1024 * 1024
MAX_HEADERS = 50_000
MAX_HEADER_NAMES = 500  # reading costs names times headers
MAX_SUMMARY = 512
MAX_VERSION = 120  # its canonical form, a little longer at times, must fit where it is kept

_METADATA_VERSION = re.compile(r"([0-9]{1,3})\.([0-9]{1,3})\Z", re.ASCII)
_NEWEST_MAJOR = 2
# Where the header block ends for the reader of mail: at the first empty line, whatever ends lines.
_HEAD_END = re.compile(rb"(?:\r\n|\r|\n)(?:\r\n|\r|\n)")
_LINE_END = re.compile(rb"\r\n|\r|\n")


def parse(raw: bytes) -> CoreMetadata:
    """Read and check what an upload needs.

    An unknown minor version is accepted, an unknown major one is not. Raises InvalidRequest for everything that is wrong.
    """
    fields, _ = _read(raw)
    metadata_version = _required(fields, "metadata_version", "Metadata-Version")
    match = _METADATA_VERSION.match(metadata_version)
    if match is None or not 1 <= int(match[1]) <= _NEWEST_MAJOR:
        raise InvalidRequest(
            f"{printable(metadata_version)!r} is an invalid value for Metadata-Version. Error: use 1.0 to 2.6"
        )
    name = _required(fields, "name", "Name")
    if not is_project_name(name):
        raise InvalidRequest(
            f"{printable(name)!r} is an invalid value for Name. "
            "Error: use ASCII letters, digits, '.', '_' and '-', beginning and ending with a letter or digit"
        )
    version = _required(fields, "version", "Version")
    if not is_version(version):
        raise InvalidRequest(f"{printable(version)!r} is an invalid value for Version. Error: not valid by PEP 440")
    summary = _text(fields, "summary").splitlines()
    if summary and len(summary[0]) > MAX_SUMMARY:
        raise InvalidRequest(f"The Summary is longer than {MAX_SUMMARY} characters")
    return CoreMetadata(
        raw=raw,
        metadata_version=metadata_version,
        name=name,
        version=version,
        summary=summary[0] if summary else "",
        requires_python=_text(fields, "requires_python") or None,
        requires_dist=tuple(_list(fields, "requires_dist")),
    )


def info(raw: bytes) -> dict[str, Any]:
    """All fields under the names of the JSON API, for that API and for people; absent ones are "", None or empty.

    ``classifiers``, ``requires_dist``, ``provides_extra`` are lists, ``project_urls`` maps labels to addresses (as written:
    check the scheme before making a link). Raises InvalidRequest when the bytes cannot be read.
    """
    fields, unparsed = _read(raw)
    return {
        "author": _text(fields, "author"),
        "author_email": _text(fields, "author_email"),
        "classifiers": _list(fields, "classifiers"),
        "description": _description(fields, unparsed),
        "description_content_type": _text(fields, "description_content_type") or None,
        "download_url": _text(fields, "download_url"),
        "dynamic": _list(fields, "dynamic") or None,
        "home_page": _text(fields, "home_page"),
        "import_names": _list(fields, "import_names"),
        "import_namespaces": _list(fields, "import_namespaces"),
        "keywords": ", ".join(_list(fields, "keywords")),
        "license": _text(fields, "license") or None,
        "license_expression": _text(fields, "license_expression") or None,
        "license_files": _list(fields, "license_files") or None,
        "maintainer": _text(fields, "maintainer"),
        "maintainer_email": _text(fields, "maintainer_email"),
        "metadata_version": _text(fields, "metadata_version"),
        "name": _text(fields, "name"),
        "platform": ", ".join(_list(fields, "platforms")) or None,
        "project_urls": dict(fields.get("project_urls") or {}),
        "provides_extra": _list(fields, "provides_extra"),
        "requires_dist": _list(fields, "requires_dist"),
        "requires_python": _text(fields, "requires_python") or None,
        "summary": _text(fields, "summary"),
        "version": _text(fields, "version"),
    }


def is_version(version: str) -> bool:
    """Whether ``version`` is one by PEP 440 and short enough to be meant."""
    if len(version) > MAX_VERSION:
        return False
    try:
        return len(str(Version(version))) <= MAX_VERSION
    except (InvalidVersion, ValueError):
        return False


def _read(raw: bytes) -> tuple[RawMetadata, Mapping[str, list[str]]]:
    if len(raw) > MAX_BYTES:
        raise InvalidRequest(f"The metadata is larger than {MAX_BYTES // 1024 // 1024} MiB")
    _check_head(raw)
    try:
        return parse_email(raw)
    except (Exception, RecursionError) as error:
        raise InvalidRequest(f"The metadata cannot be read ({type(error).__name__})") from None


def _check_head(raw: bytes) -> None:
    end = _HEAD_END.search(raw)
    lines = _LINE_END.split(raw[: end.start()] if end else raw, maxsplit=MAX_HEADERS)
    if len(lines) > MAX_HEADERS:
        raise InvalidRequest(f"The metadata has more than {MAX_HEADERS} lines before the description")
    names = {line.partition(b":")[0].strip().lower() for line in lines if line[:1] not in (b" ", b"\t")}
    if len(names) > MAX_HEADER_NAMES:
        raise InvalidRequest(f"The metadata has more than {MAX_HEADER_NAMES} different fields")
    # Fields of mail would make the reader take the description apart.
    if names & {b"content-type", b"content-transfer-encoding"}:
        raise InvalidRequest(
            "The metadata has a Content-Type field, which belongs into mail; use Description-Content-Type"
        )


def _required(fields: RawMetadata, key: str, name: str) -> str:
    value = _text(fields, key)
    if not value:
        raise InvalidRequest(f"The metadata has no {name}, an unreadable one, or more than one")
    return value


def _text(fields: RawMetadata, key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str):
        return ""
    value = value.strip()
    return "" if value == "UNKNOWN" else value  # what old build tools write for "nothing"


def _list(fields: RawMetadata, key: str) -> list[str]:
    value = fields.get(key)
    if not isinstance(value, list):
        return []
    return [item.strip() for item in value if isinstance(item, str) and item.strip() not in ("", "UNKNOWN")]


def _description(fields: RawMetadata, unparsed: Mapping[str, list[str]]) -> str:
    text = fields.get("description")
    if not isinstance(text, str):
        # Given as field and as body: the body is what build tools mean today.
        candidates = unparsed.get("description") or [""]
        text = str(candidates[-1])
    if text.strip() == "UNKNOWN":
        return ""
    lines = text.splitlines(keepends=True)
    # Metadata 1.x folds the description into a field: later lines begin with seven spaces and a bar, or eight spaces.
    for fold in ("       |", "        "):
        if len(lines) > 1 and all(line.startswith(fold) or not line.strip() for line in lines[1:]):
            return lines[0] + "".join(line.removeprefix(fold) for line in lines[1:])
    return text
