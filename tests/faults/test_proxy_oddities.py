"""Upstreams at the edge: hanging, beyond all numbers, with impossible addresses, or deleted from here while they are asked."""

import asyncio
import contextlib
import json
import threading
import time

import pytest
from django.db import connection

from repoman.toolbox import threads
from repositories.domain.errors import NotFound, RepositoryError, UpstreamError
from repositories.domain.index import Part
from repositories.domain.names import normalize
from repositories.models import Repository, UpstreamHealth, UpstreamPage
from tests.distributions import wheel
from tests.simulators import upstream as faults
from tests.simulators.upstream import Exchange

DEMO = wheel("demo", "1.0")
BEYOND = ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "Mon, 01 Jan 2024 00:00:00 +99999999999999999999")


@pytest.fixture(autouse=True)
def demo(upstream) -> None:
    upstream.add(DEMO.filename, DEMO.content)


@pytest.mark.parametrize("moment", BEYOND)
def test_a_retry_after_beyond_all_numbers_is_ignored(proxy, upstream, moment) -> None:
    upstream.fault("/simple/", faults.raw(b"HTTP/1.1 503 x\r\nRetry-After: %s\r\n\r\n" % moment.encode()))
    with pytest.raises(UpstreamError, match="has failed"):
        proxy.page()


@pytest.mark.parametrize("digits", [19, 5000])
def test_a_content_length_beyond_all_numbers_counts_as_absent(proxy, upstream, digits) -> None:
    answer = b"HTTP/1.1 404 x\r\nContent-Length: " + b"9" * digits + b"\r\n\r\n"
    upstream.fault("/simple/", faults.raw(answer))
    with pytest.raises(NotFound):
        proxy.page()


def test_a_link_to_a_host_that_cannot_be_is_left_out(proxy, upstream) -> None:
    entry = {"filename": DEMO.filename, "url": "http://\u2100.example/x", "hashes": {}, "core-metadata": True}
    page = {"meta": {"api-version": "1.4"}, "name": "demo", "files": [entry]}
    upstream.fault("/simple/demo/", faults.body(json.dumps(page).encode(), "application/vnd.pypi.simple.v1+json"))
    assert proxy.filenames() == []
    with pytest.raises(NotFound):
        proxy.read(DEMO.filename, Part.METADATA)


@pytest.mark.parametrize("path", ["/simple/demo/", "/simple/"])
@pytest.mark.parametrize("works", [True, False])
def test_a_proxy_deleted_while_it_asks_is_no_fault(proxy, upstream, path, works) -> None:
    asked, deleted = threading.Event(), threading.Event()

    def slow(exchange: Exchange) -> None:
        asked.set()
        deleted.wait(2)
        if works:
            exchange.server.simulator.heal()
            exchange.server.simulator._answer(exchange, exchange.path)
        else:
            exchange.send(500, b"")

    def delete() -> None:
        asked.wait(2)
        Repository.objects.filter(name=proxy.name).delete()
        connection.close()
        deleted.set()

    upstream.fault(path, slow)
    deletion = threading.Thread(target=delete)
    deletion.start()
    ask = proxy.listing if path == "/simple/" else proxy.page
    with contextlib.suppress(RepositoryError):  # of the error table, never a database's own error
        ask()
    deletion.join()
    assert not UpstreamPage.objects.exists()
    assert not UpstreamHealth.objects.exists()


def test_r8_a_hanging_upstream_does_not_hold_up_files_that_are_kept(proxy, upstream) -> None:
    upstream.fault("/simple/", faults.hang())
    index = proxy.index

    async def waited() -> float:
        names = [normalize(f"demo{number}") for number in range(threads.TRANSFER_THREADS + 8)]
        asking = [asyncio.ensure_future(index.project_page(name)) for name in names]
        while len(upstream.asked) < threads.TRANSFER_THREADS:
            await asyncio.sleep(0.02)
        began = time.monotonic()
        await threads.transfer(time.monotonic)
        elapsed = time.monotonic() - began
        await asyncio.gather(*asking, return_exceptions=True)
        return elapsed

    assert asyncio.run(waited()) < 1  # the upstream's timeout is 2
