"""Which kind of index page a body is: by its Content-Type where that can be trusted, by its first character where not.

Real indexes send JSON as ``application/json``, and static ones HTML as ``application/octet-stream`` or without any type.
"""

from typing import Literal

from repositories.domain.errors import UpstreamInvalid
from repositories.domain.names import printable

Kind = Literal["json", "html"]

_KINDS: dict[str, Kind] = {
    "application/vnd.pypi.simple.v1+json": "json",
    "application/vnd.pypi.simple.latest+json": "json",
    "application/vnd.pypi.simple.v1+html": "html",
    "application/vnd.pypi.simple.latest+html": "html",
    "text/html": "html",
    "application/xhtml+xml": "html",
}
# Types that say nothing; whatever else is named (an image, an archive) is no index page.
_VAGUE = frozenset(
    {
        "",
        "application/json",
        "text/plain",
        "application/octet-stream",
        "binary/octet-stream",
        "text/json",
        "application/xml",
    }
)


def kind_of(content_type: str, body: bytes) -> Kind:
    """Raises UpstreamInvalid when the body is neither kind of index page."""
    named = content_type.partition(";")[0].strip().lower()
    kind = _KINDS.get(named)
    if kind is not None:
        return kind
    if named.startswith("application/vnd.pypi.simple."):
        raise UpstreamInvalid(f"The upstream speaks {printable(named)}, a version of the index protocol not known here")
    if named in _VAGUE:
        start = body[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
        if start == b"{":
            return "json"
        if start == b"<":
            return "html"
    raise UpstreamInvalid(
        f"The upstream's answer ({printable(named) or 'without a Content-Type'}) is not an index page. Check the remote URL"
    )
