"""Uploads: what a client hands in, and the ordered list of small pure checks it must pass."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from repositories.domain.names import NormalizedName


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

    ``fields`` maps each form field to its values; unknown fields are kept and ignored. ``by`` is the user's id and name.
    """

    project: NormalizedName
    display_name: str
    version: str
    filetype: str
    pyversion: str
    file: ReceivedFile
    metadata: CoreMetadata
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    attestations: str = ""
    uploader_id: int | None = None
    uploader: str = ""


Check = Callable[[Upload], None]
