"""Growth: the same questions to a server with 100 projects and to one with 100,000, in turn."""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from tests import live
from tests.benchmarks import load, measure
from tests.benchmarks.corpus import SMALL, Corpus
from tests.benchmarks.fill_database import Listed, fill
from tests.benchmarks.load import Target
from tests.benchmarks.measure import Runner
from tests.benchmarks.processes import CouldNotRun
from tests.benchmarks.results import Row, Sample, Unit
from tests.benchmarks.servers import repoman
from tests.benchmarks.servers.repoman import HOSTED, Repoman
from tests.benchmarks.targets import ASKED
from tests.benchmarks.world import World, headers_for

SMALLER, LARGER = 100, 100_000
NAMES = {SMALLER: "100 projects", LARGER: "100,000 projects"}
STARTS = 3


def measure_growth(world: World) -> None:
    folder = world.scratch("growth")
    tokens = {size: _filled(folder / str(size), size, world.corpus) for size in (SMALLER, LARGER)}
    with world.attempt("growth: start-up", required=True):
        row = _row(world, "growth.start", "start to the first page", "s")
        for _ in range(STARTS):
            for size, token in tokens.items():
                row.add(NAMES[size], Sample(repoman.seconds_to_page(folder / str(size), token, HOSTED, _name(0))))
    with ExitStack() as stack:
        servers = {
            size: stack.enter_context(repoman.running(folder / str(size), token=token))
            for size, token in tokens.items()
        }
        for kind in ("html", "json"):
            with world.attempt(f"growth: page in {kind}", required=True):
                _pages(world, servers, kind)
        for kind in ("html", "json"):
            with world.attempt(f"growth: root list in {kind}", required=True):
                _root(world, servers, kind)


def _row(world: World, key: str, what: str, unit: Unit) -> Row:
    return world.results.row(
        key, "growth", what, unit, base=NAMES[SMALLER], ours=NAMES[LARGER], asked=ASKED.get(key, ())
    )


def _name(number: int) -> str:
    return f"grown-{number:06}"


def _filled(folder: Path, size: int, corpus: Corpus) -> live.Token:
    """Make a server's data with as many projects of one file, all of the same bytes, while it does not run."""
    with repoman.running(folder) as server:
        token, environment = server.token, server.server.environment
    wheel = corpus.of(SMALL)[0]
    listed: list[Listed] = [
        (_name(number), "1.0", f"grown_{number:06}-1.0-py3-none-any.whl", str(wheel.path), wheel.metadata.decode())
        for number in range(size)
    ]
    fill(environment, folder, HOSTED, listed)
    return token


def _pages(world: World, servers: Mapping[int, Repoman], kind: str) -> None:
    """The latency of one connection, as the median of a window."""
    row = _row(world, f"growth.page.{kind}", f"small page, {kind.upper()}, gzip, 1 connection: median latency", "ms")
    runners = {}
    for size, server in servers.items():
        target = Target(server.port, server.page(_name(7)), {**headers_for(kind, "gzip"), **server.credentials})
        runners[size] = Runner(target, server.pid, mentions={b".whl": 1})
        load.prime(target, world.pace.prime)
    lengths = {size: len(measure.check(runner)[0].body) for size, runner in runners.items()}
    for number in range(world.pace.asked_rounds):
        for size in servers if number % 2 == 0 else reversed(list(servers)):
            got, cpu = measure.window(runners[size], 1, world.pace.window, lengths[size])
            row.add(NAMES[size], Sample(got.p50, p50=got.p50, p99=got.p99, cpu=cpu))


def _root(world: World, servers: Mapping[int, Repoman], kind: str) -> None:
    """The list of all projects, gzipped: the first time it is asked for, and again."""
    sizes = []
    first = _row(world, f"growth.root.{kind}.first", f"root list, {kind.upper()}, gzip, first time", "ms")
    again = _row(world, f"growth.root.{kind}.again", f"root list, {kind.upper()}, gzip, asked again", "ms")
    for size, server in servers.items():
        target = Target(
            server.port, f"/repository/{HOSTED}/simple/", {**headers_for(kind, "gzip"), **server.credentials}
        )
        for number in range(6):
            began = time.monotonic()
            answer = load.ask(target)
            took = (time.monotonic() - began) * 1000
            if answer.status != 200 or answer.plain.count(b"grown-") < size:
                raise CouldNotRun(f"the list was answered {answer.status}, or lacks projects")
            (again if number else first).add(NAMES[size], Sample(took))
        sizes.append(f"{len(answer.body):,} bytes of {len(answer.plain):,} with {size:,} projects")
    world.results.notes.append(f"The root list in {kind.upper()}, gzipped: {'; '.join(sizes)}.")
