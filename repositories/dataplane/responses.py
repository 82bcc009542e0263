"""Answers as ASGI messages: small bodies with ETag and compression, files with ranges, streams that may still grow."""

import asyncio
import gzip
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote

import zstandard
from django.conf import settings

from repoman.toolbox import threads
from repositories.dataplane.request import FILE_RANGE, Headers, Receive, Request, Send
from repositories.domain.index import ByteStream, LocalFile
from repositories.domain.ranges import ByteRange, Unsatisfiable, parse_range

INLINE_LIMIT = 256 * 1024  # up to here a file is one message; above, pathsend or chunks (measured)
COMPRESS_FROM = 1024
_IN_THREAD_FROM = 64 * 1024

# Repository content is data: nothing in it may run in a browser that opens it.
PROTECTION: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"sandbox; default-src 'none'"),
    (b"referrer-policy", b"no-referrer"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole body at hand. ``etag`` is quoted already; "" when the answer is not to be revalidated."""

    status: int = 200
    content_type: str = "text/plain; charset=utf-8"
    body: bytes = b""
    etag: str = ""
    headers: Headers = field(default_factory=list)


async def encoded(body: bytes, content_type: str, encoding: str) -> tuple[bytes, str, str]:
    """A page's body in a coding: the bytes, their quoted ETag, and the coding used ("" for a short body).

    The ETag is of the content and names the coding, since it is a strong one for exactly these bytes.
    """
    large = len(body) >= _IN_THREAD_FROM
    digest = await threads.transfer(_digest, body, content_type) if large else _digest(body, content_type)
    if not encoding or len(body) < COMPRESS_FROM:
        return body, f'"{digest}"', ""
    compress = _gzip if encoding == "gzip" else _zstd
    return (await threads.transfer(compress, body) if large else compress(body)), f'"{digest}-{encoding}"', encoding


def content_hasher(content_type: str) -> "hashlib.blake2b":
    """What makes the ETag of a page's plain bytes."""
    return hashlib.blake2b(content_type.encode(), digest_size=16)


def _digest(body: bytes, content_type: str) -> str:
    hasher = content_hasher(content_type)
    hasher.update(body)
    return hasher.hexdigest()


def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, 6, mtime=0)


def _zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3).compress(body)


def etag_matches(header: str | None, etag: str) -> bool:
    """If-None-Match: a list or ``*``, compared weakly (RFC 9110 §13.1.2)."""
    if header is None or not etag:
        return False
    candidates = [candidate.strip().removeprefix("W/") for candidate in header.split(",")]
    return "*" in candidates or etag in candidates


