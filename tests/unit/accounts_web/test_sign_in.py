"""Signing in and out, and who may see what."""

import base64
import re
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User, UserToken
from accounts.services import tokens, users
from accounts.web import urls
from repoman.toolbox import clock
from tests.unit.accounts_web import sign_in, signed_in
from tests.unit.accounts_web.conftest import PASSWORD

pytestmark = pytest.mark.django_db


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


def test_an_unknown_name_costs_as_much_as_a_known_one(kim: User, client: Client) -> None:
    counts = []
    for name in ("kim", "nobody"):
        with CaptureQueriesContext(connection) as queries:
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
    header = "Basic " + base64.b64encode(f"kim:{PASSWORD}".encode()).decode()
    assert Client(HTTP_HOST="localhost").get("/me/", headers={"authorization": header}).status_code == 302
