"""Answers made once: what a second request costs (nothing), and that every write is seen by the very next one."""

import asyncio
import base64
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.db.backends.utils import CursorWrapper

from accounts.models import User
from accounts.services import tokens, users
from repoman.toolbox import threads
from repositories.dataplane import indexes, reading
from repositories.dataplane.answers import Answers
from repositories.dataplane.knowledge import knowledge
from repositories.models import Project, Repository
from repositories.protocol import simple_json
from repositories.services.generations import hosted_changed
from repositories.services.repositories import create_repository, set_online, update_repository
from repositories.services.routing_rules import create_routing_rule, update_routing_rule
from repositories.services.upkeep import forget_absent_pages
from tests.asgi_client import Client, Response, basic
from tests.distributions import wheel
from tests.simulators.upstream import SimulatedUpstream

JSON = "application/vnd.pypi.simple.v1+json"
SMALL = wheel("small", "1.0")
LARGE = wheel("large", "1.0", payload=bytes(range(256)) * 4096)

Upload = Callable[..., Response]


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The SQL of every query of this process, in whatever thread."""
    seen: list[str] = []
    execute = CursorWrapper.execute

    def recorded(self, sql, params=None):
        if "PRAGMA" not in str(sql):
            seen.append(str(sql))
        return execute(self, sql, params)

    monkeypatch.setattr(CursorWrapper, "execute", recorded)
    return seen


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and from then on a step into another thread fails."""

    def forbid() -> None:
        def refuse(*args, **kwargs):
            raise AssertionError("the answer took a step into a thread")

        monkeypatch.setattr(threads, "_run", refuse)

    return forbid


@pytest.fixture(params=["pypi-hosted", "pypi-all"])
def root(request: pytest.FixtureRequest, upload: Upload) -> str:
    """A repository, and a group over it, with two projects."""
    for built in (SMALL, LARGE):
        assert upload(built).status == 200
    return f"/repository/{request.param}"


def warm(client: Client, path: str, **headers: str) -> Response:
    """Ask until what the first requests wrote (the use of the token) has been seen."""
    client.get(path, **headers)
    client.get(path, **headers)
    return client.get(path, **headers)


@pytest.mark.parametrize("accept", [JSON, "text/html"])
@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
@pytest.mark.parametrize("path", ["/simple/small/", "/simple/"])
def test_a_page_at_hand_costs_no_query_and_no_thread(
    dana: Client, root: str, queries: list[str], no_threads: Callable[[], None], accept: str, coding: str, path: str
) -> None:
    asked = {"accept": accept, "accept_encoding": coding}
    first = warm(dana, root + path, **asked)
    queries.clear()
    no_threads()
    again = dana.get(root + path, **asked)
    assert (again.status, again.body, again.headers) == (200, first.body, first.headers)
    same = dana.get(root + path, if_none_match=first.headers["etag"], **asked)
    assert (same.status, same.body) == (304, b"")
    assert {name: first.headers[name] for name in same.headers} == same.headers
    head = dana.head(root + path, **asked)
    assert (head.status, head.body, head.headers) == (200, b"", first.headers)
    assert queries == []


@pytest.mark.parametrize("suffix", ["", ".metadata"])
def test_a_small_file_at_hand_costs_no_query_and_no_thread(
    dana: Client, root: str, queries: list[str], no_threads: Callable[[], None], suffix: str
) -> None:
    path = f"{root}/packages/small/1.0/{SMALL.filename}{suffix}"
    first = warm(dana, path)
    queries.clear()
    no_threads()
    again = dana.get(path)
    assert (again.status, again.body, again.headers) == (200, first.body, first.headers)
    assert dana.get(path, if_none_match=first.headers["etag"]).status == 304
    part = dana.get(path, range="bytes=2-5")
    assert (part.status, part.body, part.headers["content-length"]) == (206, first.body[2:6], "4")
    if not suffix:
        assert dana.get(path, if_modified_since=first.headers["last-modified"]).status == 304
    assert queries == []


