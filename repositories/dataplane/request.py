"""A request as the data plane sees it: the few things of an ASGI scope that matter here, read once."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote

from django.conf import settings

from repoman.toolbox.forwarding import client_address, external_base

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PREFIX = b"/repository/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """``path`` is raw, below the repository's name, without leading slash; ``headers`` have lower-case names.

    ``directory`` is False when the URL ended with the repository's name itself (no slash after it).
    """

    method: str
    repository: str
    path: bytes
    directory: bool
    query: str
    headers: dict[bytes, bytes]
    address: str
    base_url: str
    pathsend: bool

    @classmethod
    def from_scope(cls, scope: Scope) -> "Request":
        raw = scope.get("raw_path") or quote(scope["path"]).encode()
        name, slash, path = raw.partition(b"?")[0].removeprefix(PREFIX).partition(b"/")
        headers: dict[bytes, bytes] = {}
        for key, value in scope["headers"]:
            headers[key] = headers[key] + b", " + value if key in headers else value
        return cls(
            method=scope["method"],
            repository=name.decode("ascii", "replace"),
            path=path,
            directory=bool(slash),
            query=scope.get("query_string", b"").decode("latin-1"),
            headers=headers,
            address=client_address(scope, headers, settings.REPOMAN.trusted_proxies),
            base_url=settings.REPOMAN.base_url.rstrip("/")
            or external_base(scope, headers, settings.REPOMAN.trusted_proxies),
            pathsend="http.response.pathsend" in (scope.get("extensions") or {}),
        )

    def header(self, name: bytes) -> str | None:
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def parameter(self, name: str) -> str | None:
        """First value of a query parameter."""
        return parse_qs(self.query, max_num_fields=50).get(name, [None])[0] if self.query else None

    @property
    def reads(self) -> bool:
        return self.method in ("GET", "HEAD")
