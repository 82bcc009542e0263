"""Asking an upstream only when that is allowed, and writing down how it went."""

from collections.abc import Callable
from typing import TypeVar

from repoman.toolbox import clock, threads
from repositories.domain.errors import RepositoryError
from repositories.upstream import health, options
from repositories.upstream.client import Upstream
from repositories.upstream.health import Permit
from repositories.upstream.options import ProxyOptions

T = TypeVar("T")


class Questions:
    """The way of one proxy to its upstream."""

    def __init__(self, repository_id: int, of: ProxyOptions) -> None:
        self._id = repository_id
        self._options = of

    async def ask(self, subject: str, question: Callable[[Upstream], T]) -> T:
        """What ``question`` says, run in a thread; ``subject`` names what is asked for.

        Raises UpstreamBlocked, and what ``question`` raises.
        """
        permit, upstream = await self.permit()
        try:
            answer = await threads.question(question, upstream)
        except RepositoryError as error:
            await self.record(subject, error, permit)
            raise
        if not health.is_well(self._id):
            await self.record(subject, None, permit)
        return answer

    async def permit(self) -> tuple[Permit, Upstream]:
        """Leave to ask, and whom. Raises UpstreamBlocked."""
        if health.is_well(self._id) and not self._options.blocked and not self._options.use_truststore:
            return Permit(), options.connect(self._options)  # nothing to ask the database
        return await threads.database(self._permit_by_database)

    async def record(self, subject: str, error: RepositoryError | None, permit: Permit) -> None:
        """Write down how a question went; ``error`` None for one that went well."""
        await threads.database(self._record, subject, error, permit)

    def _permit_by_database(self) -> tuple[Permit, Upstream]:
        permit = health.permit(
            self._id,
            blocked=self._options.blocked,
            auto_block=self._options.auto_block,
            probe_seconds=self._options.timeout * 2,
            now=clock.now(),
        )
        return permit, options.connect(self._options)

    def _record(self, subject: str, error: RepositoryError | None, permit: Permit) -> None:
        health.record(
            self._id, error, subject=subject, permit=permit, auto_block=self._options.auto_block, now=clock.now()
        )
