"""Every database read of the data plane: named, few, counted in tests."""

# Proxies: what is kept of an upstream.

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max

from repositories.models import CachedFile, TrustedCertificate, UpstreamPage


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRecord:
    """What a proxy remembers of one upstream page, without the page itself."""

    absent: bool
    etag: str
    last_modified: str
    checked_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedFileRecord:
    """A file of a proxy that is kept; digests are "" and size None for what is not."""

    filename: str
    sha256: str
    md5: str
    blake2b_256: str
    size: int | None
    metadata: str
    provenance: str
    cached_at: datetime


def upstream_page(repository_id: int, project: str) -> PageRecord | None:
    row = (
        UpstreamPage.objects.filter(repository_id=repository_id, project=project)
        .values("absent", "etag", "last_modified", "checked_at", "changed_at")
        .first()
    )
    return None if row is None else PageRecord(**row)


def upstream_document(repository_id: int, project: str) -> bytes:
    """The page itself (`protocol/page_document.py`), b"" when there is none."""
    row = UpstreamPage.objects.filter(repository_id=repository_id, project=project).values_list("document", flat=True)
    return bytes(row.first() or b"")


def cached_files(repository_id: int, project: str) -> dict[str, CachedFileRecord]:
    """Records by file name."""
    rows = CachedFile.objects.filter(repository_id=repository_id, project=project)
    return {row.filename: row for row in map(_cached_file, rows.values_list(*_CACHED_FILE))}


def cached_file(repository_id: int, filename: str) -> CachedFileRecord | None:
    row = CachedFile.objects.filter(repository_id=repository_id, filename=filename).values_list(*_CACHED_FILE).first()
    return None if row is None else _cached_file(row)


_CACHED_FILE = (
    "filename",
    "blob__sha256",
    "blob__md5",
    "blob__blake2b_256",
    "blob__size",
    "metadata_blob__sha256",
    "provenance_blob__sha256",
    "cached_at",
)


def _cached_file(row: tuple[object, ...]) -> CachedFileRecord:
    filename, sha256, md5, blake2b_256, size, metadata, provenance, cached_at = row
    return CachedFileRecord(
        filename=str(filename),
        sha256=str(sha256 or ""),
        md5=str(md5 or ""),
        blake2b_256=str(blake2b_256 or ""),
        size=size if isinstance(size, int) else None,
        metadata=str(metadata or ""),
        provenance=str(provenance or ""),
        cached_at=cached_at,  # type: ignore[arg-type]
    )


def known_projects(repository_id: int) -> list[str]:
    """Normalized names a proxy has met: those with a kept page or a kept file."""
    pages = UpstreamPage.objects.filter(repository_id=repository_id, absent=False).exclude(project="")
    files = CachedFile.objects.filter(repository_id=repository_id)
    names = set(pages.values_list("project", flat=True)) | set(files.values_list("project", flat=True).distinct())
    return sorted(names)


_truststore: tuple[object, str] = (None, "")


def truststore() -> str:
    """The truststore's certificates in one PEM text, "" when it is empty; one small query while nothing changes.

    Rows are added and removed, never changed, so their number and the highest key tell one state from the next.
    """
    global _truststore
    stamp = TrustedCertificate.objects.aggregate(number=Count("pk"), last=Max("pk"))
    if _truststore[0] != stamp:
        pems = TrustedCertificate.objects.order_by("pk").values_list("pem", flat=True)
        _truststore = (stamp, "\n".join(pems))
    return _truststore[1]
