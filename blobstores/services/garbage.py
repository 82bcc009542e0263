"""Garbage of blob stores: temporary files left behind, rows nothing refers to, bytes without a row.

What refers to a blob is found from the models (every foreign key to `Blob`), so this room need not know who keeps
references and none can be forgotten. A blob nothing refers to is marked first and goes a grace time later, so that a
backup that copies the database before the blobs finds all that its database names.

Safe beside writers: bytes are removed inside the transaction that holds the blob's row. A writer that brings the same
bytes at that moment waits for the row and then sees in `BlobStore.record` whether they are still there; one that has
committed them but not recorded them yet is protected by their age.
"""

import logging
import time
from datetime import timedelta
from pathlib import Path

from django.db import IntegrityError, transaction
from django.db.models import Exists, ForeignObjectRel, OuterRef, ProtectedError, QuerySet

from blobstores import stores
from blobstores.kind import BlobMissing, StoreFailure
from blobstores.models import Blob, BlobStore
from repoman.toolbox import clock

GRACE = timedelta(hours=24)  # longer than any upload or download
_BATCH = 500

logger = logging.getLogger(__name__)


def sweep_temporary_files() -> int:
    """Remove temporary files older than the grace time from every store; returns how many."""
    swept = 0
    for name in BlobStore.objects.values_list("name", flat=True):
        try:
            swept += stores.store(name).raw.sweep(GRACE.total_seconds())
        except StoreFailure as error:
            logger.warning("Temporary files of blob store %s were not swept: %s", name, error)
    return swept


def collect_garbage() -> int:
    """Remove blobs that nothing has referred to for the grace time; returns how many."""
    collected = 0
    for row in BlobStore.objects.all():
        try:
            collected += _collect_rows(row) + _collect_bytes(row)
        except StoreFailure as error:
            logger.warning("Garbage of blob store %s was not collected: %s", row.name, error)
    return collected


def unreferenced() -> "QuerySet[Blob]":
    """Blobs that no row of any model refers to."""
    found = Blob.objects.all()
    for relation in Blob._meta.get_fields(include_hidden=True):
        if isinstance(relation, ForeignObjectRel):
            referring = relation.related_model._base_manager.filter(**{relation.field.name: OuterRef("pk")})
            found = found.filter(~Exists(referring))
    return found


def _collect_rows(row: BlobStore) -> int:
    blobs = Blob.objects.filter(store=row)
    blobs.exclude(unreferenced_since=None).exclude(pk__in=unreferenced()).update(unreferenced_since=None)
    unreferenced().filter(store=row, unreferenced_since=None).update(unreferenced_since=clock.now())
    candidates = unreferenced().filter(store=row, unreferenced_since__lte=clock.now() - GRACE)
    return sum(_remove(row, sha256) for sha256 in candidates.values_list("sha256", flat=True).iterator(_BATCH))


def _collect_bytes(row: BlobStore) -> int:
    """Remove bytes without a row: left by a crash between the commit of the bytes and of the row."""
    collected = 0
    batch: list[str] = []
    for sha256 in stores.store(row.name).raw.digests():
        batch.append(sha256)
        if len(batch) == _BATCH:
            collected += _remove_unknown(row, batch)
            batch = []
    return collected + _remove_unknown(row, batch)


def _remove_unknown(row: BlobStore, batch: list[str]) -> int:
    known = set(Blob.objects.filter(store=row, sha256__in=batch).values_list("sha256", flat=True))
    return sum(_remove(row, sha256) for sha256 in batch if sha256 not in known)


def _remove(row: BlobStore, sha256: str) -> bool:
    """Remove one blob, row and bytes, unless it is young or in use again."""
    raw = stores.store(row.name).raw
    try:
        with transaction.atomic():
            # Bytes without a row get one for the moment, so that a writer of the same bytes has to wait for it.
            blob, made = Blob.objects.select_for_update().get_or_create(
                store=row, sha256=sha256, defaults={"blake2b_256": "", "md5": "", "size": 0}
            )
            due = made or unreferenced().filter(pk=blob.pk, unreferenced_since__lte=clock.now() - GRACE).exists()
            if not due or not _old(raw.path(sha256)):
                if made:
                    transaction.set_rollback(True)
                return False
            blob.delete()
            raw.delete(sha256)
            return True
    except BlobMissing:
        return False
    except (ProtectedError, IntegrityError):  # somebody began to refer to it
        return False


def _old(path: Path | None) -> bool:
    """Whether bytes were written before the grace time; kinds that keep no files here say nothing, so no."""
    if path is None:
        return False
    try:
        return path.stat().st_mtime < time.time() - GRACE.total_seconds()
    except FileNotFoundError:
        return True
