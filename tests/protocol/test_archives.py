"""Wheels and sdists: every rule of the archive checks with a file that breaks it (T10, T11, T12 of the threat list)."""

import gzip
import io
import struct
import tarfile
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from repositories.domain.errors import InvalidRequest
from repositories.domain.names import normalize
from repositories.protocol.archives import read_metadata
from tests.protocol.distributions import (
    FOLDER,
    METADATA,
    member,
    right_sdist,
    right_wheel,
    sdist_members,
    streamed_zip_bytes,
    tar_bytes,
    wheel_files,
    zip_bytes,
)

PROJECT = normalize("demo-pkg")
WHEEL = "demo_pkg-1.0-py3-none-any.whl"
SDIST = "demo_pkg-1.0.tar.gz"


@pytest.fixture
def read(tmp_path: Path):
    def read(data: bytes, filename: str = WHEEL, version: str = "1.0", **kwargs) -> bytes:
        path = tmp_path / "blob"
        path.write_bytes(data)
        return read_metadata(path, filename, PROJECT, version, **kwargs)

    return read


def refusal(read, data: bytes, filename: str = WHEEL, **kwargs) -> str:
    with pytest.raises(InvalidRequest) as caught:
        read(data, filename, **kwargs)
    prefix = "Invalid distribution file. "
    assert caught.value.detail.startswith(prefix)
    return caught.value.detail.removeprefix(prefix)


# Right files


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_wheel_gives_its_exact_metadata(read, method):
    assert read(zip_bytes(wheel_files(), method)) == METADATA


def test_wheel_with_sizes_after_the_data_is_accepted(read):
    assert read(streamed_zip_bytes(wheel_files())) == METADATA


def test_wheel_with_zip64_member_headers_is_accepted(read):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in wheel_files().items():
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as out:
                out.write(data)
    assert read(buffer.getvalue()) == METADATA


def test_wheel_with_utf8_names_and_directories_is_accepted(read):
    files = wheel_files()
    files["demo_pkg/데이터.txt"] = b"x"
    record = f"{FOLDER}/RECORD"
    files[record] = files[record] + "demo_pkg/데이터.txt,,\n".encode()
    assert read(zip_bytes({"demo_pkg/": b"", **files})) == METADATA


def test_version_spelt_otherwise_in_the_folder_is_the_same_version(read):
    assert read(right_wheel(), version="1.0.0") == METADATA


@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_sdist_gives_its_exact_pkg_info(read, format):
    assert read(right_sdist(format), SDIST) == METADATA


@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_sdist_with_names_longer_than_a_header_is_accepted(read, format):
    long = member("demo_pkg-1.0/" + "d" * 120 + "/" + "f" * 120, b"x")
    assert read(gzip.compress(tar_bytes(*sdist_members(), long, format=format)), SDIST) == METADATA


def test_zip_sdist_gives_its_pkg_info(read):
    assert (
        read(zip_bytes({"demo_pkg-1.0/PKG-INFO": METADATA, "demo_pkg-1.0/a.py": b""}), "demo_pkg-1.0.zip") == METADATA
    )


# Contents of a wheel


@pytest.mark.parametrize("name", ["METADATA", "WHEEL", "RECORD"])
def test_wheel_without_a_needed_file_is_refused(read, name):
    files = wheel_files(**{name: None})
    if name != "RECORD":
        files[f"{FOLDER}/RECORD"] = b"".join(f"{path},,\n".encode() for path in files)
    assert refusal(read, zip_bytes(files)) == f"It has no '{FOLDER}/{name}'"


def test_wheel_with_two_dist_info_folders_is_refused(read):
    files = {**wheel_files(), "other-2.0.dist-info/METADATA": METADATA}
    assert refusal(read, zip_bytes(files)) == "A wheel has exactly one .dist-info directory at the top, not 2"


def test_wheel_without_dist_info_is_refused(read):
    assert refusal(read, zip_bytes({"a.py": b""})) == "A wheel has exactly one .dist-info directory at the top, not 0"


def test_wheel_of_another_version_is_refused(read):
    assert refusal(read, right_wheel(), version="2.0") == f"Its '{FOLDER}' does not belong to demo-pkg 2.0"


