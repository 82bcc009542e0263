"""The live test of a remote, against a real server on loopback."""

import socket
from collections.abc import Iterator

import pytest
from django.test import Client

from repositories.models import Repository, UpstreamHealth
from repositories.services.repositories import create_repository
from tests.simulators.upstream import SimulatedUpstream, body, redirect, status

PATH = "/admin/repositories/new/pypi-proxy/"


@pytest.fixture
def upstream() -> Iterator[SimulatedUpstream]:
    simulator = SimulatedUpstream()
    simulator.add("demo-1.0-py3-none-any.whl", b"content")
    yield simulator
    simulator.stop()


def typed(client: Client, url: str, **more: str) -> str:
    """The piece of page that the button fetches."""
    data = {"name": "mirror", "remote_url": url, "blob_store": "default", "op": "test", **more}
    response = client.post(PATH, data, headers={"HX-Request": "true"})
    assert response.status_code == 200
    text = response.content.decode()
    assert "<html" not in text
    return text


def test_an_index_that_answers_is_described_and_nothing_is_saved(
    administrator: Client, upstream: SimulatedUpstream
) -> None:
    text = typed(administrator, upstream.url)
    assert "The index answers." in text
    assert f"{upstream.url}/simple/" in text, "which of the two addresses is used"
    assert "JSON" in text
    assert not Repository.objects.exists()
    assert not UpstreamHealth.objects.exists()


def test_without_a_script_the_same_page_comes_back_with_the_answer(
    administrator: Client, upstream: SimulatedUpstream
) -> None:
    data = {"name": "kept-name", "remote_url": upstream.url, "blob_store": "default", "op": "test"}
    text = administrator.post(PATH, data).content.decode()
    assert "<html" in text
    assert "The index answers." in text
    assert 'value="kept-name"' in text


def test_each_failure_is_named_by_its_class(administrator: Client, upstream: SimulatedUpstream) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert "The server refused the connection." in typed(
            administrator, f"http://127.0.0.1:{taken.getsockname()[1]}"
        )
    upstream.fault("/simple/", status(401))
    upstream.fault("/", status(401))
    for name in ("pip", "numpy", "torch", "six"):
        upstream.fault(f"/simple/{name}/", status(401))
        upstream.fault(f"/{name}/", status(401))
    assert "wants other credentials" in typed(administrator, upstream.url)
    upstream.heal()
    upstream.fault("/simple/", body(b"<html><title>secret intranet</title><p>hi</html>", "text/html"))
    upstream.fault("/", body(b"<html><title>secret intranet</title><p>hi</html>", "text/html"))
    text = typed(administrator, upstream.url)
    assert "not with a package index" in text
    assert "intranet" not in text, "what lies behind the address is not told"


def test_a_redirect_to_a_private_network_is_not_followed(administrator: Client, upstream: SimulatedUpstream) -> None:
    for path in ("/simple/", "/"):
        upstream.fault(path, redirect("http://10.1.2.3/simple/"))
    assert "The address is private." in typed(administrator, upstream.url)


def test_what_cannot_be_asked_is_said_with_the_field(administrator: Client) -> None:
    text = typed(administrator, "ftp://index.example", timeout="soon")
    assert "The remote was not asked" in text
    assert "Remote URL: Write an address" in text
    assert "Timeout (seconds): Write a whole number." in text


def test_a_stored_password_is_used_for_its_own_server_and_no_other(
    administrator: Client, upstream: SimulatedUpstream
) -> None:
    options = {"remote_url": upstream.url, "username": "reader", "password": "s3cret-Pass"}
    create_repository(name="mirror", recipe="pypi-proxy", blob_store="default", options=options)
    assert "The index answers." in administrator.post("/admin/repositories/mirror/test/").content.decode()
    assert upstream.headers_of("/simple/")["Authorization"].startswith("Basic ")
    thief = SimulatedUpstream()
    try:
        data = {"remote_url": thief.url, "username": "reader", "op": "test"}
        text = administrator.post("/admin/repositories/mirror/settings/", data).content.decode()
        assert "The remote was not asked" in text
        assert thief.count("/simple/") == 0
    finally:
        thief.stop()


def test_a_test_of_what_has_no_remote_leads_back(administrator: Client) -> None:
    create_repository(name="ours", recipe="pypi-hosted", blob_store="default", options={})
    assert administrator.post("/admin/repositories/ours/test/")["Location"] == "/admin/repositories/ours/"