def test_a_large_file_at_hand_costs_no_query(dana: Client, root: str, queries: list[str]) -> None:
    path = f"{root}/packages/large/1.0/{LARGE.filename}"
    first = warm(dana, path)
    queries.clear()
    assert (first.body, bool(first.path)) == (LARGE.content, True)
    assert dana.get(path).path == first.path
    assert dana.get(path, range="bytes=10-19").body == LARGE.content[10:20]
    assert dana.get(path, if_none_match=first.headers["etag"]).status == 304
    assert queries == []


def test_the_json_api_at_hand_costs_no_query(dana: Client, root: str, queries: list[str]) -> None:
    first = warm(dana, f"{root}/pypi/small/json")
    queries.clear()
    assert dana.get(f"{root}/pypi/small/json").body == first.body
    assert queries == []


def test_an_upload_is_on_the_next_page_of_the_repository_and_its_group_and_touches_no_other_page(
    dana: Client, root: str, upload: Upload, queries: list[str]
) -> None:
    before, other = warm(dana, f"{root}/simple/small/", accept=JSON), warm(dana, f"{root}/simple/large/", accept=JSON)
    listing = warm(dana, f"{root}/simple/", accept=JSON)
    newer = wheel("small", "2.0")
    assert upload(newer).status == 200
    after = dana.get(f"{root}/simple/small/", accept=JSON)
    assert newer.filename.encode() in after.body
    assert after.headers["etag"] != before.headers["etag"]
    assert dana.get(f"{root}/packages/small/2.0/{newer.filename}").body == newer.content
    queries.clear()
    assert dana.get(f"{root}/simple/large/", accept=JSON).body == other.body
    assert dana.get(f"{root}/simple/", accept=JSON).body == listing.body
    assert queries == [], "a new version of one project must not cost the others their answers"


def test_a_new_project_is_on_the_next_list(dana: Client, root: str, upload: Upload) -> None:
    warm(dana, f"{root}/simple/")
    assert upload(wheel("newcomer", "1.0")).status == 200
    assert "newcomer" in dana.get(f"{root}/simple/").text


def test_a_file_that_is_replaced_is_sent_anew(dana: Client, root: str, upload: Upload) -> None:
    hosted = Repository.objects.get(name="pypi-hosted")
    update_repository(hosted, options={**hosted.options, "deployment_policy": "allow"})
    path = f"{root}/packages/small/1.0/{SMALL.filename}"
    first = warm(dana, path)
    other = wheel("small", "1.0", payload=b"other bytes")
    assert upload(other).status == 200
    again = dana.get(path, if_none_match=first.headers["etag"])
    assert (again.status, again.body) == (200, other.content)


def test_a_changed_rule_holds_for_the_next_page_and_the_next_file(dana: Client, root: str) -> None:
    page, file = f"{root}/simple/small/", f"{root}/packages/small/1.0/{SMALL.filename}"
    rule = create_routing_rule(name="no-large", mode="block", patterns=["large"])
    repository = Repository.objects.get(name=root.rpartition("/")[2])
    members = [row.name for row in repository.members.all()]
    update_repository(repository, options=repository.options, members=members, routing_rule="no-large")
    assert (warm(dana, page).status, warm(dana, file).status) == (200, 200)
    update_routing_rule(rule, name="no-large", mode="block", patterns=["small"])
    assert (dana.get(page).status, dana.get(file).status) == (403, 403)
    update_routing_rule(rule, name="no-large", mode="block", patterns=["large"])
    assert (dana.get(page).status, dana.get(file).status) == (200, 200)


def test_a_repository_taken_offline_answers_nothing_from_memory(dana: Client, root: str) -> None:
    page = f"{root}/simple/small/"
    warm(dana, page)
    hosted = Repository.objects.get(name="pypi-hosted")
    set_online(hosted, False)
    assert dana.get(page).status == 503
    set_online(hosted, True)
    assert dana.get(page).status == 200


@pytest.mark.parametrize("way", ["reset", "deactivated"])
def test_a_credential_that_was_withdrawn_is_refused_by_the_next_request(dana: Client, root: str, way: str) -> None:
    page = f"{root}/simple/small/"
    assert warm(dana, page).status == 200
    user = User.objects.get(username="dana")
    if way == "reset":
        tokens.reset(user)
    else:
        users.deactivate(user)
    assert dana.get(page).status == 401