def test_wheel_with_a_file_that_record_does_not_list_is_refused(read):
    assert refusal(read, zip_bytes({**wheel_files(), "hidden.py": b""})) == "Its RECORD does not list 'hidden.py'"


def test_wheel_whose_record_lists_an_absent_file_is_refused(read):
    files = wheel_files()
    files[f"{FOLDER}/RECORD"] += b"gone.py,,\n"
    assert refusal(read, zip_bytes(files)) == "Its RECORD lists 'gone.py', which is not there"


def test_other_kinds_of_file_are_refused(read):
    reason = refusal(read, right_wheel(), "demo_pkg-1.0-py3.11.egg")
    assert reason == "Only wheels (.whl) and sdists (.tar.gz, .zip) are accepted"


# Structure of a ZIP


def test_t10_second_copy_of_a_member_is_refused(read):
    buffer = io.BytesIO(right_wheel())
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("demo_pkg/__init__.py", b"evil = 1\n")
    assert refusal(read, buffer.getvalue()) == "It has 'demo_pkg/__init__.py' twice"


def test_t10_other_name_in_the_local_header_is_refused(read):
    data = right_wheel().replace(b"demo_pkg/__init__.py", b"demo_pkg/__evil__.py", 1)
    assert refusal(read, data) == "'demo_pkg/__init__.py' has another name in its own header"


def test_t10_other_size_in_the_local_header_is_refused(read):
    data = bytearray(right_wheel())
    data[22] ^= 1
    assert refusal(read, bytes(data)) == "'demo_pkg/__init__.py' has other sizes in its own header, or data follows it"


@pytest.mark.parametrize("junk", [b"x", b"\x00" * 100, right_wheel()])
def test_t10_data_before_the_first_member_is_refused(read, junk):
    assert refusal(read, junk + right_wheel())


@pytest.mark.parametrize("junk", [b"x", b"\x00" * 100, b"x" * 70_000])
def test_t10_data_after_the_end_is_refused(read, junk):
    assert refusal(read, right_wheel() + junk) in ("Data follows its end", "It is cut off, or not a ZIP file")


def test_t10_second_end_record_is_refused(read):
    data = right_wheel()
    assert refusal(read, data + data[-22:]) == "Its directory is not where its end says"


def test_t10_member_hidden_between_members_is_refused(read):
    data = right_wheel()
    hidden = zip_bytes({"evil.py": b"x"})
    hidden = hidden[: hidden.index(b"PK\x01\x02")]
    start = data.index(b"PK\x01\x02")
    end = bytearray(data[-22:])
    end[16:20] = struct.pack("<L", start + len(hidden))
    shifted = data[:start] + hidden + data[start:-22] + bytes(end)
    assert refusal(read, shifted).endswith("or data follows it")


def test_t10_encrypted_member_is_refused(read):
    data = right_wheel()
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        position = data.index(signature) + at
        data = data[:position] + b"\x01" + data[position + 1 :]
    assert refusal(read, data) == "'demo_pkg/__init__.py' is encrypted or uses an unknown feature"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_t10_methods_other_than_stored_and_deflated_are_refused(read, method):
    assert "only stored and deflated members are allowed" in refusal(read, zip_bytes(wheel_files(), method))


def test_t10_symbolic_link_in_a_zip_is_refused(read):
    link = zipfile.ZipInfo("demo_pkg/link")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    buffer = io.BytesIO(right_wheel())
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    assert refusal(read, buffer.getvalue()) == "'demo_pkg/link' is a link or device"


@pytest.mark.parametrize("path", ["../evil", "/evil", "a/../evil", "a//b", "./a", "C:/evil", "a\\b", "a\nb"])
def test_t05_paths_that_could_leave_the_folder_are_refused(read, path):
    assert "is not a legal path in an archive" in refusal(read, zip_bytes({**wheel_files(), path: b"x"}))
    sdist = gzip.compress(tar_bytes(*sdist_members(), member(path, b"x")))
    assert "is not a legal path in an archive" in refusal(read, sdist, SDIST)


def test_t10_damaged_data_is_refused(read):
    data = bytearray(zip_bytes(wheel_files(), zipfile.ZIP_STORED))
    data[data.index(b"x = 1")] ^= 1
    assert refusal(read, bytes(data)) == "'demo_pkg/__init__.py' is damaged: its data is not what its header says"


