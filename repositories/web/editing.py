"""Creating a repository and changing its settings: choose a type, one page of fields, and what its buttons do."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.web.access import administrator_required
from repositories.models import Repository
from repositories.recipe import Recipe, recipes
from repositories.services.errors import ServiceErrors
from repositories.services.repositories import create_repository, update_repository
from repositories.web.remote_test import RemoteTest, run_remote_test
from repositories.web.repository_form import RepositoryForm
from repositories.web.requested import is_htmx, repository_named

TYPE_ORDER = ("proxy", "hosted", "group")
SUGGESTIONS = {"proxy": "pypi-proxy", "hosted": "pypi-internal", "group": "pypi-group"}


@dataclass(slots=True)
class _Draft:
    """One page of fields between two requests."""

    recipe: Recipe
    form: RepositoryForm
    repository: Repository | None = None
    remote_test: RemoteTest | None = None
    arranged: bool = False
    status: int = 200


@administrator_required
@require_http_methods(["GET", "HEAD"])
def repository_create(request: HttpRequest) -> HttpResponse:
    """The first step: which type."""
    known = sorted(recipes().values(), key=lambda recipe: (recipe.format, TYPE_ORDER.index(recipe.type), recipe.key))
    return render(request, "repositories/create.html", {"recipes": known})


@sensitive_post_parameters()
@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def repository_create_recipe(request: HttpRequest, recipe: str) -> HttpResponse:
    """The second step: settings."""
    found = recipes().get(recipe)
    if found is None:
        raise Http404
    form = RepositoryForm(found, suggestion=_free_name(SUGGESTIONS[found.type]), data=_posted(request))
    draft = _Draft(found, form)
    saved = _answer(request, draft, lambda values: create_repository(recipe=found.key, **values))
    if saved is not None:
        messages.success(request, _("Repository created: %(name)s") % {"name": saved.name})
        return redirect("repository", name=saved.name)
    return _page(request, draft)


@sensitive_post_parameters()
@administrator_required
@require_http_methods(["GET", "HEAD", "POST"])
def repository_settings(request: HttpRequest, name: str) -> HttpResponse:
    """Everything that can be changed later."""
    repository = repository_named(name)
    recipe = recipes().get(repository.recipe)
    if recipe is None:
        raise Http404
    draft = _Draft(recipe, RepositoryForm(recipe, repository, data=_posted(request)), repository)
    saved = _answer(request, draft, lambda values: update_repository(repository, **values))
    if saved is not None:
        messages.success(request, _("Settings saved: %(name)s") % {"name": repository.name})
        return redirect("repository", name=repository.name)
    return _page(request, draft)


def _posted(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _answer(request: HttpRequest, draft: _Draft, save: Callable[[dict[str, Any]], Repository]) -> Repository | None:
    """Do what the pressed button says; Enter in a field is the form's first button, which saves."""
    if request.method != "POST":
        return None
    draft.arranged = draft.form.arrange(request.POST)
    if draft.arranged or not draft.form.is_valid():
        return None
    values = draft.form.values()
    if request.POST.get("op") == "test":
        draft.remote_test = run_remote_test(draft.recipe, values["options"], draft.repository)
        return None
    try:
        return save(values)
    except ServiceErrors as errors:
        draft.form.take(errors)
        draft.status = 422
        return None


def _page(request: HttpRequest, draft: _Draft) -> HttpResponse:
    context = {
        "form": draft.form,
        "recipe": draft.recipe,
        "repository": draft.repository,
        "arranged": draft.arranged,
        "test": draft.remote_test,
    }
    fragment = draft.remote_test is not None and is_htmx(request)
    template = "repositories/_remote_test.html" if fragment else "repositories/form.html"
    return render(request, template, context, status=draft.status)


def _free_name(wanted: str) -> str:
    taken = {name.lower() for name in Repository.objects.values_list("name", flat=True)}
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}-{number}", number + 1
    return name
