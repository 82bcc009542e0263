"""The list of projects when it is long: kept packed, made once for all codings, unpacked for who wants it plain."""

import asyncio
import gzip
import threading
from collections.abc import Callable

import pytest
import zstandard

from repositories import queries
from repositories.dataplane import listing
from repositories.dataplane.knowledge import knowledge
from repositories.models import Project, Repository
from repositories.services.repositories import create_repository
from tests.asgi_client import Client, Response
from tests.distributions import wheel
from tests.simulators.upstream import Exchange, SimulatedUpstream

JSON = "application/vnd.pypi.simple.v1+json"
LIST = "/repository/pypi-all/simple/"
NAMES = [f"project-{number}" for number in range(25_000)]
UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "identity": lambda body: body,
    "gzip": gzip.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
}


@pytest.fixture
def projects(server: None) -> None:
    hosted = Repository.objects.get(name="pypi-hosted")
    Project.objects.bulk_create(Project(repository=hosted, name=name, display_name=name.title()) for name in NAMES)


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each time the names were read from the database."""
    seen: list[int] = []
    read = queries.hosted_projects

    def counted(repository_id: int):
        seen.append(repository_id)
        return read(repository_id)

    monkeypatch.setattr(queries, "hosted_projects", counted)
    return seen


@pytest.mark.parametrize("accept", [JSON, "text/html"])
def test_every_coding_says_the_same_and_the_names_are_read_once(
    dana: Client, projects: None, readings: list[int], accept: str
) -> None:
    answers = {
        coding: dana.get(LIST, accept=accept, accept_encoding=coding)
        for coding in ("identity", "gzip", "zstd", "identity")
    }
    assert len(readings) == 1
    plain = answers["identity"]
    assert plain.body.count(b"Project-") == len(NAMES)
    assert (plain.headers["content-length"], "content-encoding" in plain.headers) == (str(len(plain.body)), False)
    for coding, answer in answers.items():
        assert answer.status == 200
        assert answer.headers.get("content-encoding", "identity") == coding
        assert answer.headers["content-length"] == str(len(answer.body))
        assert UNPACK[coding](answer.body) == plain.body
    assert len({answer.headers["etag"] for answer in answers.values()}) == 3


def test_it_says_what_the_same_list_says_that_is_not_kept_packed(
    dana: Client, projects: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = dana.get(LIST, accept=JSON)
    knowledge.answers.clear()
    monkeypatch.setattr(listing, "LONG", len(NAMES))
    short = dana.get(LIST, accept=JSON)
    assert (long.body, long.headers) == (short.body, short.headers)


@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
def test_conditions_and_head_work_as_for_every_page(dana: Client, projects: None, coding: str) -> None:
    asked = {"accept": JSON, "accept_encoding": coding}
    first = dana.get(LIST, **asked)
    same = dana.get(LIST, if_none_match=first.headers["etag"], **asked)
    assert (same.status, same.body) == (304, b"")
    head = dana.head(LIST, **asked)
    assert (head.status, head.body, head.headers) == (200, b"", first.headers)


def test_a_new_project_is_on_the_next_list(dana: Client, projects: None, upload: Callable[..., Response]) -> None:
    before = dana.get(LIST, accept=JSON, accept_encoding="identity")
    assert upload(wheel("newcomer", "1.0")).status == 200
    after = dana.get(LIST, accept=JSON, accept_encoding="identity")
    assert b'"newcomer"' in after.body
    assert after.headers["etag"] != before.headers["etag"]


def test_what_is_kept_of_a_long_list_is_its_packed_form_only(dana: Client, projects: None) -> None:
    plain = dana.get(LIST, accept=JSON, accept_encoding="identity")
    # The plain variant and the packed one share the bytes; each counts them, so that neither can be kept without.
    assert knowledge.answers.size < len(plain.body) / 2


def test_a_list_that_waits_for_its_upstream_does_not_hold_up_the_lists_of_other_repositories(
    dana: Client, upload: Callable[..., Response]
) -> None:
    assert upload(wheel("own", "1.0")).status == 200
    upstream = SimulatedUpstream()
    create_repository(name="far", recipe="pypi-proxy", blob_store="default", options={"remote_url": upstream.url})
    asked, released = threading.Event(), threading.Event()

    def hold(exchange: Exchange) -> None:
        asked.set()
        released.wait(10)
        exchange.send(404)

    upstream.fault("/simple/", hold)

    async def both() -> tuple[Response, bool, Response]:
        far = asyncio.ensure_future(dana.ask("GET", "/repository/far/simple/", {"accept": JSON}))
        while not asked.is_set():
            await asyncio.sleep(0.01)
        near = await dana.ask("GET", LIST, {"accept": JSON})
        waiting = not far.done()
        released.set()
        return near, waiting, await far

    try:
        near, waiting, far = asyncio.run(both())
    finally:
        upstream.stop()
    assert (near.status, b'"own"' in near.body, waiting, far.status) == (200, True, True, 200)
