"""What a run found: rows of samples by server, medians, paired ratios, and what could not be measured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Literal

OURS = "repoman"
NGINX = "nginx"
Unit = Literal["req/s", "MB/s", "ms", "s", "MB"]
MORE_IS_BETTER = ("req/s", "MB/s")


@dataclass(frozen=True)
class Sample:
    """One measurement in the row's unit; with load also latencies in ms and processor time a request in µs."""

    value: float
    p50: float | None = None
    p99: float | None = None
    cpu: float | None = None


@dataclass(frozen=True)
class Ask:
    """A number to reach: a ratio to ``against`` ("nginx", "best peer", or a row's own other server) or a plain value."""

    against: str
    limit: float
    at_least: bool

    def reached(self, number: float) -> bool:
        return number >= self.limit if self.at_least else number <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}{' of ' + self.against if self.against else ''}"


@dataclass
class Row:
    """One thing that was measured. The samples of ``ours`` and ``base`` were taken in turn, so they pair by position."""

    key: str
    group: str
    what: str
    unit: Unit
    base: str = NGINX
    ours: str = OURS
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    asked: tuple[Ask, ...] = ()

    def add(self, server: str, sample: Sample) -> None:
        self.samples.setdefault(server, []).append(sample)

    def value(self, server: str) -> float | None:
        taken = self.samples.get(server)
        return median(sample.value for sample in taken) if taken else None

    def detail(self, server: str, name: Literal["p50", "p99", "cpu"]) -> float | None:
        """Median of a further number of the samples."""
        found = [number for sample in self.samples.get(server, ()) if (number := getattr(sample, name)) is not None]
        return median(found) if found else None

    @property
    def ratio(self) -> float | None:
        """Ours to the base: the median of the paired ratios, which a noisy neighbour disturbs less than the medians."""
        pairs = list(zip(self.samples.get(self.ours, ()), self.samples.get(self.base, ()), strict=False))
        found = [ours.value / base.value for ours, base in pairs if base.value]
        return median(found) if found else None

    @property
    def peers(self) -> dict[str, float]:
        known = (self.ours, self.base, OURS, NGINX)
        return {
            server: value
            for server in self.samples
            if server not in known and (value := self.value(server)) is not None
        }

    @property
    def best_peer(self) -> str | None:
        values = self.peers
        if not values:
            return None
        return (max if self.unit in MORE_IS_BETTER else min)(values, key=lambda server: values[server])

    @property
    def peer_ratio(self) -> float | None:
        """Ours to the best peer."""
        best, ours = self.best_peer, self.value(self.ours)
        return ours / self.peers[best] if best is not None and ours is not None and self.peers[best] else None

    def number_for(self, ask: Ask) -> float | None:
        if ask.against == "best peer":
            return self.peer_ratio
        return self.ratio if ask.against else self.value(self.ours)


@dataclass(frozen=True)
class Missing:
    """Something that was not measured. ``required`` when it should have been on any machine with nginx and wrk."""

    what: str
    reason: str
    required: bool = False


@dataclass
class Results:
    rows: list[Row] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def row(self, key: str, group: str, what: str, unit: Unit, **more: Any) -> Row:
        """A new row, in the order of the table."""
        made = Row(key=key, group=group, what=what, unit=unit, **more)
        self.rows.append(made)
        return made

    def judged(self) -> Iterator[tuple[Row, Ask, float]]:
        """Every number that was asked for and measured."""
        for row in self.rows:
            for ask in row.asked:
                number = row.number_for(ask)
                if number is not None:
                    yield row, ask, number


def as_json(results: Results, about: Mapping[str, Any]) -> dict[str, Any]:
    """Everything, as written to the JSON file."""
    return {
        **about,
        "rows": [_row(row) for row in results.rows if row.samples],
        "missing": [vars(missing) for missing in results.missing],
        "notes": results.notes,
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "key": row.key,
        "group": row.group,
        "what": row.what,
        "unit": row.unit,
        "base": row.base,
        "ratio": row.ratio,
        "best_peer": row.best_peer,
        "ratio_to_best_peer": row.peer_ratio,
        "asked": [
            {"text": str(ask), "measured": number, "reached": ask.reached(number)}
            for ask in row.asked
            if (number := row.number_for(ask)) is not None
        ],
        "servers": {
            server: {
                "median": row.value(server),
                "p50_ms": row.detail(server, "p50"),
                "p99_ms": row.detail(server, "p99"),
                "cpu_us_per_request": row.detail(server, "cpu"),
                "samples": [sample.value for sample in row.samples[server]],
            }
            for server in row.samples
        },
    }
