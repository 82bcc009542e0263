"""The browser drawer: a live server, Debian's Chromium driven by Playwright, and pages that fail on any console message.

Every page of a test is watched: an error in the console (a content policy violation is one) fails the test.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from accounts.identity import Identity
from accounts.models import Role, User
from accounts.services.users import create_user
from repoman import addresses
from repoman.addresses import Address
from tests.needs import needs

PASSWORD = "correct horse battery"
SCREENSHOTS = Path(__file__).resolve().parents[2] / "screenshots"
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

# Playwright's sync API keeps an event loop running in the main thread; the ORM there is used from one thread only.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(autouse=True)
def plain_static_files(settings: Any) -> None:
    """Static files straight from their folders: no hashes in names, nothing to collect first."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; the drawer is skipped where there is none.

    Closed with the drawer: Playwright's event loop runs in the main thread, where other drawers start their own.
    """
    executable = shutil.which("chromium")
    needs(executable, "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def repositories(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three repositories to choose from, whatever the database holds."""

    def source(base: str, identity: Identity) -> list[Address]:
        return [
            Address(name=name, type=type_, url=f"{base}/repository/{name}")
            for name, type_ in (("pypi-hosted", "hosted"), ("pypi-proxy", "proxy"), ("pypi-public", "group"))
        ]

    monkeypatch.setattr(addresses, "_sources", [source])


@pytest.fixture
def admin(transactional_db: None) -> User:
    return create_user(username="admin", password=PASSWORD, role=Role.ADMINISTRATOR, email="admin@packages.example")


@pytest.fixture
def person(transactional_db: None) -> User:
    return create_user(username="kim", password=PASSWORD, first_name="Minji", last_name="Kim")


@contextmanager
def watched(page: Page) -> Iterator[Page]:
    """Fail at the end when the page's console had anything to complain of."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # A refused form answers 4xx on purpose, which Chromium reports as an error of the page load.
        if message.type in ("error", "warning") and "the server responded with a status of 4" not in message.text:
            complaints.append(message.text)

    page.set_default_timeout(10_000)
    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    assert complaints == []


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(chromium: Browser, live_server: LiveServer) -> Iterator[OpenPage]:
    """Open a page in a new window; ``signed_in`` as a user, ``script`` off for the walks without JavaScript."""
    contexts: list[BrowserContext] = []
    watches = ExitStack()

    def open_(
        path: str,
        *,
        signed_in: User | None = None,
        script: bool = True,
        theme: str = "light",
        language: str = "en",
        width: int = 1360,
        permissions: tuple[str, ...] = (),
    ) -> Page:
        context = chromium.new_context(
            base_url=live_server.url,
            java_script_enabled=script,
            color_scheme=theme,  # type: ignore[arg-type]
            locale={"ko": "ko-KR"}.get(language, "en-GB"),
            viewport={"width": width, "height": 900},
            permissions=list(permissions),
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = watches.enter_context(watched(context.new_page()))
        if signed_in is not None:
            page.context.add_cookies([_session_cookie(signed_in, live_server.url)])
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    watches.close()


def _session_cookie(user: User, url: str) -> Any:
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return {"name": "sessionid", "value": session.session_key, "url": url}
