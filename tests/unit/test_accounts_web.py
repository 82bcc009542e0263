"""The accounts pages without a browser: signing in, the token page's flow, administration, and who may see what."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts.models import AccountSettings, Role, User, UserToken
from accounts.services import tokens, users
from accounts.tokens import hash_pass_code
from accounts.web import token as token_page
from accounts.web import urls
from repoman import addresses
from repoman.addresses import Address
from repoman.toolbox import clock

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
OTHER = "quite another password"


@pytest.fixture(autouse=True)
def quick(settings: Any) -> None:
    """Static files without a manifest, and a hash of passwords that costs nothing."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture(autouse=True)
def repositories(monkeypatch: pytest.MonkeyPatch) -> None:
    def source(base: str, identity: object) -> list[Address]:
        return [
            Address(name="pypi-hosted", type="hosted", url=f"{base}/repository/pypi-hosted"),
            Address(name="pypi-public", type="group", url=f"{base}/repository/pypi-public"),
        ]

    monkeypatch.setattr(addresses, "_sources", [source])


@pytest.fixture
def kim() -> User:
    return users.create_user(username="kim", password=PASSWORD)


@pytest.fixture
def admin() -> User:
    return users.create_user(username="admin", password=PASSWORD, role=Role.ADMINISTRATOR)


def signed_in(user: User) -> Client:
    client = Client(HTTP_HOST="localhost")
    client.force_login(user)
    return client


def sign_in(client: Client, username: str, password: str, **extra: str) -> Any:
    return client.post("/sign-in/", {"username": username, "password": password, **extra}, HTTP_HOST="localhost")


# Signing in and out


def test_signing_in_leads_to_next_and_changes_the_session_key(kim: User, client: Client) -> None:
    client.get("/sign-in/", HTTP_HOST="localhost")
    session = client.session
    session["anything"] = 1
    session.save()
    before = client.session.session_key
    response = sign_in(client, "kim", PASSWORD, next="/me/")
    assert (response.status_code, response["Location"]) == (303, "/me/")
    assert client.session.session_key != before


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_next_never_leads_to_another_server(kim: User, client: Client, target: str) -> None:
    assert sign_in(client, "kim", PASSWORD, next=target)["Location"] == "/"


def test_one_error_for_unknown_name_wrong_password_and_a_person_shut_out(kim: User, client: Client) -> None:
    users.deactivate(users.create_user(username="gone", password=PASSWORD))
    alerts = []
    for name, password in (("kim", "wrong"), ("nobody", PASSWORD), ("gone", PASSWORD)):
        response = sign_in(client, name, password)
        assert response.status_code == 422
        alerts.append(re.findall(r'role="alert">.*?</div></div>', response.content.decode(), re.S))
    assert alerts[0] == alerts[1] == alerts[2]
    assert len(alerts[0]) == 1


