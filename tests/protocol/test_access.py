"""Who gets in: checklist item 13, threats T3, T4 and T18."""

import base64
from collections.abc import Callable

import pytest
from django.test import override_settings

from accounts.models import User, UserToken
from repoman.configuration import Configuration
from repositories.models import Repository, RoutingRule
from repositories.services.configuration import configuration_changed
from tests.asgi_client import Client, Response, basic
from tests.distributions import wheel
from tests.protocol.conftest import PASS_CODE

WHEEL = wheel("acme-tool", "1.0")
FILE = f"packages/acme-tool/1.0/{WHEEL.filename}"
READS = [
    "simple/",
    "simple/acme-tool/",
    "simple/unknown/",
    FILE,
    f"{FILE}.metadata",
    "pypi/acme-tool/json",
    "+simple/acme-tool/",
]

open_to_all = override_settings(REPOMAN=Configuration(anonymous_read_raw="on"))


@pytest.fixture(autouse=True)
def filled(upload: Callable[..., Response]) -> None:
    assert upload(WHEEL).status == 200


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("repository", ["pypi-hosted", "pypi-all", "no-such", "-x", "%2e%2e", "PYPI-HOSTED"])
def test_13_strangers_get_401_and_cannot_tell_what_exists(stranger: Client, repository: str, path: str) -> None:
    response = stranger.get(f"/repository/{repository}/{path}")
    assert response.status == 401
    assert response.headers["www-authenticate"] == 'Basic realm="Repoman", charset="UTF-8"'
    assert response.text == "Sign in with a user token (name code and pass code) to use this repository\n"


@pytest.mark.parametrize(
    "authorization",
    [
        basic("dana", "wrong"),
        basic("dana", PASS_CODE[:43]),
        basic("__token__", "wrong"),
        "Bearer abc",
        "Basic !!!",
        "Negotiate x",
        "Basic " + base64.b64encode(b"\xff\xfe").decode(),
    ],
)
@pytest.mark.parametrize("anonymous_read", ["on", "off"])
def test_13_wrong_credentials_are_401_even_where_none_are_needed(authorization: str, anonymous_read: str) -> None:
    with override_settings(REPOMAN=Configuration(anonymous_read_raw=anonymous_read)):
        response = Client(authorization).get("/repository/pypi-hosted/simple/acme-tool/")
    assert response.status == 401
    assert response.headers["www-authenticate"].startswith("Basic ")


def test_13_a_name_and_token_works_as_does_double_underscore_token(dana: Client) -> None:
    pass_code = ("dana" + PASS_CODE)[:44]
    for credentials in (basic("dana", pass_code), basic("__token__", pass_code)):
        assert Client(credentials).get("/repository/pypi-all/simple/acme-tool/").status == 200


@open_to_all
def test_13_anonymous_reading_gives_404_for_what_is_not_there(stranger: Client) -> None:
    assert stranger.get("/repository/pypi-all/simple/acme-tool/").status == 200
    assert stranger.get("/repository/pypi-all/simple/unknown/").status == 404
    assert stranger.get("/repository/no-such/simple/acme-tool/").status == 404
    assert stranger.get(f"/repository/pypi-all/{FILE}").headers["cache-control"].startswith("public, ")
    assert stranger.get("/repository/pypi-all/simple/").headers["access-control-allow-origin"] == "*"
    assert stranger.post("/repository/pypi-hosted/", b"").status == 401


def test_cross_origin_reading_is_closed_when_anonymous_reading_is(dana: Client) -> None:
    assert "access-control-allow-origin" not in dana.get("/repository/pypi-all/simple/").headers
    assert "access-control-allow-origin" not in dana.request("OPTIONS", "/repository/pypi-all/simple/").headers


@open_to_all
def test_preflight(stranger: Client) -> None:
    headers = stranger.request("OPTIONS", "/repository/pypi-all/simple/").headers
    assert (headers["access-control-allow-origin"], headers["access-control-max-age"]) == ("*", "86400")