def test_t10_file_that_is_zip_and_tar_at_once_is_refused(read):
    tar = bytearray(tar_bytes(member("PK\x03\x04")))
    assert refusal(read, bytes(tar[:1024]) + right_wheel()) == "It is a ZIP file and a tar archive at once"


def test_t10_file_that_is_zip_and_gzip_at_once_is_refused(read):
    inner = zip_bytes({"a": b""})
    packed = right_sdist()
    directory = len(packed) + inner.index(b"PK\x01\x02")
    inner = inner[:-6] + struct.pack("<L", directory) + inner[-2:]
    assert refusal(read, packed + inner, SDIST) == "It is a ZIP file and a gzip file at once"


@pytest.mark.parametrize("step", [1, 7])
def test_wheels_cut_off_anywhere_are_refused(read, step):
    data = right_wheel()
    for end in range(0, len(data), step * 13):
        refusal(read, data[:end])


# Structure of a tar


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (tarfile.SYMTYPE, "is a link; put the file itself into the archive"),
        (tarfile.LNKTYPE, "is a link; put the file itself into the archive"),
        (tarfile.CHRTYPE, "is neither a regular file nor a directory"),
        (tarfile.BLKTYPE, "is neither a regular file nor a directory"),
        (tarfile.FIFOTYPE, "is neither a regular file nor a directory"),
        (tarfile.CONTTYPE, "is neither a regular file nor a directory"),
        (tarfile.GNUTYPE_SPARSE, "is neither a regular file nor a directory"),
        (b"Z", "is neither a regular file nor a directory"),
    ],
)
def test_t12_members_that_are_no_files_are_refused(read, kind, reason):
    special = member("demo_pkg-1.0/x", kind=kind, linkname="/etc/passwd")
    assert refusal(read, gzip.compress(tar_bytes(*sdist_members(), special)), SDIST) == f"'demo_pkg-1.0/x' {reason}"


def test_t12_two_top_folders_are_refused(read):
    sdist = gzip.compress(tar_bytes(*sdist_members(), member("other/file", b"x")))
    assert refusal(read, sdist, SDIST) == "An sdist has exactly one directory at the top, not 2"


def test_t12_file_beside_the_top_folder_is_refused(read):
    sdist = gzip.compress(tar_bytes(*sdist_members(), member("setup.py", b"x")))
    assert refusal(read, sdist, SDIST) == "'setup.py' lies outside of the top directory"


def test_t12_member_given_twice_is_refused(read):
    sdist = gzip.compress(tar_bytes(*sdist_members(), member("demo_pkg-1.0/PKG-INFO", b"x")))
    assert refusal(read, sdist, SDIST) == "It has 'demo_pkg-1.0/PKG-INFO' twice"


def with_extended_header(**records: str) -> bytes:
    info, data = member("demo_pkg-1.0/x", b"x")
    info.pax_headers = records
    return gzip.compress(tar_bytes(*sdist_members(), (info, data)))


def test_size_repeated_in_an_extended_header_as_uv_writes_it_is_accepted(read):
    assert read(with_extended_header(size="1"), SDIST) == METADATA


@pytest.mark.parametrize("size", ["0", "600", "512"])
def test_t12_two_sizes_of_one_member_are_refused(read, size):
    reason = refusal(read, with_extended_header(size=size), SDIST)
    assert reason == "A member's extended header gives another size than its own header"


@pytest.mark.parametrize("size", ["-1", "x", "", "9" * 19, "1 "])
def test_t12_size_that_is_no_number_is_refused(read, size):
    assert refusal(read, with_extended_header(size=size), SDIST) == "A member's extended header is damaged"


@pytest.mark.parametrize("key", ["linkpath", "hdrcharset"])
def test_t12_other_structural_extended_headers_are_refused(read, key):
    reason = refusal(read, with_extended_header(**{key: "BINARY"}), SDIST)
    assert reason == f"A member's extended header sets {key!r}, which is not allowed there"


def test_t12_sparse_member_by_extended_header_is_refused(read):
    info, data = member("demo_pkg-1.0/x", b"x")
    info.pax_headers = {"GNU.sparse.major": "1"}
    reason = refusal(read, gzip.compress(tar_bytes(*sdist_members(), (info, data))), SDIST)
    assert reason == "A member is sparse, or its extended header is damaged"


