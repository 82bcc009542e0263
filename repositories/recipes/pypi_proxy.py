"""The pypi (proxy) recipe: an index that keeps what it has once fetched from another.

Pages are remembered as values and asked for again, conditionally, when they are too old; an older page is better than
none when the upstream fails, and a failure is never taken for "there is no such project". Files are kept for good once
their digest is verified. The settings are in `upstream/options.py`.
"""

import functools
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from django.utils.translation import gettext_lazy as _

from blobstores.kind import BlobMissing, Digests, NoSpace, StoreFailure
from blobstores.stores import OpenedFile
from repoman.toolbox import clock, threads
from repositories import queries
from repositories.domain.errors import NotFound, RepositoryError, StorageFailed, UpstreamError, UpstreamInvalid
from repositories.domain.index import ByteStream, FileSource, Index, LocalFile, Part
from repositories.domain.names import NormalizedName
from repositories.domain.page import FOREVER, DistributionFile, Freshness, ProjectList, ProjectPage
from repositories.protocol import archives
from repositories.queries import CachedFileRecord
from repositories.recipe import Recipe, RepositoryRow, Surroundings
from repositories.services import cached_files, upstream_pages
from repositories.services.repositories import LONG_AGO
from repositories.services.upkeep import ABSENT_KEPT
from repositories.services.upstream_pages import LISTING, KeptListing, KeptPage
from repositories.upstream import options, pages, transfers
from repositories.upstream.downloads import downloads
from repositories.upstream.failures import failure_of
from repositories.upstream.flights import Flights, Pauses
from repositories.upstream.options import ProxyOptions
from repositories.upstream.pages import Validators
from repositories.upstream.questions import Questions
from repositories.upstream.transfers import FileOrder, Kept

logger = logging.getLogger(__name__)

LONGEST_MAX_AGE = 600  # seconds a client may keep a page
MAX_SIDE_FILE = 16 * 1024 * 1024

_flights = Flights()
_pauses = Pauses()


