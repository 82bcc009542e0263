"""The JSON API: ``/pypi/<name>/json`` and ``/pypi/<name>/<version>/json``.

It has no standard; the shape is the one clients read (Renovate, pdm, mirrors, many scripts).
"""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

import msgspec
from packaging.version import InvalidVersion, Version

from repositories.domain.errors import InvalidRequest, NotFound
from repositories.domain.names import parse_filename, printable, same_version
from repositories.domain.page import DistributionFile, ProjectPage
from repositories.protocol import core_metadata
from repositories.protocol.simple_json import timestamp

_NO_DOWNLOADS = {"last_day": -1, "last_month": -1, "last_week": -1}
_LOWEST = Version("0.dev0")


def render(
    page: ProjectPage, version: str | None, metadata: bytes | None, file_url: Callable[[DistributionFile], str]
) -> bytes:
    """The answer for a project, or for one of its versions when ``version`` is given.

    ``metadata`` is METADATA of the `representative` file, None when there is none to read; ``file_url`` gives absolute
    addresses. Raises NotFound when there is no such version, no version at all, or the project is quarantined.
    """
    chosen = _choose(page, version)
    by_version = _by_version(page)
    files = by_version.get(chosen, [])
    document: dict[str, Any] = {"info": _info(page, chosen, files, metadata), "last_serial": 0}
    if version is None:
        document["releases"] = {name: [_file(file, file_url(file)) for file in by_version[name]] for name in by_version}
    document["urls"] = [_file(file, file_url(file)) for file in files]
    document["vulnerabilities"] = page.extra.get("vulnerabilities", [])
    document["ownership"] = {"roles": [], "organization": None}
    return msgspec.json.encode(document)


def latest_version(page: ProjectPage) -> str | None:
    """The highest version that is not yanked and no pre-release; else the highest pre-release; else the highest yanked."""
    by_version = _by_version(page)
    return max(by_version, key=lambda version: _rank(version, by_version[version]), default=None)


def representative(page: ProjectPage, version: str) -> DistributionFile | None:
    """The file whose METADATA speaks for a version: a wheel with core metadata, else any file that has some, else None."""
    files = [file for file in page.files if same_version(file.version, version) and file.core_metadata is not None]
    wheels = [file for file in files if file.filename.endswith(".whl")]
    return next(iter(wheels or files), None)


def _rank(version: str, files: list[DistributionFile]) -> tuple[bool, bool, bool, Version]:
    usable = any(not file.yanked for file in files)
    try:
        parsed = Version(version)
    except (InvalidVersion, ValueError):
        return (usable, False, False, _LOWEST)  # versions from before PEP 440 come before all others
    return (usable, not parsed.is_prerelease, True, parsed)


def _choose(page: ProjectPage, version: str | None) -> str:
    if page.status.status != "quarantined":
        if version is None:
            latest = latest_version(page)
            if latest is not None:
                return latest
        else:
            found = next((known for known in _by_version(page) if same_version(known, version)), None)
            if found is not None:
                return found
    raise NotFound("Not Found" if version is None else f"{page.name} has no version {printable(version)}")


def _by_version(page: ProjectPage) -> dict[str, list[DistributionFile]]:
    """Files by version, in ascending order; "1.0" and "1.0.0" are one, under the spelling seen first."""
    spelling: dict[object, str] = {}
    grouped: dict[str, list[DistributionFile]] = {}
    for version in page.versions:
        grouped.setdefault(spelling.setdefault(_sortable(version), version), [])
    for file in page.files:
        if file.version:
            grouped.setdefault(spelling.setdefault(_sortable(file.version), file.version), []).append(file)
    return dict(sorted(grouped.items(), key=lambda item: _sortable(item[0])))


def _sortable(version: str) -> tuple[bool, Version, str]:
    try:
        return (True, Version(version), "")
    except (InvalidVersion, ValueError):
        return (False, _LOWEST, version)


def _info(page: ProjectPage, version: str, files: list[DistributionFile], metadata: bytes | None) -> dict[str, Any]:
    try:
        info = core_metadata.info(metadata or b"")
    except InvalidRequest:
        info = core_metadata.info(b"")  # an upstream's odd file must not hide the release
    yanked = bool(files) and all(file.yanked for file in files)
    reason = next((file.yanked for file in files if isinstance(file.yanked, str)), None) if yanked else None
    info.update(
        name=info["name"] or page.name,
        version=version,
        requires_python=info["requires_python"]
        or next((file.requires_python for file in files if file.requires_python), None),
        bugtrack_url=None,
        docs_url=None,
        downloads=_NO_DOWNLOADS,
        package_url="",
        project_url="",
        release_url="",
        yanked=yanked,
        yanked_reason=reason,
    )
    del info["import_names"], info["import_namespaces"], info["metadata_version"]
    return info


def _file(file: DistributionFile, url: str) -> dict[str, Any]:
    parsed = parse_filename(file.filename, file.project)
    time = file.upload_time.astimezone(UTC) if file.upload_time else None
    core = {"sha256": file.core_metadata["sha256"]} if file.core_metadata and "sha256" in file.core_metadata else False
    return {
        "comment_text": "",
        "core-metadata": core,
        "digests": _digests(file.hashes),
        "downloads": -1,
        "filename": file.filename,
        "has_sig": False,
        "md5_digest": file.hashes.get("md5"),
        "packagetype": parsed.packagetype if parsed.packagetype != "other" else "bdist_dumb",
        "python_version": _python_version(file.filename, parsed.packagetype),
        "requires_python": file.requires_python,
        "size": file.size,
        "upload_time": time.strftime("%Y-%m-%dT%H:%M:%S") if time else None,
        "upload_time_iso_8601": timestamp(time) if time else None,
        "url": url,
        "yanked": bool(file.yanked),
        "yanked_reason": file.yanked if isinstance(file.yanked, str) else None,
    }


def _digests(hashes: Mapping[str, str]) -> dict[str, str]:
    return {name: hashes[name] for name in ("blake2b_256", "md5", "sha256") if name in hashes}


def _python_version(filename: str, packagetype: str) -> str:
    if packagetype == "sdist":
        return "source"
    parts = filename.removesuffix(".whl").split("-")
    return parts[-3] if packagetype == "bdist_wheel" and len(parts) >= 5 else "any"
