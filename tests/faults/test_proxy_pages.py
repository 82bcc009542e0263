"""Pages of a proxy: standards §13 item 11, R8, R9."""

import asyncio
import gzip
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from repositories.domain.errors import NotFound, UpstreamError, UpstreamInvalid, UpstreamTimeout
from repositories.domain.names import normalize
from tests.distributions import sdist, wheel
from tests.simulators import upstream as faults
from tests.simulators.upstream import SimulatedUpstream

DEMO = wheel("demo", "1.0")
PAGE = "/simple/demo/"
START = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def later():
    """Move the clock on by some minutes."""
    with time_machine.travel(START, tick=True) as clock:
        yield lambda minutes: clock.shift(timedelta(minutes=minutes))


@pytest.fixture(autouse=True)
def demo(upstream: SimulatedUpstream) -> None:
    upstream.add(DEMO.filename, DEMO.content, upload_time="2026-03-01T12:34:56.123456Z", requires_python=">=3.9")


def test_a_json_page_keeps_every_datum(proxy, upstream) -> None:
    upstream.files[DEMO.filename].listed.update(
        {"x-unknown": {"a": 1}, "core-metadata": {"sha256": DEMO.metadata_sha256}}
    )
    page = proxy.page()
    (file,) = page.files
    assert file.hashes == {"sha256": DEMO.sha256}
    assert file.size == len(DEMO.content)
    assert file.upload_time == datetime(2026, 3, 1, 12, 34, 56, 123456, tzinfo=UTC)
    assert file.requires_python == ">=3.9"
    assert file.core_metadata == {"sha256": DEMO.metadata_sha256}
    assert file.origin == "pypi-proxy"
    assert file.extra == {"x-unknown": {"a": 1}}
    assert page.versions == ("1.0",)


def test_a_young_page_is_served_without_asking(proxy, upstream, later) -> None:
    proxy.page()
    later(9)
    assert proxy.page().freshness.max_age == 60 or proxy.page().freshness.max_age == 59
    assert upstream.count(PAGE) == 1


def test_an_old_page_is_asked_for_conditionally(proxy, upstream, later) -> None:
    first = proxy.page()
    later(11)
    assert proxy.page().files == first.files
    assert upstream.count(PAGE) == 2
    assert "If-None-Match" in upstream.headers_of(PAGE)
    assert proxy.page().freshness.max_age >= 598
    assert upstream.count(PAGE) == 2


@pytest.mark.parametrize(("max_age", "minutes", "asked", "clients_keep"), [(-1, 10_000_000, 1, 600), (0, 0, 2, 0)])
def test_metadata_max_age_never_and_always(proxy, upstream, later, max_age, minutes, asked, clients_keep) -> None:
    proxy.set(metadata_max_age=max_age)
    proxy.page()
    later(minutes)
    assert proxy.page().freshness.max_age == clients_keep
    assert upstream.count(PAGE) == asked


@pytest.mark.parametrize("content_type", ["", "application/octet-stream", "text/plain"])
def test_an_upstream_with_html_only_and_the_wrong_type(proxy, upstream, content_type) -> None:
    upstream.kind = "html"
    upstream.content_type = content_type
    upstream.files[DEMO.filename].listed["yanked"] = "broken <build>"
    (file,) = proxy.page().files
    assert file.filename == DEMO.filename
    assert file.hashes == {"sha256": DEMO.sha256}
    assert file.requires_python == ">=3.9"
    assert file.yanked == "broken <build>"
    assert (file.size, file.upload_time) == (None, None)


def test_relative_addresses_are_relative_to_where_the_redirects_ended(proxy, upstream) -> None:
    upstream.files_url = "../../files"
    upstream.root = "/moved/simple"
    upstream.fault("/simple/", faults.redirect("/moved/simple/demo/"))
    assert proxy.file(DEMO.filename).location.upstream_url == f"{upstream.url}/moved/files/{DEMO.filename}"


def test_base_href_of_html_is_honoured(proxy, upstream) -> None:
    upstream.kind, upstream.files_url, upstream.base_href = "html", "files", f"{upstream.url}/deep/"
    assert proxy.file(DEMO.filename).location.upstream_url == f"{upstream.url}/deep/files/{DEMO.filename}"


