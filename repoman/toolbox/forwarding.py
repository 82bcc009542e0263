"""Who asks and under which address, when a reverse proxy may stand in between.

Forwarded headers are believed only from the listed proxies; from anybody else they are ignored.
"""

import re
from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

_HOST = re.compile(r"[A-Za-z0-9.\-]{1,253}(:\d{1,5})?|\[[0-9a-fA-F:.]{2,45}\](:\d{1,5})?")


def from_trusted_proxy(scope: Mapping[str, Any], trusted: Sequence[str]) -> bool:
    """Whether the connection comes from one of the ``trusted`` addresses or networks."""
    peer = (scope.get("client") or ("", 0))[0]
    if not trusted or not peer:
        return False
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(address in ip_network(network, strict=False) for network in trusted)


def client_address(scope: Mapping[str, Any], headers: Mapping[bytes, bytes], trusted: Sequence[str]) -> str:
    """The client's address: the connection's, or the last one a trusted proxy has added to X-Forwarded-For."""
    peer = str((scope.get("client") or ("", 0))[0])
    if from_trusted_proxy(scope, trusted) and b"x-forwarded-for" in headers:
        last = headers[b"x-forwarded-for"].decode("latin-1").rsplit(",", 1)[-1].strip()
        try:
            return str(ip_address(last))
        except ValueError:
            return peer
    return peer


def external_base(scope: Mapping[str, Any], headers: Mapping[bytes, bytes], trusted: Sequence[str]) -> str:
    """Scheme and host a client used, "" when its Host header cannot be a host."""
    scheme = str(scope.get("scheme", "http"))
    host = headers.get(b"host", b"").decode("latin-1")
    if from_trusted_proxy(scope, trusted):
        if headers.get(b"x-forwarded-proto") in (b"http", b"https"):
            scheme = headers[b"x-forwarded-proto"].decode()
        host = headers.get(b"x-forwarded-host", host.encode("latin-1")).decode("latin-1").strip()
    return f"{scheme}://{host}" if _HOST.fullmatch(host) else ""
