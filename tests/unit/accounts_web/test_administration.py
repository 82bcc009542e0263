"""The account page, administration of users, looks and errors."""

import re

import pytest
from django.test import Client

from accounts.models import AccountSettings, Role, User, UserToken
from accounts.services import tokens
from tests.unit.accounts_web import signed_in
from tests.unit.accounts_web.conftest import PASSWORD

pytestmark = pytest.mark.django_db
OTHER = "quite another password"


# Account and administration


def test_changing_the_password_ends_other_sessions_only(kim: User) -> None:
    here, there = signed_in(kim), signed_in(kim)
    response = here.post("/me/", {"current_password": PASSWORD, "new_password": OTHER, "again": OTHER})
    assert response.status_code == 303
    assert here.get("/me/").status_code == 200
    assert there.get("/me/").status_code == 302


@pytest.mark.parametrize(
    ("current", "new", "again"),
    [
        ("wrong", OTHER, OTHER),
        (PASSWORD, OTHER, "different one"),
        (PASSWORD, "short", "short"),
        (PASSWORD, "password123", "password123"),
    ],
)
def test_a_password_change_is_refused(kim: User, current: str, new: str, again: str) -> None:
    response = signed_in(kim).post("/me/", {"current_password": current, "new_password": new, "again": again})
    assert response.status_code == 422
    assert User.objects.get(pk=kim.pk).check_password(PASSWORD)


def test_creating_a_user(admin: User) -> None:
    data = {"username": "lee", "role": "user", "new_password": OTHER, "again": OTHER, "email": "lee@packages.example"}
    client = signed_in(admin)
    assert client.post("/admin/users/new/", data).status_code == 303
    assert User.objects.get(username="lee").check_password(OTHER)
    refused = client.post("/admin/users/new/", {**data, "username": "LEE"})
    assert refused.status_code == 422
    assert "This name is taken." in refused.content.decode()


def test_the_last_administrator_cannot_be_demoted_on_the_page(admin: User) -> None:
    response = signed_in(admin).post(
        f"/admin/users/{admin.pk}/",
        {"action": "profile", "role": "user", "active": "on", "email": "new@packages.example"},
    )
    assert response.status_code == 422
    assert "This is the last active administrator" in response.content.decode()
    admin.refresh_from_db()
    assert (admin.role, admin.email) == (Role.ADMINISTRATOR, "")


def test_a_person_shut_out_loses_the_session_at_once(admin: User, kim: User) -> None:
    client = signed_in(kim)
    signed_in(admin).post(f"/admin/users/{kim.pk}/", {"action": "profile", "role": "user"})
    assert client.get("/me/").status_code == 302


def test_an_administrator_sets_a_password_and_takes_a_token_back(admin: User, kim: User) -> None:
    tokens.issue(kim)
    theirs, client = signed_in(kim), signed_in(admin)
    client.post(f"/admin/users/{kim.pk}/", {"action": "password", "new_password": OTHER, "again": OTHER})
    assert theirs.get("/me/").status_code == 302
    client.post(f"/admin/users/{kim.pk}/", {"action": "reset-token"})
    assert not UserToken.objects.exists()


def test_the_switch_of_showing_tokens_again(admin: User) -> None:
    client = signed_in(admin)
    client.post("/admin/user-tokens/", {"show_token_again": "on"})
    assert AccountSettings.load().show_token_again
    client.post("/admin/user-tokens/", {})
    assert not AccountSettings.load().show_token_again


def test_names_are_escaped_wherever_they_are_shown(admin: User) -> None:
    trap = "<img src=x onerror=alert(1)>"
    User.objects.create_user(
        "trap", password=PASSWORD, first_name=trap, last_name="{{ 7 }}", email="a@packages.example"
    )
    page = signed_in(admin).get("/admin/users/").content.decode()
    assert trap not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


# Looks and errors


def test_language_and_theme_are_kept_in_the_profile_and_a_cookie(kim: User) -> None:
    client = signed_in(kim)
    client.post("/language/", {"language": "ko", "next": "/me/"})
    client.post("/theme/", {"theme": "dark", "next": "/me/"})
    kim.refresh_from_db()
    assert (kim.language, kim.theme) == ("ko", "dark")
    assert client.cookies["language"].value == "ko"
    page = client.get("/me/").content.decode()
    assert '<html lang="ko" data-theme="dark">' in page
    assert "비밀번호 바꾸기" in page


@pytest.mark.parametrize(("path", "field"), [("/language/", "language"), ("/theme/", "theme")])
def test_an_unknown_language_or_theme_changes_nothing(kim: User, path: str, field: str) -> None:
    response = signed_in(kim).post(path, {field: "xx", "next": "https://evil.example/"})
    assert response["Location"] == "/"
    kim.refresh_from_db()
    assert (kim.language, kim.theme) == ("", "system")


def test_an_unsupported_language_in_the_profile_is_ignored(kim: User) -> None:
    User.objects.filter(pk=kim.pk).update(language="xx")
    assert signed_in(kim).get("/me/")["Content-Language"] == "en"


def test_error_pages_speak_the_visitors_language_and_hide_the_address(client: Client) -> None:
    response = client.get("/no-such-page/", HTTP_HOST="localhost", headers={"accept-language": "ko"})
    assert response.status_code == 404
    assert "없는 페이지입니다" in response.content.decode()
    assert "no-such-page" not in response.content.decode()


def test_an_unknown_host_gets_a_400_page(client: Client) -> None:
    response = client.get("/sign-in/", HTTP_HOST="evil.example")
    assert response.status_code == 400
    assert "evil.example" not in response.content.decode()


def test_a_500_page_has_an_id_that_stands_in_the_log(
    kim: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(user: User) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("accounts.web.token._unlock", lambda user, reset: broken(user))
    client = signed_in(kim)
    client.raise_request_exception = False
    response = client.post("/me/token/", {"password": PASSWORD, "action": "access"})
    assert response.status_code == 500
    page = response.content.decode()
    assert "secret detail" not in page
    [error_id] = re.findall(r"<code>([0-9A-F]{8})</code>", page)
    assert any(error_id in record.getMessage() for record in caplog.records if record.name == "repoman.errors")


def test_the_component_page_exists_only_in_debug(kim: User) -> None:
    assert signed_in(kim).get("/dev/ui/").status_code == 404
