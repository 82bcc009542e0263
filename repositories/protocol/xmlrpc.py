"""XML-RPC ``search`` as old ``pip search`` sends it, and nothing else of XML-RPC.

Bodies are read with defusedxml (entity bombs) and small limits.
"""

import xmlrpc.client
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

MAX_BODY = 64 * 1024
MAX_TERMS = 20
MAX_TERM = 200
CONTENT_TYPE = "text/xml; charset=utf-8"

METHOD_NOT_SUPPORTED = -32601
INVALID_PARAMS = -32602
PARSE_ERROR = -32700


class XmlRpcFault(Exception):
    """An answer of kind fault; XML-RPC reports errors inside a 200."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """Words by field ("name", "summary"); ``any`` asks for one match, else all fields must match."""

    terms: Mapping[str, tuple[str, ...]]
    any: bool

    def matches(self, name: str, summary: str) -> bool:
        values = {"name": name.lower(), "summary": summary.lower()}
        results = [any(word in values[field] for word in words) for field, words in self.terms.items()]
        return any(results) if self.any else all(results)


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One row of the answer."""

    name: str
    version: str
    summary: str


def parse_search(body: bytes) -> SearchQuery:
    """Read a ``search(spec, operator)`` call. Raises XmlRpcFault for everything else."""
    if len(body) > MAX_BODY:
        raise XmlRpcFault(PARSE_ERROR, "The request is too large")
    try:
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise XmlRpcFault(PARSE_ERROR, "The request is not XML-RPC") from error
    method = (root.findtext("methodName") or "").strip()
    if root.tag != "methodCall" or method != "search":
        raise XmlRpcFault(METHOD_NOT_SUPPORTED, "This server answers search only; use the simple index for the rest")
    values = [param.find("value") for param in root.findall("params/param")]
    if not 1 <= len(values) <= 2 or values[0] is None:
        raise XmlRpcFault(INVALID_PARAMS, "search takes a struct of words and an operator")
    operator = "".join(values[1].itertext()).strip() if len(values) == 2 and values[1] is not None else "and"
    return SearchQuery(_terms(values[0]), any=operator == "or")


def _terms(value: Any) -> dict[str, tuple[str, ...]]:
    terms: dict[str, tuple[str, ...]] = {}
    for member in value.findall("struct/member"):
        field = (member.findtext("name") or "").strip()
        content = member.find("value")
        if field not in ("name", "summary") or content is None:
            continue
        parts = content.findall("array/data/value") or [content]
        words = ["".join(part.itertext()).strip().lower() for part in parts]
        terms[field] = tuple(word for word in words if word)[:MAX_TERMS]
    if not any(terms.values()) or any(len(word) > MAX_TERM for words in terms.values() for word in words):
        raise XmlRpcFault(INVALID_PARAMS, "search needs words for name or summary")
    return {field: words for field, words in terms.items() if words}


def render_hits(hits: Iterable[SearchHit]) -> bytes:
    rows = [{"name": hit.name, "version": hit.version, "summary": hit.summary, "_pypi_ordering": False} for hit in hits]
    return xmlrpc.client.dumps((rows,), methodresponse=True, encoding="utf-8").encode()


def render_fault(fault: XmlRpcFault) -> bytes:
    return xmlrpc.client.dumps(xmlrpc.client.Fault(fault.code, fault.text), methodresponse=True).encode()
