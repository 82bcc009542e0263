"""The list of projects, which may have a million names.

A short list is a page like others. A long one is rendered in parts straight into its compressed form and kept like that,
a tenth of its size; whoever wants it plain gets it unpacked on the way, part by part. So neither making it nor a slow
reader holds all of it in memory, and it is made once for all codings.
"""

import asyncio
import weakref
import zlib
from collections.abc import AsyncIterator, Iterable

import zstandard

from repoman.toolbox import clock, threads
from repositories.dataplane.indexes import LiveRepository
from repositories.dataplane.kept import KeptAnswer, Packed, send_kept
from repositories.dataplane.knowledge import knowledge
from repositories.dataplane.making import Keep, answer_of, labelled, made, obtain
from repositories.dataplane.request import Receive, Request, Send
from repositories.dataplane.responses import content_hasher, send_chunks
from repositories.domain.page import Freshness
from repositories.protocol import negotiation, simple_html, simple_json

LIST_OF_PROJECTS = ""
LONG = 20_000  # names
_PART = 256 * 1024
_turns: weakref.WeakValueDictionary[int, asyncio.Lock] = weakref.WeakValueDictionary()


async def project_list(live: LiveRepository, request: Request, receive: Receive, send: Send) -> None:
    content_type = negotiation.select(request.header(b"accept"), request.parameter("format"))
    encoding = negotiation.choose_encoding(request.header(b"accept-encoding"))

    async def make(keep: Keep) -> KeptAnswer:
        # One at a time: a public index's list takes seconds to make. Others' lists do not wait for an upstream that hangs.
        async with _turns.setdefault(live.row.id, asyncio.Lock()):
            at_hand = knowledge.answers.find(request.whole_path, (content_type, "zstd", request.base_url))
            if at_hand is not None and at_hand.packed is not None and at_hand.holds(clock.now()):
                return await _in_coding(live, at_hand.packed, encoding)
            listing = await live.index.project_list()
            render = simple_json.render_root if content_type == negotiation.JSON else simple_html.render_root
            if len(listing.projects) <= LONG:
                body = await threads.transfer(b"".join, render(listing))
                return await made(live, body, content_type, encoding, listing.freshness)
            packed = await threads.transfer(_pack, render(listing), labelled(content_type), listing.freshness)
            keep((content_type, "zstd", request.base_url), await _in_coding(live, packed, "zstd"))
            return await _in_coding(live, packed, encoding)

    answer = await obtain(live, LIST_OF_PROJECTS, request, (content_type, encoding, request.base_url), make)
    if answer.body is not None:
        await send_kept(request.method, request.headers.get(b"if-none-match"), answer, clock.now(), send)
        return
    assert answer.packed is not None  # what has no body is packed
    status, headers = answer.head(request.headers.get(b"if-none-match"), clock.now())
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if status == 304 or request.method == "HEAD":
        await send({"type": "http.response.body"})
    else:
        await send_chunks(_unpacked(answer.packed), receive, send)


def _pack(parts: Iterable[bytes], content_type: str, freshness: Freshness) -> Packed:
    compressor = zstandard.ZstdCompressor(level=3).compressobj()
    hasher, size, packed = content_hasher(content_type), 0, bytearray()
    for part in parts:
        hasher.update(part)
        size += len(part)
        packed += compressor.compress(part)
    packed += compressor.flush()
    return Packed(
        content=bytes(packed), size=size, digest=hasher.hexdigest(), content_type=content_type, freshness=freshness
    )


async def _in_coding(live: LiveRepository, packed: Packed, encoding: str) -> KeptAnswer:
    """The list in a coding: ``zstd`` as it is kept, ``gzip`` packed anew, "" without a body, to be unpacked when sent."""
    body = {"zstd": packed.content, "": b""}.get(encoding)
    if body is None:
        body = await threads.transfer(_gzip, packed)
    answer = answer_of(
        live,
        body=body,
        etag=f'"{packed.digest}{"-" + encoding if encoding else ""}"',
        content_type=packed.content_type,
        encoding=encoding,
        freshness=packed.freshness,
        length=len(body) if encoding else packed.size,
    )
    answer.packed = packed
    if not encoding:
        answer.body = None
    return answer


def _gzip(packed: Packed) -> bytes:
    compressor = zlib.compressobj(6, wbits=31)  # with gzip's head and tail
    source = zstandard.ZstdDecompressor().read_to_iter(packed.content, write_size=_PART)
    return b"".join([compressor.compress(part) for part in source]) + compressor.flush()


async def _unpacked(packed: Packed) -> AsyncIterator[bytes]:
    parts = iter(zstandard.ZstdDecompressor().read_to_iter(packed.content, write_size=_PART))
    while (part := await threads.transfer(next, parts, b"")) != b"":
        yield part
