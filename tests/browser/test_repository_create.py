"""Creating a proxy, a hosted repository and a group in Chromium: by mouse, without JavaScript, by keyboard alone."""

import re

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from repositories.models import Repository
from repositories.services.members import member_names
from tests.browser.conftest import OpenPage
from tests.browser.repositories import empty_server, furnished_server, make


@pytest.fixture(autouse=True)
def server(transactional_db: None) -> None:
    empty_server()


def choose(page: Page, label: str) -> None:
    """From the list to the second step; the card's link covers the card."""
    page.get_by_role("link", name="Create repository").first.click()
    page.locator(".card-choice", has=page.locator(".badge", has_text=label)).get_by_role("link").click()


def submit(page: Page) -> None:
    page.get_by_role("button", name="Create repository").click()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_the_usual_three_are_made_with_the_mouse(open_page: OpenPage, admin: User, script: bool) -> None:
    page = open_page("/admin/repositories/", signed_in=admin, script=script)
    choose(page, "pypi (proxy)")
    page.get_by_label("Remote URL").fill("https://index.example")
    submit(page)
    expect(page.get_by_role("status").first).to_contain_text("Repository created: pypi-proxy")
    page.goto("/admin/repositories/")
    choose(page, "pypi (hosted)")
    submit(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("pypi-internal")
    page.goto("/admin/repositories/")
    choose(page, "pypi (group)")
    available, members = page.get_by_label("Available"), page.get_by_label("Members, first match wins")
    page.get_by_label("Name").fill("pypi-all")
    page.get_by_role("button", name="Add all").click()
    expect(members.locator("option")).to_have_text(["1. pypi-internal — hosted", "2. pypi-proxy — proxy"])
    members.select_option("pypi-proxy")
    page.get_by_role("button", name="Move up").click()
    expect(members.locator("option")).to_have_text(["1. pypi-proxy — proxy", "2. pypi-internal — hosted"])
    expect(available.locator("option")).to_have_count(0)
    expect(page.get_by_label("Name")).to_have_value("pypi-all")
    page.get_by_role("button", name="Move down").click()
    submit(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("pypi-all")
    assert member_names(Repository.objects.get(name="pypi-all")) == ["pypi-internal", "pypi-proxy"]
    assert Repository.objects.get(name="pypi-proxy").options["remote_url"] == "https://index.example"


def tab_to(page: Page, text: str) -> None:
    """Press Tab until what has the focus is called ``text``."""
    for _ in range(60):
        page.keyboard.press("Tab")
        name = page.evaluate(
            "(e => (e.labels?.[0] ?? e).innerText || e.getAttribute('aria-label') || '')(document.activeElement)"
        )
        if text in name:
            return
    raise AssertionError(f"{text!r} cannot be reached by Tab")


def test_a_group_is_made_by_keyboard_alone(open_page: OpenPage, admin: User) -> None:
    make("pypi-internal", "pypi-hosted")
    make("pypi-proxy", "pypi-proxy", remote_url="https://index.example")
    page = open_page("/admin/repositories/", signed_in=admin)
    tab_to(page, "Create repository")
    page.keyboard.press("Enter")
    page.wait_for_url("**/new/")
    tab_to(page, "pypi (group)")
    page.keyboard.press("Enter")
    page.wait_for_url("**/new/pypi-group/")
    tab_to(page, "Name")
    page.keyboard.press("Control+a")
    page.keyboard.type("pypi-all")
    tab_to(page, "Available")
    page.keyboard.press("Home")
    page.keyboard.press("Shift+End")
    page.keyboard.press("Enter")
    expect(page.locator("#announcer")).to_contain_text("added")
    tab_to(page, "Members, first match wins")
    page.keyboard.press("End")
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator("#announcer")).to_have_text("pypi-proxy — proxy: position 1 of 2")
    page.keyboard.press("Alt+ArrowDown")
    tab_to(page, "Create repository")
    page.keyboard.press("Enter")
    page.wait_for_url("**/repositories/pypi-all/")
    assert member_names(Repository.objects.get(name="pypi-all")) == ["pypi-internal", "pypi-proxy"]


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_enter_in_a_field_saves_and_moves_nothing(open_page: OpenPage, admin: User, script: bool) -> None:
    make("a", "pypi-hosted")
    make("b", "pypi-hosted")
    page = open_page("/admin/repositories/new/pypi-group/", signed_in=admin, script=script)
    page.get_by_label("Available").select_option("a")
    page.get_by_label("Name").press("Enter")
    expect(page.locator("[data-focus]")).to_contain_text("Choose at least one member.")
    if script:
        expect(page.locator("[data-focus]")).to_be_focused()
    assert not Repository.objects.filter(recipe="pypi-group").exists()


def test_an_error_leads_to_its_field_and_opens_its_section(open_page: OpenPage, admin: User) -> None:
    page = open_page("/admin/repositories/new/pypi-proxy/", signed_in=admin)
    page.get_by_label("Remote URL").fill("index.example")
    page.locator("summary", has_text="Connection").click()
    page.get_by_label("Timeout").fill("soon")
    submit(page)
    summary = page.locator("[data-focus]")
    expect(summary).to_be_focused()
    expect(page.get_by_label("Timeout")).to_be_visible()
    expect(page.get_by_label("Timeout")).to_have_attribute("aria-invalid", "true")
    summary.get_by_role("link", name="Remote URL").click()
    expect(page.get_by_label("Remote URL")).to_be_focused()


def test_the_list_is_filtered_while_typing_and_a_hangul_syllable_is_not_cut(open_page: OpenPage, admin: User) -> None:
    furnished_server()
    page = open_page("/admin/repositories/", signed_in=admin)
    rows = page.locator("#results tbody tr")
    expect(rows).to_have_count(5)
    page.get_by_label("Filter by name").press_sequentially("pypi")
    expect(rows).to_have_count(3)
    expect(page).to_have_url(re.compile("q=pypi"))
    page.locator("#types").get_by_role("link", name="group").click()
    expect(rows).to_have_count(1)
    expect(page.get_by_label("Filter by name")).to_have_value("pypi")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    session = page.context.new_cdp_session(page)
    page.get_by_label("Filter by name").focus()
    session.send("Input.imeSetComposition", {"text": "ㄱ", "selectionStart": 1, "selectionEnd": 1})
    page.wait_for_timeout(500)
    assert asked == []
    session.send("Input.insertText", {"text": "가"})
    expect(page.get_by_text("Nothing matches the filter")).to_be_visible()


def test_a_repository_is_deleted_after_its_name_is_typed(open_page: OpenPage, admin: User) -> None:
    make("ours", "pypi-hosted")
    page = open_page("/admin/repositories/ours/", signed_in=admin, script=False)
    page.get_by_role("link", name="Delete…").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("alert")).to_contain_text("not the name")
    page.get_by_label("Type the name").fill("ours")
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("status").first).to_contain_text("Repository deleted: ours")
    assert not Repository.objects.exists()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_rule_is_tried_before_it_is_saved(open_page: OpenPage, admin: User, script: bool) -> None:
    page = open_page("/admin/routing-rules/new/", signed_in=admin, script=script)
    page.get_by_label("Name").fill("ours")
    page.get_by_label("Patterns").fill("acme-*")
    page.get_by_label("Would this project pass?").fill("Acme.Core")
    page.get_by_role("button", name="Try").click()
    expect(page.locator("#trial")).to_contain_text("Acme.Core would be refused.")
    expect(page.get_by_label("Patterns")).to_have_value("acme-*")
    page.get_by_role("button", name="Save rule").last.click()
    expect(page.get_by_role("status").first).to_contain_text("Routing rule saved: ours")