class ProxyIndex:
    """A live proxy. Cheap to make: everything it remembers is in the database or belongs to the process."""

    def __init__(self, row: RepositoryRow, surroundings: Surroundings) -> None:
        self.name = row.name
        self.origins = frozenset((row.name,))
        self._id = row.id
        self._options = ProxyOptions.of(row.options)
        self._source = pages.source_of(self._options.remote_url)
        self._store = surroundings.blob_store
        self._questions = Questions(row.id, self._options)

    async def owns(self, project: NormalizedName) -> bool:
        return False

    # Pages

    async def project_page(self, project: NormalizedName) -> ProjectPage:
        now = clock.now()
        kept = await self._load(project)
        stale = kept.page if kept is not None else None
        if kept is None or not self._is_fresh(kept, now):
            before = kept
            try:
                if stale is not None:
                    _pauses.check((self._id, project), now)
                kept = await _flights.share(("page", self._id, project), lambda: self._refresh(project, before))
            except UpstreamError as error:
                if stale is None:
                    raise
                _pauses.set((self._id, project), error, now)
                return replace(stale, freshness=_stale((self._id, project), error))
        if kept.page is None:
            raise NotFound(f"{self.name} has no project {project}", holds_until=self._absent_until(kept.checked_at))
        return replace(kept.page, freshness=self._freshness(kept.checked_at, now))

    async def _refresh(self, project: NormalizedName, kept: KeptPage | None) -> KeptPage:
        validators = Validators(kept.etag, kept.last_modified) if kept is not None else Validators()
        try:
            fetched = await self._questions.ask(
                project, lambda upstream: pages.fetch_project(upstream, project, validators)
            )
        except NotFound:
            await threads.database(upstream_pages.mark_absent, repository_id=self._id, project=project, now=clock.now())
            raise
        if fetched is None:
            await threads.database(upstream_pages.confirm, repository_id=self._id, project=project, now=clock.now())
            found = await self._load(project)
        else:
            found = await threads.database(
                upstream_pages.save,
                repository_id=self._id,
                name=self.name,
                source=self._source,
                project=project,
                page=fetched.content,
                etag=fetched.validators.etag,
                last_modified=fetched.validators.last_modified,
                now=clock.now(),
                new=kept is None,
            )
        _pauses.clear((self._id, project))
        if found is None:
            raise UpstreamError(f"{self.name} was changed while the upstream answered; try again", retry_after=1)
        return found

    async def _load(self, project: NormalizedName) -> KeptPage | None:
        return await threads.database(
            upstream_pages.load, repository_id=self._id, name=self.name, source=self._source, project=project
        )

    def _is_fresh(self, kept: KeptPage, now: datetime) -> bool:
        if kept.page is None:
            until = self._absent_until(kept.checked_at)
            return until is not None and now < until
        return _younger(kept.checked_at, self._options.metadata_max_age, now)

    def _absent_until(self, checked_at: datetime) -> datetime | None:
        """Until when "no such project" is believed, None for not at all."""
        if not self._options.negative_cache:
            return None
        # No longer than it is remembered: a page that is written where no row is left stamps nothing.
        return checked_at + min(timedelta(minutes=self._options.negative_cache_ttl), ABSENT_KEPT)

    def _freshness(self, checked_at: datetime, now: datetime) -> Freshness:
        if self._options.metadata_max_age < 0:
            return Freshness(max_age=LONGEST_MAX_AGE, holds_until=FOREVER)
        end = checked_at + timedelta(minutes=self._options.metadata_max_age)
        return Freshness(max_age=max(0, min(int((end - now).total_seconds()), LONGEST_MAX_AGE)), holds_until=end)

    # The root list

    async def project_list(self) -> ProjectList:
        now = clock.now()
        kept = await threads.database(upstream_pages.load_listing, repository_id=self._id)
        if kept is not None and _younger(kept.checked_at, self._options.metadata_max_age, now):
            return await self._listing(kept, self._freshness(kept.checked_at, now))
        try:
            if kept is not None:
                _pauses.check((self._id, LISTING), now)
            fresh = await _flights.share(("listing", self._id), lambda: self._refresh_listing(kept))
            return await self._listing(fresh, self._freshness(fresh.checked_at, now))
        except UpstreamError as error:
            if kept is None:
                raise
            _pauses.set((self._id, LISTING), error, now)
            return await self._listing(kept, _stale((self._id, LISTING), error))

    async def _refresh_listing(self, kept: KeptListing | None) -> KeptListing:
        validators = Validators(kept.etag, kept.last_modified) if kept is not None else Validators()
        try:
            fetched = await self._questions.ask(LISTING, lambda upstream: pages.fetch_listing(upstream, validators))
        except (NotFound, UpstreamError) as error:
            cause = failure_of(error)
            if not isinstance(error, NotFound) and (cause is None or cause.status != 403):
                raise
            # Many indexes serve project pages and no list of projects.
            await threads.database(upstream_pages.mark_absent, repository_id=self._id, project=LISTING, now=clock.now())
            return KeptListing(None, "", "", clock.now())
        if fetched is None and kept is not None:
            await threads.database(upstream_pages.confirm, repository_id=self._id, project=LISTING, now=clock.now())
            return replace(kept, checked_at=clock.now())
        if fetched is None:
            raise UpstreamInvalid("The upstream answered 304 to a question without condition")
        await threads.database(
            upstream_pages.save_listing,
            repository_id=self._id,
            projects=fetched.content,
            etag=fetched.validators.etag,
            last_modified=fetched.validators.last_modified,
            now=clock.now(),
        )
        _pauses.clear((self._id, LISTING))
        return KeptListing(fetched.content, "", "", clock.now())

    async def _listing(self, kept: KeptListing, freshness: Freshness) -> ProjectList:
        projects = kept.projects
        if projects is None:
            known = await threads.database(queries.known_projects, self._id)
            projects = {NormalizedName(name): name for name in known}
            freshness = replace(freshness, holds_until=None)  # what is known grows with each page that is asked for
        return ProjectList(projects=projects, freshness=freshness)

    # Files

    async def open_file(self, file: DistributionFile, part: Part) -> FileSource:
        record = await threads.database(queries.cached_file, self._id, file.filename)
        if part is Part.METADATA:
            return await self._open_metadata(file, record)
        if part is Part.PROVENANCE:
            return await self._open_provenance(file, record)
        return await self._open_content(file, record)

    async def _open_content(self, file: DistributionFile, record: CachedFileRecord | None) -> FileSource:
        kept: FileSource | None = None
        if record is not None and record.sha256:
            if upstream_pages.matches(file, record):
                kept = await self._open_blob(record.sha256, ages=self._options.content_max_age >= 0)
            listed = (
                await threads.database(
                    upstream_pages.listed_file,
                    repository_id=self._id,
                    source=self._source,
                    project=file.project,
                    filename=file.filename,
                )
                if kept is None or self._is_old(record)
                else None
            )
            if kept is not None and (listed is None or listed.hashes):
                return kept
            # Without a digest from the upstream only its bytes can tell whether the file is still the same.
            file = listed or file
        try:
            return await self._download(file)
        except UpstreamError:
            if kept is None:
                raise
            return kept

    def _is_old(self, record: CachedFileRecord) -> bool:
        return not _younger(record.cached_at, self._options.content_max_age, clock.now())

    async def _download(self, file: DistributionFile) -> ByteStream:
        permit, upstream = await self._questions.permit()
        wants_metadata = file.filename.endswith(".whl") and file.core_metadata is None
        order = FileOrder(
            upstream=upstream,
            filename=file.filename,
            url=file.location.upstream_url,
            hashes=file.hashes,
            size=file.size,
            derive=_wheel_metadata if wants_metadata else None,
        )

        async def recorded(kept: Kept) -> None:
            await threads.database(self._record_download, file, kept)

        async def failed(error: RepositoryError) -> None:
            await self._questions.record(file.filename, error, permit)

        return await downloads.open(self._id, order, self._store, recorded, failed)

    def _record_download(self, file: DistributionFile, kept: Kept) -> None:
        self._keep_part(file, content=kept.file, metadata=kept.metadata)

    async def _open_metadata(self, file: DistributionFile, record: CachedFileRecord | None) -> FileSource:
        digest = upstream_pages.kept_metadata(file, record) if record is not None else ""
        if digest:
            kept = await self._open_blob(digest)
            if kept is not None:
                return kept
        if not file.filename.endswith(".whl"):
            raise NotFound(f"{file.filename} has no separate metadata")
        if file.core_metadata is not None:
            url = transfers.beside(file.location.upstream_url, Part.METADATA.value)
            try:
                return await self._side_file(file, Part.METADATA, url, file.core_metadata)
            except NotFound:
                logger.info("the upstream of %s promised metadata of %s and has none", self.name, file.filename)
        return await self._derive_metadata(file, record)

    async def _derive_metadata(self, file: DistributionFile, record: CachedFileRecord | None) -> FileSource:
        """From the kept wheel; for one that was kept before its metadata was asked for."""
        if record is not None and record.sha256 and upstream_pages.matches(file, record):
            kept = await self._open_blob(record.sha256)
            if isinstance(kept, LocalFile):
                content = await threads.transfer(_wheel_metadata, kept.path)
                if content is not None:
                    return await self._keep_side_file(file, Part.METADATA, content)
        raise NotFound(f"{file.filename} has no separate metadata")

    async def _open_provenance(self, file: DistributionFile, record: CachedFileRecord | None) -> FileSource:
        if record is not None and record.provenance:
            kept = await self._open_blob(record.provenance)
            if kept is not None:
                return kept
        if not file.location.provenance_url:
            raise NotFound(f"{file.filename} has no provenance")
        return await self._side_file(file, Part.PROVENANCE, file.location.provenance_url, {})

    async def _side_file(self, file: DistributionFile, part: Part, url: str, hashes: Mapping[str, str]) -> FileSource:
        async def ask() -> FileSource:
            content = await self._questions.ask(
                file.filename + part.value,
                lambda upstream: transfers.fetch(
                    FileOrder(upstream=upstream, filename=file.filename + part.value, url=url, hashes=hashes),
                    MAX_SIDE_FILE,
                ),
            )
            if part is Part.PROVENANCE and not _is_json_object(content):
                raise UpstreamInvalid(f"The upstream's provenance of {file.filename} is not a JSON object")
            return await self._keep_side_file(file, part, content)

        return await _flights.share((part, self._id, file.filename), ask)

    async def _keep_side_file(self, file: DistributionFile, part: Part, content: bytes) -> FileSource:
        try:
            digests = await threads.transfer(self._store.keep, content)
        except (NoSpace, StoreFailure):
            logger.warning("%s%s is passed on without being kept", file.filename, part.value)
        else:
            parts = {"metadata": digests} if part is Part.METADATA else {"provenance": digests}
            await threads.database(functools.partial(self._keep_part, file, **parts))
        return ByteStream.holding(content)

    def _keep_part(self, file: DistributionFile, **parts: Digests | None) -> None:
        cached_files.keep(
            repository_id=self._id,
            blob_store=self._store,
            file=file,
            now=clock.now(),
            **parts,
        )

    async def _open_blob(self, sha256: str, *, ages: bool = False) -> FileSource | None:
        """None when the store has lost it: the upstream may still have it. ``ages`` when it is to be fetched anew some day."""
        try:
            opened = await self._store.open(sha256)
        except BlobMissing:
            logger.warning("a blob of %s is missing and will be fetched again", self.name)
            return None
        except StoreFailure as error:
            raise StorageFailed("The blob store cannot be read right now") from error
        if isinstance(opened, OpenedFile):
            return LocalFile(opened.path, opened.size, holds_until=None if ages else FOREVER)
        return ByteStream(opened.size, opened.chunks)


