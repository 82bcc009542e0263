"""Counting changes of content, so that every process sees on its next request which answers are out of date.

Call inside the transaction that makes the change: the count is then committed with it or not at all. The repository's
counter goes up and the changed project's row is stamped with it, so that a process that knows the state at one number
finds what has changed since by one query (`queries.changed_projects`).
"""

from django.db.models import F, QuerySet, Subquery

from repositories.models import Project, Repository, UpstreamPage


def hosted_changed(repository_id: int, project: str, *, names: bool) -> None:
    """A project of a hosted repository has changed; ``names`` when the list of projects reads differently now."""
    _raise(repository_id, names=names)
    _stamp(Project.objects.filter(repository_id=repository_id, name=project), repository_id)


def upstream_changed(repository_id: int, project: str) -> None:
    """What clients see of a proxy's project (of its root list: "") has changed."""
    _raise(repository_id)
    _stamp(UpstreamPage.objects.filter(repository_id=repository_id, project=project), repository_id)


def _raise(repository_id: int, *, names: bool = False) -> None:
    counted = {"generation": F("generation") + 1}
    if names:
        counted["names_generation"] = F("names_generation") + 1
    Repository.objects.filter(pk=repository_id).update(**counted)


def _stamp(rows: "QuerySet[Project] | QuerySet[UpstreamPage]", repository_id: int) -> None:
    # The repository's row is locked by the count before: no two changes share a number, and they commit in its order.
    rows.update(generation=Subquery(Repository.objects.filter(pk=repository_id).values("generation")[:1]))
