"""What the archive checks accept means the same to other readers; and the lenient reader of a proxy (T10)."""

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repositories.domain.errors import InvalidRequest
from repositories.domain.names import normalize
from repositories.protocol import archive_rules, tar_structure, zip_structure
from repositories.protocol.archives import read_metadata, wheel_metadata
from tests.protocol.distributions import (
    FOLDER,
    METADATA,
    member,
    right_sdist,
    right_wheel,
    streamed_zip_bytes,
    tar_bytes,
    zip_bytes,
)

PROJECT = normalize("demo-pkg")
WHEEL = "demo_pkg-1.0-py3-none-any.whl"
SDIST = "demo_pkg-1.0.tar.gz"


# What is accepted means the same to other readers


def streamed_names(data: bytes) -> dict[str, bytes]:
    """A reader of streams: local headers only, one after the other."""
    found, position = {}, 0
    while data[position : position + 4] == b"PK\x03\x04":
        flags, method = struct.unpack_from("<2H", data, position + 6)
        packed, size, name_length, extra_length = struct.unpack_from("<2L2H", data, position + 18)
        name = data[position + 30 : position + 30 + name_length].decode()
        position += 30 + name_length + extra_length
        if method == 8:
            inflater = zlib.decompressobj(-15)
            found[name] = inflater.decompress(data[position:])
            packed = len(data) - position - len(inflater.unused_data)
        else:
            found[name] = data[position : position + size]
        position += packed
        if flags & 8:
            position += 16
    return found


NAMES = st.lists(st.text("abc/.é\\", min_size=1, max_size=5), min_size=1, max_size=4, unique=True)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=NAMES,
    contents=st.lists(st.binary(max_size=40), min_size=4, max_size=4),
    streamed=st.booleans(),
    damage=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=3),
)
def test_accepted_zip_has_the_same_members_for_directory_and_stream_readers(names, contents, streamed, damage):
    files = dict(zip(names, contents, strict=False))
    data = bytearray(streamed_zip_bytes(files) if streamed else zip_bytes(files))
    for position, value in damage:
        data[position % len(data)] = value
    file = io.BytesIO(bytes(data))
    try:
        members = zip_structure.read_members(file, len(data), archive_rules.LIMITS)
        own = {m.name: b"".join(zip_structure.unpack(file, m)) for m in members}
    except archive_rules.BadArchive:
        return
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        assert {info.filename: archive.read(info) for info in archive.infolist()} == own
    assert streamed_names(bytes(data)) == own


@settings(max_examples=150, deadline=None)
@given(
    names=st.lists(st.text("abc/.é", min_size=1, max_size=120), min_size=1, max_size=4, unique=True),
    contents=st.lists(st.binary(max_size=600), min_size=4, max_size=4),
    format=st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
    damage=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=2),
)
def test_accepted_tar_has_the_same_members_for_the_standard_library(names, contents, format, damage):
    raw = bytearray(tar_bytes(*(member(n, c) for n, c in zip(names, contents, strict=False)), format=format))
    for position, value in damage:
        raw[position % len(raw)] = value
    packed = gzip.compress(bytes(raw))
    try:
        paths, own = tar_structure.scan(io.BytesIO(packed), len(packed), archive_rules.LIMITS, lambda path: True)
    except archive_rules.BadArchive:
        return
    with tarfile.open(fileobj=io.BytesIO(bytes(raw))) as archive:
        theirs = {info.name: archive.extractfile(info).read() for info in archive if info.isreg()}
    assert theirs == own
    assert paths.files == set(own)


# The lenient reader


def test_lenient_reader_gives_metadata_of_a_wheel_that_uploads_would_refuse(tmp_path):
    path = tmp_path / "blob"
    path.write_bytes(zip_bytes({"hidden.py": b"", f"{FOLDER}/METADATA": METADATA}, zipfile.ZIP_LZMA))
    assert wheel_metadata(path) == METADATA


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        right_wheel()[:-30],
        zip_bytes({"a.py": b""}),
        zip_bytes({"a-1.dist-info/METADATA": b"a", "b-1.dist-info/METADATA": b"b"}),
        zip_bytes({"a-1.dist-info/METADATA": bytes(3 * 1024**2)}),
        right_wheel().replace(b"\x08\x00", b"\x63\x00"),
    ],
)
def test_lenient_reader_gives_none_for_what_it_cannot_read(tmp_path, data):
    path = tmp_path / "blob"
    path.write_bytes(data)
    assert wheel_metadata(path) is None


def test_lenient_reader_gives_none_for_a_missing_file(tmp_path):
    assert wheel_metadata(tmp_path / "nothing") is None


def outcome(path: Path, name: str) -> type:
    try:
        return type(read_metadata(path, name, PROJECT, "1.0"))
    except InvalidRequest as refusal:
        return type(refusal)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=6))
def test_readers_never_raise_anything_undocumented(tmp_path, damage):
    for name, right in ((WHEEL, right_wheel()), (SDIST, right_sdist())):
        data = bytearray(right)
        for position, value in damage:
            data[position % len(data)] = value
        path = tmp_path / "blob"
        path.write_bytes(bytes(data))
        assert isinstance(wheel_metadata(path), bytes | None)
        assert outcome(path, name) in (bytes, InvalidRequest)
