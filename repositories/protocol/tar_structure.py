"""Gzipped tar files read strictly and as a stream, in one pass with bounded memory.

Only regular files and directories are allowed. Long names may come by PAX or GNU headers; anything that lets two readers
see different members (sparse files, sizes told twice, data after the end) is refused.
"""

import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from repositories.domain.names import printable
from repositories.protocol.archive_rules import BadArchive, Budget, Limits, Paths

_BLOCK = 512
_ZEROS = bytes(_BLOCK)
_CHUNK = 64 * 1024
_MAX_HEADER = 64 * 1024  # of a PAX or GNU header's data
_HEADER = struct.Struct("100s8s8s8s12s12s8sc100s6s2s32s32s8s8s155s12s")
_POSIX = b"ustar\x00"
_OCTAL = re.compile(rb"[0-7]*\Z")
_DECIMAL = re.compile(rb"[0-9]{1,18}\Z")
_KEYWORD = re.compile(r"[\x21-\x7e]+\Z")
# Extended headers that would change where members are or what they are called. One build tool writes "size" for every member.
_STRUCTURAL = ("path", "linkpath", "size", "hdrcharset")


class _Stream:
    """The unpacked bytes of a gzip file, counted against a budget."""

    def __init__(self, file: BinaryIO, budget: Budget) -> None:
        self._file = file
        self._budget = budget
        self._inflater = zlib.decompressobj(31)
        self._packed = b""
        self._ready = b""
        self._position = 0

    def _fill(self) -> bool:
        while not self._inflater.eof:
            packed = self._packed or self._file.read(_CHUNK)
            if not packed:
                raise BadArchive("It is cut off")
            try:
                self._ready = self._inflater.decompress(packed, 4 * _CHUNK)
            except zlib.error:
                raise BadArchive("It is not a gzip file, or is damaged") from None
            self._packed = self._inflater.unconsumed_tail
            self._position = 0
            self._budget.spend(len(self._ready))
            if self._ready:
                return True
        return False

    def read(self, size: int) -> bytes:
        """Exactly ``size`` bytes, or fewer at the end of the stream."""
        parts: list[bytes] = []
        while size:
            if self._position == len(self._ready) and not self._fill():
                break
            part = self._ready[self._position : self._position + size]
            self._position += len(part)
            size -= len(part)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def skip(self, size: int) -> None:
        """Raises BadArchive when the stream ends before."""
        while size:
            if self._position == len(self._ready) and not self._fill():
                raise BadArchive("It is cut off")
            step = min(size, len(self._ready) - self._position)
            self._position += step
            size -= step

    def check_only_zeros_left(self) -> None:
        while self._position < len(self._ready) or self._fill():
            if self._ready[self._position :].strip(b"\x00"):
                raise BadArchive("Data follows the end of the tar archive")
            self._position = len(self._ready)
        if self._inflater.unused_data or self._file.read(1):
            raise BadArchive("Data follows its end")


@dataclass(slots=True)
class _Announced:
    """What headers before a member say about it: a long name, and its size once more."""

    path: bytes | None = None
    size: int | None = None

    def add(self, path: bytes | None, size: int | None) -> None:
        if (path is not None and self.path is not None) or (size is not None and self.size is not None):
            raise BadArchive("A member has two extended headers")
        self.path = self.path if path is None else path
        self.size = self.size if size is None else size

    def path_of(self, name: bytes, size: int) -> str:
        """The path of the member that follows, whose own header says ``name`` and ``size``."""
        if self.size not in (None, size):
            # Readers that believe the one or the other find different members behind this one.
            raise BadArchive("A member's extended header gives another size than its own header")
        try:
            return (name if self.path is None else self.path).decode("utf-8")
        except UnicodeDecodeError:
            raise BadArchive("A member's name is not UTF-8") from None


