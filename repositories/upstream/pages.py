"""Asking an upstream for pages: which address to ask, and what came back, as values.

A remote URL may be a site (``https://host``), an index root (``…/simple``, ``…/whl/cu126``) or a repository that keeps its
index below ``simple`` (``…/repository/x``). What it is shows in the first answers and is remembered in the process.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

from repositories.domain.errors import NotFound, RepositoryError, UpstreamError, UpstreamInvalid
from repositories.domain.names import NormalizedName
from repositories.domain.page import ProjectPage
from repositories.protocol import simple_html, simple_json
from repositories.protocol.sniffing import Kind, kind_of
from repositories.upstream import client
from repositories.upstream.client import Answer, Upstream
from repositories.upstream.failures import Failure, failure_of

MAX_PAGE = 64 * 1024 * 1024

# As pip asks, so that an upstream that treats clients differently gives what it gives pip.
ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Validators:
    """What makes a request conditional; empty ones make it a plain one."""

    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True)
class Fetched(Generic[T]):
    """A parsed answer with its validators, the address it finally came from, and which kind of page it was."""

    content: T
    validators: Validators
    url: str
    kind: Kind


class _Roots:
    """The index root found for each remote URL, for the life of the process."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}
        self._lock = threading.Lock()

    def candidates(self, remote_url: str) -> list[str]:
        """Addresses that may be the index root, best first, each ending with a slash."""
        known = self._found.get(remote_url)
        return [known] if known is not None else index_roots(remote_url)

    def remember(self, remote_url: str, root: str) -> None:
        with self._lock:
            if len(self._found) > 1000:
                self._found.clear()
            self._found[remote_url] = root

    def forget(self) -> None:
        with self._lock:
            self._found.clear()


roots = _Roots()


def index_roots(remote_url: str) -> list[str]:
    """What ``remote_url`` can mean, the likeliest first."""
    parts = urlsplit(remote_url.strip())
    path = parts.path.rstrip("/")

    def at(path: str) -> str:
        return urlunsplit((parts.scheme, parts.netloc, path + "/", "", ""))

    if path.endswith("/simple"):
        return [at(path)]
    own, below = at(path), at(path + "/simple")
    return [own, below] if path else [below, own]


def source_of(remote_url: str) -> str:
    """The same text for every spelling of the same index."""
    return remote_url.strip().rstrip("/").removesuffix("/simple").rstrip("/")


def fetch_project(
    upstream: Upstream,
    project: NormalizedName,
    validators: Validators = Validators(),
) -> Fetched[ProjectPage] | None:
    """One project's page; None when it has not changed since ``validators`` were given.

    Raises NotFound when the upstream says there is no such project, UpstreamError and its kinds when it says nothing usable.
    """

    def parse(answer: Answer, kind: Kind, body: bytes) -> ProjectPage:
        reader = simple_json.parse_project if kind == "json" else simple_html.parse_project
        return reader(body, answer.url, project)

    return _first(upstream, quote(project) + "/", validators, parse, lambda page: bool(page.files))


def fetch_listing(
    upstream: Upstream,
    validators: Validators = Validators(),
) -> Fetched[dict[NormalizedName, str]] | None:
    """All projects, display names by normalized name; None when unchanged. Raises as `fetch_project`."""

    def parse(answer: Answer, kind: Kind, body: bytes) -> dict[NormalizedName, str]:
        return simple_json.parse_root(body) if kind == "json" else simple_html.parse_root(body)

    # A site's front page has links as well, so a list of names is no proof of an index root.
    return _first(upstream, "", validators, parse, lambda listing: False)


def _first(
    upstream: Upstream,
    path: str,
    validators: Validators,
    parse: Callable[[Answer, Kind, bytes], T],
    proves: Callable[[T], bool],
) -> Fetched[T] | None:
    """Ask the candidates in turn until one gives a page; a page that proves nothing is the last resort."""
    candidates = roots.candidates(upstream.remote_url)
    failures: list[RepositoryError] = []
    unproven: list[Fetched[T] | None] = []
    for root in candidates:
        try:
            fetched = _ask(upstream, root + path, validators, parse)
        except (NotFound, UpstreamError) as error:
            if not _means_elsewhere(error):
                raise
            failures.append(error)
            continue
        if len(candidates) == 1:
            return fetched
        if fetched is None or (path and fetched.kind == "json") or proves(fetched.content):
            roots.remember(upstream.remote_url, root)
            return fetched
        unproven.append(fetched)
    if unproven:
        return unproven[0]
    # Absent only when no candidate left it open.
    raise next((error for error in failures if not isinstance(error, NotFound)), failures[0])


def _means_elsewhere(error: RepositoryError) -> bool:
    """Whether the index may still be at the other candidate: not there, forbidden, or a page of some other kind."""
    if isinstance(error, NotFound | UpstreamInvalid):
        return True
    cause = failure_of(error)
    return isinstance(cause, Failure) and cause.status == 403


def _ask(
    upstream: Upstream, url: str, validators: Validators, parse: Callable[[Answer, Kind, bytes], T]
) -> Fetched[T] | None:
    headers = {"Accept": ACCEPT, "Accept-Encoding": "gzip, zstd", "Cache-Control": "max-age=0"}
    if validators.etag:
        headers["If-None-Match"] = validators.etag
    if validators.last_modified:
        headers["If-Modified-Since"] = validators.last_modified
    with client.get(upstream, url, headers) as answer:
        if answer.status == 304:
            if not (validators.etag or validators.last_modified):
                raise UpstreamInvalid(f"The upstream {answer.host} answered 304 to a question without condition")
            return None
        body = answer.body(MAX_PAGE)
        kind = kind_of(answer.headers.get("Content-Type", ""), body)
        return Fetched(parse(answer, kind, body), _validators(answer), answer.url, kind)


def _validators(answer: Answer) -> Validators:
    """Those that fit their columns; without them the next request is simply not conditional."""
    etag, modified = answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", "")
    return Validators(etag if len(etag) <= 512 else "", modified if len(modified) <= 128 else "")
