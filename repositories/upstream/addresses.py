"""Which addresses an upstream request may reach (server-side request forgery, DNS rebinding).

A name is resolved once, every address it has is judged, and the connection goes to one of the judged addresses, so
that a second answer of the name server cannot lead elsewhere. Pure but for the resolver handed in.
"""

import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

Address = IPv4Address | IPv6Address
Reach = Literal["public", "private", "never"]
Resolver = Callable[[str, int], list[Any]]

# Services of cloud machines that hand out credentials and are not link-local.
_METADATA = frozenset(map(ip_address, ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")))
_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
_COMPATIBLE = ip_network("::/96")
# Reserved for examples (RFC 5737, 3849): nobody's internal network, so nothing to protect; gateways and test beds use them.
_DOCUMENTATION = tuple(
    map(ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"))
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


class AddressRefused(OSError):
    """No connection was tried: the policy forbids the address. An OSError, as a socket's own failures are."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: what credentials are bound to."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS.get(self.scheme) else f"{host}:{self.port}"


def origin_of(url: str) -> Origin:
    """Raises ValueError when ``url`` is not a http or https address with a host."""
    parts: SplitResult = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError("not a http or https address")
    if not parts.hostname:
        raise ValueError("the address has no host")
    return Origin(parts.scheme, parts.hostname.rstrip(".").lower(), parts.port or _DEFAULT_PORTS[parts.scheme])


def reach(address: Address) -> Reach:
    """How far an address reaches; the worst verdict of the address and of every IPv4 address it carries."""
    verdicts = [_reach_of_one(address), *(_reach_of_one(inner) for inner in _carried(address))]
    return "never" if "never" in verdicts else "private" if "private" in verdicts else "public"


def _reach_of_one(address: Address) -> Reach:
    if address in _METADATA or address.is_link_local or address.is_multicast or address.is_unspecified:
        return "never"
    if address.is_loopback:
        return "private"
    if isinstance(address, IPv4Address) and (address.is_reserved or address in ip_network("0.0.0.0/8")):
        return "never"
    documentation = any(address in network for network in _DOCUMENTATION)
    return "public" if address.is_global or documentation else "private"


def _carried(address: Address) -> Iterator[IPv4Address]:
    """IPv4 addresses inside an IPv6 one: mapped, compatible, 6to4, Teredo, NAT64, ISATAP."""
    if isinstance(address, IPv4Address):
        return
    low = IPv4Address(int(address) & 0xFFFFFFFF)
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if any(address in network for network in _NAT64):
        yield low
    if address in _COMPATIBLE and int(address) > 0xFFFF:
        yield low
    if (int(address) >> 32) & 0xFFFFFFFF in (0x00005EFE, 0x02005EFE):
        yield low


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """``own`` is the remote URL's origin, which an administrator chose; ``networks`` are private networks that links
    and redirects may lead to as well."""

    own: Origin
    networks: tuple[str, ...] = ()

    def addresses(self, host: str, port: int, resolve: Resolver) -> list[tuple[Any, ...]]:
        """The entries of ``resolve`` to connect to.

        Raises AddressRefused when any address of the name may not be reached, OSError when the name has none.
        """
        entries = resolve(host, port)
        if not entries:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        for entry in entries:
            # A scope ("%eth0") can only belong to a link-local address.
            address = ip_address(str(entry[4][0]).partition("%")[0])
            verdict = reach(address)
            if verdict == "never" or (verdict == "private" and not self._allowed(host, port, address)):
                raise AddressRefused(f"{host} leads to the {_kind(verdict)} address {address}")
        return entries

    def _allowed(self, host: str, port: int, address: Address) -> bool:
        own = host.strip("[]").rstrip(".").lower() == self.own.host
        # This very machine's other ports (a database, a broker) are no part of the index an administrator chose.
        same_port = port == self.own.port or (self.own.port, port) == (80, 443)
        return (own and (same_port or not _is_loopback(address))) or _inside(address, self.networks)


def _is_loopback(address: Address) -> bool:
    return address.is_loopback or any(inner.is_loopback for inner in _carried(address))


def _inside(address: Address, networks: Iterable[str]) -> bool:
    plain = address.ipv4_mapped if isinstance(address, IPv6Address) and address.ipv4_mapped else address
    return any(plain in ip_network(network, strict=False) for network in networks)


def _kind(verdict: Reach) -> str:
    return "private" if verdict == "private" else "forbidden"


def resolve(host: str, port: int) -> list[Any]:
    """The system's resolver."""
    return socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
