"""Answers in the making while the configuration changes: what was begun with the old one must not be kept."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from repositories.dataplane import indexes, quick
from repositories.models import Repository
from repositories.services.repositories import create_repository, update_repository
from repositories.services.routing_rules import create_routing_rule
from tests.asgi_client import Client, Response
from tests.distributions import wheel

Upload = Callable[..., Response]

SMALL = wheel("small", "1.0")
LARGE = wheel("large", "1.0", payload=bytes(range(256)) * 1024)
PAGE = "/repository/pypi-hosted/simple/small/"


class Held:
    """The first call of a function stops when it is done, until somebody lets it go on."""

    def __init__(self, function: Callable[..., object]) -> None:
        self._function = function
        self._done, self._go_on = threading.Event(), threading.Event()

    def __call__(self, *args: object, **kwargs: object) -> object:
        first = not self._done.is_set()
        result = self._function(*args, **kwargs)
        if first:
            self._done.set()
            assert self._go_on.wait(10)
        return result

    async def done(self) -> None:
        while not self._done.is_set():
            await asyncio.sleep(0.01)

    def go_on(self) -> None:
        self._go_on.set()


def block(project: str) -> None:
    create_routing_rule(name="blocking", mode="block", patterns=[project])
    hosted = Repository.objects.get(name="pypi-hosted")
    update_repository(hosted, options=hosted.options, routing_rule="blocking")


def test_a_repository_that_changes_while_it_is_opened_leaves_no_old_answer_behind(
    dana: Client, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(SMALL)
    create_repository(name="other", recipe="pypi-hosted", blob_store="default", options={})
    opening = Held(indexes.live)

    async def overtaken() -> None:
        await dana.ask("GET", "/repository/other/simple/", {})
        monkeypatch.setattr(indexes, "live", opening)
        first = asyncio.ensure_future(dana.ask("GET", PAGE, {}))
        await opening.done()
        await asyncio.to_thread(block, "small")
        assert (await dana.ask("GET", PAGE, {})).status == 403
        opening.go_on()
        await first

    asyncio.run(overtaken())
    assert dana.get(PAGE).status == 403


def test_a_lost_file_that_is_looked_for_during_a_change_leaves_no_old_answer_behind(
    dana: Client, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(LARGE)
    path = f"/repository/pypi-hosted/packages/large/1.0/{LARGE.filename}"
    for _ in range(3):
        assert dana.get(path).body == LARGE.content

    def lost_for_a_moment(file: Path) -> bool:
        return False

    looking = Held(lost_for_a_moment)
    real = Path.is_file

    async def overtaken() -> None:
        monkeypatch.setattr(Path, "is_file", lambda file: looking(file) if "blobs" in str(file) else real(file))
        first = asyncio.ensure_future(dana.ask("GET", path, {}))
        await looking.done()
        monkeypatch.setattr(Path, "is_file", real)
        await asyncio.to_thread(block, "large")
        assert (await dana.ask("GET", path, {})).status == 403
        looking.go_on()
        await first

    asyncio.run(overtaken())
    assert dana.get(path).status == 403


def test_long_headers_are_not_remembered(dana: Client, upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(SMALL)
    monkeypatch.setattr(quick, "_variants", {})
    for number in range(3):
        accept = f"text/html, x/{number}{'y' * 30_000}"
        assert dana.get(PAGE, accept=accept).status == 200
    assert sum(len(part) for key in quick._variants for part in key) < 10_000
    assert dana.get(PAGE, accept="text/html").status == 200
    assert len(quick._variants) == 1
