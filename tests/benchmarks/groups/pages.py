"""Pages: small and of 2,000 files, HTML and JSON, identity, gzip and 304, few and many connections, token and anonymous."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.benchmarks import load, measure
from tests.benchmarks.corpus import HUGE, SMALL
from tests.benchmarks.load import Target
from tests.benchmarks.measure import Runner
from tests.benchmarks.processes import CouldNotRun
from tests.benchmarks.servers.peer import Peer
from tests.benchmarks.servers.repoman import GROUP, HOSTED, Repoman
from tests.benchmarks.targets import ASKED
from tests.benchmarks.world import World, headers_for

PROJECTS = {"small": SMALL, "huge": HUGE}
FILES = {"small": 3, "huge": 2000}


@dataclass(frozen=True)
class Cell:
    """A question about pages. ``coding`` is "identity", "gzip" or "304"; ``peers`` says whether the others are asked too."""

    page: str
    kind: str
    coding: str
    connections: int
    access: str = "token"
    peers: bool = False

    @property
    def key(self) -> str:
        return f"page.{self.page}.{self.kind}.{self.coding}.{self.connections}.{self.access}"

    @property
    def what(self) -> str:
        page = {"small": "small page", "huge": "page of 2,000 files"}[self.page]
        who = {"token": "user token", "anonymous": "anonymous"}[self.access]
        many = f"{self.connections} connection{'s' if self.connections > 1 else ''}"
        return f"{page}, {self.kind.upper()}, {self.coding}, {who}, {many}"


def cells(quick: bool) -> Iterator[Cell]:
    """Those with a user token. 64 connections for small pages and 16 for large ones are what is asked for."""
    if quick:
        yield Cell("small", "html", "identity", 64, peers=True)
        yield Cell("small", "json", "gzip", 64, peers=True)
        yield Cell("small", "json", "304", 16)
        yield Cell("huge", "html", "gzip", 16, peers=True)
        yield Cell("huge", "json", "gzip", 16, peers=True)
        yield Cell("huge", "json", "304", 16)
        return
    for kind in ("html", "json"):
        for connections in (1, 16, 64):
            for coding in ("identity", "gzip", "304"):
                asked = connections == 64 and coding != "304"
                yield Cell("small", kind, coding, connections, peers=asked or (connections == 1 and coding == "gzip"))
        for connections in (1, 16, 64):
            for coding in ("identity", "gzip", "304") if connections == 16 else ("gzip",):
                yield Cell("huge", kind, coding, connections, peers=connections == 16 and coding == "gzip")


def measure_pages(world: World) -> None:
    for cell in cells(world.quick):
        row = world.results.row(cell.key, "pages", cell.what, "req/s", asked=ASKED.get(cell.key, ()))
        with world.attempt(cell.what, required=True):
            reference, ours = runners(world, world.ours, cell)
            measure.in_turn(row, reference, ours, cell.connections, world.pace)
        if not cell.peers:
            continue
        for peer in world.peers:
            with world.attempt(f"{peer.name}: {cell.what}"):
                measure.alone(row, peer.name, _of_peer(peer, cell), cell.connections, world.pace)


def measure_anonymous(world: World) -> None:
    """The same data with reading open to everybody, a setting that needs a start of its own."""
    with world.second_start(REPOMAN_ANONYMOUS_READ="on") as ours:
        for page, connections in (("small", 64), ("huge", 16)):
            for kind in ("html", "json"):
                cell = Cell(page, kind, "gzip", connections, access="anonymous")
                row = world.results.row(cell.key, "pages", cell.what, "req/s")
                with world.attempt(cell.what, required=True):
                    reference, runner = runners(world, ours, cell)
                    measure.in_turn(row, reference, runner, connections, world.pace)


def measure_group(world: World) -> None:
    """The same page through a group of ten members and from the one repository, in turn."""
    key, what = "group.small.json.gzip.16", "small page through a group of 10 members, JSON, gzip, 16 connections"
    row = world.results.row(
        key, "pages", what, "req/s", base="one repository", ours="group of 10", asked=ASKED.get(key, ())
    )
    ours = world.ours
    headers = {**headers_for("json", "gzip"), **ours.credentials}
    mentions = {b".whl": FILES["small"]}
    one, ten = (
        Runner(Target(ours.port, ours.page(SMALL, repository), headers), ours.pid, mentions=mentions)
        for repository in (HOSTED, GROUP)
    )
    with world.attempt(what, required=True):
        measure.in_turn(row, one, ten, 16, world.pace)


def runners(world: World, ours: Repoman, cell: Cell) -> tuple[Runner, Runner]:
    """nginx and this server for one cell; both must answer the very same bytes. Raises CouldNotRun."""
    project = PROJECTS[cell.page]
    credentials = ours.credentials if cell.access == "token" else {}
    made = []
    for port, path, pid, more in (
        (world.reference.port, f"/simple/{project}/", world.reference.pid, {}),
        (ours.port, ours.page(project), ours.pid, credentials),
    ):
        headers = {**headers_for(cell.kind, "gzip" if cell.coding == "304" else cell.coding), **more}
        answer = load.ask(Target(port, path, headers))
        if cell.coding == "304":
            headers["If-None-Match"] = answer.headers.get("etag", "")
            made.append((Runner(Target(port, path, headers), pid, status=304, content=b""), answer))
        else:
            made.append((Runner(Target(port, path, headers), pid, content=answer.body), answer))
    (reference, static), (own, served) = made
    if static.plain != served.plain:
        raise CouldNotRun("nginx and this server do not answer the same bytes")
    return reference, own


def _of_peer(peer: Peer, cell: Cell) -> Runner:
    if cell.kind == "json" and not peer.json:
        raise CouldNotRun("it has no JSON pages")
    headers = {**headers_for(cell.kind, cell.coding), **peer.headers}
    return Runner(
        Target(peer.port, peer.page(PROJECTS[cell.page]), headers), peer.pid, mentions={b".whl": FILES[cell.page]}
    )