def test_a_stranger_gets_nothing_that_is_at_hand_for_others(dana: Client, stranger: Client, root: str) -> None:
    for path in ("/simple/small/", "/simple/", f"/packages/small/1.0/{SMALL.filename}"):
        warm(dana, root + path)
        assert stranger.get(root + path).status == 401
        wrong = {"authorization": basic("dana", "x" * 44)}
        assert stranger.get(root + path, **wrong).status == 401


def test_representations_are_never_mixed_up(dana: Client, root: str) -> None:
    page = f"{root}/simple/small/"
    answers = {
        (accept, coding): warm(dana, page, accept=accept, accept_encoding=coding)
        for accept in (JSON, "application/vnd.pypi.simple.v1+html", "text/html")
        for coding in ("identity", "gzip", "zstd")
    }
    for (accept, coding), first in answers.items():
        again = dana.get(page, accept=accept, accept_encoding=coding)
        assert (again.headers["content-type"].partition(";")[0], again.body) == (accept, first.body)
        assert again.headers.get("content-encoding", "identity") in (coding, "identity")
    assert dana.get(page, accept="image/png").status == 406
    assert dana.get(f"{page}?format={JSON}", accept="text/html").headers["content-type"] == JSON
    assert dana.get(page, accept="text/html").headers["content-type"].startswith("text/html")


def test_a_page_with_whole_addresses_is_kept_by_the_address_it_was_asked_at(dana: Client, root: str) -> None:
    path = f"{root}/pypi/small/json"
    for host in ("one.example", "two.example", "one.example"):
        assert f"https://{host}/repository/" in warm(dana, path, host=host).text


