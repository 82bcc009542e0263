"""Keeping an uploaded file: bytes first, then one transaction, so that a row never lacks its bytes.

The transaction is short, for on SQLite it holds the one lock of all writers: it reads nothing, and its own statements notice
when something has changed since the look before it. Then it is undone and the look taken again.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from django.db import IntegrityError, connection
from django.db.models import Q

from blobstores.kind import BlobWriter, NoSpace, StoreFailure
from blobstores.models import Blob
from blobstores.stores import BlobStore
from repoman.toolbox import clock, transactions
from repositories.domain.errors import FileExists, Forbidden, NotFound, StorageFailed, StorageFull
from repositories.domain.names import printable
from repositories.domain.uploading import Upload
from repositories.models import Distribution, Project, Repository
from repositories.services.generations import hosted_changed

_CLOSED = ("archived", "quarantined")  # states in which a project takes no uploads, PEP 792
_LOOKS = 3
# As text, because building it from models costs ten times what the database needs for it.
_STANDING = """
    SELECT project.id, project.display_name, project.status, blob.sha256, blob.blake2b_256
    FROM repositories_project project
    LEFT JOIN repositories_distribution file ON file.project_id = project.id AND file.filename = %s
    LEFT JOIN blobstores_blob blob ON blob.id = file.blob_id
    WHERE project.repository_id = %s AND project.name = %s
"""


@dataclass(frozen=True, slots=True)
class _Standing:
    """What is there of an upload's project and file. ``project`` is None when there is no such project."""

    project: int | None = None
    display_name: str = ""
    same_file: bool = False


class _Overtaken(Exception):
    """What was there before the transaction has changed."""


def keep_upload(*, repository_id: int, blob_store: BlobStore, upload: Upload, replace: bool) -> bool:
    """Keep one checked upload; the next page lists it when this returns.

    ``replace`` lets other bytes take a file's name. Returns False when the very same file was there already.
    Raises FileExists, Forbidden (archived or quarantined project), NotFound (the repository is gone), StorageFull,
    StorageFailed.
    """
    with _storing():
        metadata = blob_store.staged(upload.metadata.raw)  # it goes to the disk while the database is asked
    try:
        standing = _look(repository_id, upload, replace)
        if standing.same_file:
            return False
        with _storing():
            digests = blob_store.commit([cast(BlobWriter, upload.file.token), metadata])
    finally:
        metadata.abort()
    for left in reversed(range(_LOOKS)):
        try:
            with transactions.write(), _storing():
                blobs = blob_store.record_all(digests)
                _record(repository_id, upload, standing, blobs, replace=replace, last=not left)
            return True
        except (IntegrityError, _Overtaken):
            # Two uploads of one name at once: the unique constraint has chosen, now answer as if this one came second.
            standing = _look(repository_id, upload, replace)
            if standing.same_file:
                return False
            if not Repository.objects.filter(pk=repository_id).exists():
                raise NotFound("The repository was deleted during the upload; nothing was kept") from None
    raise StorageFailed("The project was changed at this very moment; send the file again")


@contextmanager
def _storing() -> Iterator[None]:
    try:
        yield
    except NoSpace as error:
        raise StorageFull("The blob store is full; nothing was kept") from error
    except StoreFailure as error:
        raise StorageFailed("The blob store cannot be written to right now; nothing was kept") from error


def _look(repository_id: int, upload: Upload, replace: bool) -> _Standing:
    """Raises FileExists, Forbidden."""
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, [upload.file.filename, repository_id, upload.project])
        row = cursor.fetchone()
    if row is None:
        return _Standing()
    project, display_name, status, sha256, blake2b_256 = row
    if sha256 == upload.file.hashes["sha256"]:
        return _Standing(project, display_name, same_file=True)
    if sha256 is not None and not replace:
        raise FileExists(
            f"File already exists ('{upload.file.filename}', with blake2_256 hash '{blake2b_256}'). "
            "Other content under the same name is not allowed here; use a new version."
        )
    if status in _CLOSED:
        raise Forbidden(f"Project {display_name} is {status}; it takes no uploads")
    return _Standing(project, display_name)


def _record(
    repository_id: int, upload: Upload, standing: _Standing, blobs: Sequence[Blob], *, replace: bool, last: bool
) -> None:
    """``last`` when there will be no other look."""
    file, metadata = blobs
    project = standing.project if standing.project is not None else _new_project(repository_id, upload)
    values: dict[str, Any] = {
        "project_id": project,
        "version": upload.version,
        "packagetype": upload.filetype,
        "python_version": upload.pyversion,
        "requires_python": upload.metadata.requires_python or "",
        "blob_id": file.pk,
        "metadata_blob_id": metadata.pk,
        "provenance": upload.provenance,
        "uploaded_at": clock.now(),
        "uploaded_by_id": upload.uploader_id,
    }
    row = Distribution(repository_id=repository_id, filename=upload.file.filename, **values)
    if replace:
        names = [name.removesuffix("_id") for name in values]
        Distribution.objects.bulk_create(
            [row], update_conflicts=True, unique_fields=["repository", "filename"], update_fields=names
        )
    else:
        row.save(force_insert=True)
    _stamp(repository_id, upload, standing, last=last)


def _new_project(repository_id: int, upload: Upload) -> int:
    """The key of the project's row; it may have been made by another upload since the look."""
    row = Project(repository_id=repository_id, name=upload.project, display_name=upload.display_name)
    Project.objects.bulk_create(
        [row], update_conflicts=True, unique_fields=["repository", "name"], update_fields=["display_name"]
    )
    return row.pk


def _stamp(repository_id: int, upload: Upload, standing: _Standing, *, last: bool) -> None:
    """Count the change, and give the project the newest spelling of its name and the newest summary.

    Last in the transaction, because where rows are locked one by one it makes uploads to a repository wait for each other.
    """
    names = last or standing.project is None or standing.display_name != upload.display_name
    as_seen = ~Q(status__in=_CLOSED)
    if not names:
        as_seen &= Q(display_name=standing.display_name)  # else the list of names does change
    summary = printable(upload.metadata.summary, 512)  # a NUL is more than some databases take
    values = {"display_name": upload.display_name, "summary": summary}
    if not hosted_changed(repository_id, upload.project, names=names, only=as_seen, values=values):
        raise _Overtaken
