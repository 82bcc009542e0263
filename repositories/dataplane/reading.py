"""Answers to reads: project page, file and side files, JSON API."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC
from email.utils import format_datetime

from repoman.toolbox import clock, threads
from repositories.dataplane.access import audience, cross_origin
from repositories.dataplane.answers import FILE
from repositories.dataplane.indexes import LiveRepository
from repositories.dataplane.kept import LARGEST_FILE, KeptAnswer, kept_file, send_kept
from repositories.dataplane.knowledge import knowledge
from repositories.dataplane.making import Keep, made, obtain
from repositories.dataplane.request import Headers, Receive, Request, Send
from repositories.dataplane.responses import (
    Answer,
    FileHead,
    not_modified,
    send_answer,
    send_file,
)
from repositories.domain.errors import NotFound
from repositories.domain.index import ByteStream, FileSource, LocalFile, Part, Redirect, listed_file
from repositories.domain.names import NormalizedName
from repositories.domain.page import DistributionFile, Freshness, earliest
from repositories.protocol import legacy_json, negotiation, pypi, simple_html, simple_json

IMMUTABLE = 365 * 24 * 3600
_JSON = "application/json"
_METADATA_LIMIT = 16 * 1024 * 1024
_RENDERED_HERE = 200  # files a page may have to be rendered on the event loop (some 10 µs each); more, in a thread

Made = tuple[bytes, Freshness]


async def project_page(
    live: LiveRepository, project: NormalizedName, request: Request, send: Send, *, html_only: bool
) -> None:
    content_type = (
        negotiation.HTML if html_only else negotiation.select(request.header(b"accept"), request.parameter("format"))
    )
    render = simple_json.render_project if content_type == negotiation.JSON else simple_html.render_project
    # PEP 740 wants provenance addresses whole; file addresses stay relative, so that no Host header is reflected in them.
    base = _base(live, request)
    provenance_url = (lambda file: f"{base}{pypi.file_path(file)}.provenance") if base else None

    async def make() -> Made:
        found = await live.index.project_page(project)
        if len(found.files) < _RENDERED_HERE:
            return render(found, _relative_url, provenance_url), found.freshness
        return await threads.transfer(render, found, _relative_url, provenance_url), found.freshness

    await _send_page(live, request, project, content_type, make, send)


def _base(live: LiveRepository, request: Request) -> str:
    """The repository's whole address with a slash at the end, "" when the client's Host header cannot be one."""
    return f"{request.base_url}/repository/{live.row.name}/" if request.base_url else ""


def _relative_url(file: DistributionFile) -> str:
    """From ``simple/<project>/`` to the file; relative, so that no Host header is ever reflected."""
    return f"../../{pypi.file_path(file)}"


async def json_api(
    live: LiveRepository, project: NormalizedName, version: str | None, request: Request, send: Send
) -> None:
    base = _base(live, request)

    async def make() -> Made:
        found = await live.index.project_page(project)
        if found.status.status == "quarantined":
            raise NotFound("Not Found")
        chosen = version or legacy_json.latest_version(found)
        described = legacy_json.representative(found, chosen) if chosen else None
        metadata = await _metadata(live, described) if described is not None else None
        body = legacy_json.render(found, version, metadata, lambda file: base + pypi.file_path(file))
        return body, found.freshness

    await _send_page(live, request, project, _JSON, make, send)


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


async def _send_page(
    live: LiveRepository,
    request: Request,
    project: str,
    content_type: str,
    make: Callable[[], Awaitable[Made]],
    send: Send,
) -> None:
    encoding = negotiation.choose_encoding(request.header(b"accept-encoding"))

    async def answer(keep: Keep) -> KeptAnswer:
        body, freshness = await make()
        return await made(live, body, content_type, encoding, freshness)

    kept = await obtain(live, project, request, (content_type, encoding, request.base_url), answer)
    await send_kept(request.method, request.headers.get(b"if-none-match"), kept, clock.now(), send)


async def get_file(
    live: LiveRepository, question: pypi.GetFile, request: Request, receive: Receive, send: Send
) -> None:
    subject = (live.row.id, question.project)
    stamp = knowledge.answers.stamp(subject)  # before anything is waited for: ``live`` is as old as this
    at_hand = await _file_at_hand(request)
    if at_hand is not None:
        await _send_found(request, *at_hand, receive, send)
        return
    page = await live.index.project_page(question.project)
    file = listed_file(page, question.filename, live.index.name)
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
    holds_until = earliest(page.freshness.holds_until, getattr(source, "holds_until", None))
    if isinstance(source, LocalFile) and holds_until is not None:
        source = await _with_content(source)
        kept = kept_file(live.target, head, source, holds_until)
        knowledge.answers.keep(request.whole_path, FILE, subject, stamp, kept)
    await send_file(request, head, source, receive, send)


async def _file_at_hand(request: Request) -> tuple[FileHead, LocalFile] | None:
    kept = knowledge.answers.find(request.whole_path, FILE)
    if kept is None or kept.file is None or not kept.holds(clock.now()):
        return None
    if kept.body is None and not await threads.transfer(kept.file[1].path.is_file):
        # The store has lost it; the long way knows what to do about that.
        knowledge.answers.forget_path(request.whole_path)
        return None
    return kept.file


async def _send_found(request: Request, head: FileHead, source: LocalFile, receive: Receive, send: Send) -> None:
    if not_modified(request, head):
        await send_answer(request, Answer(status=304, etag=head.etag, headers=head.headers), send)
    else:
        await send_file(request, head, source, receive, send)


async def _with_content(source: LocalFile) -> LocalFile:
    """With its bytes when they are few enough to be held."""
    if source.size > LARGEST_FILE:
        return source
    return replace(source, content=await threads.transfer(source.path.read_bytes))


def _head(file: DistributionFile, part: Part) -> FileHead:
    if part is Part.PROVENANCE:
        headers: Headers = [(b"cache-control", f"{audience()}, no-cache".encode()), *cross_origin()]
        return FileHead(content_type="application/vnd.pypi.integrity.v1+json", etag="", modified="", headers=headers)
    hashes = file.hashes if part is Part.FILE else file.core_metadata or {}
    # A client's copy of a file that may be replaced is compared by its ETag each time, else it would stay wrong for a year.
    age = "no-cache" if file.replaceable else f"max-age={IMMUTABLE}, immutable"
    headers = [(b"cache-control", f"{audience()}, {age}".encode()), *cross_origin()]
    modified = format_datetime(file.upload_time.astimezone(UTC), usegmt=True) if file.upload_time else ""
    return FileHead(
        content_type="application/octet-stream",
        etag=f'"sha256:{hashes["sha256"]}"' if "sha256" in hashes else "",
        modified=modified,
        headers=headers,
    )