def test_a_revoked_token_is_refused_by_the_next_request(dana: Client) -> None:
    assert dana.get("/repository/pypi-all/simple/").status == 200
    UserToken.objects.all().delete()
    assert dana.get("/repository/pypi-all/simple/").status == 401


def test_a_deactivated_user_is_refused_by_the_next_request(dana: Client) -> None:
    assert dana.get("/repository/pypi-all/simple/").status == 200
    User.objects.update(is_active=False)
    assert dana.get(f"/repository/pypi-all/{FILE}").status == 401


def test_an_offline_repository_is_503(dana: Client) -> None:
    Repository.objects.filter(name="pypi-hosted").update(online=False)
    configuration_changed()
    response = dana.get("/repository/pypi-hosted/simple/acme-tool/")
    assert (response.status, response.text) == (503, "Repository pypi-hosted is offline\n")
    # pip would wait that long five times over for what an administrator decided.
    assert "retry-after" not in response.headers
    assert dana.get("/repository/pypi-all/simple/acme-tool/").status == 503
    assert dana.get("/repository/pypi-all/simple/unknown/").status == 404


@pytest.mark.parametrize(
    "path", ["simple/acme-tool/", FILE, f"{FILE}.metadata", "pypi/acme-tool/json", "simple/Acme_Tool/"]
)
@pytest.mark.parametrize("repository", ["pypi-hosted", "pypi-all"])
def test_12_a_blocked_project_is_403_with_the_rules_name_everywhere(dana: Client, repository: str, path: str) -> None:
    rule = RoutingRule.objects.create(name="no-acme", mode="block", patterns=["acme-*"])
    Repository.objects.filter(name="pypi-hosted").update(routing_rule=rule)
    configuration_changed()
    response = dana.get(
        f"/repository/{repository}/{path}", accept="application/vnd.pypi.simple.v1+json, text/html;q=0.1"
    )
    if response.status == 301:
        response = dana.get(response.headers["location"], accept="application/json")
    assert response.status == 403
    assert b'"rule": "no-acme"' in response.body
    assert b"no-acme" in dana.get(f"/repository/{repository}/{FILE}").body
    assert b"acme-tool" not in dana.get(f"/repository/{repository}/simple/").body


@pytest.mark.parametrize("host", ["evil.example/x", "a b", 'x"><script>', "", "[::1", "x:99999999"])
def test_no_bad_host_header_is_ever_reflected(dana: Client, host: str) -> None:
    for path in ("simple/My_Pkg/", "pypi/acme-tool/json", "", "simple/acme-tool/"):
        response = dana.get(f"/repository/pypi-hosted/{path}", host=host)
        assert response.status < 500
        if host:
            assert host.encode() not in response.body
            assert host not in response.headers.get("location", "")


@pytest.mark.parametrize(
    "path", ["//simple/acme-tool/", "/simple//acme-tool/", "/./simple/", "/simple/acme-tool/;x", "/SIMPLE/acme-tool/"]
)
def test_path_variants_open_nothing(dana: Client, stranger: Client, path: str) -> None:
    assert dana.get(f"/repository/pypi-hosted{path}").status in (400, 404)
    assert stranger.get(f"/repository/pypi-hosted{path}").status in (400, 401, 404)


def test_a_repository_of_a_type_that_is_not_installed_is_unavailable_and_not_skipped(dana: Client) -> None:
    Repository.objects.filter(name="pypi-hosted").update(recipe="conda-hosted")
    configuration_changed()
    for repository in ("pypi-hosted", "pypi-all"):
        response = dana.get(f"/repository/{repository}/simple/acme-tool/")
        assert (response.status, response.text) == (
            503,
            "Repository pypi-hosted is of a type this server does not know\n",
        )


def test_options_that_were_declared_later_have_their_defaults(dana: Client) -> None:
    Repository.objects.update(options={})
    configuration_changed()
    assert dana.get("/repository/pypi-all/simple/acme-tool/").status == 200
