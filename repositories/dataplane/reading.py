"""Answers to reads: project list, project page, file and side files, JSON API."""

import asyncio
from datetime import UTC
from email.utils import format_datetime

from repoman.toolbox import threads
from repositories.dataplane.access import cacheable_by_anyone
from repositories.dataplane.indexes import LiveRepository
from repositories.dataplane.request import Receive, Request, Send
from repositories.dataplane.responses import Answer, FileHead, Headers, not_modified, page, send_answer, send_file
from repositories.domain.errors import NotFound
from repositories.domain.index import ByteStream, FileSource, LocalFile, Part, Redirect, find_file
from repositories.domain.names import NormalizedName
from repositories.domain.page import DistributionFile, Freshness
from repositories.protocol import legacy_json, negotiation, pypi, simple_html, simple_json

IMMUTABLE = 365 * 24 * 3600
_JSON = "application/json"
_METADATA_LIMIT = 16 * 1024 * 1024
_one_list_at_a_time = asyncio.Semaphore(1)


async def project_list(live: LiveRepository, request: Request, send: Send) -> None:
    content_type = negotiation.select(request.header(b"accept"), request.parameter("format"))
    render = simple_json.render_root if content_type == negotiation.JSON else simple_html.render_root
    # A public index has close to a million names: one list at a time, made beside the loop that serves everybody else.
    async with _one_list_at_a_time:
        listing = await live.index.project_list()
        body, freshness = await threads.transfer(render, listing), listing.freshness
        del listing
        answer = await _page(request, body, content_type, freshness)
    await send_answer(request, answer, send)


async def project_page(
    live: LiveRepository, project: NormalizedName, request: Request, send: Send, *, html_only: bool
) -> None:
    content_type = (
        negotiation.HTML if html_only else negotiation.select(request.header(b"accept"), request.parameter("format"))
    )
    found = await live.index.project_page(project)
    render = simple_json.render_project if content_type == negotiation.JSON else simple_html.render_project
    # PEP 740 wants provenance addresses whole; file addresses stay relative, so that no Host header is reflected in them.
    base = _base(live, request)
    body = render(found, _relative_url, (lambda file: f"{base}{pypi.file_path(file)}.provenance") if base else None)
    await _send_page(request, body, content_type, found.freshness, send)


def _base(live: LiveRepository, request: Request) -> str:
    """The repository's whole address with a slash at the end, "" when the client's Host header cannot be one."""
    return f"{request.base_url}/repository/{live.row.name}/" if request.base_url else ""


def _relative_url(file: DistributionFile) -> str:
    """From ``simple/<project>/`` to the file; relative, so that no Host header is ever reflected."""
    return f"../../{pypi.file_path(file)}"


async def json_api(
    live: LiveRepository, project: NormalizedName, version: str | None, request: Request, send: Send
) -> None:
    found = await live.index.project_page(project)
    if found.status.status == "quarantined":
        raise NotFound("Not Found")
    chosen = version or legacy_json.latest_version(found)
    described = legacy_json.representative(found, chosen) if chosen else None
    metadata = await _metadata(live, described) if described is not None else None
    base = _base(live, request)
    body = legacy_json.render(found, version, metadata, lambda file: base + pypi.file_path(file))
    await _send_page(request, body, _JSON, found.freshness, send)


async def _metadata(live: LiveRepository, file: DistributionFile) -> bytes | None:
    try:
        source = await live.index.open_file(file, Part.METADATA)
    except NotFound:
        return None
    if isinstance(source, LocalFile):
        source = ByteStream.holding(source.path.read_bytes())
    if not isinstance(source, ByteStream) or (source.size or 0) > _METADATA_LIMIT:
        return None
    return b"".join([chunk async for chunk in source.chunks(0)])


async def _send_page(request: Request, body: bytes, content_type: str, freshness: Freshness, send: Send) -> None:
    await send_answer(request, await _page(request, body, content_type, freshness), send)


async def _page(request: Request, body: bytes, content_type: str, freshness: Freshness) -> Answer:
    label = f"{content_type}; charset=utf-8" if content_type.endswith("html") else content_type
    encoding = negotiation.choose_encoding(request.header(b"accept-encoding"))
    return await page(
        request, body=body, content_type=label, encoding=encoding, headers=page_headers(request, freshness)
    )


def page_headers(request: Request, freshness: Freshness) -> Headers:
    """Cache headers of a page. Whatever may change by an upload here is asked for each time (pip and uv obey)."""
    age = "no-cache" if not freshness.max_age else f"max-age={freshness.max_age}"
    headers: Headers = [(b"cache-control", f"{_scope()}, {age}".encode()), *cross_origin()]
    if freshness.stale:
        headers.append((b"warning", b'110 - "Response is Stale"'))
        headers.append((b"x-repoman-stale", freshness.reason.encode("ascii", "replace")[:200]))
    return headers


def cross_origin() -> Headers:
    """Readable from pages of other origins (micropip, JupyterLite) only where everybody may read anyway."""
    if not cacheable_by_anyone():
        return []
    return [(b"access-control-allow-origin", b"*")]


def _scope() -> str:
    return "public" if cacheable_by_anyone() else "private"


async def get_file(
    live: LiveRepository, question: pypi.GetFile, request: Request, receive: Receive, send: Send
) -> None:
    file = await find_file(live.index, question.project, question.filename)
    if question.part is Part.METADATA and file.core_metadata is None:
        raise NotFound(f"{file.filename} has no metadata file")
    head = _head(file, question.part)
    source: FileSource
    if not_modified(request, head):
        # Known from the page alone: nothing is opened, and nothing fetched from an upstream.
        await send_answer(request, Answer(status=304, etag=head.etag, headers=head.headers), send)
        return
    if request.method == "HEAD" and question.part is Part.FILE and file.size is not None:
        # The page knows the size: nothing is fetched from an upstream for a HEAD.
        source = ByteStream(file.size, ByteStream.holding(b"").chunks)
    else:
        source = await live.index.open_file(file, question.part)
    if isinstance(source, Redirect):
        headers = [*head.headers, (b"location", source.url.encode("ascii", "ignore"))]
        await send_answer(request, Answer(status=302, headers=headers), send)
        return
    await send_file(request, head, source, receive, send)


def _head(file: DistributionFile, part: Part) -> FileHead:
    if part is Part.PROVENANCE:
        headers: Headers = [(b"cache-control", f"{_scope()}, no-cache".encode()), *cross_origin()]
        return FileHead(content_type="application/vnd.pypi.integrity.v1+json", etag="", modified="", headers=headers)
    hashes = file.hashes if part is Part.FILE else file.core_metadata or {}
    # A client's copy of a file that may be replaced is compared by its ETag each time, else it would stay wrong for a year.
    age = "no-cache" if file.replaceable else f"max-age={IMMUTABLE}, immutable"
    headers = [(b"cache-control", f"{_scope()}, {age}".encode()), *cross_origin()]
    modified = format_datetime(file.upload_time.astimezone(UTC), usegmt=True) if file.upload_time else ""
    return FileHead(
        content_type="application/octet-stream",
        etag=f'"sha256:{hashes["sha256"]}"' if "sha256" in hashes else "",
        modified=modified,
        headers=headers,
    )
