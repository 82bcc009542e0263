"""Uploads: what a client hands in, and the ordered list of small pure checks it must pass."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from repositories.domain.errors import InvalidRequest
from repositories.domain.names import NormalizedName, is_project_name, normalize, printable, same_version


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedFile:
    """The content part after it has been streamed into a blob store's temporary file and hashed.

    ``hashes`` has sha256, blake2b_256 and md5 in hex. ``token`` is for the blob store that holds the bytes.
    """

    filename: str
    size: int
    hashes: Mapping[str, str]
    token: object


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreMetadata:
    """What is read from METADATA or PKG-INFO in the archive: the source of truth, the form is not.

    ``raw`` is the file's exact bytes. Field names follow the core metadata specification.
    """

    raw: bytes
    metadata_version: str
    name: str
    version: str
    summary: str = ""
    requires_python: str | None = None
    requires_dist: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One file with its form (PEP-less "legacy" upload API).

    ``fields`` maps each form field to its values; unknown fields are kept and ignored. ``provenance`` is the PEP 740
    object made from the attestations that came along.
    """

    project: NormalizedName
    display_name: str
    version: str
    filetype: str
    pyversion: str
    file: ReceivedFile
    metadata: CoreMetadata
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    provenance: dict[str, Any] | None = None
    uploader_id: int | None = None
    uploader: str = ""


Check = Callable[[Upload], None]

_EXTENSIONS: Mapping[str, tuple[str, ...]] = {"bdist_wheel": (".whl",), "sdist": (".tar.gz", ".zip")}
# Form field, the digest's name here, and its length in hex digits.
_DIGESTS = (("md5_digest", "md5", 32), ("sha256_digest", "sha256", 64), ("blake2_256_digest", "blake2b_256", 64))
_WHEEL_TAG = re.compile(r"[A-Za-z0-9_.]+\Z", re.ASCII)
_WHEEL_BUILD = re.compile(r"[0-9][A-Za-z0-9_.]*\Z", re.ASCII)
_VARIANT_LABEL = re.compile(r"[0-9a-z_.]+\Z", re.ASCII)  # PEP 825
_HEX = re.compile(r"[0-9a-f]+\Z", re.ASCII)
_PYVERSION = re.compile(r"[\x20-\x7e]{0,64}\Z")
_MAX_SPECIFIER = 512  # as much as a row holds
_MAX_REQUIREMENT = 10_000


def check_digests(upload: Upload) -> None:
    """Every digest the client gives must be that of the bytes received."""
    for name, algorithm, length in _DIGESTS:
        for given in upload.fields.get(name, ()):
            digest = given.strip().lower()
            if not digest:
                continue
            if len(digest) != length or not _HEX.match(digest):
                raise InvalidRequest(f"Field {name} must be a hex digest of {length} characters")
            if digest != upload.file.hashes.get(algorithm):
                raise InvalidRequest("The digest supplied does not match a digest calculated from the uploaded file.")


def check_filetype(upload: Upload) -> None:
    """Wheels and sdists only (PEP 527, 715), each with its own extension."""
    extensions = _EXTENSIONS.get(upload.filetype)
    if extensions is None:
        raise InvalidRequest(
            f"{printable(upload.filetype)!r} is an invalid value for filetype: upload a wheel (bdist_wheel) or an sdist"
        )
    if not upload.file.filename.endswith(extensions):
        raise InvalidRequest(
            f"Invalid file extension: a file of type {upload.filetype} ends with {' or '.join(extensions)}, "
            f"unlike {printable(upload.file.filename)!r}."
        )


def check_pyversion(upload: Upload) -> None:
    if not _PYVERSION.match(upload.pyversion):
        raise InvalidRequest(
            f"{printable(upload.pyversion)!r} is an invalid value for pyversion: write it as in 'py3' or 'cp312'"
        )
    if upload.filetype == "sdist":
        if upload.pyversion != "source":
            raise InvalidRequest("Use 'source' as Python version for an sdist.")
    elif not upload.pyversion or upload.pyversion == "source":
        raise InvalidRequest("Python version is required for binary distribution uploads.")