def test_many_who_ask_for_the_same_page_at_once_cost_one_making(
    dana: Client, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm(dana, f"{root}/simple/large/")
    made: list[str] = []
    render = simple_json.render_project

    def counted(page, *rest):
        made.append(page.name)
        return render(page, *rest)

    monkeypatch.setattr(simple_json, "render_project", counted)

    async def crowd() -> list[Response]:
        asking = (dana.ask("GET", f"{root}/simple/small/", {"accept": JSON}) for _ in range(50))
        return list(await asyncio.gather(*asking))

    answers = asyncio.run(crowd())
    assert {answer.body for answer in answers} == {answers[0].body}
    assert made == ["small"]


def test_an_answer_overtaken_by_a_write_while_it_was_made_is_neither_kept_nor_shared(
    dana: Client, root: str, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    render = simple_json.render_project
    began, go_on = threading.Event(), threading.Event()
    monkeypatch.setattr(reading, "_RENDERED_HERE", 0)  # in a thread, so that the loop goes on

    def held(page, *rest):
        body = render(page, *rest)
        if not began.is_set():
            began.set()
            go_on.wait(10)
        return body

    monkeypatch.setattr(simple_json, "render_project", held)
    page = f"{root}/simple/small/"

    async def overtaken() -> tuple[Response, Response]:
        first = asyncio.ensure_future(dana.ask("GET", page, {"accept": JSON}))
        while not began.is_set():
            await asyncio.sleep(0.01)
        newer = wheel("small", "2.0")
        assert (await asyncio.to_thread(upload, newer)).status == 200
        second = await dana.ask("GET", page, {"accept": JSON})
        go_on.set()
        return await first, second

    first, second = asyncio.run(overtaken())
    assert b"small-2.0" not in first.body, "it had been read before the upload"
    assert b"small-2.0" in second.body
    assert b"small-2.0" in dana.get(page, accept=JSON).body, "the old answer must not be kept"


def test_a_rule_made_while_the_repository_is_opened_holds_for_what_is_kept_then(
    dana: Client, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = indexes.live
    began, go_on = threading.Event(), threading.Event()

    def held(row):
        built = build(row)
        if not began.is_set():
            began.set()
            go_on.wait(10)
        return built

    def forbid() -> None:
        create_routing_rule(name="no-small", mode="block", patterns=["small"])
        hosted = Repository.objects.get(name="pypi-hosted")
        update_repository(hosted, options=hosted.options, routing_rule="no-small")
        connection.close()

    knowledge.forget()
    monkeypatch.setattr(indexes, "live", held)
    page = f"{root}/simple/small/"

    async def overtaken() -> list[int]:
        first = asyncio.ensure_future(dana.ask("GET", page, {}))
        while not began.is_set():
            await asyncio.sleep(0.01)
        await asyncio.to_thread(forbid)
        second = await dana.ask("GET", page, {})
        go_on.set()
        return [(await first).status, second.status]

    assert asyncio.run(overtaken()) == [403, 403]
    assert dana.get(page).status == 403, "the page without the rule must not be kept"


def test_a_write_of_more_projects_than_can_be_listed_drops_everything_of_the_repository(
    dana: Client, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("repositories.dataplane.knowledge.MOST_CHANGES", 2)
    hosted = Repository.objects.get(name="pypi-hosted")
    warm(dana, f"{root}/simple/small/")
    for name in ("a", "b", "c"):
        Project.objects.create(repository=hosted, name=name, display_name=name)
        hosted_changed(hosted.pk, name, names=True)
    Project.objects.filter(name="small").update(display_name="Small!")
    assert "Small!" in json.loads(dana.get(f"{root}/simple/small/", accept=JSON).body)["name"]
    assert "a" in dana.get(f"{root}/simple/", accept="text/html").text


# Proxies: an answer holds for as long as the upstream's page does


@pytest.fixture
def upstream() -> Iterator[SimulatedUpstream]:
    simulated = SimulatedUpstream()
    simulated.add(SMALL.filename, SMALL.content, metadata=SMALL.metadata)
    yield simulated
    simulated.stop()


@pytest.fixture
def later() -> Iterator[Callable[[float], object]]:
    """Move the clock on by some minutes."""
    with time_machine.travel(datetime(2026, 11, 1, tzinfo=UTC), tick=True) as clock:
        yield lambda minutes: clock.shift(timedelta(minutes=minutes))


@pytest.fixture(params=["public", "everything"])
def proxied(request: pytest.FixtureRequest, server: None, upstream: SimulatedUpstream) -> str:
    """A proxy whose pages hold for an hour, and a group over the hosted repository and it."""
    options = {"remote_url": upstream.url, "metadata_max_age": 60, "negative_cache_ttl": 5}
    create_repository(name="public", recipe="pypi-proxy", blob_store="default", options=options)
    create_repository(
        name="everything", recipe="pypi-group", blob_store="default", options={}, members=["pypi-hosted", "public"]
    )
    return f"/repository/{request.param}"


def test_a_proxied_page_costs_nothing_until_it_is_due(
    dana: Client, proxied: str, upstream: SimulatedUpstream, later: Callable[[float], object], queries: list[str]
) -> None:
    page = f"{proxied}/simple/small/"
    warm(dana, page, accept=JSON)
    queries.clear()
    assert dana.get(page, accept=JSON).status == 200
    assert (queries, upstream.count("/simple/small/")) == ([], 1)
    newer = wheel("small", "2.0")
    upstream.add(newer.filename, newer.content)
    later(59)
    assert b"small-2.0" not in dana.get(page, accept=JSON).body
    later(2)
    assert b"small-2.0" in dana.get(page, accept=JSON).body
    assert upstream.count("/simple/small/") == 2


def test_a_client_is_told_to_keep_a_proxied_page_no_longer_than_it_holds(
    dana: Client, proxied: str, later: Callable[[float], object]
) -> None:
    page = f"{proxied}/simple/small/"
    warm(dana, page, accept=JSON)
    told = [dana.get(page, accept=JSON).headers["cache-control"]]
    later(56)
    told.append(dana.get(page, accept=JSON).headers["cache-control"])
    if proxied.endswith("everything"):
        assert told == ["private, no-cache"] * 2, "a hosted member may take the name at any moment"
    else:
        assert told[0] == "private, max-age=600"
        assert 235 <= int(told[1].removeprefix("private, max-age=")) <= 240


def test_a_proxied_file_is_sent_from_memory_while_its_page_holds(
    dana: Client, proxied: str, upstream: SimulatedUpstream, later: Callable[[float], object], queries: list[str]
) -> None:
    path = f"{proxied}/packages/small/1.0/{SMALL.filename}"
    assert warm(dana, path).body == SMALL.content
    queries.clear()
    assert dana.get(path).body == SMALL.content
    assert queries == []
    upstream.remove(SMALL.filename)
    later(61)
    assert dana.get(path).status == 404, "what the upstream no longer lists is no longer served"


@pytest.mark.parametrize("proxied", ["everything"], indirect=True)
def test_a_name_that_a_hosted_member_takes_is_its_own_at_once(dana: Client, proxied: str, upload: Upload) -> None:
    page = f"{proxied}/simple/small/"
    assert b"small-1.0" in warm(dana, page, accept=JSON).body
    own = wheel("small", "7.0")
    assert upload(own).status == 200
    files = [file["filename"] for file in json.loads(dana.get(page, accept=JSON).body)["files"]]
    assert files == [own.filename]


def test_a_member_that_said_not_here_is_asked_again_when_that_is_over(
    dana: Client, proxied: str, upstream: SimulatedUpstream, later: Callable[[float], object]
) -> None:
    second = SimulatedUpstream()
    try:
        theirs = wheel("other", "1.0")
        second.add(theirs.filename, theirs.content)
        options = {"remote_url": second.url, "metadata_max_age": -1}
        create_repository(name="second", recipe="pypi-proxy", blob_store="default", options=options)
        create_repository(
            name="both", recipe="pypi-group", blob_store="default", options={}, members=["public", "second"]
        )
        page = "/repository/both/simple/other/"
        assert b"other-1.0" in warm(dana, page, accept=JSON).body
        firsts = wheel("other", "9.0")
        upstream.add(firsts.filename, firsts.content)
        later(4)
        assert b"other-9.0" not in dana.get(page, accept=JSON).body
        later(2)
        assert b"other-9.0" in dana.get(page, accept=JSON).body
    finally:
        second.stop()


def test_not_here_is_believed_no_longer_than_it_is_remembered_however_long_the_option_says(
    dana: Client, server: None, upstream: SimulatedUpstream, later: Callable[[float], object]
) -> None:
    second = SimulatedUpstream()
    try:
        theirs = wheel("other", "1.0")
        second.add(theirs.filename, theirs.content)
        options = {"metadata_max_age": -1, "negative_cache_ttl": 525_600}
        for name, url in (("first", upstream.url), ("second", second.url)):
            values = {"remote_url": url, **options}
            create_repository(name=name, recipe="pypi-proxy", blob_store="default", options=values)
        create_repository(
            name="both", recipe="pypi-group", blob_store="default", options={}, members=["first", "second"]
        )
        page = "/repository/both/simple/other/"
        assert b"other-1.0" in warm(dana, page, accept=JSON).body
        firsts = wheel("other", "9.0")
        upstream.add(firsts.filename, firsts.content)
        later(24 * 60 + 1)
        assert forget_absent_pages() == 1
        assert b"other-9.0" in dana.get("/repository/first/simple/other/", accept=JSON).body
        assert b"other-9.0" in dana.get(page, accept=JSON).body
    finally:
        second.stop()


# The memory


def test_with_no_memory_allowed_everything_is_answered_all_the_same(
    dana: Client, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(knowledge, "answers", Answers(0))
    assert warm(dana, f"{root}/simple/small/").status == 200
    assert warm(dana, f"{root}/packages/small/1.0/{SMALL.filename}").body == SMALL.content
    assert len(knowledge.answers) == 0


def test_guessing_is_not_made_cheaper_by_what_is_remembered(dana: Client, root: str) -> None:
    page = f"{root}/simple/small/"
    warm(dana, page)
    user, password = base64.b64decode((dana.authorization or "").removeprefix("Basic ")).decode().split(":")
    for wrong in (password[:-1], password + "x", password.swapcase(), ""):
        assert Client(basic(user, wrong)).get(page).status == 401
