"""Every database read of the data plane: named, few, counted in tests. Sync; called through `toolbox.threads`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Count, Max, Q

from repositories.domain.names import NormalizedName
from repositories.domain.page import FOREVER, DistributionFile, Freshness, Location, ProjectPage, ProjectStatus
from repositories.models import (
    CachedFile,
    Distribution,
    Member,
    Project,
    Repository,
    TrustedCertificate,
    UpstreamPage,
)
from repositories.recipe import FilterFacts, RepositoryRow, RoutingRuleRow, filter_kinds, recipes

# --- configuration -----------------------------------------------------------------------------------------------------


# As text, because each request after a write asks these, and building them from models costs ten times what they cost.
_GENERATIONS = """
    SELECT 0, generation, 0 FROM repositories_configuration WHERE id = 1
    UNION ALL SELECT id, generation, names_generation FROM repositories_repository
"""
_CHANGED = """
    SELECT name FROM repositories_project WHERE repository_id = %s AND generation > %s
    UNION ALL SELECT project FROM repositories_upstreampage WHERE repository_id = %s AND generation > %s
    LIMIT %s
"""


def generations() -> tuple[int, dict[int, tuple[int, int]]]:
    """The configuration's counter, and by repository those of its content and of its list of names (one query)."""
    with connection.cursor() as cursor:
        cursor.execute(_GENERATIONS)
        counted = {key: (content, names) for key, content, names in cursor.fetchall()}
    configuration, _ = counted.pop(0, (0, 0))
    return configuration, counted


def changed_projects(repository_id: int, since: int, most: int) -> list[str]:
    """Up to ``most`` projects stamped after generation ``since`` ("": a proxy's root list; one query)."""
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED, [repository_id, since, repository_id, since, most])
        return [name for (name,) in cursor.fetchall()]


def repository_rows() -> Mapping[str, RepositoryRow]:
    """All repositories as values by lower-case name, groups with their members inside (two queries)."""
    rows = {row.pk: row for row in Repository.objects.select_related("routing_rule", "blob_store")}
    members: dict[int, list[int]] = {}
    for group, member in Member.objects.order_by("group_id", "position").values_list("group_id", "member_id"):
        members.setdefault(group, []).append(member)
    made: dict[int, RepositoryRow] = {}

    def make(pk: int, above: frozenset[int] = frozenset()) -> RepositoryRow:
        if pk not in made:
            # Services refuse cycles; a row written past them must not hang the server.
            inner = [make(member, above | {pk}) for member in members.get(pk, []) if member not in above | {pk}]
            made[pk] = _row(rows[pk], tuple(inner))
        return made[pk]

    return {row.name.lower(): make(pk) for pk, row in rows.items()}


def _with_defaults(repository: Repository) -> dict[str, Any]:
    """The row's options, with the defaults of those that were declared after the row was written."""
    recipe = recipes().get(repository.recipe)
    declared = recipe.options if recipe is not None else ()
    return {**{option.key: option.default for option in declared}, **repository.options}


def _row(repository: Repository, members: tuple[RepositoryRow, ...]) -> RepositoryRow:
    rule = repository.routing_rule
    facts = FilterFacts(
        options=repository.options,
        routing_rule=RoutingRuleRow(name=rule.name, mode=rule.mode, patterns=tuple(rule.patterns)) if rule else None,
    )
    live = (kind.live(facts) for kind in filter_kinds().values())
    return RepositoryRow(
        id=repository.pk,
        name=repository.name,
        recipe=repository.recipe,
        online=repository.online,
        blob_store=repository.blob_store.name,
        options=_with_defaults(repository),
        members=members,
        filters=tuple(filter_ for filter_ in live if filter_ is not None),
    )


# --- hosted ------------------------------------------------------------------------------------------------------------


def hosted_owns(repository_id: int, project: NormalizedName) -> bool:
    """Whether the name has ever been taken here (one query)."""
    return Project.objects.filter(repository_id=repository_id, name=project).exists()