def test_comment_in_a_global_header_as_version_control_writes_it_is_accepted(read):
    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "a" * 40}
    ) as archive:
        for info, data in sdist_members():
            archive.addfile(info, io.BytesIO(data))
    assert read(gzip.compress(buffer.getvalue()), SDIST) == METADATA


def test_sdist_without_pkg_info_is_refused(read):
    sdist = gzip.compress(tar_bytes(member("demo_pkg-1.0/setup.py", b"x")))
    assert refusal(read, sdist, SDIST) == "It has no 'demo_pkg-1.0/PKG-INFO'; build it with a current build tool"


def test_sdist_of_another_version_is_refused(read):
    reason = refusal(read, right_sdist(), SDIST, version="2.0")
    assert reason == "Its top directory 'demo_pkg-1.0' does not belong to demo-pkg 2.0"


@pytest.mark.parametrize("tail", [b"x", gzip.compress(b""), gzip.compress(b"x" * 512)])
def test_t10_data_after_the_gzip_stream_is_refused(read, tail):
    assert refusal(read, right_sdist() + tail, SDIST) == "Data follows its end"


def test_t10_data_after_the_tar_end_is_refused(read):
    sdist = gzip.compress(tar_bytes(*sdist_members()) + tar_bytes(member("demo_pkg-1.0/evil", b"x")))
    assert refusal(read, sdist, SDIST) == "Data follows the end of the tar archive"


def test_sdist_that_is_no_gzip_is_refused(read):
    assert refusal(read, tar_bytes(*sdist_members()), SDIST) == "It is not a gzip file, or is damaged"


def test_sdists_cut_off_anywhere_are_refused(read):
    data = right_sdist()
    for end in range(len(data)):
        refusal(read, data[:end], SDIST)


# Bombs: 400 within two seconds and within bounded memory


def assert_refused_cheaply(read, data: bytes, filename: str) -> str:
    tracemalloc.start()
    started = time.perf_counter()
    try:
        reason = refusal(read, data, filename)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - started < 10  # tracing makes it many times slower
    assert peak < 48 * 1024**2
    return reason


def test_t11_metadata_bomb_in_a_wheel(read):
    data = zip_bytes(wheel_files(METADATA=METADATA + b"a" * 56 * 1024**2))
    assert assert_refused_cheaply(read, data, WHEEL) == f"'{FOLDER}/METADATA' is larger than 2 MiB"


def test_t11_ratio_bomb_in_a_wheel(read):
    data = zip_bytes({**wheel_files(), "bomb": bytes(80 * 1024**2)})
    assert assert_refused_cheaply(read, data, WHEEL) == "It unpacks to too much data (decompression bomb)"


def test_t11_ratio_bomb_whose_headers_lie(read):
    data = zip_bytes({"bomb": bytes(8 * 1024**2), **wheel_files()})
    data = data.replace(struct.pack("<L", 8 * 1024**2), struct.pack("<L", 10))
    assert assert_refused_cheaply(read, data, WHEEL) == "'bomb' is damaged: its data is not what its header says"


def test_t11_ratio_bomb_in_an_sdist(read):
    data = gzip.compress(tar_bytes(*sdist_members(), member("demo_pkg-1.0/bomb", bytes(80 * 1024**2))))
    assert assert_refused_cheaply(read, data, SDIST) == "It unpacks to too much data (decompression bomb)"


def test_t11_too_many_members_in_an_sdist(read):
    header = member("demo_pkg-1.0/a", kind=tarfile.DIRTYPE)[0].tobuf()
    data = gzip.compress(header * 60_000 + bytes(1024))
    assert assert_refused_cheaply(read, data, SDIST) == "It has more than 50000 members"


def test_t11_too_many_members_in_a_wheel(read):
    data = bytearray(right_wheel())
    data[-14:-10] = struct.pack("<2H", 60_000, 60_000)
    assert assert_refused_cheaply(read, bytes(data), WHEEL) == "It has more than 50000 members"


def test_t11_large_extended_header(read):
    info, data = member("demo_pkg-1.0/x", b"x")
    info.pax_headers = {"comment": "a" * 1024**2}
    sdist = gzip.compress(tar_bytes(*sdist_members(), (info, data)))
    assert assert_refused_cheaply(read, sdist, SDIST) == "A member's extended header is too large"
