"""Which addresses an upstream request may reach: T6."""

from ipaddress import ip_address

import pytest

from repositories.upstream.addresses import AddressPolicy, AddressRefused, origin_of, reach, resolve


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "169.254.0.1", "fe80::1", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1",
        "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "2002:a9fe:a9fe::1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe",
        "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "0.1.2.3", "::169.254.169.254", "2001:db8::5efe:169.254.169.254",
    ],
)  # fmt: skip
def test_addresses_that_no_upstream_may_have(address: str) -> None:
    assert reach(ip_address(address)) == "never"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.8.9.10", "10.0.0.1", "172.16.3.4", "192.168.1.1", "100.64.0.1", "::1", "fd12::1", "fc00::1",
     "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "::127.0.0.1"],
)  # fmt: skip
def test_private_addresses(address: str) -> None:
    assert reach(ip_address(address)) == "private"


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "64:ff9b::808:808"])
def test_public_addresses(address: str) -> None:
    assert reach(ip_address(address)) == "public"


def answers(*addresses: str):
    return lambda host, port: [(0, 0, 0, "", (address, port)) for address in addresses]


def test_one_forbidden_address_among_many_refuses_the_name() -> None:
    policy = AddressPolicy(origin_of("https://index.example"))
    with pytest.raises(AddressRefused, match=r"files.example leads to the private address 10\.0\.0\.1"):
        policy.addresses("files.example", 443, answers("8.8.8.8", "10.0.0.1"))


@pytest.mark.parametrize(
    "spelling", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.1", "[::1]", "localhost"]
)
def test_spellings_of_loopback_are_resolved_before_they_are_judged(spelling: str) -> None:
    with pytest.raises(AddressRefused):
        AddressPolicy(origin_of("https://index.example")).addresses(spelling, 80, resolve)


def test_the_remote_urls_own_host_may_be_private_and_of_loopback_only_its_own_port() -> None:
    policy = AddressPolicy(origin_of("http://mirror.example:8081/simple"))
    assert policy.addresses("Mirror.example.", 8081, answers("10.0.0.1"))
    assert policy.addresses("mirror.example", 9000, answers("10.0.0.1"))
    assert policy.addresses("mirror.example", 8081, answers("127.0.0.1"))
    with pytest.raises(AddressRefused):
        policy.addresses("mirror.example", 6379, answers("127.0.0.1"))
    with pytest.raises(AddressRefused):
        policy.addresses("mirror.example", 6379, answers("::ffff:127.0.0.1"))


def test_the_remote_urls_own_host_may_never_be_link_local() -> None:
    with pytest.raises(AddressRefused, match="forbidden"):
        AddressPolicy(origin_of("http://mirror.example")).addresses("mirror.example", 80, answers("169.254.169.254"))


def test_a_listed_network_is_allowed_for_any_host() -> None:
    policy = AddressPolicy(origin_of("https://index.example"), ("10.1.0.0/16",))
    assert policy.addresses("files.example", 443, answers("10.1.2.3"))
    with pytest.raises(AddressRefused):
        policy.addresses("files.example", 443, answers("10.2.0.1"))


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://index.example/", "gopher://x", "https:///simple", "http://x:99999"]
)
def test_only_web_addresses_have_an_origin(url: str) -> None:
    with pytest.raises(ValueError):
        origin_of(url)
