"""ZIP files read strictly: whatever is accepted means the same to every reader.

A ZIP tells its contents twice, in a directory at the end and in a header before each member. Readers that trust the one
and readers that trust the other can be shown different files (CVE-2025-54368). So here both must agree, and members must
follow each other without a gap from the first byte to the directory.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from repositories.domain.names import printable
from repositories.protocol.archive_rules import BadArchive, Budget, Limits, Paths

_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4s4B4HL2L5H2L")
_LOCAL = struct.Struct("<4s2B4HL2L2H")
_MAX_COMMENT = 0xFFFF
_U16, _U32 = 0xFFFF, 0xFFFFFFFF
_STORED, _DEFLATED = 0, 8
_DESCRIPTOR, _UTF8 = 0x8, 0x800
_KNOWN_FLAGS = 0x6 | _DESCRIPTOR | _UTF8  # 0x6: how hard the packer tried
_ZIP64, _UNICODE_PATH = 0x0001, 0x7075
_SPECIAL_MODES = frozenset({0x1000, 0x2000, 0x6000, 0xA000, 0xC000})  # pipe, devices, link, socket
_CHUNK = 256 * 1024


@dataclass(slots=True)
class Member:
    """One file or folder (``name`` ends with "/"). ``packed`` and ``size`` in bytes, ``start`` where its data begins."""

    name: str
    raw_name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    header: int
    start: int = 0

    @property
    def is_folder(self) -> bool:
        return self.name.endswith("/")


def read_members(file: BinaryIO, length: int, limits: Limits) -> list[Member]:
    """The members, after every rule on structure, paths and sizes has been checked; nothing is unpacked yet.

    Raises BadArchive.
    """
    if file.read(4) != b"PK\x03\x04":
        raise BadArchive("It is not a ZIP file, or something comes before the first member")
    start, size, count = _find_directory(file, length)
    if count > limits.members:
        raise BadArchive(f"It has more than {limits.members} members")
    if size > count * (_CENTRAL.size + 3 * limits.path):
        raise BadArchive("Its directory is too large")
    members = _read_directory(_read(file, start, size), count)
    paths = Paths(limits)
    budget = Budget(limits, length)
    for member in members:
        paths.add(member.name, folder=member.is_folder)
        budget.spend(member.size)
    position = 0
    ordered = sorted(members, key=lambda member: member.header)
    for member, following in zip(ordered, [*(m.header for m in ordered[1:]), start], strict=True):
        if member.header != position:
            raise BadArchive("Members overlap, or data lies between them")
        _check_local(file, member, following)
        position = following
    return members


def ends_as_zip(file: BinaryIO, length: int) -> bool:
    """Whether a reader that begins at the end would take the file for a ZIP."""
    try:
        _find_directory(file, length)
    except BadArchive:
        return False
    return True


def unpack(file: BinaryIO, member: Member) -> Iterator[bytes]:
    """The member's bytes in pieces. Raises BadArchive when size, checksum or packing are not as declared."""
    file.seek(member.start)
    inflater = zlib.decompressobj(-15) if member.method == _DEFLATED else None
    left, size, crc = member.packed, 0, 0
    while left:
        packed = file.read(min(left, _CHUNK))
        if not packed:
            raise BadArchive("It is cut off")
        left -= len(packed)
        for piece in _inflate(inflater, packed) if inflater else (packed,):
            size += len(piece)
            if size > member.size:
                break
            crc = zlib.crc32(piece, crc)
            yield piece
        if size > member.size:
            break
    ended = inflater is None or (inflater.eof and not inflater.unused_data)
    if size != member.size or crc != member.crc or not ended:
        raise BadArchive(f"{printable(member.name)!r} is damaged: its data is not what its header says")


def _inflate(inflater: "zlib._Decompress", packed: bytes) -> Iterator[bytes]:
    try:
        while packed and not inflater.eof:
            yield inflater.decompress(packed, 4 * _CHUNK)
            packed = inflater.unconsumed_tail
    except zlib.error:
        raise BadArchive("Its compressed data is damaged") from None
    if packed:
        raise BadArchive("Data follows the end of a compressed member")


