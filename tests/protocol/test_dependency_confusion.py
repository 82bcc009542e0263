"""Threat T1 on the whole stack: a public project of the company's name is neither answered nor even asked for (item 12)."""

import json
import xmlrpc.client
from collections.abc import Callable, Iterator

import pytest

from repositories.models import Distribution, Repository
from repositories.services.repositories import create_repository, update_repository
from tests.asgi_client import Client, Response
from tests.distributions import wheel
from tests.simulators.upstream import SimulatedUpstream, drop

OWN, EVIL = wheel("acme-x", "1.0"), wheel("acme-x", "99.0", payload=b"evil")
JSON = "application/vnd.pypi.simple.v1+json"


@pytest.fixture
def upstream() -> Iterator[SimulatedUpstream]:
    simulated = SimulatedUpstream()
    for built in (EVIL, wheel("six", "1.0")):
        simulated.add(built.filename, built.content, metadata=built.metadata)
    yield simulated
    simulated.stop()


@pytest.fixture(params=["hosted first", "proxy first", "nested"])
def group(request: pytest.FixtureRequest, upload: Callable[..., Response], upstream: SimulatedUpstream) -> str:
    """A group over pypi-hosted, which has acme-x 1.0, and a proxy whose upstream has acme-x 99.0."""
    create_repository(name="public", recipe="pypi-proxy", blob_store="default", options={"remote_url": upstream.url})
    members = {
        "hosted first": ["pypi-hosted", "public"],
        "proxy first": ["public", "pypi-hosted"],
        "nested": ["public", "pypi-all"],
    }[request.param]
    create_repository(name="everything", recipe="pypi-group", blob_store="default", options={}, members=members)
    assert upload(OWN).status == 200
    return "/repository/everything"


def asked_for(upstream: SimulatedUpstream) -> list[str]:
    return [asking.path for asking in upstream.asked if "acme" in asking.path.lower()]


@pytest.mark.parametrize("spelling", ["acme-x", "Acme_X", "acme.x", "ACME--x"])
def test_12_pages_show_the_companys_own_files_only(
    dana: Client, group: str, upstream: SimulatedUpstream, spelling: str
) -> None:
    for accept in (JSON, "text/html"):
        response = dana.get(f"{group}/simple/{spelling}/", accept=accept)
        if response.status == 301:
            response = dana.get(response.headers["location"], accept=accept)
        assert response.status == 200
        assert OWN.filename.encode() in response.body
        assert b"99.0" not in response.body
    assert asked_for(upstream) == []


def test_12_no_other_way_leads_to_the_upstreams_files(dana: Client, group: str, upstream: SimulatedUpstream) -> None:
    evil = f"{group}/packages/acme-x/99.0/{EVIL.filename}"
    for path in (evil, f"{evil}.metadata", f"{evil}.provenance", f"{group}/pypi/acme-x/99.0/json"):
        assert dana.get(path).status == 404, path
        assert dana.head(path).status == 404, path
    assert list(json.loads(dana.get(f"{group}/pypi/acme-x/json").body)["releases"]) == ["1.0"]
    body = xmlrpc.client.dumps(({"name": "acme"}, "and"), "search").encode()
    hits = xmlrpc.client.loads(dana.post(f"{group}/pypi", body).body.decode())[0][0]
    assert [hit["version"] for hit in hits] == ["1.0"]
    assert asked_for(upstream) == []


def test_12_the_name_stays_closed_when_its_last_file_is_gone_or_its_repository_offline(
    dana: Client, group: str, upstream: SimulatedUpstream
) -> None:
    Distribution.objects.all().delete()
    page = json.loads(dana.get(f"{group}/simple/acme-x/", accept=JSON).body)
    assert page["files"] == []
    hosted = Repository.objects.get(name="pypi-hosted")
    update_repository(hosted, options=hosted.options, members=(), routing_rule=None, online=False)
    assert dana.get(f"{group}/simple/acme-x/").status == 503
    assert asked_for(upstream) == []


def test_12_other_names_come_from_the_upstream_and_its_failure_is_no_absence(
    dana: Client, group: str, upstream: SimulatedUpstream
) -> None:
    assert dana.get(f"{group}/simple/six/").status == 200
    assert dana.get(f"{group}/simple/unknown/").status == 404
    upstream.fault("/", drop())
    assert dana.get(f"{group}/simple/another/").status in (502, 504)
    assert dana.get(f"{group}/simple/six/").status == 200
