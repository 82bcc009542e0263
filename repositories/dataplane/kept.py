"""One answer at hand: its bytes, what is said of them, how long it holds, and how it is sent.

The bytes of an answer are made once (`reading.py`), kept (`answers.py`) and sent many times, from the request's long way or
from the short one (`quick.py`).
"""

from dataclasses import dataclass
from datetime import datetime

from accounts.permissions import Target
from repositories.dataplane.request import Headers, Send
from repositories.dataplane.responses import PROTECTION, FileHead, etag_matches, file_headers
from repositories.domain.index import LocalFile
from repositories.domain.page import Freshness

ENTRY_COST = 2048  # bytes an answer costs beside its body: headers, keys, objects
LARGEST_FILE = 64 * 1024  # a file up to here is held, bytes and all; above, only where it lies


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A long list of projects as it is kept: ``content`` in zstd; ``size`` and ``digest`` are of the plain bytes."""

    content: bytes
    size: int
    digest: str
    content_type: str
    freshness: Freshness


@dataclass(slots=True, kw_only=True)
class KeptAnswer:
    """An answer at hand; ``target`` is what one must be allowed to read to get it.

    ``headers`` are those of the whole answer (200), ``short_headers`` those of 304; the first of both is Cache-Control.
    ``holds_until`` as `Freshness` has it. ``max_age`` is the longest a client may be told to keep it, 0 when it has to ask
    each time; as ``holds_until`` comes nearer it is told less. ``file`` is set for a file: what is said of it and where it
    lies. ``packed`` is set for a long list of projects. ``body`` is None when it is too large to be held.
    """

    target: Target
    etag: bytes
    headers: Headers
    short_headers: Headers
    holds_until: datetime | None
    body: bytes | None = None
    max_age: int = 0
    file: tuple[FileHead, LocalFile] | None = None
    packed: Packed | None = None

    @property
    def cost(self) -> int:
        """Bytes of memory."""
        held = self.body if self.body is not None else self.packed.content if self.packed is not None else b""
        return ENTRY_COST + len(held)

    def holds(self, now: datetime) -> bool:
        return self.holds_until is not None and now < self.holds_until

    def head(self, if_none_match: bytes | None, now: datetime) -> tuple[int, Headers]:
        """Status and headers for a client that has ``if_none_match`` already."""
        changed = self._changed(if_none_match)
        headers = self.headers if changed else self.short_headers
        told = self._told(now)
        return (200 if changed else 304), [told, *headers[1:]] if told else headers

    def _changed(self, if_none_match: bytes | None) -> bool:
        return if_none_match is None or (
            if_none_match != self.etag and not etag_matches(if_none_match.decode("latin-1"), self.etag.decode())
        )

    def _told(self, now: datetime) -> tuple[bytes, bytes] | None:
        """The Cache-Control of an answer that holds for less than a client is usually told."""
        if not self.max_age or self.holds_until is None:
            return None
        left = int((self.holds_until - now).total_seconds())
        if left >= self.max_age:
            return None
        scope = self.headers[0][1].partition(b",")[0]
        return b"cache-control", scope + f", {_age(max(left, 0))}".encode()


def kept_page(
    target: Target,
    *,
    body: bytes,
    etag: str,
    content_type: str,
    encoding: str,
    freshness: Freshness,
    headers: Headers,
    length: int,
) -> KeptAnswer:
    """A page in one representation. ``body`` is encoded already; ``headers`` come from `page_headers`."""
    tag = etag.encode()
    short = [*headers, (b"vary", b"Accept, Accept-Encoding, Authorization"), (b"etag", tag)]
    full = [*short, *PROTECTION, (b"content-type", content_type.encode()), (b"content-length", str(length).encode())]
    if encoding:
        full.append((b"content-encoding", encoding.encode()))
    return KeptAnswer(
        target=target,
        etag=tag,
        headers=full,
        short_headers=short,
        holds_until=freshness.holds_until,
        body=body,
        max_age=freshness.max_age,
    )


def kept_file(target: Target, head: FileHead, source: LocalFile, holds_until: datetime | None) -> KeptAnswer:
    """A file of this machine; its bytes too when ``source`` has them."""
    tag = head.etag.encode()
    return KeptAnswer(
        target=target,
        etag=tag,
        headers=file_headers(head, source.size, None),
        short_headers=[*head.headers, *([(b"etag", tag)] if tag else [])],
        holds_until=holds_until,
        body=source.content,
        file=(head, source),
    )


def page_headers(freshness: Freshness, *, scope: str, rest: Headers) -> Headers:
    """Cache-Control first. Whatever may change by an upload here is asked for each time (pip and uv obey)."""
    headers: Headers = [(b"cache-control", f"{scope}, {_age(freshness.max_age)}".encode()), *rest]
    if freshness.stale:
        headers.append((b"warning", b'110 - "Response is Stale"'))
        headers.append((b"x-repoman-stale", freshness.reason.encode("ascii", "replace")[:200]))
    return headers


def _age(seconds: int) -> str:
    return f"max-age={seconds}" if seconds else "no-cache"


async def send_kept(method: str, if_none_match: bytes | None, kept: KeptAnswer, now: datetime, send: Send) -> None:
    """Send an answer whose bytes are held."""
    status, headers = kept.head(if_none_match, now)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    body = b"" if status == 304 or method == "HEAD" else kept.body
    await send({"type": "http.response.body", "body": body})