def test_an_unknown_name_costs_as_much_as_a_known_one(
    kim: User, client: Client, django_assert_num_queries: Any
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = []
    for name in ("kim", "nobody"):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            sign_in(client, name, "wrong")
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_sixth_wrong_password_is_not_looked_at_and_a_token_goes_on(kim: User, client: Client) -> None:
    tokens.issue(kim)
    assert [sign_in(client, "kim", "wrong").status_code for _ in range(5)] == [422] * 5
    response = sign_in(client, "kim", PASSWORD)
    assert response.status_code == 429
    assert UserToken.objects.filter(user=kim).exists()
    with time_machine.travel(clock.now() + timedelta(seconds=31)):
        assert sign_in(client, "kim", PASSWORD).status_code == 303


@pytest.mark.parametrize(
    "data",
    [{}, {"username": "kim"}, {"username": "k\0m", "password": "x"}, {"username": "kim", "password": "x" * 5000}],
)
def test_bad_input_to_signing_in_is_refused(kim: User, client: Client, data: dict[str, str]) -> None:
    assert client.post("/sign-in/", data, HTTP_HOST="localhost").status_code == 422


def test_signing_out_takes_a_post(kim: User) -> None:
    client = signed_in(kim)
    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/")["Location"] == "/sign-in/"
    assert client.get("/me/").status_code == 302


def test_forms_without_the_csrf_token_are_refused(kim: User) -> None:
    client = Client(enforce_csrf_checks=True, HTTP_HOST="localhost")
    response = client.post("/sign-in/", {"username": "kim", "password": PASSWORD})
    assert response.status_code == 403
    assert "This form is too old" in response.content.decode()


# Who may see what

OPEN_TO_ALL = {"sign-in", "sign-out", "set-language", "set-theme"}
OF_EVERY_USER = {"account", "user-token", "user-token-file"}
OF_ADMINISTRATORS = {"users", "user-create", "user-edit", "token-settings"}


@pytest.mark.parametrize("name", [pattern.name for pattern in urls.urlpatterns])
@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "options", "head"])
def test_every_address_asks_who_is_there(name: str, method: str, kim: User, admin: User) -> None:
    assert name in OPEN_TO_ALL | OF_EVERY_USER | OF_ADMINISTRATORS, "declare who may use a new address"
    path = reverse(name, args=[kim.pk] if name == "user-edit" else [])
    anonymous = getattr(Client(HTTP_HOST="localhost"), method)(path)
    ordinary = getattr(signed_in(kim), method)(path)
    if name not in OPEN_TO_ALL:
        assert anonymous.status_code == 302
        assert anonymous["Location"].startswith("/sign-in/?next=")
    if name in OF_ADMINISTRATORS:
        assert ordinary.status_code == 403
        assert getattr(signed_in(admin), method)(path).status_code != 403
    elif name in OF_EVERY_USER:
        assert ordinary.status_code in (200, 303, 405, 422)


def test_the_menu_shows_only_what_may_be_used(kim: User, admin: User) -> None:
    assert "/admin/" not in signed_in(kim).get("/me/").content.decode()
    assert "/admin/users/" in signed_in(admin).get("/me/").content.decode()


def test_basic_credentials_do_not_open_the_console(kim: User) -> None:
    import base64

    header = "Basic " + base64.b64encode(f"kim:{PASSWORD}".encode()).decode()
    assert Client(HTTP_HOST="localhost").get("/me/", headers={"authorization": header}).status_code == 302


# The token page


def codes_of(response: Any) -> tuple[str, str]:
    page = response.content.decode()
    name = re.search(r'id="name-code">([^<]+)<', page)
    secret = re.search(r'id="pass-code">.*?secret-text">([^<]+)<', page, re.S)
    assert name
    return name[1], secret[1] if secret else ""


def ticket_of(response: Any) -> str:
    found = re.search(r'name="ticket" value="([^"]+)"', response.content.decode())
    assert found
    return found[1]


def access(client: Client, action: str = "access", password: str = PASSWORD) -> Any:
    return client.post("/me/token/", {"password": password, "action": action})


def test_the_first_access_makes_the_token_and_shows_it_once(kim: User) -> None:
    client = signed_in(kim)
    assert "You have no user token yet" in client.get("/me/token/").content.decode()
    name, secret = codes_of(access(client))
    row = UserToken.objects.get(user=kim)
    assert (row.name_code, row.pass_code_sha256) == (name, hash_pass_code(secret))
    again = access(client)
    assert codes_of(again) == (name, "")
    assert "The pass code cannot be shown again" in again.content.decode()
    assert secret not in again.content.decode()


def test_with_show_again_each_access_shows_the_same_codes(kim: User) -> None:
    tokens.set_show_token_again(allowed=True)
    client = signed_in(kim)
    assert codes_of(access(client)) == codes_of(access(client))


def test_a_reset_shows_new_codes_and_the_old_are_gone(kim: User) -> None:
    client = signed_in(kim)
    first = codes_of(access(client))
    second = codes_of(access(client, "reset"))
    assert second[0] != first[0]
    assert len(second[1]) == 44
    assert [row.name_code for row in UserToken.objects.all()] == [second[0]]


