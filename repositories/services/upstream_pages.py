"""Keeping what an upstream said about projects, and giving it back merged with what is kept of their files."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from repositories import queries
from repositories.domain.names import NormalizedName
from repositories.domain.page import DistributionFile, ProjectPage
from repositories.models import CachedFile, UpstreamPage
from repositories.protocol import page_document
from repositories.protocol.page_document import DocumentDamaged
from repositories.queries import CachedFileRecord
from repositories.services.generations import upstream_changed
from repositories.vanishing import unless_deleted

LISTING = ""  # the "project" of the root list
_MEMORY_FILES = 20_000  # decoded files kept in a process, some 1.5 KB each


@dataclass(frozen=True, slots=True)
class KeptPage:
    """A remembered answer. ``page`` is None when the upstream said that there is no such project."""

    page: ProjectPage | None
    etag: str
    last_modified: str
    checked_at: datetime


@dataclass(frozen=True, slots=True)
class KeptListing:
    """The remembered root list; ``projects`` is None when the upstream has none."""

    projects: dict[NormalizedName, str] | None
    etag: str
    last_modified: str
    checked_at: datetime


class _Memory:
    """Decoded pages, the least used forgotten first. A page is the same object until it changes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._files = 0
        self._pages: OrderedDict[tuple[int, str, str], tuple[datetime, ProjectPage]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[int, str, str], changed_at: datetime) -> ProjectPage | None:
        with self._lock:
            found = self._pages.get(key)
            if found is None or found[0] != changed_at:
                return None
            self._pages.move_to_end(key)
            return found[1]

    def put(self, key: tuple[int, str, str], changed_at: datetime, page: ProjectPage) -> None:
        with self._lock:
            before = self._pages.pop(key, None)
            self._files += len(page.files) + 1 - (len(before[1].files) + 1 if before else 0)
            self._pages[key] = (changed_at, page)
            while self._files > self._limit and len(self._pages) > 1:
                _, (_, dropped) = self._pages.popitem(last=False)
                self._files -= len(dropped.files) + 1

    def clear(self) -> None:
        with self._lock:
            self._pages.clear()
            self._files = 0


memory = _Memory(_MEMORY_FILES)


def load(*, repository_id: int, name: str, source: str, project: NormalizedName) -> KeptPage | None:
    """The remembered page of ``project``; None when nothing usable is remembered.

    ``source`` is the index it must come from. One query while the page has not changed, else three.
    """
    record = queries.upstream_page(repository_id, project)
    if record is None:
        return None
    if record.absent:
        return KeptPage(None, "", "", record.checked_at)
    key = (repository_id, project, source)
    page = memory.get(key, record.changed_at)
    if page is None:
        try:
            document = queries.upstream_document(repository_id, project)
            page = page_document.unpack_page(document, origin=name, source=source)
        except DocumentDamaged:
            return None
        page = merged(page, queries.cached_files(repository_id, project))
        memory.put(key, record.changed_at, page)
    return KeptPage(page, record.etag, record.last_modified, record.checked_at)


def listed_file(*, repository_id: int, source: str, project: NormalizedName, filename: str) -> DistributionFile | None:
    """The file as the upstream lists it, without what became known by keeping it."""
    try:
        page = page_document.unpack_page(queries.upstream_document(repository_id, project), source=source)
    except DocumentDamaged:
        return None
    return next((file for file in page.files if file.filename == filename), None)


def merged(page: ProjectPage, cached: dict[str, CachedFileRecord]) -> ProjectPage:
    """The upstream's page with what clients may know since its files are kept."""
    if page.status.status == "quarantined":
        return page.with_files(())  # PEP 792: offers none
    if not cached:
        return page
    return page.with_files(
        tuple(_merged(file, cached[file.filename]) if file.filename in cached else file for file in page.files)
    )


def _merged(file: DistributionFile, record: CachedFileRecord) -> DistributionFile:
    if record.sha256 and not (file.hashes and file.size is not None) and matches(file, record):
        file = file.changed(
            hashes=file.hashes or {"sha256": record.sha256},
            size=file.size if file.size is not None else record.size,
        )
    metadata = kept_metadata(file, record)
    if metadata and (file.core_metadata or {}).get("sha256") != metadata:
        file = file.changed(core_metadata={**(file.core_metadata or {}), "sha256": metadata})
    return file


def matches(file: DistributionFile, record: CachedFileRecord) -> bool:
    """Whether kept bytes can be the ones the page lists now."""
    kept = {"sha256": record.sha256, "md5": record.md5}
    right_size = file.size is None or record.size is None or file.size == record.size
    return right_size and not page_document.contradicts(kept, file.hashes)


def kept_metadata(file: DistributionFile, record: CachedFileRecord) -> str:
    """The digest of the kept metadata that belongs to the file, "" when there is none.

    The upstream's own digest decides; where it gives none, metadata kept of other bytes must not be taken.
    """
    promised = (file.core_metadata or {}).get("sha256")
    if promised is not None:
        return record.metadata if record.metadata == promised else ""
    return record.metadata if not record.sha256 or matches(file, record) else ""


