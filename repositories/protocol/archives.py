"""Wheels and sdists: is the archive sound, and what does its METADATA or PKG-INFO say.

Uploads are checked strictly (`read_metadata`); files of an upstream only give their metadata if they can
(`wheel_metadata`), for a proxy passes on what its upstream has.
"""

import csv
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from repositories.domain.errors import InvalidRequest
from repositories.domain.names import NormalizedName, normalize, parse_filename, printable, same_version
from repositories.protocol import tar_structure, zip_structure
from repositories.protocol.archive_rules import LIMITS, BadArchive, Limits

_UNLISTED = ("RECORD", "RECORD.jws", "RECORD.p7s")  # files a RECORD does not list itself
_MAX_LENIENT_DIRECTORY = 32 * 1024**2


def read_metadata(path: Path, filename: str, project: NormalizedName, version: str, limits: Limits = LIMITS) -> bytes:
    """METADATA of a wheel, or PKG-INFO of an sdist (.tar.gz, .zip), after the whole archive has been checked.

    ``filename`` is the file's name in the index (``path`` may be called anything). Reads the file once, unpacks nothing to disk
    and keeps little in memory; takes seconds for gigabytes, so call it in a thread.
    Raises InvalidRequest "Invalid distribution file. <why>".
    """
    try:
        with path.open("rb") as file:
            length = file.seek(0, io.SEEK_END)
            file.seek(0)
            if filename.endswith(".whl"):
                return _wheel(file, length, project, version, limits)
            if filename.endswith(".tar.gz"):
                return _tar_sdist(file, length, project, version, limits)
            if filename.endswith(".zip"):
                return _zip_sdist(file, length, project, version, limits)
    except BadArchive as error:
        raise InvalidRequest(f"Invalid distribution file. {error}") from None
    raise InvalidRequest("Invalid distribution file. Only wheels (.whl) and sdists (.tar.gz, .zip) are accepted")


def wheel_metadata(path: Path) -> bytes | None:
    """METADATA of a wheel that an upstream offers; None when it cannot be read or is not the only one."""
    try:
        with path.open("rb") as file:
            if _directory_size(file) > _MAX_LENIENT_DIRECTORY:
                return None
            with zipfile.ZipFile(file) as archive:
                found = [info for info in archive.infolist() if _is_metadata(info.filename)]
                if len(found) != 1 or found[0].file_size > LIMITS.metadata:
                    return None
                with archive.open(found[0]) as member:
                    raw = member.read(LIMITS.metadata + 1)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError):
        return None
    except (NotImplementedError, RuntimeError, ValueError, UnicodeError, OverflowError):
        return None  # an unknown method, encryption, offsets that cannot be
    return raw if 0 < len(raw) <= LIMITS.metadata else None


def _wheel(file: BinaryIO, length: int, project: NormalizedName, version: str, limits: Limits) -> bytes:
    members = _zip_members(file, length, limits)
    folders = {m.name.partition("/")[0] for m in members if m.name.partition("/")[0].endswith(".dist-info")}
    if len(folders) != 1:
        raise BadArchive(f"A wheel has exactly one .dist-info directory at the top, not {len(folders)}")
    folder = folders.pop()
    name, _, found = folder.removesuffix(".dist-info").partition("-")
    if normalize(name) != project or not same_version(found.replace("_", "-"), version):
        raise BadArchive(f"Its {printable(folder)!r} does not belong to {project} {printable(version)}")
    wanted = {
        f"{folder}/METADATA": limits.metadata,
        f"{folder}/RECORD": limits.record,
        f"{folder}/WHEEL": limits.metadata,
    }
    contents = _unpack_all(file, members, wanted)
    for path in wanted:
        if not contents.get(path):
            raise BadArchive(f"It has no {printable(path)!r}")
    _check_record(folder, contents[f"{folder}/RECORD"], {m.name for m in members if not m.is_folder})
    return contents[f"{folder}/METADATA"]


