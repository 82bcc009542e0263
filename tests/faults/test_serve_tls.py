"""HTTPS from the server itself: alone, and beside HTTP."""

import ssl
import urllib.request

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import PrivateFormat

from tests import live
from tests.certificates import write_pair


@pytest.fixture
def pair(tmp_path):
    # The form that openssl writes by default, which the web server cannot read by itself.
    return write_pair(tmp_path, ec.generate_private_key(ec.SECP256R1()), PrivateFormat.TraditionalOpenSSL)


def status(url: str, pair, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    context = ssl.create_default_context(cafile=str(pair[0]))
    context.maximum_version = version
    with urllib.request.urlopen(url + "/status", context=context, timeout=10) as answer:
        return answer.read()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_certificate_alone_makes_the_port_https(tmp_path, pair, version):
    settings = {"REPOMAN_TLS_CERTIFICATE": str(pair[0]), "REPOMAN_TLS_KEY": str(pair[1])}
    with live.running(tmp_path / "server", **settings) as server:
        assert server.base.startswith("https://")
        assert server.announced[0] == f"Console:  {server.base}/"
        assert "--trusted-host" not in server.announced[2]
        assert status(server.base, pair, version) == b'{"status": "live"}'


def test_both_ports_at_once(tmp_path, pair):
    port = live.free_port()
    settings = {
        "REPOMAN_TLS_CERTIFICATE": str(pair[0]),
        "REPOMAN_TLS_KEY": str(pair[1]),
        "REPOMAN_HTTPS_PORT": str(port),
    }
    with live.running(tmp_path / "server", **settings) as server:
        assert server.get("/status")[0] == 200
        live.wait_until(lambda: answers(port, pair), 15, "the HTTPS port answers")
        assert server.stop() < 10


def answers(port: int, pair) -> bool:
    try:
        return status(f"https://127.0.0.1:{port}", pair) == b'{"status": "live"}'
    except OSError:
        return False
