"""Pictures of every page in its states, kept in `screenshots/`, and axe's judgement of each."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from accounts.models import User
from tests.browser.conftest import PASSWORD, SCREENSHOTS, OpenPage

RULES = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }
}
LOOKS = [
    pytest.param("light", "en", 1360, id="light-en"),
    pytest.param("dark", "ko", 1360, id="dark-ko"),
    pytest.param("light", "ko", 390, id="light-ko-narrow"),
    pytest.param("dark", "en", 390, id="dark-en-narrow"),
]


def unlock(page: Page) -> None:
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("button[value=access]").click()
    page.locator("#pass-code").wait_for()


def wrong_password(page: Page) -> None:
    page.locator("input[name=password]").fill("wrong")
    page.locator("button[value=access]").click()
    page.locator(".error").first.wait_for()


def send_empty(page: Page) -> None:
    page.locator("main form button.button-primary").first.click()
    page.locator("[data-focus]").wait_for()


def nothing(page: Page) -> None:
    return None


PAGES: list[tuple[str, str, Callable[[Page], None]]] = [
    ("account", "/me/", nothing),
    ("token-locked", "/me/token/", nothing),
    ("token-wrong", "/me/token/", wrong_password),
    ("token-open", "/me/token/", unlock),
    ("users", "/admin/users/", nothing),
    ("user-create", "/admin/users/new/", nothing),
    ("user-create-refused", "/admin/users/new/", send_empty),
    ("token-settings", "/admin/user-tokens/", nothing),
    ("missing", "/no-such-page/", nothing),
]


def judge(page: Page, name: str) -> None:
    """Take the picture, then let axe look; text in it says what is wrong where."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.evaluate("scrollTo(0, 0)")  # sticky parts are where they are first seen
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
    found = Axe().run(page, options=RULES)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize(("theme", "language", "width"), LOOKS)
@pytest.mark.parametrize(("name", "path", "act"), PAGES, ids=[name for name, _path, _act in PAGES])
def test_page_is_accessible_in_every_look(
    open_page: OpenPage,
    admin: User,
    person: User,
    repositories: None,
    name: str,
    path: str,
    act: Callable[[Page], None],
    theme: str,
    language: str,
    width: int,
) -> None:
    page = open_page(path, signed_in=admin, theme=theme, language=language, width=width)
    act(page)
    judge(page, f"{name}-{theme}-{language}-{width}")


@pytest.mark.parametrize(("theme", "language", "width"), LOOKS)
def test_sign_in_page_is_accessible_in_every_look(
    open_page: OpenPage, admin: User, theme: str, language: str, width: int
) -> None:
    page = open_page("/sign-in/", theme=theme, language=language, width=width)
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", "wrong")
    page.click("main button.button-primary")
    page.locator("[role=alert]").wait_for()
    judge(page, f"sign-in-{theme}-{language}-{width}")


@pytest.mark.parametrize(("theme", "language", "width"), LOOKS)
def test_every_component_is_accessible_in_every_look(
    open_page: OpenPage, admin: User, settings: object, theme: str, language: str, width: int
) -> None:
    settings.DEBUG = True  # type: ignore[attr-defined]
    page = open_page("/dev/ui/", signed_in=admin, theme=theme, language=language, width=width)
    judge(page, f"components-{theme}-{language}-{width}")
