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
        before = CachedFile.objects.filter(repository_id=repository_id, filename=file.filename).first()
        if content is not None and before is not None and before.blob_id not in (None, _key(kept["blob"])):
            # Other bytes under the same name: what was known of the old ones is not true of them.
            kept = {"metadata_blob": None, "provenance_blob": None, **kept}
        CachedFile.objects.update_or_create(
            repository_id=repository_id,
            filename=file.filename,
            defaults={"project": file.project, "version": file.version[:128], "cached_at": now, **kept},
        )
        visible = not file.hashes or file.size is None or (metadata is not None and not file.core_metadata)
        upstream_pages.touch(repository_id=repository_id, project=file.project, visible=visible, now=now)


def _key(blob: Blob | None) -> int | None:
    return blob.pk if blob is not None else None
