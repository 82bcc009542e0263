"""The live test of a remote URL: is there an index, and if not, what is wrong, in one class of error.

Nothing is stored and no block is looked at; connections obey the same address policy as all others.
"""

import re
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from django.utils.translation import gettext_lazy as _

from repositories.domain.errors import NotFound, RepositoryError, UpstreamError
from repositories.domain.names import NormalizedName, normalize
from repositories.protocol import simple_html, simple_json
from repositories.protocol.sniffing import Kind, kind_of
from repositories.upstream import client
from repositories.upstream.client import Pace, Upstream
from repositories.upstream.failures import failure_of
from repositories.upstream.pages import ACCEPT, MAX_PAGE, index_roots

Outcome = Literal[
    "ok", "name-not-found", "refused", "timed-out", "certificate", "private-address", "not-an-index", "credentials",
    "redirect", "failed", "unreachable",
]  # fmt: skip

MESSAGES = {
    "ok": _("The index answers."),
    "name-not-found": _("The host name cannot be found."),
    "refused": _("The server refused the connection."),
    "timed-out": _("The server did not answer in time."),
    "certificate": _("The server's certificate is not trusted. Add its authority to the truststore."),
    "private-address": _("The address is private. Name its network in REPOMAN_PRIVATE_NETWORKS to allow it."),
    "not-an-index": _("The server answered, but not with a package index."),
    "credentials": _("The server wants other credentials, or forbids the access."),
    "redirect": _("The server redirects to somewhere that cannot be followed."),
    "failed": _("The server answered with an error."),
    "unreachable": _("The connection broke."),
}

# Asked when an index has no list of projects: names that nearly every public index, and many a special one, has.
_WELL_KNOWN = ("pip", "numpy", "torch", "six")
_HEAD = 256 * 1024  # of a list of projects, which may be tens of megabytes
_PACE = Pace(total=20)
_PATIENCE = 10.0
_VERSION = re.compile(rb'"api-version"\s*:\s*"([0-9.]{1,10})"|pypi:repository-version"\s+content="([0-9.]{1,10})"')
_FIRST_NAME = re.compile(
    rb'"name"\s*:\s*"([A-Za-z0-9._-]{1,128})"|<a\s[^>]*href="(?:[^"]*/)?([A-Za-z0-9._-]{1,128})/?"'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """``detail`` is the error's own sentence, ``status`` its HTTP status; ``metadata_offered`` None when no file was seen."""

    outcome: Outcome
    milliseconds: int
    detail: str = ""
    status: int | None = None
    kind: Kind | None = None
    api_version: str = ""
    index_root: str = ""
    final_url: str = ""
    metadata_offered: bool | None = None
    certificate_end: datetime | None = None

    @property
    def ok(self) -> bool:
        return self.outcome == "ok"

    @property
    def message(self) -> object:
        """A translatable sentence for the outcome."""
        return MESSAGES[self.outcome]


@dataclass(frozen=True, slots=True)
class _Seen:
    """One good page of a candidate."""

    kind: Kind
    api_version: str
    final_url: str
    certificate_end: datetime | None
    body: bytes


def probe(upstream: Upstream) -> ProbeResult:
    """Test ``upstream``'s remote URL. Takes some seconds at most; never raises for what the other side does."""
    upstream = replace(upstream, timeout=min(upstream.timeout, _PATIENCE), retries=0)
    began = time.monotonic()
    failures: list[RepositoryError] = []
    for root in index_roots(upstream.remote_url):
        try:
            return _examine(upstream, root, began)
        except (NotFound, UpstreamError) as error:
            failures.append(error)
            if _outcome(error) not in ("not-an-index", "credentials"):
                break
    worst = next((error for error in failures if _outcome(error) != "not-an-index"), failures[-1])
    cause = failure_of(worst)
    return ProbeResult(
        outcome=_outcome(worst),
        milliseconds=_since(began),
        detail=worst.detail,
        status=cause.status if cause is not None else None,
    )


def _examine(upstream: Upstream, root: str, began: float) -> ProbeResult:
    names: list[str] = list(_WELL_KNOWN)
    seen: _Seen | None = None
    try:
        seen = _read(upstream, root, _HEAD)
        names = [name] if (name := _first_name(seen)) else []
        if not names and not seen.api_version:
            raise UpstreamError("The answer is a web page and not a package index")
    except (NotFound, UpstreamError) as error:
        if not isinstance(error, NotFound) and _outcome(error) != "credentials":
            raise
        refused = error
    milliseconds = _since(began)
    for name in names:
        try:
            page = _read(upstream, f"{root}{normalize(name)}/", MAX_PAGE)
            return _result(page, root, milliseconds, _offers_metadata(page, normalize(name)))
        except NotFound:
            continue
    if seen is None:
        raise refused
    return _result(seen, root, milliseconds, None)


def _read(upstream: Upstream, url: str, limit: int) -> _Seen:
    headers = {"Accept": ACCEPT, "Accept-Encoding": "identity"}
    with client.get(upstream, url, headers) as answer:
        ends = _date(answer.certificate_end)
        body = b""
        for block in answer.blocks(_PACE):
            body += block
            if len(body) >= limit:
                break
        kind = kind_of(answer.headers.get("Content-Type", ""), body)
        found = _VERSION.search(body)
        version = next((part.decode() for part in found.groups() if part), "") if found else ""
        return _Seen(kind, version, answer.url, ends, body)


def _first_name(seen: _Seen) -> str:
    found = _FIRST_NAME.search(seen.body)
    return next((part.decode() for part in found.groups() if part), "") if found else ""


def _offers_metadata(page: _Seen, project: NormalizedName) -> bool | None:
    parse = simple_json.parse_project if page.kind == "json" else simple_html.parse_project
    wheels = [file for file in parse(page.body, page.final_url, project).files if file.filename.endswith(".whl")]
    return any(file.core_metadata is not None for file in wheels) if wheels else None


def _result(seen: _Seen, root: str, milliseconds: int, metadata_offered: bool | None) -> ProbeResult:
    return ProbeResult(
        outcome="ok",
        milliseconds=milliseconds,
        kind=seen.kind,
        api_version=seen.api_version,
        index_root=root,
        final_url=seen.final_url,
        metadata_offered=metadata_offered,
        certificate_end=seen.certificate_end,
    )


def _outcome(error: RepositoryError) -> Outcome:
    cause = failure_of(error)
    if cause is None:
        return "not-an-index"
    if cause.kind == "status":
        if cause.status in (401, 403, 407):
            return "credentials"
        return "not-an-index" if (cause.status or 0) < 500 and cause.status != 429 else "failed"
    outcomes: dict[str, Outcome] = {
        "address": "private-address",
        "certificate": "certificate",
        "tls": "unreachable",
        "dns": "name-not-found",
        "refused": "refused",
        "timeout": "timed-out",
        "redirect": "redirect",
        "invalid": "not-an-index",
    }
    return outcomes.get(cause.kind, "unreachable")


def _date(text: str) -> datetime | None:
    """TLS prints it as in "Jun  1 12:00:00 2027 GMT"."""
    return datetime.strptime(text, "%b %d %H:%M:%S %Y %Z").replace(tzinfo=UTC) if text else None


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
