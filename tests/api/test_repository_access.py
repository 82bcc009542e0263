"""Who may open which page of the repositories' console: every address, every method, every kind of visitor."""

from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern

from repositories.models import Repository, RoutingRule, TrustedCertificate
from repositories.services.repositories import create_repository
from repositories.services.routing_rules import create_routing_rule
from repositories.web.urls import urlpatterns

# Name of the address: (status for a user, status for an administrator) of GET, and of POST where it is taken.
OPEN, FORBIDDEN, NO_METHOD = 200, 403, 405
READ: dict[str, tuple[int, int]] = {
    "overview": (OPEN, OPEN),
    "browse": (OPEN, OPEN),
    "browse-repository": (OPEN, OPEN),
    "browse-project": (404, 404),
    "repositories": (FORBIDDEN, OPEN),
    "repository-create": (FORBIDDEN, OPEN),
    "repository-create-recipe": (FORBIDDEN, OPEN),
    "repository": (FORBIDDEN, OPEN),
    "repository-settings": (FORBIDDEN, OPEN),
    "repository-delete": (FORBIDDEN, OPEN),
    "repository-online": (FORBIDDEN, NO_METHOD),
    "repository-invalidate": (FORBIDDEN, NO_METHOD),
    "repository-test": (FORBIDDEN, NO_METHOD),
    "routing-rules": (FORBIDDEN, OPEN),
    "routing-rule-create": (FORBIDDEN, OPEN),
    "routing-rule-edit": (FORBIDDEN, OPEN),
    "routing-rule-delete": (FORBIDDEN, OPEN),
    "certificates": (FORBIDDEN, OPEN),
    "certificate-remove": (FORBIDDEN, NO_METHOD),
}
READERS_ONLY = {
    "overview",
    "browse",
    "browse-repository",
    "browse-project",
    "repositories",
    "repository-create",
    "routing-rules",
}


@pytest.fixture
def things(store: Any) -> dict[str, Any]:
    """Something behind each address."""
    from datetime import UTC, datetime

    create_repository(name="ours", recipe="pypi-hosted", blob_store="default", options={})
    rule = create_routing_rule(name="rule", mode="block", patterns=["a"])
    certificate = TrustedCertificate.objects.create(
        name="c", pem="x", sha256="0" * 64, subject="s", issuer="i", not_after=datetime(2030, 1, 1, tzinfo=UTC)
    )
    return {"rule": rule.pk, "certificate": certificate.pk}


def address(pattern: URLPattern, things: dict[str, Any]) -> str:
    text = "/" + str(pattern.pattern)
    for placeholder, value in (
        ("<str:recipe>", "pypi-hosted"),
        ("<str:name>", "ours"),
        ("<str:project>", "nothing"),
        ("<int:key>", str(things["certificate" if "certificate" in str(pattern.name) else "rule"])),
    ):
        text = text.replace(placeholder, value)
    return text


@pytest.mark.parametrize("pattern", urlpatterns, ids=lambda pattern: str(pattern.name))
@pytest.mark.django_db(transaction=True)
def test_each_page_is_for_those_it_is_declared_for(
    pattern: URLPattern, things: dict[str, Any], stranger: Client, user: Client, administrator: Client
) -> None:
    name = str(pattern.name)
    assert name in READ, "an address that nobody has declared"
    path = address(pattern, things)
    first = stranger.get(path)
    assert (first.status_code, first["Location"].split("?")[0]) == (302, "/sign-in/")
    assert (user.get(path).status_code, administrator.get(path).status_code) == READ[name]


@pytest.mark.parametrize("pattern", urlpatterns, ids=lambda pattern: str(pattern.name))
@pytest.mark.django_db(transaction=True)
def test_nobody_but_an_administrator_changes_anything(
    pattern: URLPattern, things: dict[str, Any], stranger: Client, user: Client
) -> None:
    path = address(pattern, things)
    data = {"confirm": "ours", "name": "x", "mode": "allow", "patterns": "b", "online": "no"}
    expected = 405 if pattern.name in ("overview", "browse", "browse-repository", "browse-project") else 403
    assert stranger.post(path, data).status_code in (302, 405)
    assert user.post(path, data).status_code == expected
    assert list(Repository.objects.values_list("name", "online", "generation")) == [("ours", True, 0)]
    assert list(RoutingRule.objects.values_list("name", "mode")) == [("rule", "block")]
    assert TrustedCertificate.objects.count() == 1


@pytest.mark.parametrize("pattern", urlpatterns, ids=lambda pattern: str(pattern.name))
@pytest.mark.django_db(transaction=True)
def test_a_form_of_another_site_does_nothing(
    pattern: URLPattern, things: dict[str, Any], administrator: Client
) -> None:
    careful = Client(enforce_csrf_checks=True, headers={"host": "localhost"})
    careful.cookies = administrator.cookies
    assert careful.post(address(pattern, things), {"confirm": "ours"}).status_code in (403, 405)
    assert Repository.objects.filter(name="ours").exists()


@pytest.mark.parametrize("path", ["/browse/nope/", "/browse/nope/six/", "/browse/OURS/", "/browse/ours/..%2fx/"])
def test_what_is_not_there_is_404_for_everybody(
    path: str, things: dict[str, Any], user: Client, administrator: Client
) -> None:
    assert (user.get(path).status_code, administrator.get(path).status_code) == (404, 404)


@pytest.mark.parametrize(
    "path", ["/admin/repositories/nope/", "/admin/repositories/nope/delete/", "/admin/routing-rules/99/"]
)
def test_what_is_not_there_is_403_before_it_is_404(path: str, user: Client, administrator: Client) -> None:
    assert (user.get(path).status_code, administrator.get(path).status_code) == (403, 404)


def test_a_server_open_to_read_lets_strangers_browse_and_nothing_else(
    things: dict[str, Any], stranger: Client, settings: Any
) -> None:
    settings.REPOMAN = type(settings.REPOMAN)(anonymous_read_raw="on")
    assert stranger.get("/browse/").status_code == 200
    assert stranger.get("/browse/ours/").status_code == 200
    assert stranger.get("/").status_code == 302
    assert stranger.get("/admin/repositories/").status_code == 302
