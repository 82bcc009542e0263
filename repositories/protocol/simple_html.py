"""The simple API in HTML: PEP 503 with 592, 629, 658/714, 740 and 792; frozen at version 1.4 by PEP 833.

Pages are always written anew from values; an upstream's text is never edited, so none of its markup gets through.
"""

from collections.abc import Callable, Iterator
from html import escape
from itertools import islice
from typing import NamedTuple
from urllib.parse import unquote

from selectolax.lexbor import LexborHTMLParser, LexborNode

from repositories.domain.errors import UpstreamInvalid
from repositories.domain.names import (
    NormalizedName,
    is_project_name,
    looks_like_distribution,
    normalize,
    parse_filename,
)
from repositories.domain.page import DistributionFile, ProjectList, ProjectPage
from repositories.protocol import entries
from repositories.protocol.simple_json import check_api_version

REPOSITORY_VERSION = "1.4"

# Which digest goes on the URL when there is no sha256: the strongest that installers know.
_FRAGMENT_ORDER = ("sha256", "sha512", "sha384", "sha224", "sha1", "md5")


_PART = 1024 * 1024


def render_project(
    page: ProjectPage,
    file_url: Callable[[DistributionFile], str],
    provenance_url: Callable[[DistributionFile], str] | None = None,
) -> bytes:
    """One project's page. ``file_url`` gives the address clients fetch the file from, relative or absolute.

    ``provenance_url`` gives that of its attestations; PEP 740 wants it absolute, so pass it wherever ``file_url`` is relative
    (without it, it is the file's with ".provenance").
    """
    title = escape(page.name)
    status = page.status
    lines = [
        "<!DOCTYPE html>\n<html><head>\n"
        f'<meta name="pypi:repository-version" content="{REPOSITORY_VERSION}">\n'
        f'<meta name="pypi:project-status" content="{status.status}">\n'
    ]
    if status.reason:
        lines.append(f'<meta name="pypi:project-status-reason" content="{escape(status.reason)}">\n')
    lines.append(f"<title>Links for {title}</title></head><body><h1>Links for {title}</h1>\n")
    if status.status != "quarantined":  # PEP 792: no files then
        lines.extend(_anchor(file, file_url(file), provenance_url) for file in page.files)
    lines.append("</body></html>\n")
    return "".join(lines).encode()


def render_root(listing: ProjectList) -> Iterator[bytes]:
    """The list of projects in parts: a public index's has tens of megabytes."""
    head = (
        "<!DOCTYPE html>\n<html><head>\n"
        f'<meta name="pypi:repository-version" content="{REPOSITORY_VERSION}">\n'
        "<title>Simple index</title></head><body>\n"
    )
    yield head.encode()
    projects = iter(listing.projects.items())
    while batch := list(islice(projects, 10_000)):
        anchors = (f'<a href="{project}/">{escape(name, quote=False)}</a><br>\n' for project, name in batch)
        yield "".join(anchors).encode()
    yield b"</body></html>\n"


def _anchor(file: DistributionFile, url: str, provenance_url: Callable[[DistributionFile], str] | None) -> str:
    parts = ['<a href="', escape(url)]
    for algorithm in _FRAGMENT_ORDER:
        if digest := file.hashes.get(algorithm):
            parts.append(f"#{algorithm}={digest}")
            break
    parts.append('"')
    if file.requires_python is not None:
        parts.append(f' data-requires-python="{escape(file.requires_python)}"')
    if file.core_metadata and (digest := file.core_metadata.get("sha256")):
        parts.append(f' data-dist-info-metadata="sha256={digest}" data-core-metadata="sha256={digest}"')
    if file.yanked:
        reason = escape(file.yanked) if isinstance(file.yanked, str) else ""
        parts.append(f' data-yanked="{reason}"')
    if file.provenance:
        provenance = provenance_url(file) if provenance_url else url + ".provenance"
        parts.append(f' data-provenance="{escape(provenance)}"')
    parts.append(f">{escape(file.filename, quote=False)}</a><br>\n")
    return "".join(parts)


def parse_project(body: bytes, base_url: str, project: NormalizedName) -> ProjectPage:
    """Read an upstream's page. ``base_url`` is the address that finally answered, after redirects.

    HTML says no size, no upload time and no versions. Odd links are left out. Raises UpstreamInvalid when the body is not
    a page of this project (a sign-in page, an error page).
    """
    document = _Document(body, base_url)
    status = entries.status(document.meta.get("pypi:project-status"), document.meta.get("pypi:project-status-reason"))
    files: dict[str, DistributionFile] = {}
    for anchor in document.anchors():
        file = _parse_file(anchor, document, project)
        if file is not None:
            files.setdefault(file.filename, file)
            if len(files) > entries.MAX_FILES:
                raise UpstreamInvalid(f"The upstream's page has more than {entries.MAX_FILES} files")
    if not document.declares_index and not document.says_links_for and not any(_convinces(f) for f in files.values()):
        raise UpstreamInvalid(
            "The upstream's HTML is not a project page: it names no files. It may be a sign-in page; check the remote URL"
        )
    return ProjectPage(
        project=project,
        name=str(project),
        files=() if status.status == "quarantined" else tuple(files.values()),
        versions=entries.versions(None, files.values()),
        status=status,
    )


