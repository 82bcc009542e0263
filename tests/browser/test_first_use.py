"""First use from end to end, on the real server: sign in, make proxy, hosted and group, fetch a token, install, upload.

What the token page offers for download is used as it is, by real pip and twine.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import distributions, live
from tests.browser.conftest import watched
from tests.clients.conftest import pip, twine
from tests.simulators.upstream import SimulatedUpstream


@pytest.fixture
def upstream() -> Iterator[SimulatedUpstream]:
    simulated = SimulatedUpstream()
    built = distributions.wheel("demo-app", "1.0")
    simulated.add(built.filename, built.content, metadata=built.metadata)
    yield simulated
    simulated.stop()


@pytest.fixture
def window(chromium: Browser, live: live.LiveServer) -> Iterator[Page]:
    context = chromium.new_context(base_url=live.base, viewport={"width": 1360, "height": 900}, locale="en-GB")
    with watched(context.new_page()) as page:
        yield page
    context.close()


def create(page: Page, recipe: str) -> None:
    page.goto("/admin/repositories/new/")
    page.locator(".card-choice", has=page.locator(".badge", has_text=recipe)).get_by_role("link").click()


def save(page: Page, name: str) -> None:
    page.get_by_role("button", name="Create repository").click()
    expect(page.get_by_role("status").first).to_contain_text(f"Repository created: {name}")


def download(page: Page, name: str, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=f"Download: {name}").first.click()
    waiting.value.save_as(folder / name)
    return folder / name


def test_from_the_first_password_to_an_installed_package(
    window: Page, live: live.LiveServer, upstream: SimulatedUpstream, tmp_path: Path
) -> None:
    page, password = window, (live.data / "admin.password").read_text().strip()
    page.goto("/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")

    create(page, "pypi (proxy)")
    page.get_by_label("Name", exact=True).fill("first-proxy")
    page.get_by_label("Remote URL").fill(upstream.url)
    save(page, "first-proxy")
    create(page, "pypi (hosted)")
    page.get_by_label("Name", exact=True).fill("first-hosted")
    save(page, "first-hosted")
    create(page, "pypi (group)")
    page.get_by_label("Name", exact=True).fill("first-group")
    for member in ("first-hosted", "first-proxy"):
        page.get_by_label("Available").select_option(member)
        page.get_by_role("button", name="Add the selected").click()
    save(page, "first-group")

    page.locator("summary", has_text="admin").click()
    page.get_by_role("link", name="User token", exact=True).last.click()
    page.get_by_label("Current password").fill(password)
    page.get_by_role("button", name="Access user token").click()
    page.get_by_label("Install from").select_option("first-group")
    expect(page.locator("#tool-uv pre").first).to_contain_text("repository/first-group/simple")
    page.get_by_label("Upload to").select_option("first-hosted")
    expect(page.locator("#tool-twine pre").first).to_contain_text("repository/first-hosted/")
    page.get_by_role("link", name="pip · Linux").click()
    configuration = download(page, "pip.conf", tmp_path)
    page.get_by_role("link", name="twine (.pypirc)").click()
    pypirc = download(page, ".pypirc", tmp_path)

    done = pip("install", "--target", tmp_path / "site", "demo-app", cwd=tmp_path, PIP_CONFIG_FILE=str(configuration))
    assert done.code == 0, done.output
    assert (tmp_path / "site" / "demo_app-1.0.dist-info").is_dir()

    own = distributions.wheel("own-app", "1.0")
    (tmp_path / own.filename).write_bytes(own.content)
    done = twine(
        "upload", "--config-file", pypirc, "--repository", "first-hosted", tmp_path / own.filename, cwd=tmp_path
    )
    assert done.code == 0, done.output
    done = pip("install", "--target", tmp_path / "own", "own-app", cwd=tmp_path, PIP_CONFIG_FILE=str(configuration))
    assert done.code == 0, done.output

    page.goto("/browse/first-group/own-app/")
    expect(page.get_by_role("link", name=own.filename)).to_be_visible()