def _stale(key: tuple[int, str], error: UpstreamError) -> Freshness:
    return Freshness(stale=True, reason=error.detail, holds_until=_pauses.until(key))


def _younger(moment: datetime, minutes: int, now: datetime) -> bool:
    """Whether something is younger than an age limit, where -1 means without limit.

    A moment at the beginning of time is what an invalidated cache leaves; that is never young.
    """
    return moment > LONG_AGO and (minutes < 0 or now - moment < timedelta(minutes=minutes))


def _is_json_object(content: bytes) -> bool:
    try:
        return isinstance(json.loads(content), dict)
    except (ValueError, RecursionError):
        return False


def _wheel_metadata(path: Path) -> bytes | None:
    """A wheel that cannot be read has no metadata; it is passed on as it is, for its users to judge."""
    try:
        return archives.wheel_metadata(path)
    except RepositoryError:
        return None


def _build(row: RepositoryRow, surroundings: Surroundings) -> Index:
    return ProxyIndex(row, surroundings)


RECIPE = Recipe(
    key="pypi-proxy",
    format="pypi",
    type="proxy",
    label="pypi (proxy)",
    description=_("Keeps packages of another index close at hand, also when that index cannot be reached."),
    options=options.OPTIONS,
    build=_build,
    check=options.check,
)