async def send_answer(request: Request, answer: Answer, send: Send) -> None:
    headers = [*answer.headers]
    if answer.status != 304:  # the client has the rest already (RFC 9110 §15.4.5)
        headers += PROTECTION
        headers.append((b"content-type", answer.content_type.encode()))
        headers.append((b"content-length", str(len(answer.body)).encode()))
    if answer.etag:
        headers.append((b"etag", answer.etag.encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    body = b"" if request.method == "HEAD" or answer.status == 304 else answer.body
    await send({"type": "http.response.body", "body": body})


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHead:
    """What is said of a file before its bytes: ``etag`` quoted or "", ``modified`` an HTTP date or ""."""

    content_type: str
    etag: str
    modified: str
    headers: Headers


async def send_file(
    request: Request, head: FileHead, source: LocalFile | ByteStream, receive: Receive, send: Send
) -> None:
    """Send a file or the one range asked for. Artifacts are never compressed: clients hash the bytes as sent."""
    if isinstance(source, LocalFile) and (location := _accelerated(request, source.path)):
        # nginx says itself that it does ranges, and would pass on a second word on it.
        said = [header for header in file_headers(head, None, None) if header[0] != b"accept-ranges"]
        headers = [*said, (b"x-accel-redirect", location)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body"})
        return
    size = source.size
    try:
        span = _span(request, head, size)
    except Unsatisfiable:
        answer = Answer(
            status=416,
            body=b"The range lies outside the file\n",
            headers=[(b"content-range", f"bytes */{size}".encode()), (b"accept-ranges", b"bytes")],
        )
        await send_answer(request, answer, send)
        return
    await send(
        {"type": "http.response.start", "status": 206 if span else 200, "headers": file_headers(head, size, span)}
    )
    if request.method == "HEAD":
        await send({"type": "http.response.body"})
    elif isinstance(source, LocalFile):
        await _send_local(request, source, span, receive, send)
    else:
        await send_chunks(_stream(source, span), receive, send)


def _accelerated(request: Request, path: Path) -> bytes:
    """Where nginx finds a file of the data folder's blobs; it does ranges and HEAD as well. b"" when it does not."""
    blobs = settings.DATA_DIR / "blobs"
    if not request.accel or not path.is_relative_to(blobs):
        return b""
    return (request.accel + quote(path.relative_to(blobs).as_posix())).encode()


def not_modified(request: Request, head: FileHead) -> bool:
    if request.header(b"if-none-match") is not None:
        return etag_matches(request.header(b"if-none-match"), head.etag)
    since = request.header(b"if-modified-since")
    return bool(since and head.modified and _same_or_later(since, head.modified))


def _same_or_later(left: str, right: str) -> bool:
    try:
        return parsedate_to_datetime(left) >= parsedate_to_datetime(right)
    except (ValueError, TypeError, OverflowError):  # the last for years and zones beyond all numbers
        return False


def _span(request: Request, head: FileHead, size: int | None) -> ByteRange | None:
    """The range to send, None for the whole file. A range that If-Range no longer fits counts as not asked for."""
    header = request.header(b"range")
    if header is None or size is None or request.method != "GET":
        return None
    condition = request.header(b"if-range")
    if condition is not None and condition.strip() not in (head.etag, head.modified):
        return None
    return parse_range(header, size)


def file_headers(head: FileHead, size: int | None, span: ByteRange | None) -> Headers:
    headers = [*head.headers, *PROTECTION, (b"content-type", head.content_type.encode()), (b"accept-ranges", b"bytes")]
    if head.etag:
        headers.append((b"etag", head.etag.encode()))
    if head.modified:
        headers.append((b"last-modified", head.modified.encode()))
    if span is not None:
        headers.append((b"content-range", f"bytes {span.first}-{span.last}/{size}".encode()))
        headers.append((b"content-length", str(span.length).encode()))
    elif size is not None:
        headers.append((b"content-length", str(size).encode()))
    return headers


async def _send_local(
    request: Request, source: LocalFile, span: ByteRange | None, receive: Receive, send: Send
) -> None:
    start, length = (span.first, span.length) if span else (0, source.size)
    if source.content is not None:
        await send({"type": "http.response.body", "body": source.content[start : start + length]})
    elif length <= INLINE_LIMIT:
        body = await threads.transfer(_read, source.path, start, length)
        await send({"type": "http.response.body", "body": body})
    elif span is None and request.pathsend:
        await send({"type": "http.response.pathsend", "path": str(source.path)})
    elif request.filerange:
        await send({"type": FILE_RANGE, "path": str(source.path), "start": start, "end": start + length})
    else:
        await send_chunks(_local_chunks(source.path, start, length), receive, send)


def _read(path: Path, start: int, length: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(start)
        return file.read(length)


async def _local_chunks(path: Path, start: int, length: int) -> AsyncIterator[bytes]:
    end = start + length
    while start < end:
        chunk = await threads.transfer(_read, path, start, min(INLINE_LIMIT, end - start))
        if not chunk:
            return
        start += len(chunk)
        yield chunk


async def _stream(source: ByteStream, span: ByteRange | None) -> AsyncIterator[bytes]:
    left = span.length if span else None
    async for chunk in source.chunks(span.first if span else 0):
        if left is None:
            yield chunk
            continue
        yield chunk[:left]
        left -= min(left, len(chunk))
        if not left:
            return


async def send_chunks(chunks: AsyncIterator[bytes], receive: Receive, send: Send) -> None:
    """Send until the end or until the client is gone, which only ``receive`` tells: ``send`` never fails."""
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        async for chunk in chunks:
            if gone.done():
                return
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body"})
    finally:
        gone.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
