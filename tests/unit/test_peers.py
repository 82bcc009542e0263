"""Forwarded headers are believed from trusted proxies only."""

import pytest

from repoman.peers import Proxies


def scope(client, **headers):
    pairs = [(b"host", b"inside.example")]
    pairs += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "client": (client, 4711), "scheme": "http", "headers": pairs}


FORWARDED = {
    "x_forwarded_proto": "https",
    "x_forwarded_host": "packages.example",
    "x_forwarded_for": "203.0.113.9",
}


def test_stranger_is_not_believed():
    given = scope("198.51.100.1", **FORWARDED)
    assert Proxies(["10.0.0.0/8"]).seen_through(given) is given


def test_without_proxies_nobody_is_believed():
    given = scope("127.0.0.1", **FORWARDED)
    assert Proxies([]).seen_through(given) is given


@pytest.mark.parametrize("proxy", ["10.1.2.3", "::ffff:10.1.2.3", "fd00::1"])
def test_trusted_proxy_is_believed(proxy):
    seen = Proxies(["10.0.0.0/8", "fd00::/8"]).seen_through(scope(proxy, **FORWARDED))
    assert seen["scheme"] == "https"
    assert seen["client"] == ("203.0.113.9", 0)
    assert [value for name, value in seen["headers"] if name == b"host"] == [b"packages.example"]


def test_chain_is_read_from_its_trusted_end():
    seen = Proxies(["10.0.0.0/8"]).seen_through(scope("10.0.0.1", x_forwarded_for="6.6.6.6, 203.0.113.9, 10.0.0.2"))
    assert seen["client"][0] == "203.0.113.9"  # what stands before it was written by the client itself


@pytest.mark.parametrize("scheme", ["javascript", "https,http", ""])
def test_nonsense_as_scheme_changes_nothing(scheme):
    assert Proxies(["10.0.0.0/8"]).seen_through(scope("10.0.0.1", x_forwarded_proto=scheme))["scheme"] == "http"


def test_two_forwarded_hosts_are_not_believed():
    given = scope("10.0.0.1", x_forwarded_host="a.example,b.example")
    assert (b"host", b"inside.example") in Proxies(["10.0.0.0/8"]).seen_through(given)["headers"]


def test_nonsense_as_address_is_not_passed_on():
    seen = Proxies(["10.0.0.0/8"]).seen_through(scope("10.0.0.1", x_forwarded_for="<script>"))
    assert seen["client"][0] == "10.0.0.1"