@pytest.mark.parametrize(
    ("remote", "root"),
    [("", "/simple"), ("/", "/simple"), ("/simple", "/simple"), ("/simple/", "/simple"), ("/whl/cu126", "/whl/cu126"),
     ("/whl/cu126/", "/whl/cu126"), ("/repository/x", "/repository/x/simple"), ("/repository/x/", "/repository/x/simple"),
     ("/repository/x/simple", "/repository/x/simple"), ("", "")],
)  # fmt: skip
def test_every_shape_of_remote_url_finds_the_index(make_proxy, upstream, remote, root) -> None:
    upstream.root = root
    proxy = make_proxy(upstream.url + remote)
    upstream.add("other-1.0.tar.gz", b"other")
    assert proxy.filenames() == [DEMO.filename]
    asked = len(upstream.asked)
    assert asked <= 2
    assert proxy.filenames("other") == ["other-1.0.tar.gz"]
    assert len(upstream.asked) == asked + 1  # the finding is remembered
    assert proxy.is_absent("missing")
    assert not any("simple/simple" in request.path for request in upstream.asked)


def test_not_found_is_remembered_for_a_while_and_no_longer(proxy, upstream, later) -> None:
    assert proxy.is_absent("new")
    asked = len(upstream.asked)
    upstream.add("new-1.0.tar.gz", b"new")
    later(4)
    assert proxy.is_absent("new")
    assert len(upstream.asked) == asked
    later(2)
    assert proxy.filenames("new") == ["new-1.0.tar.gz"]


def test_without_negative_cache_each_request_asks(proxy, upstream) -> None:
    proxy.set(negative_cache=False)
    assert proxy.is_absent("new")
    upstream.add("new-1.0.tar.gz", b"new")
    assert proxy.filenames("new") == ["new-1.0.tar.gz"]


def test_a_project_that_upstream_removed_is_absent(proxy, upstream, later) -> None:
    proxy.page()
    later(11)
    del upstream.projects["demo"]
    assert proxy.is_absent()
    assert proxy.is_absent()


def test_gone_is_absent(proxy, upstream) -> None:
    upstream.fault("/", faults.status(410))
    assert proxy.is_absent()


def test_forbidden_is_an_error_unless_the_repository_says_it_means_absent(proxy, upstream) -> None:
    upstream.fault("/", faults.status(403))
    with pytest.raises(UpstreamError, match="forbids it"):
        proxy.page()
    proxy.set(forbidden_is_absent=True)
    assert proxy.is_absent()


