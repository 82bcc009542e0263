"""Which projects a repository is known to have, from rows alone: hosted projects and pages kept from upstreams.

Nothing here asks an upstream: a proxy offers all of its upstream, but only what somebody has asked for is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, Max, QuerySet

from repositories.models import CachedFile, Distribution, Project, Repository, UpstreamPage
from repositories.services.members import members_below

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class ProjectLine:
    """One project of the list. ``sources`` are the members that have it, in the group's order."""

    name: str
    display_name: str
    summary: str
    sources: tuple[str, ...]
    files: int
    changed: datetime | None


def project_names(repositories: Sequence[Repository], asked: str = "") -> "QuerySet[Any, str]":
    """Normalized names with ``asked`` in them, each once, in alphabetical order."""
    hosted = Project.objects.filter(repository__in=repositories, name__icontains=asked).order_by()
    cached = UpstreamPage.objects.filter(repository__in=repositories, absent=False, project__icontains=asked)
    names = cached.exclude(project="").order_by()
    return hosted.values_list("name", flat=True).union(names.values_list("project", flat=True)).order_by("name")


def page_of_projects(repository: Repository, asked: str, number: Any) -> "tuple[list[ProjectLine], Page[Any]]":
    """One page of the list, a fixed number of queries."""
    below = members_below(repository)
    page = Paginator(project_names(below, asked), PER_PAGE).get_page(number)
    return _lines(list(page.object_list), below), page


def _lines(names: Sequence[str], below: Sequence[Repository]) -> list[ProjectLine]:
    order = {row.pk: place for place, row in enumerate(below)}
    titles: dict[str, tuple[str, str]] = {}
    sources: dict[str, set[int]] = {name: set() for name in names}
    rows = Project.objects.filter(repository__in=below, name__in=names)
    for name, key, display, summary in rows.values_list("name", "repository_id", "display_name", "summary"):
        sources[name].add(key)
        titles.setdefault(name, (display, summary))
    pages = UpstreamPage.objects.filter(repository__in=below, project__in=names, absent=False)
    for name, key in pages.values_list("project", "repository_id"):
        sources[name].add(key)
    files: dict[str, int] = {}
    changed: dict[str, datetime] = {}
    for counted in _counts(names, below):
        for name, count, newest in counted:
            files[name] = files.get(name, 0) + count
            changed[name] = max(newest, changed.get(name, newest))
    by_key = {row.pk: row.name for row in below}
    return [
        ProjectLine(
            name=name,
            display_name=titles.get(name, (name, ""))[0],
            summary=titles.get(name, (name, ""))[1],
            sources=tuple(by_key[key] for key in sorted(sources[name], key=order.__getitem__)),
            files=files.get(name, 0),
            changed=changed.get(name),
        )
        for name in names
    ]


def _counts(names: Sequence[str], below: Sequence[Repository]) -> tuple[Any, Any]:
    hosted = Distribution.objects.filter(repository__in=below, project__name__in=names).order_by()
    cached = CachedFile.objects.filter(repository__in=below, project__in=names, blob__isnull=False).order_by()
    return (
        hosted.values_list("project__name").annotate(Count("id"), Max("uploaded_at")),
        cached.values_list("project").annotate(Count("id"), Max("cached_at")),
    )
