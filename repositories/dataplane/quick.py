"""The short way: a request whose answer is at hand, for somebody who is known, is answered without a step to the side.

No query, no password hash, no thread and no Django object; everything that is not plain goes the long way (`app.py`), which
gives the same answers. What is looked at, in this order: has anything been committed since this process last looked; who
asks; is the answer kept and does it hold; may they read it.
"""

from collections.abc import Mapping

from django.conf import settings

from accounts.authentication import recall
from accounts.permissions import Action, may
from repoman.toolbox import clock
from repositories.dataplane.answers import FILE, Variant
from repositories.dataplane.kept import KeptAnswer
from repositories.dataplane.knowledge import knowledge
from repositories.dataplane.request import base_url
from repositories.domain.errors import NotAcceptable
from repositories.protocol import negotiation

_MOST_VARIANTS = 1000
_LONGEST_KEY = 1024  # bytes of the headers together; clients send a tenth, and a head may have 128 KB
_variants: dict[tuple[bytes, bytes, bytes, str], Variant | None] = {}


def find(path: bytes, scheme: str, headers: Mapping[bytes, bytes]) -> KeptAnswer | None:
    """The answer to a GET or HEAD, its bytes at hand; None when the request must go the long way.

    ``path`` is raw and whole, without the query (there must be none); ``headers`` have lower-case names, each once. Call on
    the event loop.
    """
    if not knowledge.current():
        return None
    identity = recall(headers.get(b"authorization"), knowledge.beat)
    if identity is None:
        return None
    variant = _variant(path, scheme, headers)
    kept = None if variant is None else knowledge.answers.find(path, variant)
    if kept is None or kept.body is None or not kept.etag:
        return None
    allowed = may(identity, Action.READ, kept.target, anonymous_read=settings.REPOMAN.anonymous_read)
    return kept if allowed and kept.holds(clock.now()) else None


def _variant(path: bytes, scheme: str, headers: Mapping[bytes, bytes]) -> Variant | None:
    """The variant asked for, None when that takes a closer look."""
    segments = path.split(b"/", 4)
    if len(segments) < 5:
        return None
    if segments[3] == b"packages":
        return None if b"range" in headers or b"if-modified-since" in headers else FILE
    if segments[3] != b"simple":
        return None
    key = (headers.get(b"accept", b""), headers.get(b"accept-encoding", b""), headers.get(b"host", b""), scheme)
    if key not in _variants:
        if sum(map(len, key)) > _LONGEST_KEY:
            return None
        if len(_variants) >= _MOST_VARIANTS:
            _variants.clear()
        _variants[key] = _negotiated(*key)
    return _variants[key]


def _negotiated(accept: bytes, accept_encoding: bytes, host: bytes, scheme: str) -> Variant | None:
    try:
        content_type = negotiation.select(accept.decode("latin-1") or None, None)
    except NotAcceptable:
        return None
    encoding = negotiation.choose_encoding(accept_encoding.decode("latin-1"))
    return content_type, encoding, base_url(scheme, host)
