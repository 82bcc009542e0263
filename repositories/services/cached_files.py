"""Keeping files of a proxy: the rows that say which blob is which file, written when the bytes are durable."""

from datetime import datetime

from blobstores.kind import Digests
from blobstores.models import Blob
from blobstores.stores import BlobStore
from repositories.domain.page import DistributionFile
from repositories.models import CachedFile
from repositories.services import upstream_pages
from repositories.vanishing import unless_deleted


def keep(
    *,
    repository_id: int,
    blob_store: BlobStore,
    file: DistributionFile,
    content: Digests | None = None,
    metadata: Digests | None = None,
    provenance: Digests | None = None,
    now: datetime,
) -> None:
    """Record committed bytes of a file: its content, its core metadata, its provenance, or several at once."""
    parts = {"blob": content, "metadata_blob": metadata, "provenance_blob": provenance}
    with unless_deleted(repository_id):
        kept: dict[str, Blob | None] = {
            column: blob_store.record(digests) for column, digests in parts.items() if digests is not None
        }
        replaced = content is not None and _has_other_bytes(repository_id, file.filename, kept["blob"])
        if replaced:
            # Other bytes under the same name: what was known of the old ones is not true of them.
            kept = {"metadata_blob": None, "provenance_blob": None, **kept}
        values = {"project": file.project, "version": file.version[:128], "cached_at": now, **kept}
        CachedFile.objects.bulk_create(
            [CachedFile(repository_id=repository_id, filename=file.filename, **values)],
            update_conflicts=True,
            unique_fields=["repository", "filename"],
            update_fields=list(values),
        )
        if replaced or not _told(file, content, metadata):
            upstream_pages.touch(repository_id=repository_id, project=file.project, now=now)


def _has_other_bytes(repository_id: int, filename: str, blob: Blob | None) -> bool:
    row = CachedFile.objects.filter(repository_id=repository_id, filename=filename)
    before = row.values_list("blob_id", flat=True).first()
    return blob is not None and before not in (None, blob.pk)


def _told(file: DistributionFile, content: Digests | None, metadata: Digests | None) -> bool:
    """Whether the page says already what it will say of the kept bytes."""
    if metadata is not None and (file.core_metadata or {}).get("sha256") != metadata.sha256:
        return False
    if content is None:
        return True
    return (
        bool(file.hashes) and file.hashes.get("sha256", content.sha256) == content.sha256 and file.size == content.size
    )