def _zip_sdist(file: BinaryIO, length: int, project: NormalizedName, version: str, limits: Limits) -> bytes:
    members = _zip_members(file, length, limits)
    if any("/" not in member.name for member in members):
        raise BadArchive("Files lie outside of the top directory")
    top = _top_folder({member.name.partition("/")[0] for member in members}, project, version)
    raw = _unpack_all(file, members, {f"{top}/PKG-INFO": limits.metadata}).get(f"{top}/PKG-INFO")
    return _present(raw, top)


def _tar_sdist(file: BinaryIO, length: int, project: NormalizedName, version: str, limits: Limits) -> bytes:
    if zip_structure.ends_as_zip(file, length):
        raise BadArchive("It is a ZIP file and a gzip file at once")
    file.seek(0)
    paths, contents = tar_structure.scan(
        file, length, limits, lambda path: path.endswith("/PKG-INFO") and path.count("/") == 1
    )
    top = _top_folder(paths.top_folders(), project, version)
    return _present(contents.get(f"{top}/PKG-INFO"), top)


def _zip_members(file: BinaryIO, length: int, limits: Limits) -> list[zip_structure.Member]:
    try:
        tarfile.TarInfo.frombuf(file.read(512), "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        pass
    else:
        raise BadArchive("It is a ZIP file and a tar archive at once")
    file.seek(0)
    return zip_structure.read_members(file, length, limits)


def _unpack_all(file: BinaryIO, members: Iterable[zip_structure.Member], wanted: dict[str, int]) -> dict[str, bytes]:
    """Unpack every member to check it; keep those wanted (by path, with the largest size allowed)."""
    kept: dict[str, bytes] = {}
    for member in members:
        limit = wanted.get(member.name)
        if limit is None:
            for _ in zip_structure.unpack(file, member):
                pass
        elif member.size > limit:
            raise BadArchive(f"{printable(member.name)!r} is larger than {limit // 1024**2} MiB")
        else:
            kept[member.name] = b"".join(zip_structure.unpack(file, member))
    return kept


def _check_record(folder: str, record: bytes, files: set[str]) -> None:
    """RECORD must list the files there are: an installer and a reader of RECORD must see the same wheel."""
    try:
        rows = csv.reader(io.StringIO(record.decode("utf-8"), newline=""))
        listed = {row[0] for row in rows if row}
    except (UnicodeDecodeError, csv.Error):
        raise BadArchive("Its RECORD is not a table in UTF-8") from None
    unlisted = {f"{folder}/{name}" for name in _UNLISTED}
    if missing := files - listed - unlisted:
        raise BadArchive(f"Its RECORD does not list {printable(min(missing))!r}")
    if absent := listed - files - unlisted:
        raise BadArchive(f"Its RECORD lists {printable(min(absent))!r}, which is not there")


def _top_folder(folders: set[str], project: NormalizedName, version: str) -> str:
    if len(folders) != 1:
        raise BadArchive(f"An sdist has exactly one directory at the top, not {len(folders)}")
    top = folders.pop()
    parsed = parse_filename(f"{top}.tar.gz", project)
    if parsed.version == "" or not same_version(parsed.version, version):
        raise BadArchive(f"Its top directory {printable(top)!r} does not belong to {project} {printable(version)}")
    return top


def _present(raw: bytes | None, top: str) -> bytes:
    if not raw:
        raise BadArchive(f"It has no '{printable(top)}/PKG-INFO'; build it with a current build tool")
    return raw


def _is_metadata(path: str) -> bool:
    folder, _, name = path.partition("/")
    return name == "METADATA" and folder.endswith(".dist-info")


def _directory_size(file: BinaryIO) -> int:
    """Size in bytes of a ZIP's directory, which the library reads as a whole; 0 when there seems to be none."""
    length = file.seek(0, io.SEEK_END)
    file.seek(max(0, length - 22 - 0xFFFF))
    tail = file.read()
    file.seek(0)
    found = tail.rfind(b"PK\x05\x06")
    return int.from_bytes(tail[found + 12 : found + 16], "little") if found >= 0 else 0
