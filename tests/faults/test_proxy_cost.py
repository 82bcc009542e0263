"""What a cold page and a cold file cost: requests, connections and statements, counted."""

import asyncio
import hashlib
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from repoman.toolbox import threads
from repositories.domain.index import FileSource, LocalFile, Part, find_file
from repositories.domain.names import normalize
from repositories.protocol import simple_json
from repositories.recipes.pypi_proxy import ProxyIndex
from repositories.services import upstream_pages
from repositories.upstream import addresses, client, downloads
from tests.distributions import wheel
from tests.faults.conftest import Proxy, read
from tests.simulators import upstream as faults
from tests.simulators.upstream import SimulatedUpstream

WARM = wheel("warm", "1.0")
FIRST, SECOND = wheel("demo", "1.0", payload=b"1"), wheel("demo", "2.0", payload=b"2")
LARGE = wheel("demo", "3.0", payload=bytes(range(256)) * 12_000)  # some 3 MB
LARGE_PATH = f"/files/{LARGE.filename}"


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The first words of every statement in the database pool's threads, in order."""
    seen: list[str] = []
    call = threads._with_connection_care

    def recorded(function, /, *args, **kwargs):
        with CaptureQueriesContext(connection) as captured:
            result = call(function, *args, **kwargs)
        seen.extend(query["sql"] for query in captured.captured_queries if "PRAGMA" not in query["sql"])
        return result

    monkeypatch.setattr(threads, "_with_connection_care", recorded)
    return seen


@pytest.fixture(autouse=True)
def no_connections_of_other_tests() -> Iterator[None]:
    client._made_transport.cache_clear()
    yield
    client._made_transport.cache_clear()


@pytest.fixture
def asked(proxy: Proxy, upstream: SimulatedUpstream) -> Proxy:
    """A proxy that has found its index and knows that the upstream is well."""
    for built in (WARM, FIRST, SECOND):
        upstream.add(built.filename, built.content, metadata=built.metadata)
    upstream.add(LARGE.filename, LARGE.content)
    proxy.read(WARM.filename)
    proxy.read(WARM.filename, Part.METADATA)
    return proxy


def kinds(statements: list[str]) -> list[str]:
    """As "SELECT upstreampage", for reading."""
    words = []
    for statement in statements:
        if "SAVEPOINT" not in statement:
            table = statement.partition('"repositories_')[2] or statement.partition('"blobstores_')[2]
            words.append(f"{statement.split()[0]} {table.partition(chr(34))[0]}".strip())
    return words


async def bytes_of(index: ProxyIndex, filename: str, part: Part = Part.FILE) -> bytes:
    return await read(await index.open_file(await find_file(index, normalize("demo"), filename), part))


READING = ["SELECT upstreampage", "SELECT cachedfile"]


def test_statements_of_a_cold_page(asked, statements) -> None:
    index = asked.index
    statements.clear()
    page = asyncio.run(index.project_page(normalize("demo")))
    assert len(page.files) == 3
    assert kinds(statements) == [
        "SELECT upstreampage",
        "BEGIN", "SELECT upstreampage", "INSERT upstreampage", "SELECT cachedfile", "COMMIT",
    ]  # fmt: skip


def test_the_page_handed_on_is_the_one_that_another_process_reads(asked) -> None:
    handed_on = asked.page()
    upstream_pages.memory.clear()
    assert asked.page().files == handed_on.files


@pytest.mark.parametrize("part", [Part.FILE, Part.METADATA])
def test_a_cold_file_is_written_down_in_one_transaction_and_its_page_is_not_read_again(asked, statements, part) -> None:
    asked.page()
    index = asked.index
    statements.clear()
    asyncio.run(bytes_of(index, FIRST.filename, part))
    cold = kinds(statements)
    assert cold[:2] == READING
    assert [word for word in cold if word in ("BEGIN", "COMMIT")] == ["BEGIN", "COMMIT"]
    assert len(cold) <= 9
    assert not [word for word in cold if word.startswith("UPDATE")]
    statements.clear()
    asyncio.run(bytes_of(index, SECOND.filename, part))
    assert "SELECT upstreampage" not in kinds(statements)[1:]
    statements.clear()
    asyncio.run(bytes_of(index, FIRST.filename, part))
    assert kinds(statements) == READING


def test_kept_bytes_that_tell_clients_something_are_on_the_very_next_page(asked, upstream) -> None:
    upstream.files[LARGE.filename].listed["hashes"] = {}
    assert asked.file(LARGE.filename).hashes == {}
    asked.read(LARGE.filename)
    file = asked.file(LARGE.filename)
    assert (file.hashes, file.core_metadata) == ({"sha256": LARGE.sha256}, {"sha256": LARGE.metadata_sha256})


