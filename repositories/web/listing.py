"""The list of repositories for administrators."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.web.access import administrator_required
from repoman.addresses import base_url
from repoman.toolbox import clock
from repositories.models import Member, Repository
from repositories.recipe import Recipe, recipes
from repositories.web.conditions import Condition, condition
from repositories.web.extents import Extent, extents
from repositories.web.requested import filter_text, is_htmx

TYPES = ("hosted", "proxy", "group")
SORTS = ("name", "type", "status", "projects", "size")


@dataclass(frozen=True, slots=True)
class Line:
    """One repository of the list."""

    repository: Repository
    recipe: Recipe | None
    condition: Condition
    extent: Extent
    note: str
    address: str = ""

    @property
    def type(self) -> str:
        return self.recipe.type if self.recipe else ""

    @property
    def format(self) -> str:
        return self.recipe.format if self.recipe else ""

    def key(self, column: str) -> Any:
        values = {
            "type": (self.type, self.format),
            "status": self.condition.word,
            "projects": self.extent.projects,
            "size": self.extent.size,
        }
        return values.get(column, 0), self.repository.name.lower()


@administrator_required
@require_http_methods(["GET", "HEAD"])
def repositories(request: HttpRequest) -> HttpResponse:
    """All repositories; ``q`` filters by name, ``type`` by type, ``sort`` is a column, with "-" downwards."""
    asked = filter_text(request)
    kind = request.GET.get("type", "")
    kind = kind if kind in TYPES else ""
    sort = request.GET.get("sort", "name")
    column = sort.removeprefix("-")
    column, downwards = (column, sort.startswith("-")) if column in SORTS else ("name", False)
    shown = sorted(
        (line for line in lines(asked, base_url(request)) if not kind or line.type == kind),
        key=lambda line: line.key(column),
        reverse=downwards,
    )
    context = {
        "lines": shown,
        "columns": [
            ("name", _("Name"), ""),
            ("type", _("Type, format"), ""),
            ("status", _("Status"), ""),
            ("", _("Address for clients"), ""),
            ("projects", _("Projects"), "number minor"),
            ("size", _("Size"), "number minor"),
        ],
        "q": asked,
        "type": kind,
        "types": [("", _("All types")), *((name, name) for name in TYPES)],
        "column": column,
        "downwards": downwards,
        "nothing_yet": not Repository.objects.exists(),
    }
    template = "repositories/_list.html" if is_htmx(request) else "repositories/list.html"
    return render(request, template, context)


def lines(asked: str = "", base: str = "") -> list[Line]:
    """Repositories whose name contains ``asked``, with what the list says about each."""
    found = list(Repository.objects.filter(name__icontains=asked).select_related("upstream_health"))
    members: dict[int, list[str]] = {}
    for group, member in Member.objects.order_by("position").values_list("group_id", "member__name"):
        members.setdefault(group, []).append(member)
    numbers, now = extents(found), clock.now()
    return [
        Line(
            repository=row,
            recipe=recipes().get(row.recipe),
            condition=condition(row, now),
            extent=numbers[row.pk],
            note=_note(row, members.get(row.pk, [])),
            address=f"{base}/repository/{row.name}/simple/",
        )
        for row in found
    ]


def _note(repository: Repository, members: list[str]) -> str:
    """The small line below the name: where it gets its packages from, or what uploads may do."""
    if members:
        return " → ".join(members)
    policy = str(repository.options.get("deployment_policy", ""))
    policies = {
        "allow": _("Re-upload allowed"),
        "allow_once": _("Re-upload not allowed"),
        "read_only": _("Read-only"),
    }
    return str(repository.options.get("remote_url", "")) or policies.get(policy, "")
