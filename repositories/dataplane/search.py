"""XML-RPC search over what lies in this server: hosted projects and cached ones, as far as the rules let them through."""

import functools
from dataclasses import replace

from repoman.toolbox import clock, threads
from repositories import queries
from repositories.dataplane.indexes import LiveRepository
from repositories.dataplane.request import Receive, Request, Send
from repositories.dataplane.responses import Answer, send_answer
from repositories.domain.filtering import Context, Filter, Verdict, first_refusal
from repositories.domain.names import NormalizedName
from repositories.protocol import xmlrpc
from repositories.recipe import RepositoryRow, recipes

MAX_HITS = 100


async def take_search(live: LiveRepository, request: Request, receive: Receive, send: Send) -> None:
    try:
        query = xmlrpc.parse_search(await _body(receive))
        body = xmlrpc.render_hits(await threads.database(_hits, live.row, query))
    except xmlrpc.XmlRpcFault as fault:
        body = xmlrpc.render_fault(fault)
    await send_answer(request, Answer(content_type=xmlrpc.CONTENT_TYPE, body=body), send)


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > xmlrpc.MAX_BODY:
            raise xmlrpc.XmlRpcFault(xmlrpc.PARSE_ERROR, "The request is too large")
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return bytes(body)


def _hits(row: RepositoryRow, query: xmlrpc.SearchQuery) -> list[xmlrpc.SearchHit]:
    found: dict[NormalizedName, xmlrpc.SearchHit] = {}
    # Hosted repositories first: a name they own is theirs, whatever a proxy has cached of it.
    for repository in sorted(_visible(row), key=lambda visible: visible.recipe not in _hosted()):
        context = Context(repository=repository.name, now=clock.now())
        for name, summary, version in queries.local_projects(repository.id):
            if name in found or not query.matches(name, summary):
                continue
            judge = functools.partial(_judge, name, context)
            if first_refusal(repository.filters, judge, repository.name) is None:
                found[name] = xmlrpc.SearchHit(name=name, version=version, summary=summary)
    return sorted(found.values(), key=lambda hit: hit.name)[:MAX_HITS]


def _judge(name: NormalizedName, context: Context, rule: Filter) -> Verdict:
    return rule.judge_project(name, context)


def _hosted() -> set[str]:
    return {key for key, recipe in recipes().items() if recipe.type == "hosted"}


def _visible(row: RepositoryRow) -> list[RepositoryRow]:
    """The repository and the members below it, each judged by the rules of all groups above it as well."""
    inner = [member for child in row.members if child.online for member in _visible(child)]
    return [row] if not inner else [_with_rules(member, row) for member in inner]


def _with_rules(member: RepositoryRow, group: RepositoryRow) -> RepositoryRow:
    return replace(member, filters=member.filters + group.filters)
