"""Browsing: repositories one may read, their projects, and a project's versions and files.

The file list comes from the live index, so that it is exactly what pip is told: filters, order of members and all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods
from packaging.version import InvalidVersion, Version

from accounts.identity import Identity
from accounts.web.access import identity_of
from repoman.addresses import base_url
from repoman.toolbox import threads
from repositories.dataplane.indexes import find_row, live
from repositories.domain.errors import NotFound, Refused, RepositoryError
from repositories.domain.names import NormalizedName, is_project_name, normalize, parse_filename
from repositories.domain.page import DistributionFile, ProjectPage
from repositories.models import CachedFile, Repository
from repositories.protocol.pypi import file_path
from repositories.recipe import recipes
from repositories.web.extents import extents
from repositories.web.navigation import may_browse, readable_repositories
from repositories.web.projects import page_of_projects
from repositories.web.requested import filter_text, is_htmx, repository_named
from repositories.web.snippets import install_line, snippets

VERSIONS_PER_PAGE = 20


@dataclass(frozen=True, slots=True)
class FileLine:
    """A file as the page shows it."""

    file: DistributionFile
    kind: str
    url: str
    kept: bool


@dataclass(slots=True)
class Release:
    """A version with its files; ``hidden`` are files a rule keeps back, with the reason."""

    version: str
    files: list[FileLine] = field(default_factory=list)
    hidden: list[tuple[str, str]] = field(default_factory=list)

    @property
    def yanked(self) -> bool:
        return bool(self.files) and all(line.file.yanked is not False for line in self.files)


@login_not_required
@require_http_methods(["GET", "HEAD"])
def browse(request: HttpRequest) -> HttpResponse:
    """Repositories this person may read."""
    identity = identity_of(request)
    if _must_sign_in(identity):
        return redirect_to_login(request.get_full_path())
    rows = readable_repositories(identity)
    numbers = extents(rows)
    base = base_url(request)
    lines = [
        {
            "repository": row,
            "recipe": recipes().get(row.recipe),
            "extent": numbers[row.pk],
            "address": f"{base}/repository/{row.name}/simple/",
        }
        for row in rows
    ]
    return render(request, "repositories/browse.html", {"lines": lines, "identity": identity})


@login_not_required
@require_http_methods(["GET", "HEAD"])
def browse_repository(request: HttpRequest, name: str) -> HttpResponse:
    """Projects of one repository; ``q`` filters by name."""
    identity = identity_of(request)
    if _must_sign_in(identity):
        return redirect_to_login(request.get_full_path())
    row = _readable(identity, name)
    asked = filter_text(request)
    lines, page = page_of_projects(row, asked, request.GET.get("page"))
    recipe = recipes().get(row.recipe)
    base = base_url(request)
    context = {
        "repository": row,
        "recipe": recipe,
        "lines": lines,
        "page": page,
        "q": asked,
        "address": f"{base}/repository/{row.name}/simple/",
        "snippets": snippets(name=row.name, type=recipe.type if recipe else "", base_url=base),
        "try_line": install_line(project="six", name=row.name, base_url=base),
    }
    template = "repositories/_projects.html" if is_htmx(request) else "repositories/browse_repository.html"
    return render(request, template, context)


@login_not_required
@require_http_methods(["GET", "HEAD"])
def browse_project(request: HttpRequest, name: str, project: str) -> HttpResponse:
    """Versions and files of one project, as the repository answers for them now."""
    identity = identity_of(request)
    if _must_sign_in(identity):
        return redirect_to_login(request.get_full_path())
    row = _readable(identity, name)
    if not is_project_name(project):
        raise Http404
    if normalize(project) != project:
        return redirect("browse-project", name=name, project=normalize(project))
    recipe = recipes().get(row.recipe)
    context: dict[str, Any] = {"repository": row, "recipe": recipe, "project": project}
    try:
        found = project_page(row.name, normalize(project))
    except NotFound:
        return render(request, "repositories/project_missing.html", context, status=404)
    except Refused as error:
        return render(request, "repositories/project_missing.html", {**context, "refused": error}, status=403)
    except RepositoryError as error:
        return render(request, "repositories/project_missing.html", {**context, "error": error}, status=503)
    releases = releases_of(row.name, found)
    page = Paginator(releases, VERSIONS_PER_PAGE).get_page(request.GET.get("page"))
    latest = next((release.version for release in releases if release.files and not release.yanked), "")
    context |= {
        "found": found,
        "page": page,
        "latest": latest,
        "origins": sorted({file.origin for file in found.files}),
        "install": install_line(project=project, name=row.name, base_url=base_url(request)),
    }
    return render(request, "repositories/project.html", context)


def project_page(name: str, project: NormalizedName) -> ProjectPage:
    """What the live index says. Raises what `Index.project_page` and a repository that is offline raise."""

    async def ask() -> ProjectPage:
        row = await threads.database(find_row, name)
        if row is None:
            raise NotFound(f"There is no repository {name}")
        repository = await threads.database(live, row)
        return await repository.index.project_page(project)

    return threads.wait_for(ask())


def releases_of(name: str, page: ProjectPage) -> list[Release]:
    """The page's files by version, newest first; versions that are none come last."""
    kept = _kept(page)
    releases = {version: Release(version) for version in page.versions}
    for file in sorted(page.files, key=lambda item: item.filename):
        line = FileLine(
            file=file,
            kind=parse_filename(file.filename, page.project).packagetype,
            url=f"/repository/{name}/{file_path(file)}",
            kept=(file.origin, file.filename) in kept,
        )
        releases.setdefault(file.version, Release(file.version)).files.append(line)
    for refused in page.refused:
        release = releases.setdefault(refused.file.version, Release(refused.file.version))
        release.hidden.append((refused.file.filename, refused.detail))
    return sorted(releases.values(), key=lambda release: _order(release.version), reverse=True)


def _order(version: str) -> tuple[bool, Version | None, str]:
    try:
        return True, Version(version), ""
    except InvalidVersion:
        return False, None, version


def _kept(page: ProjectPage) -> set[tuple[str, str]]:
    """Origin and name of files whose bytes lie here: all of hosted repositories, those that were asked for of proxies."""
    origins = {file.origin for file in page.files}
    types = {row.name: recipes()[row.recipe].type for row in _rows(origins) if row.recipe in recipes()}
    hosted = {(file.origin, file.filename) for file in page.files if types.get(file.origin) == "hosted"}
    cached = CachedFile.objects.filter(repository__name__in=origins, project=page.project, blob__isnull=False)
    return hosted | set(cached.values_list("repository__name", "filename"))


def _rows(names: Any) -> Sequence[Repository]:
    return list(Repository.objects.filter(name__in=names))


def _must_sign_in(identity: Identity) -> bool:
    """Strangers are sent to the sign-in page before anything is looked up, unless the server is open to read."""
    return identity.anonymous and not settings.REPOMAN.anonymous_read


def _readable(identity: Identity, name: str) -> Repository:
    row = repository_named(name)
    if not may_browse(identity, row):
        raise Http404
    return row