def _read(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    data = file.read(size)
    if len(data) != size:
        raise BadArchive("It is cut off")
    return data


def _find_directory(file: BinaryIO, length: int) -> tuple[int, int, int]:
    """Start, size and count of entries of the directory."""
    tail_start = max(0, length - _END.size - _MAX_COMMENT)
    tail = _read(file, tail_start, length - tail_start)
    found = tail.rfind(b"PK\x05\x06")
    if found < 0 or len(tail) - found < _END.size:
        raise BadArchive("It is cut off, or not a ZIP file")
    _, disk, first_disk, here, count, size, start, comment = _END.unpack_from(tail, found)
    if found + _END.size + comment != len(tail):
        raise BadArchive("Data follows its end")
    end = tail_start + found
    if end >= _END64_LOCATOR.size:
        locator = _read(file, end - _END64_LOCATOR.size, _END64_LOCATOR.size)
        if locator[:4] == b"PK\x06\x07":
            return _find_directory64(file, end - _END64_LOCATOR.size, locator, (count, size, start))
    if (disk, first_disk) != (0, 0) or here != count:
        raise BadArchive("It is one part of a ZIP file split in several")
    if count == _U16 or _U32 in (size, start) or start + size != end:
        raise BadArchive("Its directory is not where its end says")
    return start, size, count


def _find_directory64(file: BinaryIO, end: int, locator: bytes, short: tuple[int, int, int]) -> tuple[int, int, int]:
    _, disk, position, disks = _END64_LOCATOR.unpack(locator)
    if disk != 0 or disks != 1 or position != end - _END64.size:
        raise BadArchive("Its ZIP64 end record is not where it should be")
    signature, record, _, _, disk, first, here, count, size, start = _END64.unpack(_read(file, position, _END64.size))
    if signature != b"PK\x06\x06" or record != _END64.size - 12 or (disk, first) != (0, 0) or here != count:
        raise BadArchive("Its ZIP64 end record is wrong")
    for value, old, full in zip((count, size, start), short, (_U16, _U32, _U32), strict=True):
        if old not in (value, full):
            raise BadArchive("Its two end records disagree")
    if start + size != position:
        raise BadArchive("Its directory is not where its end says")
    return start, size, count


def _read_directory(data: bytes, count: int) -> list[Member]:
    members: list[Member] = []
    position = 0
    while position < len(data):
        if len(data) - position < _CENTRAL.size or len(members) == count:
            raise BadArchive("Its directory is not as long as its end says")
        entry = _CENTRAL.unpack_from(data, position)
        signature, _, system, _, _, flags, method, _, _, crc, packed, size = entry[:12]
        name_length, extra_length, comment_length, disk, _, attributes, header = entry[12:]
        position += _CENTRAL.size
        raw_name = data[position : position + name_length]
        extra = data[position + name_length : position + name_length + extra_length]
        position += name_length + extra_length + comment_length
        if signature != b"PK\x01\x02" or position > len(data):
            raise BadArchive("Its directory is damaged")
        if disk != 0:
            raise BadArchive("It is one part of a ZIP file split in several")
        size, packed, header = _zip64(extra, [size, packed, header])
        if system == 3 and (attributes >> 16) & 0xF000 in _SPECIAL_MODES:
            raise BadArchive(f"{printable(_decode(raw_name, flags))!r} is a link or device")
        member = Member(_decode(raw_name, flags), raw_name, flags, method, crc, packed, size, header)
        _check_member(member)
        members.append(member)
    if len(members) != count:
        raise BadArchive("Its directory is not as long as its end says")
    return members


def _check_member(member: Member) -> None:
    name = printable(member.name)
    if member.flags & ~_KNOWN_FLAGS:
        raise BadArchive(f"{name!r} is encrypted or uses an unknown feature")
    if member.method not in (_STORED, _DEFLATED):
        raise BadArchive(
            f"{name!r} is compressed by method {member.method}; only stored and deflated members are allowed"
        )
    if member.method == _STORED and member.packed != member.size:
        raise BadArchive(f"{name!r} is stored, but has two different sizes")
    if member.method == _STORED and member.flags & _DESCRIPTOR and member.size:
        raise BadArchive(
            f"{name!r} is stored and gives its size only afterwards, which readers of streams cannot follow"
        )
    if member.is_folder and member.size:
        raise BadArchive(f"{name!r} is a directory with contents")


def _decode(raw_name: bytes, flags: int) -> str:
    try:
        return raw_name.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError:
        raise BadArchive("A member's name is not marked as UTF-8, or is not UTF-8") from None


def _extras(extra: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    position = 0
    while position < len(extra):
        if len(extra) - position < 4:
            raise BadArchive("A member's extra field is damaged")
        kind, length = struct.unpack_from("<2H", extra, position)
        value = extra[position + 4 : position + 4 + length]
        if len(value) != length or (kind in found and kind == _ZIP64):
            raise BadArchive("A member's extra field is damaged")
        found[kind] = value
        position += 4 + length
    if _UNICODE_PATH in found:
        raise BadArchive("A member has a second name in its extra field")
    return found


def _zip64(extra: bytes, values: list[int]) -> list[int]:
    """Replace each value that is full (all ones) by the next 64-bit number of the ZIP64 extra field."""
    numbers = _extras(extra).get(_ZIP64, b"")
    wanted = [index for index, value in enumerate(values) if value == _U32]
    if len(numbers) != 8 * len(wanted):
        raise BadArchive("A member's ZIP64 sizes do not fit its header")
    for index, number in zip(wanted, struct.unpack(f"<{len(wanted)}Q", numbers), strict=True):
        values[index] = number
    return values


def _check_local(file: BinaryIO, member: Member, following: int) -> None:
    """Compare the header before the data with the directory, and set where the data begins."""
    name = printable(member.name)
    header = _LOCAL.unpack(_read(file, member.header, _LOCAL.size))
    signature, _, _, flags, method, _, _, crc, packed, size, name_length, extra_length = header
    rest = _read(file, member.header + _LOCAL.size, name_length + extra_length)
    if signature != b"PK\x03\x04" or rest[:name_length] != member.raw_name:
        raise BadArchive(f"{name!r} has another name in its own header")
    if flags != member.flags or method != member.method:
        raise BadArchive(f"{name!r} is described differently in its own header")
    extra = rest[name_length:]
    wide = _ZIP64 in _extras(extra)
    size, packed = _zip64(extra, [size, packed])
    member.start = member.header + _LOCAL.size + name_length + extra_length
    end = member.start + member.packed
    described = (crc, packed, size)
    real = (member.crc, member.packed, member.size)
    if not member.flags & _DESCRIPTOR:
        if described != real or end != following:
            raise BadArchive(f"{name!r} has other sizes in its own header, or data follows it")
        return
    if any(value not in (0, truth) for value, truth in zip(described, real, strict=True)):
        raise BadArchive(f"{name!r} has other sizes in its own header")
    descriptor = _read(file, end, following - end) if 0 <= following - end <= 24 else b""
    plain = struct.pack("<L2Q" if wide else "<3L", *real)
    if descriptor not in (plain, b"PK\x07\x08" + plain):
        raise BadArchive(f"{name!r} is not followed by its sizes as it should be")
