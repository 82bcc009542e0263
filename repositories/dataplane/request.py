"""A request as the data plane sees it: the few things of an ASGI scope that matter here, read once."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote

from django.conf import settings

from repoman.peers import FORWARDED
from repositories.domain.errors import InvalidRequest

Scope = dict[str, Any]
Message = dict[str, Any]
Headers = list[tuple[bytes, bytes]]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PREFIX = b"/repository/"
# In a scope's extensions: a message {"type": …, "path": str, "start": int, "end": int} in place of a body sends that part
# of a file, ``end`` being behind its last byte (`repoman/exchange.py`).
FILE_RANGE = "repoman.response.filerange"
MAX_PARAMETERS = 50
_HOST = re.compile(rb"[A-Za-z0-9.\-]{1,253}(:\d{1,5})?|\[[0-9a-fA-F:.]{2,45}\](:\d{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """``path`` is raw, below the repository's name, without leading slash, ``whole_path`` all of it; ``headers`` have
    lower-case names.

    ``base_url`` has no trailing slash and is "" when the Host header cannot be one. Proxies in front of the server have
    been seen through already (`repoman/peers.py`); ``accel`` is where the one in front sends files from, "" if it does not.
    """

    method: str
    repository: str
    path: bytes
    whole_path: bytes
    query: str
    headers: dict[bytes, bytes]
    address: str
    base_url: str
    pathsend: bool
    filerange: bool
    accel: str

    @classmethod
    def from_scope(cls, scope: Scope) -> "Request":
        raw = scope.get("raw_path") or quote(scope["path"]).encode()
        whole = raw.partition(b"?")[0]
        name, _, path = whole.removeprefix(PREFIX).partition(b"/")
        extensions = scope.get("extensions") or {}
        headers: dict[bytes, bytes] = {}
        for key, value in scope["headers"]:
            headers[key] = headers[key] + b", " + value if key in headers else value
        return cls(
            method=scope["method"],
            repository=name.decode("ascii", "replace"),
            path=path,
            whole_path=whole,
            query=scope.get("query_string", b"").decode("latin-1"),
            headers=headers,
            address=str((scope.get("client") or ("", 0))[0]),
            base_url=base_url(scope.get("scheme", "http"), headers.get(b"host", b"")),
            pathsend="http.response.pathsend" in extensions,
            filerange=FILE_RANGE in extensions,
            # One that asks the server itself, be it from the proxy's machine, gets the bytes.
            accel=settings.REPOMAN.accel_prefix if scope.get(FORWARDED) else "",
        )

    def header(self, name: bytes) -> str | None:
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def parameter(self, name: str) -> str | None:
        """First value of a query parameter. Raises InvalidRequest for a query with more parameters than anybody means."""
        try:
            return parse_qs(self.query, max_num_fields=MAX_PARAMETERS).get(name, [None])[0] if self.query else None
        except ValueError:
            raise InvalidRequest(f"The query has more than {MAX_PARAMETERS} parameters") from None

    @property
    def reads(self) -> bool:
        return self.method in ("GET", "HEAD")


def base_url(scheme: str, host: bytes) -> str:
    """The address people use for this server, without a slash at its end; "" when it cannot be told."""
    fixed: str = settings.REPOMAN.base_url.rstrip("/")
    return fixed or (f"{scheme}://{host.decode()}" if _HOST.fullmatch(host) else "")
