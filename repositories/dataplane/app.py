"""The data plane's ASGI application. A request passes, in this order:

1. `quick.py` answers at once where the answer is at hand; else `request.py` reads the scope
2. `knowledge.py` is brought up to date, `access.py` says who asks; strangers stop here when reading needs a sign-in
3. `protocol/pypi.py` turns the path into a question, `indexes.py` builds the live index; `access.py` says whether it may be asked
4. `reading.py`, `listing.py`, `uploads.py` or `search.py` answers it
5. what goes wrong on the way is an error of `domain/errors.py`, and `errors.py` makes it a status
"""

import logging
import secrets

from accounts.identity import Identity
from accounts.permissions import Action
from repoman.toolbox import clock
from repositories.dataplane import access, listing, quick, reading, search, uploads
from repositories.dataplane.errors import answer_for, unexpected
from repositories.dataplane.indexes import LiveRepository
from repositories.dataplane.kept import KeptAnswer, send_kept
from repositories.dataplane.knowledge import knowledge
from repositories.dataplane.request import Message, Receive, Request, Scope, Send
from repositories.dataplane.responses import Answer, send_answer
from repositories.domain.errors import MethodNotAllowed, RepositoryError
from repositories.domain.names import printable
from repositories.protocol import pypi

logger = logging.getLogger(__name__)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one HTTP request below ``/repository/``."""
    if not await at_once(scope, send):
        await long_way(scope, receive, send)


async def at_once(scope: Scope, send: Send) -> bool:
    """Answer a request whose answer is at hand; False when it is not and nothing was done."""
    headers = dict(scope["headers"])
    kept = _at_hand(scope, headers)
    if kept is None:
        return False
    await send_kept(scope["method"], headers.get(b"if-none-match"), kept, clock.now(), send)
    return True


async def long_way(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request, whatever it takes."""
    request = Request.from_scope(scope)
    state = _Sending(send)
    try:
        await _answer(request, receive, state)
    except RepositoryError as error:
        if state.started:
            logger.warning("%s: answer cut off: %s", request.repository, error)
            raise
        await send_answer(request, answer_for(error, request), send)
    except Exception:
        error_id = secrets.token_hex(4)
        logger.exception("error %s at %s in %s", error_id, request.method, printable(request.repository))
        if state.started:
            raise
        await send_answer(request, unexpected(request, error_id), send)


def _at_hand(scope: Scope, headers: dict[bytes, bytes]) -> KeptAnswer | None:
    # A header that comes twice, a query and a path that is not there as sent are for the long way.
    if scope.get("query_string") or not scope.get("raw_path") or len(headers) != len(scope["headers"]):
        return None
    if scope["method"] not in ("GET", "HEAD"):
        return None
    return quick.find(scope["raw_path"], scope.get("scheme", "http"), headers)


class _Sending:
    """Remembers whether the answer has begun: after that an error can only cut the connection, never end it cleanly."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    async def __call__(self, message: Message) -> None:
        self.started = True
        await self._send(message)


async def _answer(request: Request, receive: Receive, send: Send) -> None:
    if request.method == "OPTIONS":
        await send_answer(request, _options(), send)
        return
    question = pypi.parse(request.path)
    await knowledge.catch_up()
    identity = await access.identify(request, knowledge.beat)
    # Before a repository is even looked up, so that strangers cannot tell which names exist.
    access.refuse_strangers(identity)
    live = knowledge.live(request.repository) or await knowledge.open(request.repository)
    if request.reads:
        await _read(live, identity, question, request, receive, send)
    elif request.method == "POST":
        await _post(live, identity, question, request, receive, send)
    else:
        raise MethodNotAllowed(f"{printable(request.method)} is not known here")


async def _read(
    live: LiveRepository, identity: Identity, question: pypi.Question, request: Request, receive: Receive, send: Send
) -> None:
    access.require(identity, Action.READ, live.target)
    match question:
        case pypi.ListProjects():
            await listing.project_list(live, request, receive, send)
        case pypi.ShowProject(project, html_only):
            await reading.project_page(live, project, request, send, html_only=html_only)
        case pypi.GetFile():
            await reading.get_file(live, question, request, receive, send)
        case pypi.GetJson(project, version):
            await reading.json_api(live, project, version, request, send)
        case pypi.Elsewhere(location):
            await send_answer(request, _redirect(live, location, request), send)
        case pypi.TakeUpload() | pypi.TakeSearch():
            raise MethodNotAllowed(
                f"This is where {live.row.name} takes uploads; "
                f"to install, use {request.base_url}/repository/{live.row.name}/simple/"
            )


async def _post(
    live: LiveRepository, identity: Identity, question: pypi.Question, request: Request, receive: Receive, send: Send
) -> None:
    match question:
        case pypi.TakeUpload():
            access.require(identity, Action.READ, live.target)
            if live.writable is None:
                raise MethodNotAllowed(f"{live.row.name} takes no uploads; upload to a hosted repository")
            access.require(identity, Action.ADD, live.target)
            await uploads.take_upload(live, live.writable, identity, request, receive, send)
        case pypi.TakeSearch():
            access.require(identity, Action.READ, live.target)
            await search.take_search(live, request, receive, send)
        case _:
            raise MethodNotAllowed(f"Nothing is taken here; upload to {request.base_url}/repository/{live.row.name}/")


def _redirect(live: LiveRepository, location: str, request: Request) -> Answer:
    """To the page's own address, on the same host and with the query kept."""
    query = f"?{request.query}" if request.query else ""
    target = f"/repository/{live.row.name}/{location}{query}"
    headers = [(b"location", target.encode("latin-1", "replace")), (b"cache-control", b"no-cache")]
    return Answer(status=301, headers=headers)


def _options() -> Answer:
    headers = [(b"allow", b"GET, HEAD, POST, OPTIONS")]
    if access.readable_by_anyone():
        headers += [
            *access.cross_origin(),
            (b"access-control-allow-methods", b"GET"),
            (
                b"access-control-allow-headers",
                b"Content-Type, If-Match, If-Modified-Since, If-None-Match, If-Unmodified-Since",
            ),
            (b"access-control-max-age", b"86400"),
        ]
    return Answer(status=200, headers=headers)
