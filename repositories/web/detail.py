"""The page of one repository for administrators, and its buttons: online, offline, invalidate, test, delete."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from accounts.web.access import administrator_required
from repoman.addresses import base_url
from repoman.toolbox import clock
from repositories.models import Member
from repositories.recipe import recipes
from repositories.services.errors import ServiceErrors
from repositories.services.members import groups_of
from repositories.services.repositories import delete_repository, invalidate_cache, set_online
from repositories.web.conditions import condition
from repositories.web.extents import extents
from repositories.web.remote_test import run_remote_test
from repositories.web.repository_form import RepositoryForm
from repositories.web.requested import is_htmx, repository_named
from repositories.web.snippets import snippets


@administrator_required
@require_http_methods(["GET", "HEAD"])
def repository(request: HttpRequest, name: str) -> HttpResponse:
    """What it is, how it does, how to use it."""
    row = repository_named(name)
    recipe = recipes().get(row.recipe)
    now = clock.now()
    memberships = Member.objects.filter(group=row).select_related("member", "member__upstream_health")
    members = [
        (place.member, recipes().get(place.member.recipe), condition(place.member, now)) for place in memberships
    ]
    base = base_url(request)
    context = {
        "repository": row,
        "recipe": recipe,
        "condition": condition(row, now),
        "health": getattr(row, "upstream_health", None),
        "extent": extents([row])[row.pk],
        "members": members,
        "groups": groups_of(row),
        "address": f"{base}/repository/{row.name}/simple/",
        "snippets": snippets(name=row.name, type=recipe.type if recipe else "", base_url=base),
        "sections": RepositoryForm(recipe, repository=row).sections() if recipe else [],
    }
    return render(request, "repositories/detail.html", context)


@administrator_required
@require_POST
def repository_online(request: HttpRequest, name: str) -> HttpResponse:
    row = repository_named(name)
    online = request.POST.get("online") == "yes"
    set_online(row, online)
    said = _("Online again: %(name)s") if online else _("Taken offline: %(name)s")
    messages.success(request, said % {"name": row.name})
    return redirect("repository", name=row.name)


@administrator_required
@require_POST
def repository_invalidate(request: HttpRequest, name: str) -> HttpResponse:
    row = repository_named(name)
    count = invalidate_cache(row)
    said = ngettext(
        "Cache invalidated: %(count)s remote is asked again at the next request.",
        "Cache invalidated: %(count)s remotes are asked again at the next request.",
        count,
    )
    messages.success(request, said % {"count": count})
    return redirect("repository", name=row.name)


@administrator_required
@require_POST
def repository_test(request: HttpRequest, name: str) -> HttpResponse:
    """Ask the stored remote now, with the stored password."""
    row = repository_named(name)
    recipe = recipes().get(row.recipe)
    if recipe is None or recipe.type != "proxy":
        return redirect("repository", name=row.name)
    test = run_remote_test(recipe, row.options, row, stored=True)
    if is_htmx(request):
        return render(request, "repositories/_remote_test.html", {"test": test})
    return render(request, "repositories/remote_test.html", {"test": test, "repository": row, "recipe": recipe})


@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def repository_delete(request: HttpRequest, name: str) -> HttpResponse:
    """Say what goes, and delete after the name has been typed."""
    row = repository_named(name)
    error, status = "", 200
    if request.method == "POST":
        if request.POST.get("confirm", "").strip() != row.name:
            error, status = _("This is not the name of the repository. Type it exactly."), 422
        else:
            try:
                delete_repository(row, detach=request.POST.get("detach") == "yes")
            except ServiceErrors as errors:
                error, status = str(next(iter(errors.errors.values()))), 422
            else:
                messages.success(request, _("Repository deleted: %(name)s") % {"name": name})
                return redirect("repositories")
    context = {
        "repository": row,
        "recipe": recipes().get(row.recipe),
        "extent": extents([row])[row.pk],
        "groups": groups_of(row),
        "error": error,
    }
    return render(request, "repositories/delete.html", context, status=status)
