"""The form of the legacy upload API, read as it arrives: fields into memory within limits, content straight into a sink.

Parts may come in any order; twine sends the content last, others first.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote_to_bytes

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from repositories.domain.errors import Gone, InvalidRequest, TooLarge
from repositories.domain.names import NormalizedName, is_project_name, normalize, printable, require_filename
from repositories.protocol.core_metadata import is_version

_CONTENT = "content"
_OLD_ACTIONS = frozenset({"submit", "submit_pkg_info", "doc_upload"})
# Fields that may come more than once; a second value of another known field is an error, unknown fields are ignored.
_SINGLE = frozenset(
    {
        ":action",
        "protocol_version",
        "metadata_version",
        "name",
        "version",
        "filetype",
        "pyversion",
        "md5_digest",
        "sha256_digest",
        "blake2_256_digest",
        "comment",
        "attestations",
        "summary",
        "description",
        "description_content_type",
        "keywords",
        "home_page",
        "download_url",
        "author",
        "author_email",
        "maintainer",
        "maintainer_email",
        "license",
        "license_expression",
        "requires_python",
    }
)
_SPELLINGS = {"import_names": "import_name", "import_namespaces": "import_namespace"}


class FileSink(Protocol):
    """Takes the content's bytes in order."""

    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FormLimits:
    """Sizes in bytes. ``content`` None leaves the limit to the sink."""

    field: int = 1024 * 1024
    fields_total: int = 4 * 1024 * 1024
    fields: int = 2_000
    discarded: int = 8 * 1024 * 1024
    content: int | None = None


FORM_LIMITS = FormLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedForm:
    """A whole form. ``filename`` and ``sink`` are None when there was no content part."""

    fields: Mapping[str, Sequence[str]]
    filename: str | None
    sink: FileSink | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadFields:
    """What a form says, checked for itself; the archive has the last word.

    ``fields`` has no empty and no "UNKNOWN" values and one spelling of each name. ``attestations`` is a JSON array or "".
    """

    project: NormalizedName
    display_name: str
    version: str
    filetype: str
    pyversion: str
    attestations: str
    filename: str
    sink: FileSink
    fields: Mapping[str, Sequence[str]]


class UploadForm:
    """Push parser: give it the body with `feed`, then ask for the form with `finish`.

    ``begin_file`` is called with the checked file name when the content part begins and gives the sink for its bytes.
    All methods raise InvalidRequest for a body that is not such a form, TooLarge above a limit, and what
    ``begin_file`` and the sink raise; nothing can be fed after an error.
    """

    def __init__(
        self, content_type: str, begin_file: Callable[[str], FileSink], limits: FormLimits = FORM_LIMITS
    ) -> None:
        self._begin_file = begin_file
        self._limits = limits
        self._fields: dict[str, list[str]] = {}
        self._field_count = 0
        self._field_bytes = 0
        self._discarded = 0
        self._content_bytes = 0
        self._ended = False
        self._failed = False
        self._filename: str | None = None
        self._sink: FileSink | None = None
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._name = ""
        self._value: bytearray | None = None  # of the field being read
        self._writing = False  # the content part is being read
        self._parser = self._make_parser(content_type)

    def feed(self, data: bytes) -> None:
        """Take the next piece of the body."""
        if self._failed:
            raise InvalidRequest("The upload has already been refused")
        self._failed = True
        try:
            self._parser.write(data)
        except FormParserError:
            raise InvalidRequest("The upload's body is not a well-formed multipart form") from None
        self._failed = False

    def finish(self) -> ReceivedForm:
        """The form after the last byte. Raises InvalidRequest when its end is missing."""
        if self._failed or not self._ended:
            raise InvalidRequest("The upload is cut off: the end of the form is missing")
        return ReceivedForm(fields=self._fields, filename=self._filename, sink=self._sink)

    def _make_parser(self, content_type: str) -> MultipartParser:
        try:
            kind, options = parse_options_header(content_type)
        except (UnicodeError, ValueError):
            kind, options = b"", {}
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not 0 < len(boundary) <= 200:
            raise InvalidRequest("An upload is a form of type multipart/form-data with a boundary; use an upload tool")
        return MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    def _on_part_begin(self) -> None:
        self._headers = {}
        self._value = None
        self._writing = False

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[bytes(self._header_name).lower()] = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _on_headers_finished(self) -> None:
        if self._headers.get(b"content-transfer-encoding", b"binary").strip().lower() not in (
            b"binary",
            b"8bit",
            b"7bit",
        ):
            raise InvalidRequest("A part of the upload has a Content-Transfer-Encoding, which forms do not use")
        header = self._headers.get(b"content-disposition", b"").decode("latin-1")
        kind, options = parse_options_header(header)
        if kind != b"form-data" or b"name" not in options:
            raise InvalidRequest("A part of the upload has no name")
        self._name = _decode(options[b"name"], "a part's name")
        filename = _filename(header, options)
        if filename is None:
            self._begin_field()
        elif self._name == _CONTENT:
            self._begin_content(filename)
        # Other files (gpg_signature) are read and forgotten.

    def _begin_field(self) -> None:
        if self._name == _CONTENT:
            raise InvalidRequest("Upload payload does not have a file.")
        self._field_count += 1
        if self._field_count > self._limits.fields:
            raise TooLarge(f"The upload has more than {self._limits.fields} fields")
        self._value = bytearray()

    def _begin_content(self, filename: str) -> None:
        if self._sink is not None:
            raise InvalidRequest("The upload has two files; send one file per upload")
        self._filename = require_filename(filename)
        self._sink = self._begin_file(self._filename)
        self._writing = True

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        size = end - start
        if self._writing:
            self._content_bytes += size
            if self._limits.content is not None and self._content_bytes > self._limits.content:
                raise TooLarge(f"File too large. The limit is {self._limits.content // 1024**2} MB.")
            assert self._sink is not None
            self._sink.write(data if size == len(data) else data[start:end])
        elif self._value is not None:
            self._field_bytes += size
            if len(self._value) + size > self._limits.field:
                raise TooLarge(f"Field {printable(self._name)!r} is larger than {self._limits.field // 1024} KiB")
            if self._field_bytes > self._limits.fields_total:
                raise TooLarge(f"The fields are larger than {self._limits.fields_total // 1024} KiB together")
            self._value += data[start:end]
        else:
            self._discarded += size
            if self._discarded > self._limits.discarded:
                raise TooLarge("The upload has other files than its content, and they are too large")

    def _on_part_end(self) -> None:
        if self._value is not None:
            value = _decode(bytes(self._value), f"field {printable(self._name)!r}")
            values = self._fields.setdefault(self._name, [])
            if values and self._name in _SINGLE:
                raise InvalidRequest(f"Field {self._name!r} is given twice")
            values.append(value)
        self._value = None
        self._writing = False

    def _on_end(self) -> None:
        self._ended = True


