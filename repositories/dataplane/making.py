"""Making an answer once: who asks for the same at the same time shares one making, and what holds is kept."""

from collections.abc import Awaitable, Callable

from repoman.toolbox import clock
from repositories.dataplane.access import audience, cross_origin
from repositories.dataplane.answers import Variant
from repositories.dataplane.indexes import LiveRepository
from repositories.dataplane.kept import KeptAnswer, kept_page, page_headers
from repositories.dataplane.knowledge import knowledge
from repositories.dataplane.request import Request
from repositories.dataplane.responses import encoded
from repositories.domain.page import Freshness
from repositories.upstream.flights import Flights

Keep = Callable[[Variant, KeptAnswer], None]

_makings = Flights()


async def obtain(
    live: LiveRepository,
    project: str,
    request: Request,
    variant: Variant,
    make: Callable[[Keep], Awaitable[KeptAnswer]],
) -> KeptAnswer:
    """The answer to ``request`` in ``variant``: the kept one while it holds, else what ``make`` makes, which is then kept.

    ``project`` is the page's ("": the list of projects). ``make`` is given a function that keeps more than it returns.
    """
    path = request.whole_path
    kept = knowledge.answers.find(path, variant)
    if kept is not None and kept.holds(clock.now()):
        return kept
    subject = (live.row.id, project)
    stamp = knowledge.answers.stamp(subject)

    def keep(other: Variant, answer: KeptAnswer) -> None:
        if answer.holds_until is not None:
            knowledge.answers.keep(path, other, subject, stamp, answer)

    async def make_and_keep() -> KeptAnswer:
        answer = await make(keep)
        keep(variant, answer)
        return answer

    # With the stamp in its key a making that was overtaken by a write is not shared with those who come after it.
    return await _makings.share((path, variant, stamp), make_and_keep)


async def made(live: LiveRepository, body: bytes, content_type: str, encoding: str, freshness: Freshness) -> KeptAnswer:
    """A page's answer from its bytes; ``encoding`` is what the client likes best."""
    label = labelled(content_type)
    coded, etag, encoding = await encoded(body, label, encoding)
    return answer_of(
        live, body=coded, etag=etag, content_type=label, encoding=encoding, freshness=freshness, length=len(coded)
    )


def answer_of(
    live: LiveRepository, *, body: bytes, etag: str, content_type: str, encoding: str, freshness: Freshness, length: int
) -> KeptAnswer:
    """A page's answer from what is to be sent; ``content_type`` as `labelled` gives it."""
    headers = page_headers(freshness, scope=audience(), rest=cross_origin())
    return kept_page(
        live.target,
        body=body,
        etag=etag,
        content_type=content_type,
        encoding=encoding,
        freshness=freshness,
        headers=headers,
        length=length,
    )


def labelled(content_type: str) -> str:
    """As it stands in the header: HTML says its character set."""
    return f"{content_type}; charset=utf-8" if content_type.endswith("html") else content_type
