"""Files of a proxy: verified before they are kept, one transfer for all, nothing half visible (T7, R2, R8, R9)."""

import asyncio
import hashlib
import resource
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from blobstores.models import Blob
from repositories.domain.errors import NotFound, UpstreamError, UpstreamInvalid, UpstreamTimeout
from repositories.domain.index import ByteStream, FileSource, LocalFile, Part, find_file
from repositories.domain.names import normalize
from repositories.models import CachedFile
from repositories.recipes.pypi_proxy import ProxyIndex
from repositories.upstream import transfers
from repositories.upstream.client import Pace
from repositories.upstream.downloads import downloads
from tests.distributions import wheel
from tests.faults.conftest import read
from tests.simulators import upstream as faults
from tests.simulators.upstream import SimulatedUpstream

SMALL = wheel("demo", "1.0")
LARGE = wheel("demo", "2.0", payload=bytes(range(256)) * 12_000)  # some 3 MB
HALF = 1_500_000
PATH = f"/files/{SMALL.filename}"
LARGE_PATH = f"/files/{LARGE.filename}"
WRONG = b"x" * len(LARGE.content)


@pytest.fixture(autouse=True)
def demo(upstream: SimulatedUpstream) -> None:
    upstream.add(SMALL.filename, SMALL.content)
    upstream.add(LARGE.filename, LARGE.content)


@pytest.fixture
def released() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


async def open_file(index: ProxyIndex, filename: str, part: Part = Part.FILE) -> FileSource:
    return await index.open_file(await find_file(index, normalize("demo"), filename), part)


async def settled() -> None:
    """Until no download is under way."""
    deadline = time.monotonic() + 10
    while downloads._tasks:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@pytest.fixture
def nothing_kept(kept_blobs: Callable[[], list[str]]) -> Callable[[], bool]:
    return lambda: kept_blobs() == [] and not CachedFile.objects.exists() and not Blob.objects.exists()


def test_a_file_is_fetched_once_and_then_served_without_upstream(proxy, upstream, kept_blobs) -> None:
    assert proxy.read(LARGE.filename) == LARGE.content
    upstream.fault("/", faults.status(500))
    assert proxy.read(LARGE.filename) == LARGE.content
    assert upstream.count(LARGE_PATH) == 1
    assert LARGE.sha256 in kept_blobs()
    row = CachedFile.objects.get()
    assert (row.project, row.version, row.filename, row.blob.sha256) == ("demo", "2.0", LARGE.filename, LARGE.sha256)


def test_a_kept_file_is_a_file_of_this_machine(proxy) -> None:
    proxy.read(SMALL.filename)
    source = asyncio.run(open_file(proxy.index, SMALL.filename))
    assert isinstance(source, LocalFile)
    assert source.size == len(SMALL.content)


def test_the_first_byte_arrives_while_the_file_still_comes(proxy, upstream, released) -> None:
    upstream.fault(LARGE_PATH, faults.stall(LARGE.content, HALF, released))

    async def scene(index: ProxyIndex) -> bytes:
        source = await open_file(index, LARGE.filename)
        assert isinstance(source, ByteStream)
        assert source.size == len(LARGE.content)
        chunks = source.chunks(0)
        first = await anext(chunks)
        assert LARGE.content.startswith(first)
        released.set()
        return first + b"".join([chunk async for chunk in chunks])

    assert asyncio.run(scene(proxy.index)) == LARGE.content


def test_a_reader_may_begin_anywhere(proxy, upstream, released) -> None:
    upstream.fault(LARGE_PATH, faults.stall(LARGE.content, HALF, released))

    async def scene(index: ProxyIndex) -> list[bytes]:
        source = await open_file(index, LARGE.filename)
        readers = [asyncio.create_task(read(source, start)) for start in (0, 7, HALF + 1, len(LARGE.content) - 1)]
        await asyncio.sleep(0.05)
        released.set()
        return await asyncio.gather(*readers)

    assert asyncio.run(scene(proxy.index)) == [
        LARGE.content, LARGE.content[7:], LARGE.content[HALF + 1 :], LARGE.content[-1:],
    ]  # fmt: skip


