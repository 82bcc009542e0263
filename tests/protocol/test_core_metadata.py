"""METADATA and PKG-INFO: right ones of every version, wrong ones, and ones made to hurt (T22)."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repositories.domain.errors import InvalidRequest
from repositories.domain.uploading import CoreMetadata
from repositories.protocol import core_metadata

FULL = """Metadata-Version: 2.4
Name: Demo.Pkg
Version: 1.0
Dynamic: License
Platform: any
Summary: A demo
Keywords: a, b
Home-page: https://demo.example
Download-URL: UNKNOWN
Author: 김철수
Author-email: a@demo.example
License-Expression: MIT
License-File: LICENSE
Classifier: Topic :: A
Classifier: Topic :: B
Requires-Python: >=3.9
Requires-Dist: six>=1
Requires-Dist: local @ https://files.example/local.whl
Provides-Extra: test
Project-URL: Source, https://src.example
Description-Content-Type: text/markdown

# Demo

Text — 텍스트
""".encode()


def minimal(**fields: str) -> bytes:
    lines = {
        "Metadata-Version": "2.1",
        "Name": "demo",
        "Version": "1.0",
        **{k.replace("_", "-"): v for k, v in fields.items()},
    }
    return "".join(f"{name}: {value}\n" for name, value in lines.items()).encode()


def refused(raw: bytes) -> str:
    with pytest.raises(InvalidRequest) as caught:
        core_metadata.parse(raw)
    return caught.value.detail


def test_values_an_upload_needs():
    metadata = core_metadata.parse(FULL)
    assert metadata.raw == FULL
    assert (metadata.metadata_version, metadata.name, metadata.version) == ("2.4", "Demo.Pkg", "1.0")
    assert (metadata.summary, metadata.requires_python) == ("A demo", ">=3.9")
    assert metadata.requires_dist == ("six>=1", "local @ https://files.example/local.whl")


def test_info_has_every_field():
    assert core_metadata.info(FULL) == {
        "author": "김철수",
        "author_email": "a@demo.example",
        "classifiers": ["Topic :: A", "Topic :: B"],
        "description": "# Demo\n\nText — 텍스트\n",
        "description_content_type": "text/markdown",
        "download_url": "",
        "dynamic": ["License"],
        "home_page": "https://demo.example",
        "import_names": [],
        "import_namespaces": [],
        "keywords": "a, b",
        "license": None,
        "license_expression": "MIT",
        "license_files": ["LICENSE"],
        "maintainer": "",
        "maintainer_email": "",
        "metadata_version": "2.4",
        "name": "Demo.Pkg",
        "platform": "any",
        "project_urls": {"Source": "https://src.example"},
        "provides_extra": ["test"],
        "requires_dist": ["six>=1", "local @ https://files.example/local.whl"],
        "requires_python": ">=3.9",
        "summary": "A demo",
        "version": "1.0",
    }


@pytest.mark.parametrize("fold", ["        ", "       |"])
def test_description_folded_into_a_field_is_unfolded(fold):
    raw = minimal(Metadata_Version="1.0", Description=f"First\n{fold}\n{fold}Second")
    assert core_metadata.info(raw)["description"].rstrip("\n") == "First\n\nSecond"


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "2.0", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.9"])
def test_every_minor_metadata_version_is_accepted(version):
    assert core_metadata.parse(minimal(Metadata_Version=version)).metadata_version == version


@pytest.mark.parametrize("version", ["3.0", "0.9", "2", "x", "2.1.1", "", "9" * 5000 + ".0"])
def test_unknown_major_metadata_versions_are_refused(version):
    assert "Metadata-Version" in refused(minimal(Metadata_Version=version))


@pytest.mark.parametrize("name", ["a b", "-a", "a-", "ä", "", "UNKNOWN", "a" * 200])
def test_illegal_names_are_refused(name):
    assert "Name" in refused(minimal(Name=name))


@pytest.mark.parametrize("version", ["1.0.x", "", "1" * 5000, "1_0", "v" * 300])
def test_illegal_versions_are_refused(version):
    assert "Version" in refused(minimal(Version=version))


def test_name_given_twice_is_refused():
    assert refused(minimal() + b"Name: other\n") == "The metadata has no Name, an unreadable one, or more than one"


def test_name_that_is_not_utf8_is_refused():
    assert "Name" in refused(minimal().replace(b"demo", b"dem\xff"))


def test_over_long_summary_is_refused_and_only_its_first_line_counts():
    assert refused(minimal(Summary="x" * 513)) == "The Summary is longer than 512 characters"
    assert core_metadata.parse(minimal(Summary="one\n  two")).summary == "one"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"a" * (2 * 1024**2 + 1), "larger than 2 MiB"),
        (b"X: y\n" * 60_000, "more than 50000 lines before the description"),
        (b"".join(b"X%d: y\n" % i for i in range(600)), "more than 500 different fields"),
        (minimal(Content_Type="multipart/mixed; boundary=x"), "Content-Type"),
        (b"", "no Metadata-Version"),
        (b"\x00\xff", "no Metadata-Version"),
    ],
)
def test_t22_sizes_are_checked_before_reading(raw, words):
    started = time.perf_counter()
    assert words in refused(raw)
    assert time.perf_counter() - started < 2


def test_t22_largest_allowed_header_block_is_read_in_time():
    raw = minimal() + b"".join(b"X%d: y\n" % (i % 490) for i in range(49_000))
    started = time.perf_counter()
    assert core_metadata.parse(raw).name == "demo"
    assert time.perf_counter() - started < 10


def outcome(read, raw: bytes) -> type:
    try:
        return type(read(raw))
    except InvalidRequest as refusal:
        return type(refusal)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                b"Name",
                b"Metadata-Version",
                b": ",
                b"2.1",
                b"\n",
                b"\r",
                b"\r\n",
                b" ",
                b"demo",
                b"Version",
                b"=?utf-8?q?=ff?=",
                b"\xff",
                b"\x00",
                b"Project-URL",
                b"Keywords",
                b"Description",
            ]
        )
        | st.binary(max_size=4),
        max_size=40,
    )
)
def test_t22_only_the_documented_error_is_raised(pieces):
    raw = b"".join(pieces)
    for read in (core_metadata.parse, core_metadata.info):
        assert outcome(read, raw) in (CoreMetadata, dict, InvalidRequest)