def save(
    *,
    repository_id: int,
    name: str,
    source: str,
    project: NormalizedName,
    page: ProjectPage,
    etag: str,
    last_modified: str,
    now: datetime,
    new: bool = False,
) -> KeptPage | None:
    """Keep a page as the upstream gave it now, and give it back as `load` would; when each file was first seen is carried over.

    ``new`` when `load` has found nothing, which saves a look. None when the repository was deleted meanwhile.
    """
    row, before = (None, None) if new else _read(repository_id, project, source)
    page, document = _dated(page, before, name, source, now)
    with unless_deleted(repository_id) as writing:
        locked = UpstreamPage.objects.select_for_update().filter(repository_id=repository_id, project=project)
        # The work on a large page is done before, outside the transaction; here only when another process was faster.
        if locked.values_list("changed_at", flat=True).first() != (row.changed_at if row is not None else None):
            row, before = _read(repository_id, project, source)
            page, document = _dated(page, before, name, source, now)
        if before is not None:
            _forget_replaced(repository_id, before, page)
        same = row is not None and not row.absent and bytes(row.document) == document
        changed_at = row.changed_at if row is not None and same else _later(now, row)
        _put(
            repository_id,
            project,
            document=document,
            absent=False,
            etag=etag,
            last_modified=last_modified,
            checked_at=now,
            changed_at=changed_at,
        )
        if row is not None and not same:
            upstream_changed(repository_id, project)
        page = merged(page, queries.cached_files(repository_id, project))
    if not writing.done:
        return None
    memory.put((repository_id, project, source), changed_at, page)
    return KeptPage(page, etag, last_modified, now)


def _read(repository_id: int, project: NormalizedName, source: str) -> tuple[UpstreamPage | None, ProjectPage | None]:
    row = UpstreamPage.objects.filter(repository_id=repository_id, project=project).first()
    return row, _page_of(row, source)


def _dated(
    page: ProjectPage, before: ProjectPage | None, name: str, source: str, now: datetime
) -> tuple[ProjectPage, bytes]:
    page = page_document.with_first_seen(page, before, now, origin=name)
    return page, page_document.pack_page(page, source)


def _put(repository_id: int, project: str, **values: Any) -> None:
    """Write the row in one statement, whether there is one or not."""
    UpstreamPage.objects.bulk_create(
        [UpstreamPage(repository_id=repository_id, project=project, **values)],
        update_conflicts=True,
        unique_fields=["repository", "project"],
        update_fields=list(values),
    )


def save_listing(
    *, repository_id: int, projects: dict[NormalizedName, str], etag: str, last_modified: str, now: datetime
) -> None:
    """Keep the root list."""
    document = page_document.pack_listing(projects)
    with unless_deleted(repository_id):
        _put(
            repository_id,
            LISTING,
            document=document,
            absent=False,
            etag=etag,
            last_modified=last_modified,
            checked_at=now,
            changed_at=now,
        )
        upstream_changed(repository_id, LISTING)


def load_listing(*, repository_id: int) -> KeptListing | None:
    record = queries.upstream_page(repository_id, LISTING)
    if record is None:
        return None
    if record.absent:
        return KeptListing(None, "", "", record.checked_at)
    try:
        projects = page_document.unpack_listing(queries.upstream_document(repository_id, LISTING))
    except DocumentDamaged:
        return None
    return KeptListing(projects, record.etag, record.last_modified, record.checked_at)


def confirm(*, repository_id: int, project: str, now: datetime) -> None:
    """The upstream says that nothing has changed."""
    with unless_deleted(repository_id):
        UpstreamPage.objects.filter(repository_id=repository_id, project=project).update(checked_at=now)


def mark_absent(*, repository_id: int, project: str, now: datetime) -> None:
    """The upstream says that there is no such project.

    The document of a project that was there stays, so that its files keep the time they were first seen if it comes back.
    """
    with unless_deleted(repository_id):
        rows = UpstreamPage.objects.select_for_update().filter(repository_id=repository_id, project=project)
        row = rows.defer("document").first()
        _put(
            repository_id,
            project,
            absent=True,
            etag="",
            last_modified="",
            checked_at=now,
            changed_at=row.changed_at if row is not None and row.absent else _later(now, row),
        )
        if row is not None and not row.absent:
            upstream_changed(repository_id, project)


def touch(*, repository_id: int, project: str, now: datetime) -> None:
    """What clients get of the page changes by what is kept of its files; call inside the transaction that changed it."""
    rows = UpstreamPage.objects.select_for_update().filter(repository_id=repository_id, project=project)
    row = rows.only("changed_at").first()
    if row is not None:
        UpstreamPage.objects.filter(pk=row.pk).update(changed_at=_later(now, row))
    upstream_changed(repository_id, project)


def _page_of(row: UpstreamPage | None, source: str) -> ProjectPage | None:
    if row is None or not row.document:
        return None
    try:
        return page_document.unpack_page(bytes(row.document), source=source)
    except DocumentDamaged:
        return None


def _forget_replaced(repository_id: int, before: ProjectPage, page: ProjectPage) -> None:
    """Let go of kept bytes whose file the upstream has replaced by other bytes under the same name."""
    earlier = {file.filename: file.hashes for file in before.files}
    replaced = [
        file.filename
        for file in page.files
        if file.filename in earlier and page_document.contradicts(earlier[file.filename], file.hashes)
    ]
    for start in range(0, len(replaced), 500):
        CachedFile.objects.filter(repository_id=repository_id, filename__in=replaced[start : start + 500]).delete()


def _later(now: datetime, row: UpstreamPage | None) -> datetime:
    """A moment that differs from the last change even when the clock has not moved."""
    return now if row is None else max(now, row.changed_at + timedelta(microseconds=1))
