"""What this process knows of the repositories, as of one beat of the database's pulse.

Each request first brings it up to date: while the pulse stands still that costs no query, else a few small ones, shared by
all requests that wait for them. What has changed is dropped from the kept answers. So a write, a changed rule and a
repository taken offline are seen by the very next request in every process (`docs/decisions/0008`).
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.conf import settings

from repoman.toolbox import threads
from repoman.toolbox.pulse import Beat, pulse
from repositories import queries
from repositories.dataplane import indexes
from repositories.dataplane.answers import Answers, Subject
from repositories.dataplane.indexes import LiveRepository
from repositories.domain.errors import NotFound
from repositories.domain.names import is_repository_name, printable
from repositories.recipe import RepositoryRow

MOST_CHANGES = 2000  # of one repository; with more, everything kept of it is dropped

Rows = Mapping[str, RepositoryRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What was read: ``changed`` subjects, and repositories with more changes than can be listed."""

    beat: Beat
    rows: Rows | None
    generations: dict[int, tuple[int, int]]
    changed: list[Subject]
    overflowed: list[int]


class Knowledge:
    """Lives on the event loop."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.beat: Beat | None = None
        self._rows: Rows = {}
        self._generations: dict[int, tuple[int, int]] = {}
        self._above: dict[int, tuple[int, ...]] = {}
        self._live: dict[str, LiveRepository] = {}
        self._reading: asyncio.Task[None] | None = None
        self._begun = 0
        self._ended = 0
        self._glanced: Beat | None = None
        self._turn: asyncio.AbstractEventLoop | None = None

    def current(self) -> bool:
        """Whether nothing was committed since it was last brought up to date; False where only the database can tell.

        One glance serves all requests of one turn of the event loop: whatever arrived before the glance may share it.
        """
        loop = asyncio.get_running_loop()
        if self._turn is not loop:
            # Scheduled before the glance: requests that are handled before it runs arrived before the glance as well.
            loop.call_soon(self._end_turn)
            self._turn = loop
            self._glanced = pulse.glance()
        return self._glanced is not None and self._glanced == self.beat

    def _end_turn(self) -> None:
        self._turn = None

    async def catch_up(self) -> None:
        """Bring it up to date with everything committed before this call."""
        if self.current():
            return
        needed = self._begun + 1  # a reading under way may have begun before that commit
        while self._ended < needed:
            task = self._reading
            if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
                self._begun += 1
                task = self._reading = asyncio.ensure_future(self._read(self._begun))
            await asyncio.shield(task)

    def live(self, name: str) -> LiveRepository | None:
        """The live repository of that name where it is ready."""
        return self._live.get(name)

    async def open(self, name: str) -> LiveRepository:
        """The live repository of that name. Raises NotFound, Offline."""
        while (ready := self._live.get(name)) is None:
            rows = self._rows
            row = rows.get(name.lower()) if is_repository_name(name) else None
            if row is None or row.name != name:
                raise NotFound(f"There is no repository {printable(name)}")
            made = await threads.database(indexes.live, row)
            # Of a configuration that was changed meanwhile it must not be used: its answers would be kept as new ones.
            if rows is self._rows:
                self._live[name] = made
        return ready

    def forget(self) -> None:
        """Begin anew, as for another database."""
        pulse.forget()
        indexes.forget()
        self.answers.clear()
        self.beat, self._rows, self._generations, self._live = None, {}, {}, {}

    async def _read(self, number: int) -> None:
        reading = await threads.database(self._changes, pulse.glance())
        if reading is not None:
            self._apply(reading)
        self._ended = max(self._ended, number)

    def _changes(self, beat: Beat | None) -> _Reading | None:
        """What was committed since the last reading, None for nothing. The beat is older than all that is read."""
        if beat is None:
            beat = pulse.look()
            if beat == self.beat:
                return None
        configuration, generations = queries.generations()
        rows = indexes.rows_at(configuration)
        before = self._generations
        changed: list[Subject] = []
        overflowed: list[int] = []
        if rows is not self._rows:
            return _Reading(beat=beat, rows=rows, generations=generations, changed=changed, overflowed=overflowed)
        for repository, (content, names) in generations.items():
            since, names_before = before.get(repository, (content, names))
            if content != since:
                found = queries.changed_projects(repository, since, MOST_CHANGES)
                if len(found) >= MOST_CHANGES:
                    overflowed.append(repository)
                changed += [(repository, project) for project in found]
            if names != names_before:
                changed.append((repository, ""))
        return _Reading(beat=beat, rows=None, generations=generations, changed=changed, overflowed=overflowed)

    def _apply(self, reading: _Reading) -> None:
        if reading.rows is not None:
            self._rows = reading.rows
            self._above = _above(reading.rows.values())
            self._live = {}
            self.answers.clear()
        else:
            if reading.overflowed:
                self.answers.drop_repositories(top for low in reading.overflowed for top in self._above.get(low, ()))
            self.answers.drop((top, project) for low, project in reading.changed for top in self._above.get(low, ()))
        self._generations = reading.generations
        self.beat = reading.beat


def _above(rows: Iterable[RepositoryRow]) -> dict[int, tuple[int, ...]]:
    """For each repository those whose answers it has a part in: itself, and every group it is somewhere below."""
    above: dict[int, list[int]] = {}

    def visit(row: RepositoryRow, top: int) -> None:
        tops = above.setdefault(row.id, [])
        if top not in tops:
            tops.append(top)
        for member in row.members:
            visit(member, top)

    for row in rows:
        visit(row, row.id)
    return {key: tuple(tops) for key, tops in above.items()}


knowledge = Knowledge(Answers(settings.REPOMAN.answer_cache_bytes))
