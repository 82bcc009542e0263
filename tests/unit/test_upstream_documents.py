"""Pages as bytes for the database, when files were first seen, and what is merged into a page."""

from datetime import UTC, datetime

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from repositories.domain.names import NormalizedName
from repositories.domain.page import DistributionFile, Location, ProjectPage, ProjectStatus
from repositories.protocol import page_document
from repositories.protocol.page_document import DocumentDamaged
from repositories.queries import CachedFileRecord
from repositories.services.upstream_pages import merged

NOW = datetime(2026, 11, 1, tzinfo=UTC)
DEMO = NormalizedName("demo")
texts = st.text(max_size=20)
hashes = st.dictionaries(st.sampled_from(["sha256", "md5"]), texts, max_size=2)
files = st.builds(
    DistributionFile,
    filename=texts,
    project=st.just(DEMO),
    version=texts,
    hashes=hashes,
    size=st.none() | st.integers(0, 2**50),
    upload_time=st.none() | st.datetimes(timezones=st.just(UTC)),
    first_seen=st.none() | st.datetimes(timezones=st.just(UTC)),
    requires_python=st.none() | texts,
    yanked=st.booleans() | texts.filter(bool),
    core_metadata=st.none() | hashes,
    provenance=st.none() | st.booleans(),
    location=st.builds(Location, upstream_url=texts, provenance_url=texts),
    extra=st.dictionaries(
        texts, st.none() | st.booleans() | st.integers(-(2**60), 2**60) | texts | st.lists(texts), max_size=3
    ),
)
all_pages = st.builds(
    ProjectPage,
    project=st.just(DEMO),
    name=texts.filter(bool),
    files=st.lists(files, max_size=3).map(tuple),
    versions=st.lists(texts, max_size=3).map(tuple),
    status=st.builds(
        ProjectStatus, status=st.sampled_from(["active", "archived", "quarantined", "deprecated"]), reason=texts
    ),
    extra=st.dictionaries(texts, texts, max_size=2),
)


@given(all_pages)
def test_a_page_comes_back_as_it_went_in(page: ProjectPage) -> None:
    assert page_document.unpack_page(page_document.pack_page(page)) == page


def test_the_repositorys_name_is_set_as_origin() -> None:
    page = ProjectPage(project=DEMO, name="demo", files=(DistributionFile(filename="a", project=DEMO, version="1"),))
    document = page_document.pack_page(page, source="https://index.example")
    unpacked = page_document.unpack_page(document, origin="proxy", source="https://index.example")
    assert unpacked.files[0].origin == "proxy"
    with pytest.raises(DocumentDamaged):
        page_document.unpack_page(document, source="https://other.example")


def test_fields_of_a_later_version_are_ignored_and_missing_ones_have_defaults() -> None:
    later = {
        "project": "demo",
        "novelty": [1, 2],
        "files": [{"filename": "demo-1.0.tar.gz", "colour": "blue"}],
        "status": "odd",
    }
    page = page_document.unpack_page(zstandard.compress(msgspec.msgpack.encode(later)))
    assert page.name == "demo"
    assert page.files[0].filename == "demo-1.0.tar.gz"
    assert page.status.status == "active"


@pytest.mark.parametrize(
    "document",
    [b"", b"nonsense", zstandard.compress(b"\xff\xff"), zstandard.compress(msgspec.msgpack.encode({"name": "x"}))],
)
def test_damaged_documents_are_told_apart(document: bytes) -> None:
    with pytest.raises(DocumentDamaged):
        page_document.unpack_page(document)


def test_a_list_of_projects_comes_back_as_it_went_in() -> None:
    projects = {NormalizedName("a-b"): "A.b", NormalizedName("c"): "c"}
    assert page_document.unpack_listing(page_document.pack_listing(projects)) == projects


FILE = DistributionFile(
    filename="demo-1.0-py3-none-any.whl", project=DEMO, version="1.0", hashes={"sha256": "a" * 64}, size=10
)
RECORD = CachedFileRecord(
    filename=FILE.filename, sha256="a" * 64, md5="b" * 32, size=10, metadata="c" * 64, provenance="", cached_at=NOW
)


def merge(file: DistributionFile, record: CachedFileRecord = RECORD) -> DistributionFile:
    page = ProjectPage(project=DEMO, name="demo", files=(file,))
    return merged(page, {record.filename: record}).files[0]


def test_what_is_kept_completes_what_upstream_did_not_say() -> None:
    file = merge(FILE.changed(hashes={}, size=None))
    assert (file.hashes, file.size, file.core_metadata) == ({"sha256": "a" * 64}, 10, {"sha256": "c" * 64})


@pytest.mark.parametrize(
    "listed",
    [{"hashes": {"sha256": "f" * 64}}, {"hashes": {"md5": "f" * 32}}, {"size": 11}],
    ids=["sha256", "md5", "size"],
)
def test_kept_bytes_that_are_not_the_listed_ones_are_not_used(listed: dict) -> None:
    file = merge(FILE.changed(**listed))
    assert file.hashes == listed.get("hashes", FILE.hashes)
    assert file.core_metadata is None


def test_the_upstreams_metadata_digest_is_never_replaced() -> None:
    file = merge(FILE.changed(core_metadata={"sha256": "d" * 64}))
    assert file.core_metadata == {"sha256": "d" * 64}


@pytest.mark.parametrize("before", [{}, {"sha256": "a" * 64}, {"md5": "b" * 32}])
def test_first_seen_is_carried_over_unless_digests_contradict(before: dict) -> None:
    earlier = ProjectPage(project=DEMO, name="demo", files=(FILE.changed(hashes=before, first_seen=NOW),))
    later = datetime(2026, 12, 1, tzinfo=UTC)
    page = ProjectPage(project=DEMO, name="demo", files=(FILE,))
    assert page_document.with_first_seen(page, earlier, later).files[0].first_seen == NOW
    other = page.with_files((FILE.changed(hashes={key: "0" * len(value) for key, value in before.items()}),))
    expected = later if before else NOW
    assert page_document.with_first_seen(other, earlier, later).files[0].first_seen == expected