def test_a_wrong_password_says_how_many_tries_are_left_then_pauses(kim: User) -> None:
    client = signed_in(kim)
    response = access(client, password="wrong")
    assert response.status_code == 422
    assert "4 tries are left" in response.content.decode()
    assert [access(client, password="wrong").status_code for _ in range(5)] == [422, 422, 422, 422, 429]
    assert access(client).status_code == 429
    assert not UserToken.objects.exists()


@pytest.mark.parametrize("path", ["/me/token/", "/me/token/file/"])
def test_the_token_pages_are_never_stored(kim: User, path: str) -> None:
    client = signed_in(kim)
    ticket = ticket_of(access(client))
    response = client.post(path, {"action": "view", "ticket": ticket, "file": "pip-linux-file"})
    assert response.status_code == 200
    for answer in (response, access(client), client.get("/me/token/")):
        assert {"no-store", "private"} <= set(answer["Cache-Control"].split(", "))


def test_the_ticket_opens_another_repository_and_files(kim: User) -> None:
    client = signed_in(kim)
    opened = access(client)
    name, secret = codes_of(opened)
    ticket = ticket_of(opened)
    viewed = client.post("/me/token/", {"action": "view", "ticket": ticket, "repository": "pypi-hosted"})
    assert codes_of(viewed) == (name, secret)
    file = client.post("/me/token/file/", {"ticket": ticket, "repository": "pypi-hosted", "file": "pip-linux-file"})
    assert file["Content-Disposition"] == 'attachment; filename="pip.conf"'
    assert f"index-url = http://{name}:{secret}@localhost/repository/pypi-hosted/simple\n" in file.content.decode()


def test_unknown_repository_and_file_do_no_harm(kim: User) -> None:
    client = signed_in(kim)
    ticket = ticket_of(access(client))
    viewed = client.post("/me/token/", {"action": "view", "ticket": ticket, "repository": "../x", "upload": "\0"})
    assert viewed.status_code == 200
    assert client.post("/me/token/file/", {"ticket": ticket, "file": "../../etc/passwd"}).status_code == 404


def test_a_ticket_is_of_one_person_one_token_and_five_minutes(kim: User, admin: User) -> None:
    client = signed_in(kim)
    ticket = ticket_of(access(client))
    data = {"action": "view", "ticket": ticket}
    assert signed_in(admin).post("/me/token/", data)["Location"] == "/me/token/"
    with time_machine.travel(clock.now() + timedelta(seconds=token_page.OPEN_SECONDS + 1)):
        assert client.post("/me/token/", data).status_code == 303
    assert client.post("/me/token/", data).status_code == 200
    tokens.issue(kim)
    assert client.post("/me/token/", data).status_code == 303


@pytest.mark.parametrize("ticket", ["", "x", "한글", "gAAAA" * 40])
def test_a_damaged_ticket_leads_back_to_the_locked_page(kim: User, ticket: str) -> None:
    client = signed_in(kim)
    assert client.post("/me/token/", {"action": "view", "ticket": ticket}).status_code == 303
    response = client.post("/me/token/", {"action": "view", "ticket": ticket}, headers={"hx-request": "true"})
    assert response["HX-Redirect"] == "/me/token/"


def test_the_session_holds_neither_codes_nor_ticket(kim: User) -> None:
    client = signed_in(kim)
    opened = access(client)
    stored = str(dict(client.session))
    assert codes_of(opened)[1] not in stored
    assert ticket_of(opened) not in stored


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
    response = access(client)
    assert response.status_code == 500
    page = response.content.decode()
    assert "secret detail" not in page
    [error_id] = re.findall(r"<code>([0-9A-F]{8})</code>", page)
    assert any(error_id in record.getMessage() for record in caplog.records if record.name == "repoman.errors")


def test_the_component_page_exists_only_in_debug(kim: User) -> None:
    assert signed_in(kim).get("/dev/ui/").status_code == 404
