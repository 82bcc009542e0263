"""What an upstream says about one file or project, made safe before it becomes a value.

Shared by the JSON and the HTML reader. Nothing here raises for odd input: a datum that cannot be used becomes absent,
because one odd entry must never take a whole page away from its users.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from repositories.domain.errors import InvalidRequest
from repositories.domain.names import NormalizedName, parse_filename, require_filename
from repositories.domain.page import DistributionFile, Location, ProjectStatus, Status

MAX_FILES = 200_000
MAX_VERSIONS = 200_000
MAX_TEXT = 2_000  # of one value: a requires-python, a reason, a version
MAX_URL = 8_000
MAX_SIZE = 2**50
MAX_DEPTH = 16  # of a passed-on JSON value

# Algorithms hashlib always has (PEP 503 asks for those) and the length of their hex digests.
HEX_LENGTHS: Mapping[str, int] = {
    "md5": 32,
    "sha1": 40,
    "sha224": 56,
    "sha256": 64,
    "sha384": 96,
    "sha512": 128,
    "blake2b": 128,
    "blake2s": 64,
    "sha3_224": 56,
    "sha3_256": 64,
    "sha3_384": 96,
    "sha3_512": 128,
}
_HEX = re.compile(r"[0-9a-f]+\Z", re.ASCII)
# Nearly every digest and address of a page is written like this; what is not takes the longer way.
_PLAIN_HASH = re.compile(r"sha256=([0-9a-f]{64})\Z", re.ASCII)
_PLAIN_ADDRESS = re.compile(r"(https?://[A-Za-z0-9._-]+(?::[0-9]{1,5})?/[!$-~]*)(?:#|\Z)", re.ASCII)  # no blank, no "
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_STATUSES: Mapping[str, Status] = {
    "active": "active",
    "archived": "archived",
    "quarantined": "quarantined",
    "deprecated": "deprecated",
}


def hashes(raw: object) -> dict[str, str]:
    """The well-formed digests of known algorithms, lower case."""
    if not isinstance(raw, dict):
        return {}
    if len(raw) == 1:
        digest = raw.get("sha256")
        if isinstance(digest, str) and len(digest) == HEX_LENGTHS["sha256"] and _HEX.match(digest):
            return {"sha256": digest}
    good: dict[str, str] = {}
    for algorithm, digest in raw.items():
        if isinstance(algorithm, str) and isinstance(digest, str):
            algorithm, digest = algorithm.lower(), digest.lower()
            if HEX_LENGTHS.get(algorithm) == len(digest) and _HEX.match(digest):
                good[algorithm] = digest
    return good


def assigned_hash(raw: str) -> dict[str, str]:
    """The digest in ``sha256=<hex>``, as in URL fragments and HTML attributes.

    Fragments may hold more pairs ("sha256=…&egg=foo"); the first usable digest counts.
    """
    if plain := _PLAIN_HASH.match(raw):
        return {"sha256": plain[1]}
    for pair in raw.split("&"):
        algorithm, equals, digest = pair.partition("=")
        if equals and (found := hashes({algorithm: digest})):
            return found
    return {}


def address(href: object, base_url: str) -> str | None:
    """The absolute http or https address behind ``href``, without its fragment; None when there is none."""
    if not isinstance(href, str):
        return None
    if (plain := _PLAIN_ADDRESS.match(href)) and plain.end(1) <= MAX_URL:
        return plain[1]
    href = href.strip().partition("#")[0]
    if not href or len(href) > MAX_URL or _CONTROL.search(href):
        return None
    try:
        if not href.startswith(("https://", "http://")):
            href = urljoin(base_url, href)
            if not href.startswith(("https://", "http://")):
                parts = urlsplit(href)  # the scheme may be spelt in capitals
                if parts.scheme not in ("http", "https"):
                    return None
                href = parts.geturl()
        host = href.split("/", 3)[2]
        if "[" in host or "]" in host or not host.isascii():
            urlsplit(href)  # refuses addresses and names that cannot be
        return href if host else None
    except (ValueError, IndexError):
        return None


def size(raw: object) -> int | None:
    return raw if isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw <= MAX_SIZE else None


def upload_time(raw: object) -> datetime | None:
    """PEP 700: ISO 8601 in UTC. Other zones are converted; a time without one is read as UTC."""
    if not isinstance(raw, str) or len(raw) > 40:
        return None
    try:
        time = datetime.fromisoformat(raw)
        if time.tzinfo is UTC:
            return time
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def text(raw: object) -> str | None:
    """A short line of text; None when absent, empty or too long to be meant."""
    if not isinstance(raw, str):
        return None
    raw = raw.strip()
    return raw if 0 < len(raw) <= MAX_TEXT else None


def yanked(raw: object) -> bool | str:
    """PEP 592 and 691: true or a reason. A reason too long is cut, never dropped: the mark must survive."""
    if isinstance(raw, str):
        return raw.strip()[:MAX_TEXT] or False
    return raw is True


def status(raw: object, reason: object = None) -> ProjectStatus:
    """PEP 792. A status not known here counts as active: only the known ones have consequences."""
    known = _STATUSES.get(raw.strip().lower()) if isinstance(raw, str) else None
    if known is None:
        return ProjectStatus()
    return ProjectStatus(status=known, reason=reason.strip()[:MAX_TEXT] if isinstance(reason, str) else "")


def versions(listed: object, files: Iterable[DistributionFile]) -> tuple[str, ...]:
    """The versions an upstream lists (PEP 700: entries need not be PEP 440), or those of its files when it lists none."""
    if isinstance(listed, list):
        found = dict.fromkeys(version for raw in listed[:MAX_VERSIONS] if (version := text(raw)))
        if found:
            return tuple(found)
    return tuple(dict.fromkeys(file.version for file in files if file.version))


def unknown_keys(raw: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """Keys not known here, passed on. Keys with an underscore are private to the index that wrote them (PEP 691)."""
    return {
        key: value for key, value in raw.items() if key not in known and key[:1] not in ("_", "") and _is_shallow(value)
    }


def _is_shallow(value: Any) -> bool:
    # A value nested nearly too deep for the reader could be too deep for the writer.
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return True
    return False


def distribution_file(
    filename: str,
    project: NormalizedName,
    url: str,
    *,
    digests: Mapping[str, str],
    size: int | None = None,
    upload_time: datetime | None = None,
    requires_python: str | None = None,
    yanked: bool | str = False,
    core_metadata: Mapping[str, str] | None = None,
    provenance_url: str | None = None,
    provenance: bool | None = None,
    extra: Mapping[str, Any] | None = None,
) -> DistributionFile | None:
    """Make the value; None when the file cannot be offered: an illegal name, or a wheel of another project.

    Installers take a wheel's project from its name, so a page that lists another project's wheel would carry it
    past every rule about that name.
    """
    try:
        require_filename(filename)
    except InvalidRequest:
        return None
    parsed = parse_filename(filename, project)
    if parsed.packagetype == "bdist_wheel" and parsed.project != project:
        return None
    return DistributionFile(
        filename=filename,
        project=project,
        version=parsed.version,
        hashes=digests,
        size=size,
        upload_time=upload_time,
        requires_python=requires_python,
        yanked=yanked,
        core_metadata=core_metadata,
        provenance=True if provenance_url else provenance,
        location=Location(upstream_url=url, provenance_url=provenance_url or ""),
        extra=extra or {},
    )
