"""From a repository's name to its live index.

The rows of all repositories are kept as values in each process and read again when the configuration's generation has
moved, which costs one query a request. Building the tree from values is cheap, so it is not kept.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from accounts.permissions import Target
from blobstores.stores import BlobStore, store
from repoman.toolbox import clock
from repositories import queries
from repositories.domain.errors import NotFound, Offline
from repositories.domain.filtering import FilteredIndex
from repositories.domain.index import FileSource, Index, Part, Writable
from repositories.domain.names import NormalizedName
from repositories.domain.page import DistributionFile, ProjectList, ProjectPage
from repositories.recipe import RepositoryRow, Surroundings, recipes


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRepository:
    """A repository ready to answer. ``writable`` is None when it takes no uploads."""

    row: RepositoryRow
    index: Index
    writable: Writable | None
    blob_store: BlobStore
    target: Target


class OfflineIndex:
    """A member that an administrator took offline.

    It answers nothing, and it does not let others answer for names it may hold: going on to the next member would let a
    public project take the place of the company's own.
    """

    def __init__(self, index: Index, *, hosted: bool) -> None:
        self._index = index
        self._hosted = hosted
        self.name = index.name
        self.origins = index.origins

    async def owns(self, project: NormalizedName) -> bool:
        return await self._index.owns(project)

    async def project_list(self) -> ProjectList:
        raise self._offline()

    async def project_page(self, project: NormalizedName) -> ProjectPage:
        if self._hosted and not await self._index.owns(project):
            raise NotFound(f"{self.name} has no project {project}")
        raise self._offline()

    async def open_file(self, file: DistributionFile, part: Part) -> FileSource:
        raise self._offline()

    def _offline(self) -> Offline:
        return Offline(f"Repository {self.name} is offline")


class _Rows:
    """The last rows read and the generation they belong to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._generation = -1
        self._rows: Mapping[str, RepositoryRow] = {}

    def at(self, generation: int) -> Mapping[str, RepositoryRow]:
        """The rows as of this generation of the configuration, or later ones: the same object while it does not move.

        The generation is read before the rows: a change in between is then read again next time, never missed.
        """
        with self._lock:
            if generation == self._generation:
                return self._rows
        rows = queries.repository_rows()
        with self._lock:
            self._rows, self._generation = rows, generation
        return rows  # not what is kept now: a slower thread may just have put older ones there

    def forget(self) -> None:
        with self._lock:
            self._generation = -1


_rows = _Rows()
forget = _rows.forget
rows_at = _rows.at


def find_row(name: str) -> RepositoryRow | None:
    """The repository's row, exactly as named; None when there is none. Uses the database: run it in a thread."""
    row = rows_at(queries.generations()[0]).get(name.lower())
    return row if row is not None and row.name == name else None


def live(row: RepositoryRow) -> LiveRepository:
    """Build the live tree. Uses the database when a blob store is opened for the first time.

    Raises Offline.
    """
    if not row.online:
        raise Offline(f"Repository {row.name} is offline")
    inner = _index(row)
    return LiveRepository(
        row=row,
        index=_guarded(row, inner),
        writable=inner if isinstance(inner, Writable) else None,
        blob_store=store(row.blob_store),
        target=target(row),
    )


def target(row: RepositoryRow) -> Target:
    """What permissions are asked about."""
    return Target(kind="repository", name=row.name, users_may_add=row.options.get("upload_by") == "users")


def _index(row: RepositoryRow) -> Index:
    recipe = recipes().get(row.recipe)
    if recipe is None:
        # A plugin that was taken away. Its members are not skipped: that would open its names to other members.
        raise Offline(f"Repository {row.name} is of a type this server does not know")
    return recipe.build(row, Surroundings(blob_store=store(row.blob_store), build_member=_member))


def _member(row: RepositoryRow) -> Index:
    index = _guarded(row, _index(row))
    return index if row.online else OfflineIndex(index, hosted=recipes()[row.recipe].type == "hosted")


def _guarded(row: RepositoryRow, index: Index) -> Index:
    return FilteredIndex(index, row.filters, clock.now) if row.filters else index