def test_r9_many_clients_cost_one_transfer(proxy, upstream) -> None:
    upstream.fault(LARGE_PATH, faults.slowly(0.2))

    async def client(index: ProxyIndex) -> str:
        return hashlib.sha256(await read(await open_file(index, LARGE.filename))).hexdigest()

    async def crowd(index: ProxyIndex) -> set[str]:
        return set(await asyncio.gather(*(client(index) for _ in range(100))))

    assert asyncio.run(crowd(proxy.index)) == {LARGE.sha256}
    assert upstream.count(LARGE_PATH) == 1
    assert CachedFile.objects.count() == 1


def test_slow_readers_hold_no_threads(proxy, upstream, released) -> None:
    """Forty clients that read nothing, against a pool of 32 threads."""
    upstream.fault(LARGE_PATH, faults.stall(LARGE.content, HALF, released))

    async def scene(index: ProxyIndex) -> bytes:
        idle = [(await open_file(index, LARGE.filename)).chunks(0) for _ in range(40)]
        for chunks in idle:
            await anext(chunks)
        return await asyncio.wait_for(read(await open_file(index, SMALL.filename)), 5)

    assert asyncio.run(scene(proxy.index)) == SMALL.content


def test_slow_downloads_leave_threads_for_pages(proxy, upstream, released) -> None:
    for number in range(40):
        built = wheel("demo", f"3.{number}", payload=bytes(600_000))
        upstream.add(built.filename, built.content)
        upstream.fault(f"/files/{built.filename}", faults.stall(built.content, 500_000, released))
    upstream.add("other-1.0.tar.gz", b"other")
    index = proxy.index

    async def scene() -> str:
        names = [
            file.filename for file in (await index.project_page(normalize("demo"))).files if "-3." in file.filename
        ]
        waiting = [asyncio.create_task(open_file(index, name)) for name in names]
        await asyncio.sleep(0.3)
        page = await asyncio.wait_for(index.project_page(normalize("other")), 5)
        released.set()
        await asyncio.gather(*(read(source) for source in await asyncio.gather(*waiting)))
        return page.files[0].filename

    assert asyncio.run(scene()) == "other-1.0.tar.gz"


def test_the_download_goes_on_when_the_client_that_began_it_leaves(proxy, upstream, released, kept_blobs) -> None:
    upstream.fault(LARGE_PATH, faults.stall(LARGE.content, HALF, released))

    async def scene(index: ProxyIndex) -> bytes:
        source = await open_file(index, LARGE.filename)
        chunks = source.chunks(0)
        await anext(chunks)
        await chunks.aclose()
        second = asyncio.create_task(open_file(index, LARGE.filename))
        await asyncio.sleep(0.05)
        released.set()
        return await read(await second)

    assert asyncio.run(scene(proxy.index)) == LARGE.content
    assert upstream.count(LARGE_PATH) == 1
    assert LARGE.sha256 in kept_blobs()


def test_nobody_needs_to_wait_for_a_download_to_end_well(proxy, upstream, released) -> None:
    upstream.fault(LARGE_PATH, faults.stall(LARGE.content, HALF, released))

    async def scene(index: ProxyIndex) -> None:
        asking = asyncio.create_task(open_file(index, LARGE.filename))
        while not upstream.count(LARGE_PATH):
            await asyncio.sleep(0.01)
        asking.cancel()
        released.set()
        await settled()

    asyncio.run(scene(proxy.index))
    assert CachedFile.objects.get().blob.sha256 == LARGE.sha256