def scan(file: BinaryIO, length: int, limits: Limits, wanted: Callable[[str], bool]) -> tuple[Paths, dict[str, bytes]]:
    """Walk the archive once: its paths, and the contents of members that are ``wanted``.

    ``length`` is the packed size. Raises BadArchive.
    """
    stream = _Stream(file, Budget(limits, length))
    paths = Paths(limits)
    contents: dict[str, bytes] = {}
    announced = _Announced()
    while (block := stream.read(_BLOCK)) != _ZEROS:
        name, size, kind = _parse_header(block)
        padded = -(-size // _BLOCK) * _BLOCK
        if kind in b"xgL":
            paths.count()
            data = _header_data(stream, size, padded)
            announced.add(*((data.removesuffix(b"\x00"), None) if kind == b"L" else _pax_fields(data, kind == b"g")))
            continue
        path, announced = announced.path_of(name, size), _Announced()
        folder = _is_folder(kind, path, size)
        paths.add(path, folder=folder)
        if folder or not wanted(path):
            stream.skip(padded)
            continue
        if size > limits.metadata:
            raise BadArchive(f"{printable(path)!r} is larger than {limits.metadata // 1024**2} MiB")
        contents[path] = stream.read(size)
        stream.skip(padded - size)
    if announced != _Announced():
        raise BadArchive("It ends where a member should follow")
    stream.check_only_zeros_left()
    return paths, contents


def _parse_header(block: bytes) -> tuple[bytes, int, bytes]:
    """Name, size and type of the member whose header ``block`` is."""
    if len(block) != _BLOCK:
        raise BadArchive("It is cut off")
    fields = _HEADER.unpack(block)
    raw_name, size, checksum, kind, magic, prefix = fields[0], fields[4], fields[6], fields[7], fields[9], fields[15]
    if _number(checksum) != sum(block) - sum(checksum) + 8 * 0x20:
        raise BadArchive("It is not a tar archive, or a member's header is damaged")
    name = raw_name.partition(b"\x00")[0]
    prefix = prefix.partition(b"\x00")[0]
    if prefix:
        if magic != _POSIX:
            raise BadArchive("A member's header mixes two formats")
        name = prefix + b"/" + name
    return name, _number(size), kind


def _number(field: bytes) -> int:
    if field[0] == 0x80:  # GNU: binary, for large files
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \x00")
    if not _OCTAL.match(digits):
        raise BadArchive("A member's header is damaged")
    return int(digits or b"0", 8)


def _is_folder(kind: bytes, path: str, size: int) -> bool:
    folder = kind == b"5" or (kind == b"\x00" and path.endswith("/"))
    if folder:
        if size:
            raise BadArchive(f"{printable(path)!r} is a directory with contents")
        return True
    if kind in (b"1", b"2"):
        raise BadArchive(f"{printable(path)!r} is a link; put the file itself into the archive")
    if kind not in (b"0", b"\x00"):
        raise BadArchive(f"{printable(path)!r} is neither a regular file nor a directory")
    return False


def _header_data(stream: _Stream, size: int, padded: int) -> bytes:
    if size > _MAX_HEADER:
        raise BadArchive("A member's extended header is too large")
    data = stream.read(size)
    stream.skip(padded - size)
    return data


def _pax_fields(data: bytes, is_global: bool) -> tuple[bytes | None, int | None]:
    """Path and size in a PAX header's records, None where it gives none."""
    found: dict[str, bytes] = {}
    while data:
        digits, space, _ = data[:8].partition(b" ")
        if not space or not digits.isdigit() or not len(digits) + 2 < int(digits) <= len(data):
            raise BadArchive("A member's extended header is damaged")
        record, data = data[: int(digits)], data[int(digits) :]
        keyword, equals, value = record[len(digits) + 1 :].partition(b"=")
        if not equals or not value.endswith(b"\n"):
            raise BadArchive("A member's extended header is damaged")
        name = keyword.decode("utf-8", "replace")
        if not _KEYWORD.match(name) or name.startswith("GNU.sparse."):
            raise BadArchive("A member is sparse, or its extended header is damaged")
        if name in _STRUCTURAL:
            if is_global or name not in ("path", "size") or name in found:
                raise BadArchive(f"A member's extended header sets {name!r}, which is not allowed there")
            found[name] = value[:-1]
    size = found.get("size")
    if size is not None and not _DECIMAL.match(size):
        raise BadArchive("A member's extended header is damaged")
    return found.get("path"), int(size) if size is not None else None
