"""From Granian's RSGI straight to the answers at hand: the way of most requests, without an ASGI scope or a task between.

Only what is plain comes this way: no query, a path that reads the same encoded and decoded, no proxy in front whose word
counts. Everything else is answered by the ASGI application, and just the same.
"""

import re
from typing import TYPE_CHECKING

from django.conf import settings

from repoman.toolbox import clock
from repositories.dataplane import quick

if TYPE_CHECKING:
    from granian._granian import RSGIHTTPProtocol as HTTPProtocol
    from granian.rsgi import Scope

PREFIX = "/repository/"
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._~-]*")
_proxied = bool(settings.REPOMAN.trusted_proxies)


def answer_at_hand(scope: "Scope", protocol: "HTTPProtocol") -> bool:
    """Answer at once and return True, or leave the protocol alone and return False."""
    path, method = scope.path, scope.method
    if _proxied or not path.startswith(PREFIX) or scope.query_string or not _PLAIN_PATH.fullmatch(path):
        return False
    if method not in ("GET", "HEAD"):
        return False
    listed = scope.headers.items()
    headers = {name.encode(): value.encode("latin-1", "replace") for name, value in listed}
    # One that comes twice, and one that could not be read (and is therefore left out), are for the long way.
    if len(headers) != len(scope.headers):  # type: ignore[arg-type]  # its stub leaves out the length
        return False
    if b"host" not in headers and scope.authority:
        headers[b"host"] = scope.authority.encode()
    kept = quick.find(path.encode(), scope.scheme, headers)
    if kept is None or kept.body is None:
        return False
    status, sent = kept.text_head(headers.get(b"if-none-match"), clock.now())
    if status == 304 or method == "HEAD":
        protocol.response_empty(status, sent)
    else:
        protocol.response_bytes(status, sent, kept.body)
    return True
