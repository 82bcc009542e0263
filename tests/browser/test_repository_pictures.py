"""Pictures of the repositories' pages in every look, and axe's judgement of each."""

import pytest
from playwright.sync_api import Page

from accounts.models import User
from tests.browser.conftest import OpenPage
from tests.browser.repositories import empty_server, furnished_server
from tests.browser.test_pictures import LOOKS, judge

FURNISHED = {
    "overview": "/",
    "repositories": "/admin/repositories/",
    "repositories-filtered": "/admin/repositories/?q=nothing-like-it",
    "repository-create": "/admin/repositories/new/",
    "repository-create-proxy": "/admin/repositories/new/pypi-proxy/",
    "repository-create-hosted": "/admin/repositories/new/pypi-hosted/",
    "repository-create-group": "/admin/repositories/new/pypi-group/",
    "repository-proxy": "/admin/repositories/pytorch-cu130/",
    "repository-hosted": "/admin/repositories/pypi-internal/",
    "repository-group": "/admin/repositories/pypi-group/",
    "repository-settings": "/admin/repositories/pypi-group/settings/",
    "repository-delete": "/admin/repositories/pypi-internal/delete/",
    "routing-rules": "/admin/routing-rules/",
    "routing-rule": "/admin/routing-rules/new/",
    "certificates": "/admin/certificates/",
    "browse": "/browse/",
    "browse-hosted": "/browse/pypi-internal/",
    "browse-proxy": "/browse/pypi-proxy/",
    "browse-group": "/browse/pypi-group/",
    "browse-project": "/browse/pypi-internal/acme-core/",
    "browse-missing": "/browse/pypi-internal/nothing/",
}
EMPTY = {
    "overview-empty": "/",
    "repositories-empty": "/admin/repositories/",
    "routing-rules-empty": "/admin/routing-rules/",
    "certificates-empty": "/admin/certificates/",
    "browse-empty": "/browse/",
}


def open_all_folds(page: Page) -> None:
    closed = page.locator("details.fold:not([open]) > summary")
    while closed.count():
        closed.first.click()


def judge_all(page: Page, paths: dict[str, str], look: str) -> None:
    """Judge one page after the other in one window; fails with all that is wrong, by page."""
    wrong = {}
    for name, path in paths.items():
        page.goto(path)
        try:
            judge(page, f"{name}-{look}")
        except AssertionError as error:
            wrong[name] = str(error)
    assert wrong == {}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("theme", "language", "width"), LOOKS)
def test_every_page_is_accessible(open_page: OpenPage, admin: User, theme: str, language: str, width: int) -> None:
    furnished_server()
    page = open_page("/", signed_in=admin, theme=theme, language=language, width=width)
    judge_all(page, FURNISHED, f"{theme}-{language}-{width}")


@pytest.mark.parametrize(("theme", "language", "width"), LOOKS[:2])
def test_every_empty_page_is_accessible(
    open_page: OpenPage, admin: User, theme: str, language: str, width: int
) -> None:
    empty_server()
    page = open_page("/", signed_in=admin, theme=theme, language=language, width=width)
    judge_all(page, EMPTY, f"{theme}-{language}-{width}")


@pytest.mark.parametrize(
    "name", ["repository-create-proxy", "repository-settings", "browse-project", "repository-proxy"]
)
def test_page_is_accessible_with_everything_unfolded(open_page: OpenPage, admin: User, name: str) -> None:
    furnished_server()
    page = open_page(FURNISHED[name], signed_in=admin)
    open_all_folds(page)
    judge(page, f"{name}-unfolded")


@pytest.mark.parametrize("name", ["repository-create-proxy", "repository-create-group"])
def test_refused_form_is_accessible(open_page: OpenPage, admin: User, name: str) -> None:
    furnished_server()
    page = open_page(FURNISHED[name], signed_in=admin)
    page.locator("main form .form-actions .button-primary").click()
    page.locator("[data-focus]").wait_for()
    judge(page, f"{name}-refused")


@pytest.mark.parametrize("name", ["overview", "browse", "browse-group", "browse-project"])
def test_page_of_a_user_without_rights_to_administer(open_page: OpenPage, person: User, name: str) -> None:
    furnished_server()
    page = open_page(FURNISHED[name], signed_in=person)
    assert page.locator('a[href^="/admin/"]').count() == 0
    judge(page, f"{name}-user")
