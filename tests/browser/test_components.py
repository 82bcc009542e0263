"""The two-list picker by mouse, by keyboard and without JavaScript, on the component page."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.browser.conftest import OpenPage


@pytest.fixture
def picker(open_page: OpenPage, admin: User, settings: Any) -> Page:
    settings.DEBUG = True
    return open_page("/dev/ui/", signed_in=admin)


def order(page: Page) -> list[str]:
    values = page.locator('ui-dual-list input[type="hidden"]').evaluate_all("inputs => inputs.map(i => i.value)")
    return [str(value) for value in values]


def test_buttons_move_and_order(picker: Page) -> None:
    assert order(picker) == ["a-hosted"]
    picker.get_by_label("Available").select_option("c-proxy")
    picker.get_by_role("button", name="Add the selected").click()
    assert order(picker) == ["a-hosted", "c-proxy"]
    picker.get_by_role("button", name="Move up").click()
    assert order(picker) == ["c-proxy", "a-hosted"]
    expect(picker.locator("#announcer")).to_have_text("c-proxy — proxy: position 1 of 2")
    expect(picker.get_by_label("Chosen, first wins").locator("option").first).to_have_text("1. c-proxy — proxy")
    picker.get_by_role("button", name="Remove all").click()
    assert order(picker) == []
    expect(picker.get_by_label("Available").locator("option")).to_have_text(
        ["b-proxy — proxy", "c-proxy — proxy", "a-hosted — hosted"]
    )


def test_keys_move_and_order(picker: Page) -> None:
    available, chosen = picker.get_by_label("Available"), picker.get_by_label("Chosen, first wins")
    available.select_option("b-proxy")
    available.press("Enter")
    assert order(picker) == ["a-hosted", "b-proxy"]
    chosen.focus()
    chosen.press("Alt+ArrowUp")
    assert order(picker) == ["b-proxy", "a-hosted"]
    chosen.press("Delete")
    assert order(picker) == ["a-hosted"]


def test_double_click_moves(picker: Page) -> None:
    picker.get_by_label("Available").locator("option", has_text="b-proxy").dblclick()
    assert order(picker) == ["a-hosted", "b-proxy"]


def test_without_javascript_the_server_moves(open_page: OpenPage, admin: User, settings: Any) -> None:
    settings.DEBUG = True
    page = open_page("/dev/ui/", signed_in=admin, script=False)
    page.get_by_label("Available").select_option("c-proxy")
    page.get_by_role("button", name="Add the selected").click()
    assert order(page) == ["a-hosted", "c-proxy"]
    page.get_by_label("Chosen, first wins").select_option("c-proxy")
    page.get_by_role("button", name="Move up").click()
    assert order(page) == ["c-proxy", "a-hosted"]
