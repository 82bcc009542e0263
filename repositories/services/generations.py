"""Counting changes of content, so that every process sees on its next request which answers are out of date.

Call inside the transaction that makes the change: the count is then committed with it or not at all. The repository's
counter goes up and the changed project's row is stamped with it, so that a process that knows the state at one number
finds what has changed since by one query (`queries.changed_projects`).
"""

from collections.abc import Mapping
from types import MappingProxyType

from django.db.models import F, Q, QuerySet, Subquery

from repositories.models import Project, Repository, UpstreamPage

_ANY = Q()
_NOTHING: Mapping[str, str] = MappingProxyType({})


def hosted_changed(
    repository_id: int, project: str, *, names: bool, only: Q = _ANY, values: Mapping[str, str] = _NOTHING
) -> bool:
    """A project of a hosted repository has changed; ``names`` when the list of projects reads differently now.

    ``values`` are written into the project's row by the same statement. Returns False when there is no such project, or
    it is not as ``only`` says; the transaction must then be undone.
    """
    _raise(repository_id, names=names)
    rows = Project.objects.filter(only, repository_id=repository_id, name=project)
    return _stamp(rows, repository_id, values) > 0


def upstream_changed(repository_id: int, project: str) -> None:
    """What clients see of a proxy's project (of its root list: "") has changed."""
    _raise(repository_id)
    _stamp(UpstreamPage.objects.filter(repository_id=repository_id, project=project), repository_id)


def _raise(repository_id: int, *, names: bool = False) -> None:
    counted = {"generation": F("generation") + 1}
    if names:
        counted["names_generation"] = F("names_generation") + 1
    Repository.objects.filter(pk=repository_id).update(**counted)


def _stamp(
    rows: "QuerySet[Project] | QuerySet[UpstreamPage]", repository_id: int, values: Mapping[str, str] = _NOTHING
) -> int:
    # The repository's row is locked by the count before: no two changes share a number, and they commit in its order.
    number = Subquery(Repository.objects.filter(pk=repository_id).values("generation")[:1])
    return rows.update(generation=number, **values)
