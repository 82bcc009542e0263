"""The accounts pages as a person uses them: mouse, keyboard alone, and without JavaScript."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from accounts.models import User, UserToken
from accounts.tokens import hash_pass_code
from tests.browser.conftest import PASSWORD, OpenPage


def access_token(page: Page) -> None:
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_role("button", name="Access user token").click()
    expect(page.get_by_role("heading", name="Your token")).to_be_visible()


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_signing_in_and_out(open_page: OpenPage, person: User) -> None:
    page = open_page("/me/")
    expect(page).to_have_title("Sign in · Repoman")
    page.get_by_label("User name").fill("kim")
    page.get_by_label("Password", exact=True).fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Show password").click()
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("type", "text")
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(r"/me/$"))
    page.get_by_text("kim", exact=True).first.click()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_title("Sign in · Repoman")


def test_token_is_masked_shown_and_copied(open_page: OpenPage, person: User, repositories: None) -> None:
    page = open_page("/me/token/", signed_in=person, permissions=("clipboard-read", "clipboard-write"))
    expect(page.get_by_text("You have no user token yet")).to_be_visible()
    access_token(page)
    secret = page.locator("#pass-code .secret-text")
    expect(secret).to_be_hidden()
    page.get_by_role("button", name="Copy: Pass code").click()
    pass_code = clipboard(page)
    assert hash_pass_code(pass_code) == UserToken.objects.get(user=person).pass_code_sha256
    expect(page.locator("#announcer")).to_have_text("Copied")
    page.get_by_label("Show pass code").check(force=True)
    expect(secret).to_be_visible()
    expect(secret).to_have_text(pass_code)
    expect(page.locator("#tool-pip-linux")).to_contain_text(pass_code)


def test_copied_snippet_holds_the_codes_though_they_are_masked(
    open_page: OpenPage, person: User, repositories: None
) -> None:
    page = open_page("/me/token/", signed_in=person, permissions=("clipboard-read", "clipboard-write"))
    access_token(page)
    assert "•••" in page.locator("#tool-pip-linux pre").first.inner_text()
    page.get_by_role("button", name="Copy: ~/.config/pip/pip.conf").click()
    copied = clipboard(page)
    assert re.search(
        r"^index-url = http://\w[\w-]{7}:\w[\w-]{43}@localhost:\d+/repository/pypi-public/simple$", copied, re.M
    )


def test_choosing_a_tool_and_another_repository_stays_on_the_page(
    open_page: OpenPage, person: User, repositories: None
) -> None:
    page = open_page("/me/token/", signed_in=person)
    access_token(page)
    page.get_by_role("link", name="twine (.pypirc)").click()
    expect(page.locator("#tool-twine")).to_be_visible()
    expect(page.locator("#tool-pip-linux")).to_be_hidden()
    page.get_by_label("Install from").select_option("pypi-proxy")
    expect(page.locator("#tool-uv pre").first).to_contain_text("repository/pypi-proxy/simple")
    expect(page.locator("#tool-twine")).to_be_visible()
    expect(page.locator("#pass-code")).to_have_count(1)


def test_a_file_can_be_downloaded(open_page: OpenPage, person: User, repositories: None, tmp_path: Path) -> None:
    page = open_page("/me/token/", signed_in=person)
    access_token(page)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download: pip.conf").first.click()
    waiting.value.save_as(tmp_path / "pip.conf")
    assert waiting.value.suggested_filename == "pip.conf"
    assert (tmp_path / "pip.conf").read_text().startswith("[global]\nindex = http://")


def test_reset_makes_new_codes(open_page: OpenPage, person: User, repositories: None) -> None:
    page = open_page("/me/token/", signed_in=person)
    access_token(page)
    before = page.locator("#name-code").inner_text()
    page.goto("/me/token/")
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_role("button", name="Reset user token").click()
    expect(page.locator("#pass-code")).to_be_visible()
    assert page.locator("#name-code").inner_text() != before


def test_an_open_page_warns_then_locks(open_page: OpenPage, person: User, repositories: None) -> None:
    page = open_page("/me/token/", signed_in=person)
    page.clock.install()
    access_token(page)
    warning = page.get_by_text("This page closes in less than a minute.")
    expect(warning).to_be_hidden()
    page.clock.run_for(245_000)
    expect(warning).to_be_visible()
    page.get_by_role("button", name="Keep it open").click()
    expect(warning).to_be_hidden()
    page.clock.run_for(245_000)
    expect(warning).to_be_visible()
    page.clock.run_for(60_000)
    expect(page.get_by_role("heading", name="Confirm it is you")).to_be_visible()


def test_the_whole_way_without_javascript(open_page: OpenPage, person: User, repositories: None) -> None:
    page = open_page("/me/token/", script=False)
    page.get_by_label("User name").fill("kim")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    access_token(page)
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)
    secret = page.locator("#pass-code .secret-text")
    expect(secret).to_be_hidden()
    page.get_by_label("Show pass code").check(force=True)
    expect(secret).to_be_visible()
    name = page.locator("#name-code").inner_text()
    expect(page.locator("#tool-twine")).to_be_visible()
    page.get_by_label("Install from").select_option("pypi-proxy")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#tool-uv pre").first).to_contain_text("repository/pypi-proxy/simple")
    assert page.locator("#name-code").inner_text() == name
    page.locator("summary", has_text="kim").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_menu_folds_on_narrow_screens_without_javascript(open_page: OpenPage, admin: User) -> None:
    page = open_page("/me/", signed_in=admin, script=False, width=390)
    expect(page.get_by_role("link", name="Users")).to_be_hidden()
    page.get_by_role("checkbox", name="Menu").check(force=True)
    page.get_by_role("link", name="Users").click()
    expect(page.get_by_role("heading", name="Users")).to_be_visible()


def test_signing_in_and_opening_the_token_by_keyboard_alone(
    open_page: OpenPage, person: User, repositories: None
) -> None:
    page = open_page("/me/token/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type("kim")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Confirm it is you")).to_be_visible()
    # The address kept its #main through the redirect, so the content is next.
    page.keyboard.press("Tab")
    expect(page.get_by_label("Current password")).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#name-code")).to_be_visible()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.reveal') !== null"):
            break
    page.keyboard.press("Space")
    expect(page.locator("#pass-code .secret-text")).to_be_visible()


def test_menus_close_on_escape_and_give_the_focus_back(open_page: OpenPage, person: User) -> None:
    page = open_page("/me/", signed_in=person)
    summary = page.locator("summary", has_text="kim")
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Account")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Account")).to_be_hidden()
    expect(summary).to_be_focused()


def test_the_theme_changes_at_once_and_stays(open_page: OpenPage, person: User) -> None:
    page = open_page("/me/", signed_in=person)
    page.get_by_label("Theme", exact=True).first.click()
    with page.expect_response("**/theme/"):
        page.locator("ui-theme button[value=dark]").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    person.refresh_from_db()
    assert person.theme == "dark"


def test_the_language_is_switched_on_the_same_page(open_page: OpenPage, person: User) -> None:
    page = open_page("/me/token/", signed_in=person)
    page.get_by_role("button", name="한국어").click()
    expect(page.get_by_role("heading", name="사용자 토큰", exact=True)).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "ko")


def test_shortcuts_go_places_and_can_be_switched_off(open_page: OpenPage, admin: User) -> None:
    page = open_page("/me/", signed_in=admin)
    page.keyboard.press("g")
    page.keyboard.press("u")
    expect(page.get_by_role("heading", name="Users")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("g k")
    expect(page.get_by_role("searchbox")).to_have_value("g k")
    page.locator("h1").click()
    page.keyboard.press("?")
    page.get_by_label("Shortcuts on in this browser").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("k")
    expect(page).to_have_url(re.compile(r"/admin/users/"))


def test_the_list_of_users_filters_while_typing(open_page: OpenPage, admin: User, person: User) -> None:
    page = open_page("/admin/users/", signed_in=admin)
    page.get_by_role("searchbox").press_sequentially("kim")
    expect(page.get_by_role("link", name="admin")).to_have_count(0)
    expect(page.get_by_role("link", name="kim")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?q=kim"))


def test_a_half_typed_syllable_is_not_searched(open_page: OpenPage, admin: User, person: User) -> None:
    page = open_page("/admin/users/", signed_in=admin)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url) if "q=" in request.url else None)
    field = page.get_by_role("searchbox")
    field.evaluate(
        """field => {
            field.dispatchEvent(new CompositionEvent("compositionstart"));
            field.value = "기";
            field.dispatchEvent(new InputEvent("input", { isComposing: true, bubbles: true }));
        }"""
    )
    page.wait_for_timeout(600)
    assert requests == []
    field.evaluate(
        """field => {
            field.value = "김";
            field.dispatchEvent(new InputEvent("input", { isComposing: true, bubbles: true }));
            field.dispatchEvent(new CompositionEvent("compositionend"));
        }"""
    )
    expect(page.get_by_text("Nobody matches this filter")).to_be_visible()
    assert len(requests) == 1


def test_an_administrator_creates_a_user_who_can_sign_in(open_page: OpenPage, admin: User) -> None:
    page = open_page("/admin/users/new/", signed_in=admin)
    page.get_by_role("button", name="Create user").click()
    expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_role("alert").get_by_role("link", name="User name").click()
    page.keyboard.type("lee")
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password again").fill(PASSWORD)
    page.get_by_role("button", name="Create user").click()
    expect(page.get_by_text("User created: lee")).to_be_visible()
    other = open_page("/sign-in/?next=/me/")
    other.get_by_label("User name").fill("lee")
    other.get_by_label("Password", exact=True).fill(PASSWORD)
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("heading", name="Account")).to_be_visible()
