"""The token page's flow."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.models import User, UserToken
from accounts.services import tokens
from accounts.tokens import hash_pass_code
from accounts.web import token as token_page
from repoman.toolbox import clock
from tests.unit.accounts_web import signed_in
from tests.unit.accounts_web.conftest import PASSWORD

pytestmark = pytest.mark.django_db


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
