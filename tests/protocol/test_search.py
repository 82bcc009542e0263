"""XML-RPC search; threat T21."""

import xmlrpc.client
from collections.abc import Callable

import pytest

from repositories.models import Repository, RoutingRule
from repositories.services.configuration import configuration_changed
from tests.asgi_client import Client, Response
from tests.distributions import wheel


@pytest.fixture(autouse=True)
def filled(upload: Callable[..., Response]) -> None:
    for name, summary in [("acme-tool", "Builds things"), ("acme-web", "Serves pages"), ("other", "Builds pages")]:
        upload(wheel(name, "1.0", summary=summary))
    upload(wheel("acme-tool", "1.1", summary="Builds things"))


def search(
    client: Client, spec: dict[str, object], operator: str = "and", repository: str = "pypi-all"
) -> list[dict[str, str]]:
    body = xmlrpc.client.dumps((spec, operator), "search").encode()
    response = client.post(f"/repository/{repository}/pypi", body, content_type="text/xml")
    assert response.status == 200
    return xmlrpc.client.loads(response.body.decode())[0][0]


def test_search_by_name_and_summary(dana: Client) -> None:
    assert [(hit["name"], hit["version"], hit["summary"]) for hit in search(dana, {"name": "ACME"})] == [
        ("acme-tool", "1.1", "Builds things"),
        ("acme-web", "1.0", "Serves pages"),
    ]
    assert [hit["name"] for hit in search(dana, {"name": ["acme"], "summary": ["pages"]})] == ["acme-web"]
    assert [hit["name"] for hit in search(dana, {"name": "acme", "summary": "pages"}, "or")] == [
        "acme-tool",
        "acme-web",
        "other",
    ]


def test_search_does_not_show_what_a_rule_hides(dana: Client) -> None:
    rule = RoutingRule.objects.create(name="no-acme", mode="block", patterns=["acme-*"])
    Repository.objects.filter(name="pypi-all").update(routing_rule=rule)
    configuration_changed()
    assert search(dana, {"name": "acme"}) == []
    assert len(search(dana, {"name": "acme"}, repository="pypi-hosted")) == 2


def test_a_rule_that_fails_hides_from_search(dana: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, project: object, context: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("repositories.filters.routing_rule.RoutingRule.judge_project", fail)
    rule = RoutingRule.objects.create(name="broken", mode="block", patterns=["nothing"])
    Repository.objects.filter(name="pypi-all").update(routing_rule=rule)
    configuration_changed()
    assert search(dana, {"name": "acme"}) == []
    assert len(search(dana, {"name": "acme"}, repository="pypi-hosted")) == 2


def test_search_needs_the_right_to_read(stranger: Client) -> None:
    assert stranger.post("/repository/pypi-all/pypi", b"<methodCall/>").status == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not xml",
        b"<methodCall/>",
        b"\xff\xfe\x00",
        b"<?xml version='1.0' encoding='x-none'?><methodCall/>",
        b"<methodCall><methodName>list_packages</methodName></methodCall>",
        b"<methodCall><methodName>search</methodName></methodCall>",
        xmlrpc.client.dumps(({}, "and"), "search").encode(),
        xmlrpc.client.dumps(("text", "and"), "search").encode(),
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><methodCall><methodName>&b;</methodName></methodCall>',
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><methodCall><methodName>&a;</methodName></methodCall>',
        b"<methodCall>" + b"<a>" * 20_000,
        b"x" * 100_000,
    ],
)
def test_bad_calls_are_faults(dana: Client, body: bytes) -> None:
    response = dana.post("/repository/pypi-all/pypi", body)
    assert response.status == 200
    with pytest.raises(xmlrpc.client.Fault):
        xmlrpc.client.loads(response.body.decode())