FAILURES = {
    "500": faults.status(500),
    "502": faults.status(502),
    "503": faults.status(503, Retry_After="7"),
    "429": faults.status(429, Retry_After="30"),
    "401": faults.status(401),
    "407": faults.status(407),
    "418": faults.status(418),
    "206": lambda exchange: exchange.send(206, b"{}"),
    "304": lambda exchange: exchange.start(304, {}),
    "dropped": faults.drop(),
    "truncated": faults.cut(b'{"files": []}', 5),
    "not json": faults.body(b"{", faults.JSON),
    "json of something else": faults.body(b'{"message": "hello"}', faults.JSON),
    "sign-in page": faults.body(b"<html><form><input type=password></form></html>", "text/html"),
    "image": faults.body(b"\x89PNG", "image/png"),
    "major version 2": faults.body(b'{"meta": {"api-version": "2.0"}, "files": []}', faults.JSON),
    "endless redirect": faults.redirect("/simple/demo/"),
    "redirect to a file": faults.redirect("file:///etc/passwd"),
    "redirect to nonsense": faults.redirect("http://[::1"),
    "not http": faults.raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "two lengths": faults.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    "damaged gzip": faults.body(b"\x1f\x8bnonsense", faults.JSON, Content_Encoding="gzip"),
    "cut gzip": faults.body(gzip.compress(b"{}" * 1000)[:-9], faults.JSON, Content_Encoding="gzip"),
    "unknown coding": faults.body(b"{}", faults.JSON, Content_Encoding="br"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_never_taken_for_absence_and_leaves_nothing_behind(proxy, upstream, name) -> None:
    upstream.fault("/", FAILURES[name])
    with pytest.raises(UpstreamError) as caught:
        proxy.page()
    assert "demo" not in caught.value.detail
    upstream.heal()
    assert proxy.filenames() == [DEMO.filename]


@pytest.mark.parametrize("name", sorted(set(FAILURES) - {"304"}))  # to a conditional request that is a good answer
def test_an_old_page_is_served_as_stale_when_upstream_fails(proxy, upstream, later, name) -> None:
    proxy.page()
    later(11)
    upstream.fault("/", FAILURES[name])
    page = proxy.page()
    assert [file.filename for file in page.files] == [DEMO.filename]
    assert page.freshness.stale
    assert page.freshness.reason
    assert page.freshness.max_age == 0
    asked = len(upstream.asked)
    assert proxy.page().freshness.stale
    assert len(upstream.asked) == asked  # left alone for a moment
    upstream.heal()
    later(11)
    assert not proxy.page().freshness.stale


def test_the_server_says_when_to_come_back(proxy, upstream) -> None:
    upstream.fault("/", faults.status(429, Retry_After="30"))
    with pytest.raises(UpstreamError) as caught:
        proxy.page()
    assert caught.value.retry_after == 30


def test_an_upstream_that_is_not_there(make_proxy) -> None:
    gone = SimulatedUpstream()
    proxy = make_proxy(gone.url)
    gone.stop()
    with pytest.raises(UpstreamError, match="refused the connection"):
        proxy.page()


def test_a_host_name_that_nobody_knows(make_proxy) -> None:
    with pytest.raises(UpstreamError, match="cannot be found"):
        make_proxy("http://nowhere.invalid").page()


@pytest.mark.parametrize(
    "fault",
    [faults.hang(), faults.drip(b"{" * 400, 0.2, head=True), faults.drip(b"x" * 65, 0.05, head=True)],
    ids=["silent", "dripping head", "fast dripping head"],
)  # fmt: skip
def test_an_upstream_that_answers_too_slowly_ends_in_bounded_time(proxy, upstream, fault) -> None:
    proxy.set(timeout=1)
    upstream.fault("/", fault)
    began = datetime.now(UTC)
    with pytest.raises(UpstreamTimeout):
        proxy.page()
    assert datetime.now(UTC) - began < timedelta(seconds=4)


def test_a_page_over_the_limit_is_refused(proxy, upstream, monkeypatch) -> None:
    monkeypatch.setattr("repositories.upstream.pages.MAX_PAGE", 1000)
    upstream.fault("/", faults.body(b" " * 2000, faults.JSON))
    with pytest.raises(UpstreamInvalid, match="too large"):
        proxy.page()


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_small_body_that_unpacks_to_a_huge_one_is_refused(proxy, upstream, coding) -> None:
    import zstandard

    bomb = b" " * (65 * 1024 * 1024)
    packed = gzip.compress(bomb, 9) if coding == "gzip" else zstandard.ZstdCompressor().compress(bomb)
    upstream.fault("/", faults.body(packed, faults.JSON, Content_Encoding=coding))
    with pytest.raises(UpstreamInvalid, match="too large"):
        proxy.page()


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_packed_pages_are_read(proxy, upstream, coding) -> None:
    import zstandard

    content_type, body = upstream.page("demo")
    packed = gzip.compress(body) if coding == "gzip" else zstandard.ZstdCompressor().compress(body)
    upstream.fault(PAGE, faults.body(packed, content_type, Content_Encoding=coding))
    assert proxy.filenames() == [DEMO.filename]


def test_a_quarantined_project_offers_no_files_until_it_is_free_again(proxy, upstream, later) -> None:
    proxy.page()
    upstream.projects["demo"]["project-status"] = {"status": "quarantined", "reason": "malware"}
    later(11)
    page = proxy.page()
    assert (page.files, page.status.status, page.status.reason) == ((), "quarantined", "malware")
    del upstream.projects["demo"]["project-status"]
    later(11)
    assert proxy.filenames() == [DEMO.filename]


def test_yank_appears_and_disappears(proxy, upstream, later) -> None:
    assert proxy.file(DEMO.filename).yanked is False
    upstream.files[DEMO.filename].listed["yanked"] = "broken"
    later(11)
    assert proxy.file(DEMO.filename).yanked == "broken"
    del upstream.files[DEMO.filename].listed["yanked"]
    later(11)
    assert proxy.file(DEMO.filename).yanked is False


def test_a_file_that_upstream_removed_is_not_listed_any_more_although_it_is_kept(proxy, upstream, later) -> None:
    other = sdist("demo", "2.0")
    upstream.add(other.filename, other.content)
    assert proxy.read(other.filename) == other.content
    upstream.remove(other.filename)
    later(11)
    assert proxy.filenames() == [DEMO.filename]
    with pytest.raises(NotFound):
        proxy.read(other.filename)


def test_first_seen_stays_and_belongs_to_the_bytes(proxy, upstream, later) -> None:
    seen = proxy.file(DEMO.filename).first_seen
    assert START <= seen < START + timedelta(minutes=1)
    upstream.add("demo-2.0.tar.gz", b"two")
    later(60)
    assert proxy.file(DEMO.filename).first_seen == seen
    assert proxy.file("demo-2.0.tar.gz").first_seen >= START + timedelta(minutes=60)
    upstream.add("demo-2.0.tar.gz", b"other bytes")
    later(60)
    assert proxy.file("demo-2.0.tar.gz").first_seen >= START + timedelta(minutes=120)


def test_first_seen_survives_an_absence(proxy, upstream, later) -> None:
    seen = proxy.file(DEMO.filename).first_seen
    project = upstream.projects.pop("demo")
    later(11)
    assert proxy.is_absent()
    upstream.projects["demo"] = project
    later(11)
    assert proxy.file(DEMO.filename).first_seen == seen


def test_another_remote_url_makes_what_is_kept_of_pages_void(proxy, upstream, other_host) -> None:
    proxy.page()
    other_host.add("demo-9.0.tar.gz", b"nine")
    proxy.set(remote_url=other_host.url)
    assert proxy.filenames() == ["demo-9.0.tar.gz"]


def test_r9_many_clients_cost_one_request(proxy, upstream) -> None:
    upstream.fault(PAGE, faults.slowly(0.3))
    index = proxy.index

    async def crowd() -> list:
        return await asyncio.gather(*(index.project_page(normalize("demo")) for _ in range(200)))

    pages = asyncio.run(crowd())
    assert {len(page.files) for page in pages} == {1}
    assert upstream.count(PAGE) == 1


def test_a_client_that_leaves_does_not_take_the_others_answer_away(proxy, upstream) -> None:
    upstream.fault(PAGE, faults.slowly(0.3))
    index = proxy.index

    async def scene() -> int:
        first = asyncio.create_task(index.project_page(normalize("demo")))
        await asyncio.sleep(0.1)
        second = asyncio.create_task(index.project_page(normalize("demo")))
        await asyncio.sleep(0.05)
        first.cancel()
        return len((await second).files)

    assert asyncio.run(scene()) == 1
    assert upstream.count(PAGE) == 1


def test_the_root_list(proxy, upstream, later) -> None:
    upstream.add("Other-1.0.tar.gz", b"x")
    assert proxy.listing().projects == {"demo": "demo", "other": "other"}
    later(11)
    upstream.fault("/simple/", faults.status(500))
    listing = proxy.listing()
    assert listing.projects == {"demo": "demo", "other": "other"}
    assert listing.freshness.stale


def test_an_upstream_without_root_list_gives_the_names_met_so_far(proxy, upstream, later) -> None:
    upstream.has_listing = False
    proxy.page()
    assert dict(proxy.listing().projects) == {"demo": "demo"}
    later(11)
    upstream.fault("/", faults.status(403))
    assert dict(proxy.listing().projects) == {"demo": "demo"}


def test_a_root_list_that_fails_is_an_error_when_none_is_kept(proxy, upstream) -> None:
    upstream.fault("/", faults.status(500))
    with pytest.raises(UpstreamError):
        proxy.listing()


def test_a_proxy_owns_nothing(proxy) -> None:
    proxy.page()
    assert asyncio.run(proxy.index.owns(normalize("demo"))) is False
