"""JSON pages, clause by clause: PEP 691, 700, 714, 740, 792, 592, 629."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypi_simple import ProjectPage as ReferencePage

from repositories.domain.errors import UpstreamInvalid
from repositories.domain.names import normalize
from repositories.domain.page import ProjectList, ProjectPage, ProjectStatus
from repositories.protocol import simple_html, simple_json
from tests.protocol.pages import PAGE, PROJECT, SDIST, WHEEL, A, C, file_url

BASE = "https://index.example/simple/holygrail/"


def parse(document: object, project=PROJECT) -> ProjectPage:
    return simple_json.parse_project(json.dumps(document).encode(), BASE, project)


def page_of(*files: dict, **keys) -> dict:
    return {"meta": {"api-version": "1.4"}, "name": "holygrail", "files": list(files), **keys}


def entry(**keys) -> dict:
    return {"filename": "holygrail-1.0.tar.gz", "url": "holygrail-1.0.tar.gz", "hashes": {}, **keys}


def only_file(**keys):
    (file,) = parse(page_of(entry(**keys))).files
    return file


# Rendering


def test_checklist_4_project_page_has_exactly_these_bytes():
    wheel = (
        '{"filename":"holygrail-1.0-py3-none-any.whl",'
        '"url":"../../packages/holygrail/1.0/holygrail-1.0-py3-none-any.whl",'
        f'"hashes":{{"sha256":"{A}","md5":"{"d" * 32}"}},'
        '"requires-python":">=3.9,<4","size":1337,"upload-time":"2026-03-01T12:34:56.123456Z","yanked":false,'
        f'"core-metadata":{{"sha256":"{C}"}},"dist-info-metadata":{{"sha256":"{C}"}},'
        f'"data-dist-info-metadata":{{"sha256":"{C}"}},'
        '"provenance":"../../packages/holygrail/1.0/holygrail-1.0-py3-none-any.whl.provenance","zeta":[1]}'
    )
    sdist = (
        '{"filename":"holygrail-0.9+local.tar.gz",'
        '"url":"../../packages/holygrail/0.9%2Blocal/holygrail-0.9%2Blocal.tar.gz",'
        '"hashes":{},"upload-time":"2026-03-01T00:00:00Z","yanked":"broken \\"<&","provenance":null}'
    )
    assert simple_json.render_project(PAGE, file_url).decode() == (
        '{"meta":{"api-version":"1.4"},"name":"HolyGrail",'
        '"project-status":{"status":"archived","reason":"moved <away>"},'
        f'"versions":["0.8","1.0.0","0.9+local"],"files":[{wheel},{sdist}],"note":{{"a":1}}}}'
    )


def test_pep691_empty_project_has_all_mandatory_keys():
    page = ProjectPage(project=PROJECT, name="holygrail")
    assert simple_json.render_project(page, file_url) == (
        b'{"meta":{"api-version":"1.4"},"name":"holygrail","project-status":{"status":"active"},"versions":[],"files":[]}'
    )


@pytest.mark.parametrize(
    "time",
    [
        datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC),
        datetime(2026, 3, 1, 12, 34, 56, 100000, tzinfo=UTC),
        datetime(2026, 3, 1, 21, 34, 56, 1, tzinfo=timezone(timedelta(hours=9))),
    ],
)
def test_pep700_upload_time_is_utc_with_a_z(time):
    text = simple_json.timestamp(time)
    assert re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$", text)
    assert text.startswith("2026-03-01T12:34:56")


def test_pep700_every_file_belongs_to_a_listed_version_and_equal_versions_are_listed_once():
    document = json.loads(simple_json.render_project(PAGE, file_url))
    assert document["versions"] == ["0.8", "1.0.0", "0.9+local"]


@pytest.mark.parametrize("core_metadata", [None, {}, {"md5": "d" * 32}])
def test_pep714_metadata_without_a_sha256_is_not_advertised(core_metadata):
    page = replace(PAGE, files=(WHEEL.changed(core_metadata=core_metadata),))
    (file,) = json.loads(simple_json.render_project(page, file_url))["files"]
    assert not {"core-metadata", "dist-info-metadata", "data-dist-info-metadata"} & set(file)


def test_pypi_simple_reads_own_pages_in_both_forms():
    def absolute(file):
        return f"https://repoman.example/{file.filename}.provenance"

    rendered = {
        "json": ReferencePage.from_json_data(json.loads(simple_json.render_project(PAGE, file_url, absolute)), BASE),
        "html": ReferencePage.from_html("holygrail", simple_html.render_project(PAGE, file_url, absolute), BASE),
    }
    for page in rendered.values():
        wheel, sdist = page.packages
        assert (page.repository_version, page.status, page.status_reason) == ("1.4", "archived", "moved <away>")
        assert (wheel.filename, wheel.url) == (
            "holygrail-1.0-py3-none-any.whl",
            "https://index.example/packages/holygrail/1.0/holygrail-1.0-py3-none-any.whl",
        )
        assert (wheel.digests["sha256"], wheel.metadata_digests, wheel.requires_python) == (
            A,
            {"sha256": C},
            ">=3.9,<4",
        )
        assert wheel.provenance_url == "https://repoman.example/holygrail-1.0-py3-none-any.whl.provenance"
        assert (sdist.filename, sdist.is_yanked, sdist.yanked_reason) == (
            "holygrail-0.9+local.tar.gz",
            True,
            'broken "<&',
        )
    assert rendered["json"].versions == ["0.8", "1.0.0", "0.9+local"]
    assert (rendered["json"].packages[0].size, rendered["json"].packages[0].upload_time) == (1337, WHEEL.upload_time)


def test_pep792_quarantined_project_offers_no_files():
    page = replace(PAGE, status=ProjectStatus(status="quarantined"))
    document = json.loads(simple_json.render_project(page, file_url))
    assert document["files"] == []
    assert document["versions"] == ["0.8", "1.0.0"]
    assert document["project-status"] == {"status": "quarantined"}


def test_pep691_root_lists_display_names():
    listing = ProjectList(projects={normalize("Frob"): "Frob", normalize("spam"): "spam"})
    assert b"".join(simple_json.render_root(listing)) == (
        b'{"meta":{"api-version":"1.4"},"projects":[{"name":"Frob"},{"name":"spam"}]}'
    )


# Parsing


def test_one_hop_through_this_server_changes_nothing():
    first = simple_json.render_project(PAGE, lambda file: "https://files.example/" + file.filename)
    page = simple_json.parse_project(first, BASE, PROJECT)
    assert simple_json.render_project(page, lambda file: "https://files.example/" + file.filename) == first
    assert page.name == "HolyGrail"
    assert page.files[0].location.upstream_url == "https://files.example/holygrail-1.0-py3-none-any.whl"
    assert page.files[0].location.provenance_url == "https://files.example/holygrail-1.0-py3-none-any.whl.provenance"
    assert page.files[0].upload_time == WHEEL.upload_time
    assert page.files[1].core_metadata is None
    assert page.files[1].version == SDIST.version


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("../../packages/a.tar.gz#sha256=x", "https://index.example/packages/a.tar.gz"),
        ("/packages/a.tar.gz", "https://index.example/packages/a.tar.gz"),
        ("//files.example/a.tar.gz", "https://files.example/a.tar.gz"),
        ("HTTPS://files.example/a.tar.gz", "https://files.example/a.tar.gz"),
        (" https://files.example/a.tar.gz?sig=1 ", "https://files.example/a.tar.gz?sig=1"),
        ("a.tar.gz", "https://index.example/simple/holygrail/a.tar.gz"),
    ],
)
def test_pep691_urls_are_resolved_against_the_address_that_answered(url, expected):
    assert only_file(url=url).location.upstream_url == expected


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://x.example/a",
        "javascript:alert(1)",
        "data:,x",
        "https://",
        "https:///a",
        "http://[::1",
        "",
        7,
        None,
        "a\r\nHost: x",
    ],
)
def test_files_without_an_http_address_are_left_out(url):
    page = parse(page_of(entry(url=url), entry(filename="holygrail-2.0.tar.gz")))
    assert [file.filename for file in page.files] == ["holygrail-2.0.tar.gz"]


@pytest.mark.parametrize(
    "filename", ["../x.tar.gz", "a/b.whl", "a\\b.whl", "", ".x.whl", "a\nb.whl", "x" * 300, 5, None]
)
def test_files_with_an_illegal_name_are_left_out(filename):
    assert parse(page_of(entry(filename=filename))).files == ()


def test_wheels_of_another_project_are_left_out():
    assert parse(page_of(entry(filename="evil-1.0-py3-none-any.whl"))).files == ()


@pytest.mark.parametrize("odd", ["text", 5, None, [], {}, {"filename": "holygrail-1.0.zip"}])
def test_odd_entries_do_not_fail_the_page(odd):
    assert [file.filename for file in parse(page_of(odd, entry())).files] == ["holygrail-1.0.tar.gz"]


def test_file_whose_version_cannot_be_read_is_kept():
    file = only_file(filename="holygrail-latest.tar.gz")
    assert (file.filename, file.version) == ("holygrail-latest.tar.gz", "latest")


def test_file_listed_twice_counts_once_and_the_first_wins():
    page = parse(page_of(entry(size=1), entry(size=2)))
    assert [file.size for file in page.files] == [1]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"SHA256": A.upper()}, {"sha256": A}),
        ({"sha256": "short", "md5": "d" * 32}, {"md5": "d" * 32}),
        ({"sha256": "g" * 64}, {}),
        ({"rot13": "a" * 64, "sha256": 5}, {}),
        ({"sha256": A + "\n"}, {}),
        ([], {}),
        (None, {}),
    ],
)
def test_pep691_only_well_formed_hashes_are_taken(raw, expected):
    assert only_file(hashes=raw).hashes == expected


@pytest.mark.parametrize(
    ("raw", "expected"), [(0, 0), (7, 7), (-1, None), (True, None), ("7", None), (1.5, None), (2**63, None)]
)
def test_pep700_only_sane_sizes_are_taken(raw, expected):
    assert only_file(size=raw).size == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("2026-03-01T12:34:56.123456Z", datetime(2026, 3, 1, 12, 34, 56, 123456, tzinfo=UTC)),
        ("2026-03-01T12:34:56Z", datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)),
        ("2026-03-01T21:34:56+09:00", datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)),
        ("2026-03-01T12:34:56", datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        (1700000000, None),
    ],
)
def test_pep700_upload_time_is_read(raw, expected):
    assert only_file(**{"upload-time": raw}).upload_time == expected


@pytest.mark.parametrize(
    ("raw", "expected"), [(True, True), (False, False), ("bad", "bad"), ("", False), (None, False), (1, False)]
)
def test_pep592_yanked_is_read(raw, expected):
    assert only_file(yanked=raw).yanked == expected


def test_pep592_over_long_reason_still_yanks():
    assert only_file(yanked="x" * 10_000).yanked == "x" * 2_000


@pytest.mark.parametrize("key", ["core-metadata", "dist-info-metadata", "data-dist-info-metadata"])
def test_pep714_all_spellings_of_core_metadata_are_read(key):
    assert only_file(**{key: {"sha256": C}}).core_metadata == {"sha256": C}
    assert only_file(**{key: True}).core_metadata == {}
    assert only_file(**{key: False}).core_metadata is None


def test_pep714_the_current_spelling_wins():
    assert only_file(**{"core-metadata": False, "dist-info-metadata": {"sha256": C}}).core_metadata is None


def test_pep740_provenance_is_unknown_absent_or_an_address():
    assert only_file().provenance is None
    assert only_file(provenance=None).provenance is False
    file = only_file(provenance="/integrity/x/provenance")
    assert (file.provenance, file.location.provenance_url) == (True, "https://index.example/integrity/x/provenance")
    assert only_file(provenance="file:///x").provenance is None


@pytest.mark.parametrize(
    "keys",
    [
        {"project-status": {"status": "archived", "reason": "old"}},
        {"project-status": {"state": "archived", "reason": "old"}},
        {"meta": {"api-version": "1.4", "project-status": {"status": "archived", "reason": "old"}}},
    ],
)
def test_pep792_status_is_read_in_every_published_spelling(keys):
    assert parse(page_of(**keys)).status == ProjectStatus(status="archived", reason="old")


def test_pep792_unknown_status_counts_as_active():
    assert parse(page_of(**{"project-status": {"status": "frozen"}})).status == ProjectStatus()


def test_pep792_files_of_a_quarantined_project_are_dropped_and_versions_stay():
    page = parse(page_of(entry(), versions=["1.0"], **{"project-status": {"status": "quarantined"}}))
    assert (page.files, page.versions, page.status.status) == ((), ("1.0",), "quarantined")


def test_unknown_keys_are_passed_on_but_private_and_rejected_ones_are_not():
    raw = page_of(
        entry(new={"a": 1}, _private=1, **{"gpg-sig": True}), future=[1], _last_serial=3, tracks=["x"], namespaces=[]
    )
    page = parse({**raw, "alternate-locations": ["https://x.example"]})
    assert dict(page.extra) == {"future": [1]}
    assert dict(page.files[0].extra) == {"new": {"a": 1}}


def test_unknown_key_nested_too_deep_is_dropped():
    deep: object = 1
    for _ in range(50):
        deep = [deep]
    assert dict(only_file(new=deep).extra) == {}


@pytest.mark.parametrize("version", ["1.0", "1.4", "1.99"])
def test_pep629_any_minor_version_is_read(version):
    assert parse(page_of(meta={"api-version": version})).files == ()


@pytest.mark.parametrize("version", ["2.0", "10.1", "x"])
def test_pep629_other_major_versions_are_refused(version):
    with pytest.raises(UpstreamInvalid, match=r"not 1\.x"):
        parse(page_of(meta={"api-version": version}))


def test_page_of_another_project_is_refused():
    with pytest.raises(UpstreamInvalid, match="answered with the page of evil when asked for holygrail"):
        parse(page_of(name="evil"))


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"message": "ok"}', b'{"files": {}}', b"\xff", b"[" * 100_000, b"<html>"]
)
def test_t07_bodies_that_are_no_page_are_refused(body):
    with pytest.raises(UpstreamInvalid) as caught:
        simple_json.parse_project(body, BASE, PROJECT)
    assert caught.value.detail
    with pytest.raises(UpstreamInvalid):
        simple_json.parse_root(body)


def test_root_page_is_read_by_normalized_name():
    body = b'{"meta":{"api-version":"1.1"},"projects":[{"name":"My.Pkg"},{"name":"b"},{"name":"../x"},7,{"name":null}]}'
    assert simple_json.parse_root(body) == {"my-pkg": "My.Pkg", "b": "b"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
FILE_KEYS = st.sampled_from(
    [
        "filename",
        "url",
        "hashes",
        "size",
        "upload-time",
        "requires-python",
        "yanked",
        "core-metadata",
        "provenance",
        "x",
    ]
)


@settings(max_examples=200, deadline=None)
@given(
    files=st.lists(st.dictionaries(FILE_KEYS, JSON, max_size=8) | JSON, max_size=4),
    keys=st.dictionaries(st.sampled_from(["name", "versions", "project-status", "meta", "y"]), JSON),
)
def test_t22_reader_raises_only_what_it_documents_and_its_page_can_be_rendered(files, keys):
    good = entry(filename="holygrail-3.0.tar.gz")
    try:
        page = parse({**page_of(*files, good), **keys})
    except UpstreamInvalid:
        return
    json.loads(simple_json.render_project(page, file_url))
    if page.status.status != "quarantined":
        assert "holygrail-3.0.tar.gz" in {file.filename for file in page.files}