def hosted_projects(repository_id: int) -> dict[NormalizedName, str]:
    """Display names by normalized name, without quarantined projects (one query; PEP 792)."""
    rows = Project.objects.filter(repository_id=repository_id).exclude(status="quarantined")
    return {NormalizedName(name): display for name, display in rows.values_list("name", "display_name")}


def hosted_page(repository_id: int, origin: str, project: NormalizedName) -> ProjectPage | None:
    """A hosted project's page, None when the name is not taken (two queries)."""
    row = Project.objects.filter(repository_id=repository_id, name=project).first()
    if row is None:
        return None
    files = tuple(_hosted_file(values, origin, project) for values in _file_rows(row.pk))
    return ProjectPage(
        project=project,
        name=row.display_name,
        files=() if row.status == "quarantined" else files,
        versions=tuple(dict.fromkeys(file.version for file in files)),
        status=ProjectStatus(status=row.status, reason=row.status_reason),  # type: ignore[arg-type]
        freshness=Freshness(max_age=0, holds_until=FOREVER),
    )


def _file_rows(project_id: int) -> Iterable[tuple[Any, ...]]:
    return (
        Distribution.objects.filter(project_id=project_id)
        .annotate(has_provenance=Q(provenance__isnull=False))
        .order_by("uploaded_at", "filename")
        .values_list(
            "filename",
            "version",
            "requires_python",
            "uploaded_at",
            "yanked",
            "yanked_reason",
            "packagetype",
            "has_provenance",
            "blob__sha256",
            "blob__blake2b_256",
            "blob__md5",
            "blob__size",
            "metadata_blob__sha256",
        )
    )


def _hosted_file(values: tuple[Any, ...], origin: str, project: NormalizedName) -> DistributionFile:
    (
        filename,
        version,
        requires_python,
        uploaded_at,
        yanked,
        reason,
        kind,
        provenance,
        sha256,
        blake2b,
        md5,
        size,
        meta,
    ) = values
    return DistributionFile(
        filename=filename,
        project=project,
        version=version,
        # sha256 first: uv's --check-url compares the first hash of the list with its own.
        hashes={"sha256": sha256, "blake2b_256": blake2b, "md5": md5},
        size=size,
        upload_time=uploaded_at,
        first_seen=uploaded_at,
        requires_python=requires_python or None,
        yanked=(reason or True) if yanked else False,
        # PEP 658 side files are for wheels; an sdist's PKG-INFO is kept for the JSON API only.
        core_metadata={"sha256": meta} if meta and kind == "bdist_wheel" else None,
        provenance=provenance,
        origin=origin,
        location=Location(blob=sha256, metadata_blob=meta or ""),
    )


def hosted_provenance(repository_id: int, filename: str) -> dict[str, Any] | None:
    """The provenance object of one file (one query)."""
    return (
        Distribution.objects.filter(repository_id=repository_id, filename=filename)
        .values_list("provenance", flat=True)
        .first()
    )


# --- search ------------------------------------------------------------------------------------------------------------


def local_projects(repository_id: int) -> list[tuple[NormalizedName, str, str]]:
    """Name, summary and newest version of what lies here: hosted projects, or projects of cached files (three queries)."""
    hosted = Distribution.objects.filter(repository_id=repository_id).order_by("uploaded_at")
    newest: dict[str, str] = dict(hosted.values_list("project__name", "version"))
    cached = CachedFile.objects.filter(repository_id=repository_id).order_by("cached_at")
    newest.update(cached.values_list("project", "version"))
    summaries = dict(Project.objects.filter(repository_id=repository_id).values_list("name", "summary"))
    return [(NormalizedName(name), summaries.get(name, ""), version) for name, version in sorted(newest.items())]


# --- proxies: what is kept of an upstream --------------------------------------------------------------------------------


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
    "blob__size",
    "metadata_blob__sha256",
    "provenance_blob__sha256",
    "cached_at",
)


def _cached_file(row: tuple[object, ...]) -> CachedFileRecord:
    filename, sha256, md5, size, metadata, provenance, cached_at = row
    return CachedFileRecord(
        filename=str(filename),
        sha256=str(sha256 or ""),
        md5=str(md5 or ""),
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