BAD_BODIES = {
    "other bytes": faults.body(WRONG),
    "short, cleanly ended": faults.body(LARGE.content[:-1]),
    "long": faults.body(LARGE.content + b"x"),
    "cut": faults.cut(LARGE.content, HALF),
    "short, in chunks cleanly ended": faults.chunked(LARGE.content, HALF),
    "long, in chunks": faults.chunked(LARGE.content + b"x" * 100_000),
    "one bit": faults.body(LARGE.content[:-1] + bytes([LARGE.content[-1] ^ 1])),
    "web page": faults.body(b"<html>please sign in</html>", "text/html"),
    "web page as a file": faults.body(b"<html>please sign in</html>"),
    "part": lambda exchange: exchange.send(206, LARGE.content),
    "empty": faults.body(b""),
    "another file": faults.body(SMALL.content),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_t7_bytes_that_are_not_the_listed_ones_are_never_kept_and_never_end_cleanly(
    proxy, upstream, nothing_kept, name
) -> None:
    upstream.fault(LARGE_PATH, BAD_BODIES[name], times=1)
    with pytest.raises(UpstreamInvalid):
        proxy.read(LARGE.filename)
    assert nothing_kept()
    assert proxy.read(LARGE.filename) == LARGE.content


def test_all_who_follow_a_wrong_download_hear_of_it(proxy, upstream, released, nothing_kept) -> None:
    upstream.fault(LARGE_PATH, faults.stall(WRONG, HALF, released), times=1)

    async def client(index: ProxyIndex) -> int:
        received = 0
        source = await open_file(index, LARGE.filename)
        try:
            async for chunk in source.chunks(0):
                received += len(chunk)
        except UpstreamInvalid:
            return received
        raise AssertionError("ended cleanly")

    async def scene(index: ProxyIndex) -> list[int]:
        clients = [asyncio.create_task(client(index)) for _ in range(10)]
        await asyncio.sleep(0.2)
        released.set()
        return await asyncio.gather(*clients)

    received = asyncio.run(scene(proxy.index))
    assert all(0 < count < len(WRONG) for count in received)  # a complete body would look like a success
    assert nothing_kept()


@pytest.mark.parametrize(
    ("fault", "error"),
    [(faults.status(404), NotFound), (faults.status(410), NotFound), (faults.status(403), UpstreamError),
     (faults.status(500), UpstreamError), (faults.status(429), UpstreamError), (faults.drop(), UpstreamError),
     (faults.hang(), UpstreamTimeout), (faults.redirect("/files/"), NotFound)],
    ids=["404", "410", "403", "500", "429", "dropped", "silent", "redirect to nothing"],
)  # fmt: skip
def test_a_file_that_cannot_be_had(proxy, upstream, nothing_kept, fault, error) -> None:
    proxy.set(timeout=1)
    upstream.fault(PATH, fault, times=1)
    with pytest.raises(error):
        proxy.read(SMALL.filename)
    assert nothing_kept()
    assert proxy.read(SMALL.filename) == SMALL.content


def test_r8_a_stalled_transfer_is_given_up(proxy, upstream, nothing_kept, released) -> None:
    proxy.set(timeout=1)
    upstream.fault(LARGE_PATH, faults.stall(LARGE.content, HALF, released))
    with pytest.raises(UpstreamTimeout):
        proxy.read(LARGE.filename)
    assert nothing_kept()


def test_r8_a_dripping_transfer_is_given_up(proxy, upstream, nothing_kept, monkeypatch) -> None:
    monkeypatch.setattr(transfers, "FILE_PACE", Pace(total=600, rate=1024, window=0.5))
    upstream.fault(PATH, faults.drip(SMALL.content, 0.02))
    began = time.monotonic()
    with pytest.raises(UpstreamTimeout, match="too slowly"):
        proxy.read(SMALL.filename)
    assert time.monotonic() - began < 3
    assert nothing_kept()


def test_r8_a_transfer_has_a_last_moment(proxy, upstream, nothing_kept, monkeypatch) -> None:
    monkeypatch.setattr(transfers, "FILE_PACE", Pace(total=0.5, rate=1, window=60))
    upstream.fault(PATH, faults.drip(SMALL.content, 0.02))
    with pytest.raises(UpstreamTimeout):
        proxy.read(SMALL.filename)
    assert nothing_kept()


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha384", "sha512", "sha3_256", "blake2b"])
def test_the_strongest_digest_that_is_listed_decides(proxy, upstream, nothing_kept, algorithm) -> None:
    digest = hashlib.new(algorithm, SMALL.content).hexdigest()
    upstream.files[SMALL.filename].listed["hashes"] = {"md5": hashlib.md5(SMALL.content).hexdigest(), algorithm: digest}
    flipped = SMALL.content[:-1] + b"!"
    upstream.fault(PATH, faults.body(flipped), times=1)
    with pytest.raises(UpstreamInvalid, match=algorithm):
        proxy.read(SMALL.filename)
    assert nothing_kept()
    assert proxy.read(SMALL.filename) == SMALL.content
    assert proxy.read(SMALL.filename) == SMALL.content
    assert upstream.count(PATH) == 2


def test_a_file_without_digest_is_kept_and_its_digest_published_from_then_on(proxy, upstream) -> None:
    upstream.kind = "html"
    upstream.files[SMALL.filename].listed["hashes"] = {}
    before = proxy.file(SMALL.filename)
    assert (before.hashes, before.size) == ({}, None)
    assert proxy.read(SMALL.filename) == SMALL.content
    after = proxy.file(SMALL.filename)
    assert (after.hashes, after.size) == ({"sha256": SMALL.sha256}, len(SMALL.content))
    assert proxy.read(SMALL.filename) == SMALL.content
    assert upstream.count(PATH) == 1


def test_a_web_page_is_never_kept_as_a_file_without_digest(proxy, upstream, nothing_kept) -> None:
    upstream.kind = "html"
    upstream.files[SMALL.filename].listed["hashes"] = {}
    upstream.fault(PATH, faults.body(b"<html>please sign in</html>", "text/html"))
    with pytest.raises(UpstreamInvalid, match="web page"):
        proxy.read(SMALL.filename)
    assert nothing_kept()


def test_content_max_age_looks_again_at_files_that_only_their_bytes_can_tell(proxy, upstream) -> None:
    upstream.kind = "html"
    upstream.files[SMALL.filename].listed["hashes"] = {}
    proxy.set(content_max_age=0)
    assert proxy.read(SMALL.filename) == SMALL.content
    other = wheel("demo", "1.0", payload=b"replaced")
    upstream.files[SMALL.filename].content = other.content
    assert proxy.read(SMALL.filename) == other.content
    assert proxy.file(SMALL.filename).hashes == {"sha256": other.sha256}
    upstream.fault(PATH, faults.status(500))
    assert proxy.read(SMALL.filename) == other.content  # what is kept is better than nothing


def test_content_max_age_costs_nothing_where_the_page_lists_digests(proxy, upstream) -> None:
    proxy.set(content_max_age=0)
    proxy.read(SMALL.filename)
    proxy.read(SMALL.filename)
    assert upstream.count(PATH) == 1


def test_other_bytes_under_the_same_name_are_fetched_anew(proxy, upstream) -> None:
    proxy.set(metadata_max_age=0)
    assert proxy.read(SMALL.filename) == SMALL.content
    other = wheel("demo", "1.0", payload=b"replaced")
    upstream.add(SMALL.filename, other.content)
    assert proxy.read(SMALL.filename) == other.content
    assert proxy.file(SMALL.filename).hashes == {"sha256": other.sha256}


def test_a_blob_that_the_store_lost_is_fetched_anew(proxy, upstream, tmp_path, kept_blobs) -> None:
    proxy.read(SMALL.filename)
    for path in (tmp_path / "blobs" / "sha256").rglob(SMALL.sha256):
        path.unlink()
    assert proxy.read(SMALL.filename) == SMALL.content
    assert upstream.count(PATH) == 2
    assert SMALL.sha256 in kept_blobs()


def test_upload_time_is_the_upstreams_after_caching_too(proxy, upstream) -> None:
    upstream.files[SMALL.filename].listed["upload-time"] = "2020-01-02T03:04:05Z"
    before = proxy.file(SMALL.filename)
    proxy.read(SMALL.filename)
    assert proxy.file(SMALL.filename).upload_time == before.upload_time
    assert before.upload_time is not None
    assert before.upload_time.year == 2020


def test_a_full_store_passes_files_through_and_recovers(proxy, upstream, nothing_kept) -> None:
    proxy.page()
    index, before = proxy.index, resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, before[1]))  # every write beyond fails, as on a full disk
    try:
        content = asyncio.run(passed(index))
        upstream.fault(LARGE_PATH, faults.body(WRONG))
        with pytest.raises(UpstreamInvalid):
            asyncio.run(passed(index))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert content == LARGE.content
    assert nothing_kept()
    upstream.heal()
    assert proxy.read(LARGE.filename) == LARGE.content
    assert CachedFile.objects.count() == 1


async def passed(index: ProxyIndex) -> bytes:
    return await read(await open_file(index, LARGE.filename))


def test_no_request_header_of_ours_asks_for_packed_files(proxy, upstream) -> None:
    proxy.read(SMALL.filename)
    assert upstream.headers_of(PATH)["Accept-Encoding"] == "identity"
