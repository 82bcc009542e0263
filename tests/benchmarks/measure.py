"""Windows of load in turn: the base and this server alternately, so that what disturbs one disturbs the other as well."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.benchmarks import load
from tests.benchmarks.load import Answer, Load, Target
from tests.benchmarks.processes import CouldNotRun, cpu_seconds
from tests.benchmarks.results import Row, Sample

LARGE = 10_000_000  # bytes; such an answer is not asked for before the windows begin
HEAVY_ANSWER = 0.5  # seconds; from here on a server is asked only a few times before its windows
SLOW_ANSWER = 0.1  # seconds; from here on a window is longer, else it holds too few answers


@dataclass(frozen=True)
class Pace:
    """How often and how long: rows with a number to reach get more rounds; ``window`` is in whole seconds, as wrk takes them."""

    rounds: int = 4
    asked_rounds: int = 7
    peer_rounds: int = 3
    window: int = 1
    slow_window: int = 4
    prime: int = 16


@dataclass(frozen=True)
class Runner:
    """A server in a cell: what to ask, which process tree to charge, and what the answer must be.

    ``content`` is the exact body, None where the server renders its own page; then ``mentions`` counts texts in it.
    """

    target: Target
    pid: int
    status: int = 200
    content: bytes | None = None
    mentions: Mapping[bytes, int] = field(default_factory=dict)


def check(runner: Runner) -> tuple[Answer, float]:
    """Ask once and look at the answer. Returns it with the seconds it took. Raises CouldNotRun."""
    began = time.monotonic()
    answer = load.ask(runner.target)
    took = time.monotonic() - began
    if answer.status != runner.status:
        raise CouldNotRun(f"it answered {answer.status} where {runner.status} was expected")
    if runner.content is not None and answer.body != runner.content:
        raise CouldNotRun(f"it answered {len(answer.body)} bytes that are not the {len(runner.content)} expected")
    for text, least in runner.mentions.items():
        if answer.plain.count(text) < least:
            raise CouldNotRun(f"its page has fewer than {least} files")
    return answer, took


def window(runner: Runner, connections: int, seconds: int, size: int) -> tuple[Load, float]:
    """One window of load; returns it with the processor time a request in µs. Raises CouldNotRun on any wrong answer."""
    before = cpu_seconds(runner.pid)
    got = load.run(runner.target, connections, seconds)
    spent = cpu_seconds(runner.pid) - before
    if got.errors:
        raise CouldNotRun(f"{got.errors} of {got.requests} requests failed under load")
    # What is under way at the end counts in bytes, not in requests; headers are allowed 2 KB.
    if not got.requests * size <= got.bytes <= got.requests * (size + 2048) + connections * (size + 2048):
        raise CouldNotRun("its answers under load have another size than the one looked at")
    return got, spent / max(got.requests, 1) * 1e6


def sample(row: Row, runner: Runner, connections: int, seconds: int, size: int) -> Sample:
    got, cpu = window(runner, connections, seconds, size)
    if row.unit == "req/s" and not got.requests:
        raise CouldNotRun(f"not one answer within {seconds} s")
    value = got.rate if row.unit == "req/s" else got.megabytes
    return Sample(value, p50=got.p50, p99=got.p99, cpu=cpu if got.requests else None)


def in_turn(row: Row, base: Runner, ours: Runner, connections: int, pace: Pace) -> None:
    """Base and ours alternately, each first every second round. Raises CouldNotRun."""
    sizes, seconds = {}, {}
    for name, runner in ((row.base, base), (row.ours, ours)):
        answer, took = check(runner)
        sizes[name] = len(answer.body)
        if len(answer.body) < LARGE:
            load.prime(runner.target, pace.prime if took < HEAVY_ANSWER else 4)
            _, took = check(runner)
        seconds[name] = pace.slow_window if took > SLOW_ANSWER and row.unit == "req/s" else pace.window
    pair = [(row.base, base), (row.ours, ours)]
    for number in range(pace.asked_rounds if row.asked else pace.rounds):
        for name, runner in pair if number % 2 == 0 else reversed(pair):
            row.add(name, sample(row, runner, connections, seconds[name], sizes[name]))


def alone(row: Row, name: str, runner: Runner, connections: int, pace: Pace) -> None:
    """A peer's windows; longer ones where an answer takes long. Raises CouldNotRun."""
    answer, took = check(runner)
    if len(answer.body) < LARGE:
        load.prime(runner.target, pace.prime if took < HEAVY_ANSWER else 4)
    _, took = check(runner)
    slow = took > SLOW_ANSWER and row.unit == "req/s"
    for _ in range(1 if slow else pace.peer_rounds):
        row.add(name, sample(row, runner, connections, pace.slow_window if slow else pace.window, len(answer.body)))
