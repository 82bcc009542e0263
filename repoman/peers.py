"""Who is really at the other end: the client's address, the scheme and the host behind trusted proxies.

Forwarded headers are believed only when the connection comes from an address of REPOMAN_TRUSTED_PROXIES; from anyone
else they are only text. Both planes get a corrected scope, so nothing behind this file looks at those headers.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

Scope = dict[str, Any]

FORWARDED = "repoman.forwarded"  # in a corrected scope: whether the proxy says for whom it asks


class Proxies:
    """The trusted proxies."""

    def __init__(self, networks: Sequence[str]) -> None:
        self.networks = [ip_network(network, strict=False) for network in networks]

    def seen_through(self, scope: Scope) -> Scope:
        """The scope as the first trusted proxy got it; the same object when there is nothing to correct."""
        client = scope.get("client")
        if not self.networks or not client or not self._trusted(client[0]):
            return scope
        headers = _forwarded(scope["headers"])
        corrected = dict(scope)
        corrected["client"] = (self._first_untrusted(headers.get(b"x-forwarded-for", ""), client[0]), 0)
        corrected[FORWARDED] = b"x-forwarded-for" in headers
        scheme = headers.get(b"x-forwarded-proto", "").strip().lower()
        if scheme in ("http", "https"):
            corrected["scheme"] = scheme
        host = headers.get(b"x-forwarded-host", "").strip()
        if host and "," not in host:
            rest = [(name, value) for name, value in scope["headers"] if name != b"host"]
            corrected["headers"] = [(b"host", host.encode("latin-1")), *rest]
        return corrected

    def _trusted(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(
            address in network
            for network in self.networks
            if isinstance(network, IPv6Network) == isinstance(address, IPv6Address)
        )

    def _first_untrusted(self, chain: str, peer: str) -> str:
        """The last address of the chain that no trusted proxy wrote about itself."""
        for text in reversed([part.strip() for part in chain.split(",") if part.strip()]):
            if _address(text) is None:
                return peer
            if not self._trusted(text):
                return text
            peer = text
        return peer


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _forwarded(headers: Sequence[tuple[bytes, bytes]]) -> dict[bytes, str]:
    """The forwarded headers by name; of scheme and host, which proxies replace, one that comes twice is ignored."""
    found: dict[bytes, str] = {}
    for name, value in headers:
        if name.startswith(b"x-forwarded-"):
            text = value.decode("latin-1")
            found[name] = f"{found[name]},{text}" if name in found else text
    return found
