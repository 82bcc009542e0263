"""One question at a time: many callers who ask the same share one answer, and a failure is remembered for a moment."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from repositories.domain.errors import UpstreamError

T = TypeVar("T")

_MOST = 10_000
_MOMENT = 15  # seconds


class Flights:
    """Questions under way in this process. One goes on when all who asked have left, so that the next finds an answer."""

    def __init__(self) -> None:
        self._tasks: dict[tuple[int, Hashable], asyncio.Task[Any]] = {}

    async def share(self, key: Hashable, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The answer of the question ``key``, asked by ``ask`` unless it is under way. Raises what ``ask`` raises."""
        loop = asyncio.get_running_loop()
        place = (id(loop), key)
        task = self._tasks.get(place)
        if task is None or task.done() or task.get_loop() is not loop:
            task = self._tasks[place] = loop.create_task(ask())
            task.add_done_callback(lambda done: self._over(place, done))
        return await asyncio.shield(task)

    def _over(self, place: tuple[int, Hashable], task: "asyncio.Task[Any]") -> None:
        if self._tasks.get(place) is task:
            del self._tasks[place]
        if not task.cancelled():
            task.exception()  # seen, even when everybody who asked has left


class Pauses:
    """Errors too young to ask again: a hanging upstream must not cost each visitor of a stale page a timeout."""

    def __init__(self) -> None:
        self._until: dict[Hashable, tuple[datetime, UpstreamError]] = {}

    def set(self, key: Hashable, error: UpstreamError, now: datetime) -> None:
        """Remember ``error`` for as long as the upstream asked, else for a moment; one that is remembered stays as it is."""
        if len(self._until) >= _MOST:
            self._until = {name: entry for name, entry in self._until.items() if entry[0] > now}
        if len(self._until) < _MOST and (key not in self._until or self._until[key][0] <= now):
            self._until[key] = (now + timedelta(seconds=error.retry_after or _MOMENT), error)

    def check(self, key: Hashable, now: datetime) -> None:
        """Raises the error remembered for ``key``."""
        entry = self._until.get(key)
        if entry is not None and entry[0] > now:
            raise entry[1]

    def until(self, key: Hashable) -> datetime | None:
        """When the pause of ``key`` ends; None when there is none."""
        entry = self._until.get(key)
        return None if entry is None else entry[0]

    def clear(self, key: Hashable) -> None:
        self._until.pop(key, None)
