"""Which representation and which coding to answer with (PEP 691, RFC 9110 §12)."""

from typing import Literal

from repositories.domain.errors import NotAcceptable
from repositories.domain.names import printable

JSON = "application/vnd.pypi.simple.v1+json"
V1HTML = "application/vnd.pypi.simple.v1+html"
HTML = "text/html"

_ALIASES = {
    "application/vnd.pypi.simple.latest+json": JSON,
    "application/vnd.pypi.simple.latest+html": V1HTML,
    "application/json": JSON,  # people ask so by hand; the answer is labelled with its real type
}
_ORDER = (JSON, V1HTML, HTML)

Encoding = Literal["", "gzip", "zstd"]


def select(accept: str | None, format: str | None) -> str:
    """The content type to answer with: JSON, V1HTML or HTML.

    ``format`` is the query parameter, which wins over the Accept header. Raises NotAcceptable naming the types there are.
    """
    if format:
        wanted = format.strip().lower().replace(" ", "+")  # a "+" not quoted in a query arrives as a space
        wanted = _ALIASES.get(wanted, wanted)
        if wanted not in _ORDER:
            raise _not_acceptable(format)
        return wanted
    ranges = _qualities(accept or "*/*")
    # Bare wildcards mean text/html: browsers and the clients that read only HTML send them.
    anything = ranges.get("*/*", 0.0)
    wild = {HTML: ranges.get("text/*", anything), V1HTML: ranges.get("application/*", 0.0)}
    wild[JSON] = wild[V1HTML]
    # A type named outright goes before one that only a wildcard covers; of equals the first in the order.
    chosen = max(_ORDER, key=lambda kind: (ranges.get(kind, wild[kind]), kind in ranges))
    if ranges.get(chosen, wild[chosen]) > 0:
        return chosen
    if anything > 0:  # text/html is excluded by name, the rest is welcome
        for kind in _ORDER:
            if ranges.get(kind, anything) > 0:
                return kind
    raise _not_acceptable(accept or "")


def choose_encoding(accept_encoding: str | None) -> Encoding:
    """The coding for a page; "" is none. zstd before gzip when the client likes both alike."""
    ranges = _qualities(accept_encoding or "")
    if "x-gzip" in ranges:
        ranges.setdefault("gzip", ranges["x-gzip"])
    gzip = ranges.get("gzip", ranges.get("*", 0.0))
    zstd = ranges.get("zstd", 0.0)  # a wildcard does not promise that the client knows a young coding
    # Without a word on identity it is what remains, never what is preferred.
    plain = ranges.get("identity", 0.0)
    if zstd > 0 and zstd >= gzip and zstd >= plain:
        return "zstd"
    return "gzip" if gzip > 0 and gzip >= plain else ""


def _qualities(header: str) -> dict[str, float]:
    qualities: dict[str, float] = {}
    for part in header.split(","):
        name, *parameters = part.split(";")
        name = name.strip().lower()
        if name:
            name = _ALIASES.get(name, name)
            qualities[name] = max(_quality(parameters), qualities.get(name, 0.0))
    return qualities


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            try:
                quality = float(value.strip())
            except ValueError:
                return 0.0
            return quality if 0.0 <= quality <= 1.0 else 1.0 if quality > 1.0 else 0.0
    return 1.0


def _not_acceptable(asked: str) -> NotAcceptable:
    return NotAcceptable(f"Cannot answer with {printable(asked)!r}. There are: {', '.join(_ORDER)}")