def check_form_against_archive(upload: Upload) -> None:
    """The form can say anything; the archive is what gets installed."""
    if normalize(upload.metadata.name) != upload.project:
        raise InvalidRequest(
            f"The form names project {printable(upload.display_name)!r}, but the file's metadata "
            f"{printable(upload.metadata.name)!r}."
        )
    if not same_version(upload.metadata.version, upload.version):
        raise InvalidRequest(
            f"The form names version {printable(upload.version)!r}, but the file's metadata "
            f"{printable(upload.metadata.version)!r}."
        )


def check_filename(upload: Upload) -> None:
    """The file's name must say project and version: installers believe it."""
    if upload.filetype == "sdist":
        _check_sdist_filename(upload)
    else:
        _check_wheel_filename(upload)


def _check_sdist_filename(upload: Upload) -> None:
    filename = upload.file.filename
    extension = ".zip" if filename.endswith(".zip") else ".tar.gz"
    right = f"{upload.project.replace('-', '_')}-{_version(upload)}{extension}"
    if filename != right:
        raise InvalidRequest(f"Filename {printable(filename)!r} is invalid, should be {right!r}.")


def _check_wheel_filename(upload: Upload) -> None:
    filename = upload.file.filename
    parts = filename.removesuffix(".whl").split("-")
    if not 5 <= len(parts) <= 7 or not _is_wheel_tail(parts[2:]):
        raise InvalidRequest(
            f"{printable(filename)!r} is not a wheel's name: name-version(-build)-python-abi-platform.whl is needed"
        )
    if not is_project_name(parts[0]) or normalize(parts[0]) != upload.project:
        raise InvalidRequest(
            f"Start filename for {upload.display_name!r} with {upload.project.replace('-', '_')!r}, "
            f"unlike {printable(filename)!r}."
        )
    # Dashes in versions are written as underscores in file names.
    if not same_version(parts[1].replace("_", "-"), upload.version):
        raise InvalidRequest(f"Version in filename should be {str(_version(upload))!r} not {printable(parts[1])!r}.")


def _is_wheel_tail(tail: Sequence[str]) -> bool:
    """Tags, a build number before them, a variant label (PEP 825) behind them."""
    if len(tail) > 3 and _WHEEL_BUILD.match(tail[0]):
        tail = tail[1:]
    if len(tail) == 4 and _VARIANT_LABEL.match(tail[3]):
        tail = tail[:3]
    return len(tail) == 3 and all(_WHEEL_TAG.match(tag) for tag in tail)


def _version(upload: Upload) -> Version:
    try:
        return Version(upload.version)
    except (InvalidVersion, ValueError):
        raise InvalidRequest(
            f"{printable(upload.version)!r} is an invalid value for Version. Error: not valid by PEP 440"
        ) from None


def check_requires_python(upload: Upload) -> None:
    specifier = upload.metadata.requires_python
    if specifier and not _parses(SpecifierSet, specifier, _MAX_SPECIFIER):
        raise InvalidRequest(
            f"{printable(specifier)!r} is an invalid value for Requires-Python. Error: not a version specifier by PEP 440"
        )


def check_requires_dist(upload: Upload) -> None:
    """A requirement that cannot be read breaks the release for every installer. Direct references are allowed."""
    for requirement in upload.metadata.requires_dist:
        if not _parses(Requirement, requirement, _MAX_REQUIREMENT):
            raise InvalidRequest(
                f"{printable(requirement)!r} is an invalid value for Requires-Dist. Error: not a requirement by PEP 508"
            )


def _parses(parser: Callable[[str], object], text: str, limit: int) -> bool:
    if len(text) > limit:
        return False
    try:
        parser(text)
    except (ValueError, RecursionError):  # the second for markers with hundreds of brackets
        return False
    return True


CHECKS: tuple[Check, ...] = (
    check_filetype,
    check_pyversion,
    check_digests,
    check_form_against_archive,
    check_filename,
    check_requires_python,
    check_requires_dist,
)


def check(upload: Upload) -> None:
    """Run all checks in order. Raises InvalidRequest with the first one's reason."""
    for passes in CHECKS:
        passes(upload)