def parse_root(body: bytes) -> dict[NormalizedName, str]:
    """Display names by normalized name. Raises UpstreamInvalid when the body is not a project list."""
    listing: dict[NormalizedName, str] = {}
    declares_index = False
    for part in _parts(body):
        document = _Document(part, "")
        declares_index = declares_index or document.declares_index
        if not declares_index and document.asks_password:
            raise UpstreamInvalid("The upstream answered with a sign-in page. Check the remote URL and its credentials")
        for anchor in document.anchors():
            name = anchor.text.rstrip("/")
            segment = _last_segment(anchor.href)
            # The link counts, since clients follow it; its text is only the spelling.
            if is_project_name(segment):
                project = normalize(segment)
                spelled = is_project_name(name) and name != project and normalize(name) == project
                listing.setdefault(project, name if spelled else project if segment == project else segment)
    if not listing and not declares_index:
        raise UpstreamInvalid("The upstream's HTML is not an index: it names no projects. Check the remote URL")
    return listing


def _parts(body: bytes) -> Iterator[bytes]:
    """The body cut behind links into parts of a megabyte: a tree of a public index's list would take 800 MB."""
    start = 0
    while start < len(body):
        end = body.find(b"</a>", start + _PART)
        end = len(body) if end == -1 else end + len(b"</a>")
        yield body[start:end]
        start = end


class _Anchor(NamedTuple):
    """A link: its address as written, its attributes (None where there is no value), and itself."""

    href: str
    attributes: dict[str, str | None]
    node: LexborNode

    @property
    def text(self) -> str:
        return _text(self.node)


class _Document:
    """A parsed page: its ``meta`` by name, and ``base_url`` after ``<base href>``."""

    def __init__(self, body: bytes, base_url: str) -> None:
        try:
            self._tree = LexborHTMLParser(body)
        except Exception:  # the parser's own errors have no common class
            raise UpstreamInvalid("The upstream's HTML cannot be read; it may be cut off") from None
        self.meta: dict[str, str] = {}
        for node in self._tree.css("meta"):
            name = (node.attributes.get("name") or "").strip().lower()
            if name.startswith("pypi:"):
                self.meta.setdefault(name, node.attributes.get("content") or "")
        if version := self.meta.get("pypi:repository-version"):
            check_api_version(version)
        self.base_url = base_url
        base = next((node.attributes.get("href") for node in self._tree.css("base[href]")), None)
        if base and (address := entries.address(base, base_url)):
            self.base_url = address

    @property
    def declares_index(self) -> bool:
        return bool(self.meta)

    @property
    def says_links_for(self) -> bool:
        """The words every index writes above a project's files; an empty page of an old index has nothing else."""
        return any(_text(node).startswith("Links for ") for node in self._tree.css("title, h1"))

    @property
    def asks_password(self) -> bool:
        return self._tree.css_first("input[type=password]") is not None

    def anchors(self) -> Iterator[_Anchor]:
        for node in self._tree.css("a[href]"):
            attributes = node.attributes
            href = attributes.get("href")
            if href:
                yield _Anchor(href, attributes, node)


def _text(node: LexborNode) -> str:
    return str(node.text()).strip()


def _last_segment(href: str) -> str:
    path = href.strip().partition("#")[0].partition("?")[0]
    if path.startswith(("https:", "http:", "//")):
        _, has_host, rest = path.partition("//")
        if has_host:
            path = rest.partition("/")[2]  # a host is no name
    return unquote(path.rstrip("/").rpartition("/")[2])


def _parse_file(anchor: _Anchor, document: _Document, project: NormalizedName) -> DistributionFile | None:
    # Clients take the name from the address (a directory listing may shorten the text); the text counts only for
    # addresses that end otherwise, as those of download scripts do.
    filename = _last_segment(anchor.href)
    if not looks_like_distribution(filename):
        filename = anchor.text
        if not looks_like_distribution(filename):
            return None
    url = entries.address(anchor.href, document.base_url)
    if url is None:
        return None
    attributes = anchor.attributes
    provenance = entries.address(attributes.get("data-provenance"), document.base_url)
    yanked: bool | str = False
    if "data-yanked" in attributes:
        yanked = entries.yanked(attributes["data-yanked"]) or True
    return entries.distribution_file(
        filename,
        project,
        url,
        digests=entries.assigned_hash(anchor.href.strip().partition("#")[2]),
        requires_python=entries.text(attributes.get("data-requires-python")),
        yanked=yanked,
        core_metadata=_parse_core_metadata(attributes),
        provenance_url=provenance,
    )


def _parse_core_metadata(attributes: dict[str, str | None]) -> dict[str, str] | None:
    for key in ("data-core-metadata", "data-dist-info-metadata"):  # PEP 714: the new name first
        value = (attributes.get(key) or "").strip()
        if value:
            if value.lower() == "true":
                return {}
            return entries.assigned_hash(value) or None
    return None


def _convinces(file: DistributionFile) -> bool:
    """Whether the link is a file of an index rather than an installer that a page of another kind offers."""
    parsed = parse_filename(file.filename, file.project)
    return parsed.packagetype != "other" and parsed.version != ""
