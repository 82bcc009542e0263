"""Keeping an uploaded file: bytes first, then one transaction, so that a row never lacks its bytes."""

from typing import Any, cast

from django.db import IntegrityError, transaction

from blobstores.kind import BlobWriter, NoSpace, StoreFailure
from blobstores.models import Blob
from blobstores.stores import BlobStore
from repoman.toolbox import clock
from repositories.domain.errors import FileExists, Forbidden, NotFound, StorageFailed, StorageFull
from repositories.domain.names import printable
from repositories.domain.uploading import Upload
from repositories.models import Distribution, Project, Repository
from repositories.services.generations import hosted_changed


def keep_upload(*, repository_id: int, blob_store: BlobStore, upload: Upload, replace: bool) -> bool:
    """Keep one checked upload; the next page lists it when this returns.

    ``replace`` lets other bytes take a file's name. Returns False when the very same file was there already.
    Raises FileExists, Forbidden (archived or quarantined project), NotFound (the repository is gone), StorageFull,
    StorageFailed.
    """
    if _already_there(repository_id, upload, replace):
        return False
    writer = cast(BlobWriter, upload.file.token)
    try:
        digests = writer.commit()
        metadata = blob_store.keep(upload.metadata.raw)
    except NoSpace as error:
        raise StorageFull("The blob store is full; nothing was kept") from error
    except StoreFailure as error:
        raise StorageFailed("The blob store cannot be written to right now; nothing was kept") from error
    try:
        with transaction.atomic():
            if _already_there(repository_id, upload, replace):
                return False
            _record(repository_id, upload, blob_store.record(digests), blob_store.record(metadata), replace)
    except IntegrityError:
        # Two uploads of one name at once: the unique constraint has chosen, now answer as if this one came second.
        if _already_there(repository_id, upload, replace):
            return False
        if not Repository.objects.filter(pk=repository_id).exists():
            raise NotFound("The repository was deleted during the upload; nothing was kept") from None
        raise
    return True


def _already_there(repository_id: int, upload: Upload, replace: bool) -> bool:
    existing = (
        Distribution.objects.filter(repository_id=repository_id, filename=upload.file.filename)
        .values_list("blob__sha256", "blob__blake2b_256")
        .first()
    )
    if existing is None:
        return False
    if existing[0] == upload.file.hashes["sha256"]:
        return True
    if replace:
        return False
    raise FileExists(
        f"File already exists ('{upload.file.filename}', with blake2_256 hash '{existing[1]}'). "
        "Other content under the same name is not allowed here; use a new version."
    )


def _record(repository_id: int, upload: Upload, blob: Blob, metadata: Blob, replace: bool) -> None:
    name: dict[str, Any] = {"repository_id": repository_id, "filename": upload.file.filename}
    project, names = _project(repository_id, upload)
    values: dict[str, Any] = {
        "project": project,
        "version": upload.version,
        "packagetype": upload.filetype,
        "python_version": upload.pyversion,
        "requires_python": upload.metadata.requires_python or "",
        "blob": blob,
        "metadata_blob": metadata,
        "provenance": upload.provenance,
        "uploaded_at": clock.now(),
        "uploaded_by_id": upload.uploader_id,
    }
    if replace:
        Distribution.objects.update_or_create(**name, defaults=values)
    else:
        # Not update_or_create: where transactions run side by side it would write over a rival's file.
        Distribution.objects.create(**name, **values)
    hosted_changed(repository_id, upload.project, names=names)


def _project(repository_id: int, upload: Upload) -> tuple[Project, bool]:
    """The project's row, with the newest spelling of its name and the newest summary; whether the list of names changed."""
    project, names = Project.objects.get_or_create(
        repository_id=repository_id, name=upload.project, defaults={"display_name": upload.display_name}
    )
    if project.status in ("archived", "quarantined"):
        raise Forbidden(f"Project {project.display_name} is {project.status}; it takes no uploads")
    summary = printable(upload.metadata.summary, 512)  # a NUL is more than some databases take
    if (project.display_name, project.summary) != (upload.display_name, summary):
        names = names or project.display_name != upload.display_name
        project.display_name, project.summary = upload.display_name, summary
        project.save(update_fields=["display_name", "summary"])
    return project, names
