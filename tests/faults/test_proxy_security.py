"""What an upstream can make the server do: T6 (forged requests), T9 (credentials), and what TLS is verified against."""

import logging
import socket
import threading

import pytest

from repositories.domain.errors import NotFound, UpstreamError
from repositories.models import UpstreamHealth, UpstreamPage
from repositories.services import truststore
from repositories.upstream import client, probe
from repositories.upstream.client import Upstream
from tests.distributions import wheel
from tests.simulators import upstream as faults
from tests.simulators.certificates import make_authority
from tests.simulators.upstream import SimulatedUpstream

DEMO = wheel("demo", "1.0")
SECRET = "canary-pass-4711"


@pytest.fixture(autouse=True)
def demo(upstream, other_host) -> None:
    upstream.add(DEMO.filename, DEMO.content)
    other_host.add(DEMO.filename, DEMO.content)


@pytest.fixture
def canary():
    """A listener on loopback that counts connections."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    connections: list[object] = []

    def listen() -> None:
        while True:
            try:
                connections.append(listener.accept()[0].close())
            except TimeoutError:
                continue
            except OSError:
                return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    yield listener.getsockname()[1], connections
    listener.close()
    thread.join()


SPELLINGS = [
    "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://127.1:{port}/", "http://2130706433:{port}/",
    "http://0x7f000001:{port}/", "http://0177.0.0.1:{port}/", "http://[::ffff:127.0.0.1]:{port}/", "http://[::ffff:7f00:1]:{port}/",
    "http://0.0.0.0:{port}/", "http://0:{port}/", "http://user:pass@127.0.0.1:{port}/", "//127.0.0.1:{port}/",
    "http://127.0.0.1:{port}#@index.example/", "http://LOCALHOST:{port}/", "http://127.0.0.1.:{port}/",
]  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_t6_a_redirect_to_another_local_port_connects_to_nothing(proxy, upstream, canary, spelling) -> None:
    port, connections = canary
    upstream.fault("/simple/demo/", faults.redirect(spelling.format(port=port)))
    with pytest.raises(UpstreamError):
        proxy.page()
    assert connections == []


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_t6_a_link_to_another_local_port_connects_to_nothing(proxy, upstream, canary, spelling) -> None:
    port, connections = canary
    upstream.files_url = spelling.format(port=port).rstrip("/")
    with pytest.raises((UpstreamError, NotFound)):
        proxy.read(DEMO.filename)
    assert connections == []


def test_the_canary_sees_what_is_allowed(proxy, upstream, canary, loopback_allowed) -> None:
    upstream.fault("/simple/demo/", faults.redirect(f"http://127.0.0.1:{canary[0]}/"))
    with pytest.raises(UpstreamError):
        proxy.page()
    assert len(canary[1]) == 1


@pytest.mark.parametrize(
    "address", ["http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://[::ffff:a9fe:a9fe]/"]
)
def test_t6_metadata_services_are_refused_with_a_sentence(proxy, upstream, address, loopback_allowed) -> None:
    upstream.fault("/simple/demo/", faults.redirect(address))
    with pytest.raises(UpstreamError, match="forbidden address"):
        proxy.page()


def test_t6_the_sentence_says_who_may_allow_a_private_network(proxy, upstream, canary) -> None:
    upstream.fault("/simple/demo/", faults.redirect(f"http://127.0.0.1:{canary[0]}/"))
    with pytest.raises(UpstreamError, match=r"private address 127\.0\.0\.1.*REPOMAN_PRIVATE_NETWORKS"):
        proxy.page()


def test_t6_a_name_that_changes_its_address_is_judged_by_the_address_it_is_connected_to(
    make_proxy, upstream, canary, monkeypatch
) -> None:
    """DNS rebinding: the first answer is harmless, the second is not; there is no second question."""
    asked: list[str] = []

    def resolve(host: str, port: int):
        asked.append(host)
        address = ("127.0.0.1", port) if host == "127.0.0.1" or len(asked) > 1 else ("203.0.113.1", port)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)]

    monkeypatch.setattr("repositories.upstream.addresses.resolve", resolve)
    proxy = make_proxy(f"http://rebinding.example:{canary[0]}", timeout=1)
    with pytest.raises(UpstreamError):
        proxy.page()
    assert asked == ["rebinding.example"]
    assert canary[1] == []


def test_an_allowed_private_network_may_hold_the_files(proxy, upstream, other_host, loopback_allowed) -> None:
    upstream.files_url = f"{other_host.url}/files"
    assert proxy.read(DEMO.filename) == DEMO.content


@pytest.fixture
def with_credentials(make_proxy, upstream):
    return make_proxy(upstream.url, name="secretive", username="robot", password=SECRET)


def test_credentials_are_sent_to_the_remote_url(with_credentials, upstream) -> None:
    with_credentials.read(DEMO.filename)
    expected = "Basic cm9ib3Q6Y2FuYXJ5LXBhc3MtNDcxMQ=="
    assert {asked.headers.get("Authorization") for asked in upstream.asked} == {expected}


def test_t9_credentials_go_to_no_other_origin(with_credentials, upstream, other_host, loopback_allowed) -> None:
    upstream.fault("/simple/demo/", faults.redirect(f"{other_host.url}/simple/demo/"))
    with_credentials.read(DEMO.filename)
    assert other_host.count("/simple/demo/") == 1
    assert other_host.count(f"/files/{DEMO.filename}") == 1
    assert all("Authorization" not in asked.headers for asked in other_host.asked)


def test_t9_credentials_in_a_redirect_or_link_are_not_used(proxy, upstream) -> None:
    host = upstream.url.removeprefix("http://")
    upstream.fault("/simple/demo/", faults.redirect(f"http://mallory:{SECRET}@{host}/simple/demo/?again"), times=1)
    upstream.files_url = f"http://mallory:{SECRET}@{host}/files"
    assert proxy.read(DEMO.filename) == DEMO.content
    assert all("Authorization" not in asked.headers for asked in upstream.asked)


def test_t9_no_secret_in_errors_logs_or_rows(with_credentials, upstream, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    texts = []
    for fault in (
        faults.status(401),
        faults.status(500),
        faults.drop(),
        faults.redirect("http://10.255.255.1/"),
        faults.hang(),
    ):
        upstream.heal()
        upstream.fault("/", fault)
        with_credentials.set(timeout=1, auto_block=False)
        with pytest.raises(UpstreamError) as caught:
            with_credentials.page()
        texts += [caught.value.detail, repr(caught.value), repr(caught.value.__cause__)]
    texts += [repr(list(UpstreamHealth.objects.values())), repr(list(UpstreamPage.objects.values())), caplog.text]
    for text in texts:
        assert SECRET not in text
        assert "cm9ib3Q6Y2FuYXJ5" not in text
    upstream_value = Upstream(remote_url="https://index.example", username="robot", password=SECRET)
    assert SECRET not in repr(upstream_value)


def test_headers_of_clients_and_environment_stay_here(proxy, upstream, monkeypatch, tmp_path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login netrc password {SECRET}\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    upstream.fault("/simple/demo/", lambda exchange: exchange.send(503, b"", Set_Cookie="a=b"), times=1)
    with pytest.raises(UpstreamError):
        proxy.page()
    proxy.page()
    sent = upstream.headers_of("/simple/demo/")
    assert set(sent) <= {"Host", "User-Agent", "Accept", "Accept-Encoding", "Connection", "Cache-Control"}
    assert sent["User-Agent"].startswith("Repoman/")


def test_the_user_agent_suffix_cannot_smuggle_headers() -> None:
    sent = client._headers(Upstream(remote_url="http://x", user_agent_suffix="a\r\nEvil: yes"), {}, True)
    assert "\n" not in sent["User-Agent"]


@pytest.fixture
def authority(tmp_path):
    return make_authority(tmp_path)


@pytest.fixture
def secure(authority):
    simulated = SimulatedUpstream(tls=authority.server)
    simulated.add(DEMO.filename, DEMO.content)
    yield simulated
    simulated.stop()


def test_an_unknown_authority_is_refused_until_the_truststore_has_it_and_the_box_is_ticked(
    make_proxy, secure, authority
) -> None:
    proxy = make_proxy(secure.url)
    with pytest.raises(UpstreamError, match=r"certificate.*not trusted.*truststore"):
        proxy.page()
    truststore.add(pem=authority.pem)
    with pytest.raises(UpstreamError, match="not trusted"):
        proxy.page()  # the certificate alone does not decide
    proxy.set(use_truststore=True)
    assert proxy.read(DEMO.filename) == DEMO.content
    truststore.remove(certificate_id=truststore.TrustedCertificate.objects.get().pk)
    proxy.set(metadata_max_age=0)
    assert proxy.page().freshness.stale  # and taking it away is felt at once


def test_the_box_without_certificates_trusts_nobody_more(make_proxy, secure) -> None:
    with pytest.raises(UpstreamError, match="not trusted"):
        make_proxy(secure.url, use_truststore=True).page()


def test_a_servers_own_certificate_may_be_trusted_alone(make_proxy, secure, authority) -> None:
    truststore.add(pem=authority.server_pem)
    assert make_proxy(secure.url, use_truststore=True).filenames() == [DEMO.filename]


def test_another_authority_of_the_same_name_is_not_trusted(make_proxy, secure, tmp_path) -> None:
    (tmp_path / "other").mkdir()
    truststore.add(pem=make_authority(tmp_path / "other").pem)
    with pytest.raises(UpstreamError, match="not trusted"):
        make_proxy(secure.url, use_truststore=True).page()


def test_a_redirect_from_https_to_http_is_refused(make_proxy, secure, authority, other_host, loopback_allowed) -> None:
    truststore.add(pem=authority.pem)
    secure.fault("/simple/demo/", faults.redirect(f"{other_host.url}/simple/demo/"))
    with pytest.raises(UpstreamError, match="unprotected"):
        make_proxy(secure.url, use_truststore=True).page()
    assert other_host.asked == []


def test_the_probe_tells_what_it_found(upstream, secure, authority) -> None:
    upstream.files[DEMO.filename].metadata = DEMO.metadata
    result = probe.probe(Upstream(remote_url=upstream.url))
    assert (result.outcome, result.kind, result.api_version) == ("ok", "json", "1.4")
    assert result.index_root == f"{upstream.url}/simple/"
    assert result.metadata_offered is True
    assert result.certificate_end is None
    result = probe.probe(Upstream(remote_url=secure.url, trusted_pem=authority.pem))
    assert result.certificate_end == authority.ends
    assert result.metadata_offered is False


def test_the_probe_of_an_index_root_with_html_and_without_a_list(upstream) -> None:
    upstream.root, upstream.kind, upstream.has_listing = "/whl/cu126", "html", False
    upstream.add("torch-2.0-py3-none-any.whl", b"torch")
    result = probe.probe(Upstream(remote_url=f"{upstream.url}/whl/cu126"))
    assert (result.outcome, result.kind, result.index_root) == ("ok", "html", f"{upstream.url}/whl/cu126/")


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [(faults.status(401), "credentials"), (faults.status(403), "credentials"), (faults.status(404), "not-an-index"),
     (faults.status(500), "failed"), (faults.status(429), "failed"), (faults.hang(), "timed-out"),
     (faults.redirect("/simple/"), "redirect"), (faults.redirect("http://10.0.0.1/"), "private-address"),
     (faults.body(b"<html><title>Welcome</title></html>", "text/html"), "not-an-index"),
     (faults.body(b"<html><a href='/x/'>home</a></html>", "text/html"), "not-an-index"),
     (faults.body(b"\x89PNG", "image/png"), "not-an-index"), (faults.raw(b"SSH-2.0\r\n"), "not-an-index"),
     (faults.drop(), "unreachable"), (faults.redirect("http://nowhere.invalid/"), "name-not-found")],
)  # fmt: skip
def test_the_probe_gives_one_class_of_error(upstream, fault, outcome) -> None:
    upstream.fault("/", fault)
    assert probe.probe(Upstream(remote_url=upstream.url, timeout=1)).outcome == outcome


def test_the_probe_of_what_is_not_there_or_not_trusted(secure) -> None:
    gone = SimulatedUpstream()
    gone.stop()
    assert probe.probe(Upstream(remote_url=gone.url)).outcome == "refused"
    assert probe.probe(Upstream(remote_url=secure.url)).outcome == "certificate"