def test_pages_files_and_metadata_in_a_row_take_one_connection(asked, upstream) -> None:
    for filename in (FIRST.filename, SECOND.filename):
        asked.read(filename, Part.METADATA)
        asked.read(filename)
    assert asked.is_absent("nothing")
    assert len(upstream.asked) >= 8
    assert len({request.client for request in upstream.asked}) == 1


def test_many_at_once_take_a_connection_each_and_use_it_again(asked, upstream) -> None:
    names = [f"many{number}" for number in range(80)]
    for name in names:
        upstream.add(f"{name}-1.0.tar.gz", b"x")

    async def all_pages(index: ProxyIndex, names: list[str]) -> None:
        await asyncio.gather(*(index.project_page(normalize(name)) for name in names))

    upstream.asked.clear()
    asyncio.run(all_pages(asked.index, names[:40]))
    first = {request.client for request in upstream.asked}
    upstream.asked.clear()
    asyncio.run(all_pages(asked.index, names[40:]))
    assert len(first) <= threads.TRANSFER_THREADS
    assert len(upstream.asked) == 40
    assert len(first | {request.client for request in upstream.asked}) <= threads.TRANSFER_THREADS


def test_sixty_four_clients_for_one_cold_file_cost_one_request(asked, upstream) -> None:
    upstream.fault(LARGE_PATH, faults.slowly(0.1))
    index = asked.index

    async def crowd() -> set[str]:
        contents = await asyncio.gather(*(bytes_of(index, LARGE.filename) for _ in range(64)))
        return {hashlib.sha256(content).hexdigest() for content in contents}

    assert asyncio.run(crowd()) == {LARGE.sha256}
    assert upstream.count(LARGE_PATH) == 1
    assert isinstance(asyncio.run(open_again(index)), LocalFile)


async def open_again(index: ProxyIndex) -> FileSource:
    return await index.open_file(await find_file(index, normalize("demo"), LARGE.filename), Part.FILE)


def test_one_wake_call_serves_all_who_follow(asked, upstream, monkeypatch) -> None:
    calls: list[int] = []
    wake = downloads._wake
    monkeypatch.setattr(downloads, "_wake", lambda futures: (calls.append(len(futures)), wake(futures))[1])
    upstream.fault(LARGE_PATH, faults.slowly(0.2))
    index = asked.index

    async def crowd() -> None:
        await asyncio.gather(*(bytes_of(index, LARGE.filename) for _ in range(64)))

    asyncio.run(crowd())
    assert calls[0] == 64


def test_an_odd_entry_changes_nothing_about_the_others() -> None:
    """One entry with an unknown private key makes the whole page be read the longer way, to the same values."""
    entries = [
        {"filename": "demo-1.0-py3-none-any.whl", "url": "../f/demo-1.0-py3-none-any.whl", "hashes": {"sha256": "A" * 64},
         "requires-python": " >=3.9 ", "size": 5, "upload-time": "2026-01-01T01:00:00+01:00", "yanked": "bad",
         "core-metadata": {"sha256": "b" * 64}, "dist-info-metadata": True, "provenance": "https://index.example/p"},
        {"filename": "demo-2.0.tar.gz", "url": "https://files.example/demo-2.0.tar.gz#x", "provenance": None, "gpg-sig": True,
         "hashes": {"md5": "c" * 32, "sha1": "no"}, "size": -1, "upload-time": "never", "dist-info-metadata": True},
        {"filename": "demo-3.0.zip", "url": "https://files.example/demo-3.0.zip", "core-metadata": None,
         "data-dist-info-metadata": {"sha256": "d" * 64}},
    ]  # fmt: skip
    plain = simple_json.parse_project(
        json.dumps({"name": "demo", "files": entries}).encode(), "https://index.example/simple/demo/", normalize("demo")
    )
    entries[2]["_private"] = 1
    odd = simple_json.parse_project(
        json.dumps({"name": "demo", "files": entries}).encode(), "https://index.example/simple/demo/", normalize("demo")
    )
    assert plain == odd
    assert [file.hashes for file in plain.files] == [{"sha256": "a" * 64}, {"md5": "c" * 32}, {}]
    assert [file.core_metadata for file in plain.files] == [{"sha256": "b" * 64}, {}, None]


def test_first_questions_that_come_together_share_one_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    make = client.tls.make_context

    def slow(trusted_pem: str):
        made.append(trusted_pem)
        time.sleep(0.05)
        return make(trusted_pem)

    monkeypatch.setattr(client.tls, "make_context", slow)
    origin = addresses.origin_of("https://index.example/")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: client._transport(origin, (), ""), range(8)))
    assert (len(made), len({id(transport) for transport in found})) == (1, 1)
