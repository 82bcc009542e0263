"""Filters: pure judges over pages, and the index that applies them.

A filter never touches the network, the database or the clock: what it needs is in the context. A filter that
fails refuses (fail closed).
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from repositories.domain.errors import Refused
from repositories.domain.index import FileSource, Index, Part
from repositories.domain.names import NormalizedName
from repositories.domain.page import (
    FOREVER,
    DistributionFile,
    Freshness,
    ProjectList,
    ProjectPage,
    RefusedFile,
    earliest,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Context:
    """What a judge may know: the repository's name and the time."""

    repository: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Keep:
    """The verdict that lets a project or file pass."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The verdict that hides it; ``detail`` is one sentence for the person who asked."""

    detail: str


KEEP = Keep()
Verdict = Keep | Refuse


class Filter(Protocol):
    """A rule at work on one repository. ``rule`` is its name as an administrator knows it.

    ``timeless`` when no verdict looks at the context's time: only then can answers be kept.
    """

    @property
    def rule(self) -> str: ...

    @property
    def timeless(self) -> bool: ...

    def judge_project(self, project: NormalizedName, context: Context) -> Verdict:
        """Asked before the repository is: a refused name is never sent upstream."""
        ...

    def judge(self, file: DistributionFile, context: Context) -> Verdict:
        """Asked for each file of a page."""
        ...


class FilteredIndex:
    """An index behind filters.

    The same verdict holds for page, file, side files and every other answer, because all of them go
    through the page (`find_file`).
    """

    def __init__(self, index: Index, filters: Sequence[Filter], now: Callable[[], datetime]) -> None:
        self._index = index
        self._filters = tuple(filters)
        self._now = now
        self.name = index.name
        self.origins = index.origins

    async def owns(self, project: NormalizedName) -> bool:
        return await self._index.owns(project)

    async def project_list(self) -> ProjectList:
        listing = await self._index.project_list()
        # Hundreds of thousands of names at a public index: judged beside the event loop.
        return await asyncio.to_thread(self._admitted, listing)

    def _admitted(self, listing: ProjectList) -> ProjectList:
        context = self._context()
        kept = {
            project: name for project, name in listing.projects.items() if self._judge_project(project, context) is None
        }
        return replace(listing, projects=kept, freshness=self._limited(listing.freshness, []))

    async def project_page(self, project: NormalizedName) -> ProjectPage:
        context = self._context()
        refusal = self._judge_project(project, context)
        if refusal is not None:
            raise refusal
        page = await self._index.project_page(project)
        kept: list[DistributionFile] = []
        hidden: list[RefusedFile] = list(page.refused)
        refusals: list[Refused] = []
        for file in page.files:
            refusal = self._judge(file, context)
            if refusal is None:
                kept.append(file)
            else:
                refusals.append(refusal)
                hidden.append(RefusedFile(file=file, rule=refusal.rule, detail=refusal.detail))
        freshness = self._limited(page.freshness, refusals)
        return replace(page, files=tuple(kept), refused=tuple(hidden), freshness=freshness)

    async def open_file(self, file: DistributionFile, part: Part) -> FileSource:
        return await self._index.open_file(file, part)

    def _limited(self, freshness: Freshness, refusals: Sequence[Refused]) -> Freshness:
        verdicts = FOREVER if all(rule.timeless for rule in self._filters) else None
        holds = earliest(freshness.holds_until, verdicts, *(refusal.holds_until for refusal in refusals))
        return replace(freshness, holds_until=holds)

    def _context(self) -> Context:
        return Context(repository=self.name, now=self._now())

    def _judge_project(self, project: NormalizedName, context: Context) -> Refused | None:
        return self._first_refusal(lambda rule: rule.judge_project(project, context))

    def _judge(self, file: DistributionFile, context: Context) -> Refused | None:
        return self._first_refusal(lambda rule: rule.judge(file, context))

    def _first_refusal(self, ask: Callable[[Filter], Verdict]) -> Refused | None:
        return first_refusal(self._filters, ask, self.name)


def first_refusal(filters: Sequence[Filter], ask: Callable[[Filter], Verdict], repository: str) -> Refused | None:
    """The first refusal, None when all keep; one that raises refuses. ``repository`` is named in the log."""
    for rule in filters:
        try:
            verdict = ask(rule)
        except Exception:
            logger.exception("filter %s of %s failed and therefore refuses", rule.rule, repository)
            # A failure may be over the next time it is asked: this verdict is not kept.
            return Refused(f"Rule {rule.rule} could not be applied", rule=rule.rule)
        if isinstance(verdict, Refuse):
            holds = FOREVER if all(other.timeless for other in filters) else None
            return Refused(verdict.detail, rule=rule.rule, holds_until=holds)
    return None
