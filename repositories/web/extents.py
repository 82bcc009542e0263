"""How much is in each repository: numbers for lists, a fixed count of queries however many repositories there are."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Sum

from repositories.models import CachedFile, Distribution, Project, Repository, UpstreamPage


@dataclass(frozen=True, slots=True)
class Extent:
    """Projects, files and bytes kept here; a group keeps nothing itself."""

    projects: int = 0
    files: int = 0
    size: int = 0


def extents(repositories: Iterable[Repository]) -> dict[int, Extent]:
    """By the primary key of each repository."""
    keys = [repository.pk for repository in repositories]
    projects: dict[int, int] = {}
    for rows in (
        Project.objects.filter(repository__in=keys),
        UpstreamPage.objects.filter(repository__in=keys, absent=False).exclude(project=""),
    ):
        projects.update(rows.order_by().values_list("repository_id").annotate(Count("id")))
    kept: dict[int, tuple[int, int]] = {}
    for model in (Distribution, CachedFile):
        counted = (
            model._default_manager.filter(repository__in=keys, blob__isnull=False)
            .order_by()
            .values_list("repository_id")
            .annotate(Count("id"), Sum("blob__size"))
        )
        kept.update({key: (files, size or 0) for key, files, size in counted})
    return {key: Extent(projects.get(key, 0), *kept.get(key, (0, 0))) for key in keys}