def _filename(header: str, options: Mapping[bytes, bytes]) -> str | None:
    if b"filename" in options:
        return _decode(options[b"filename"], "the file's name")
    # RFC 5987, which forms must not use (RFC 7578) and some tools use all the same.
    for part in header.split(";"):
        key, equals, value = part.strip().partition("=")
        if equals and key.strip().lower() == "filename*":
            charset, _, rest = value.strip().strip('"').partition("'")
            if charset.lower() not in ("utf-8", "us-ascii", "iso-8859-1"):
                raise InvalidRequest("The file's name has an unknown character set; send it as UTF-8")
            try:
                return unquote_to_bytes(rest.partition("'")[2]).decode(charset)
            except UnicodeError:
                raise InvalidRequest("The file's name is not in the character set it names") from None
    return None


def _decode(raw: bytes, what: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest(f"The upload has {what} that is not UTF-8") from None


def read_form(form: ReceivedForm) -> UploadFields:
    """The values of an upload. Raises InvalidRequest for a missing or wrong one, Gone for actions of old clients."""
    fields = _present_fields(form.fields)
    _check_action(_one(fields, ":action"))
    if _one(fields, "protocol_version") not in ("", "1"):
        raise InvalidRequest("Unknown protocol version.")
    name, version = _one(fields, "name"), _one(fields, "version")
    if not is_project_name(name):
        raise InvalidRequest(f"{printable(name)!r} is an invalid value for Name. Error: it must be a project name")
    if not is_version(version):
        raise InvalidRequest(f"{printable(version)!r} is an invalid value for Version. Error: not valid by PEP 440")
    filetype = _one(fields, "filetype")
    if not filetype:
        raise InvalidRequest("Field 'filetype' is missing; it is 'sdist' or 'bdist_wheel'")
    if form.filename is None or form.sink is None:
        raise InvalidRequest("Upload payload does not have a file.")
    return UploadFields(
        project=normalize(name),
        display_name=name,
        version=version,
        filetype=filetype,
        pyversion=_one(fields, "pyversion") or ("source" if filetype == "sdist" else ""),
        attestations=_attestations(_one(fields, "attestations")),
        filename=form.filename,
        sink=form.sink,
        fields=fields,
    )


def _present_fields(received: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for name, values in received.items():
        present = [value for value in values if value.strip() not in ("", "UNKNOWN")]
        if present:
            fields.setdefault(_SPELLINGS.get(name, name), []).extend(present)
    return fields


def _one(fields: Mapping[str, Sequence[str]], name: str) -> str:
    values = fields.get(name, ())
    return values[0].strip() if values else ""


def _check_action(action: str) -> None:
    if action in _OLD_ACTIONS:
        raise Gone(f"Action {action} is not offered any more. Upload the file itself with a current tool")
    if action != "file_upload":
        said = f"{printable(action)!r} is unknown" if action else "is missing"
        raise InvalidRequest(f"Field ':action' {said}; an upload sends 'file_upload'")


def _attestations(raw: str) -> str:
    if not raw:
        return ""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        value = None
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise InvalidRequest("Invalid attestations supplied during upload: not a JSON array of objects")
    return raw if value else ""
