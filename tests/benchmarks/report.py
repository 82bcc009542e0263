"""A run as a page for people: the table, what was asked and whether it was reached, and what could not be measured."""

from collections.abc import Mapping
from typing import Any

from tests.benchmarks.results import MORE_IS_BETTER, NGINX, OURS, Results, Row

TITLES = {
    "pages": "Pages",
    "files": "Files",
    "accel": "Files behind nginx (X-Accel-Redirect)",
    "clients": "Real clients",
    "uploads": "Uploads",
    "start": "Start-up, to the first page",
    "memory": "Memory (PSS of all processes)",
    "growth": "Growth from 100 to 100,000 projects",
}


def number(value: float | None) -> str:
    """Three figures, with a comma between thousands; a dash for none."""
    if value is None:
        return "–"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def markdown(results: Results, about: Mapping[str, Any]) -> str:
    """The whole page."""
    parts = ["# Benchmarks", _introduction(about), "## Asked and reached", _verdicts(results)]
    for group, title in TITLES.items():
        rows = [row for row in results.rows if row.group == group and row.samples]
        if rows:
            parts += [f"## {title}", _table(rows)]
    parts += ["## Not measured", _missing(results)]
    if results.notes:
        parts += ["## Notes", "\n".join(f"* {note}" for note in results.notes)]
    return "\n\n".join(parts) + "\n"


def _introduction(about: Mapping[str, Any]) -> str:
    machine = about["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return (
        f"Written by `make bench` on {about['date']}: {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, {machine['system']}.\n\n{versions}.\n\n"
        "The load generator, the upstream and all servers share the cores, so the ratios are what counts, not the "
        "absolute numbers. nginx serves the very bytes that this server answers, as static files. nginx and this server "
        "are measured alternately; a value is the median of the rounds, a ratio the median of the ratios of each round. "
        "CPU is the processor time of all processes of the server for one request, which a busy machine changes least. "
        "p50 and p99 are latencies."
    )


def _verdicts(results: Results) -> str:
    lines = ["| what | asked | measured | reached |", "|---|---|---|---|"]
    for row, ask, measured in results.judged():
        unit = "" if ask.against else f" {row.unit}"
        lines.append(
            f"| {row.what} | {ask}{unit} | {number(measured)}{unit} | {'yes' if ask.reached(measured) else '**no**'} |"
        )
    return "\n".join(lines)


def _table(rows: list[Row]) -> str:
    servers = list(dict.fromkeys(server for row in rows for server in row.samples))
    own = {name for row in rows for name in (row.base, row.ours)}
    first = [name for name in (NGINX, OURS) if name in servers]
    columns = first + [name for name in servers if name not in first]
    head = ["what", "unit", *columns, "ratio", "to best peer"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for row in rows:
        cells = [_cell(row, server, detailed=server in own) for server in columns]
        best = f"{number(row.peer_ratio)} ({row.best_peer})" if row.peer_ratio is not None else ""
        ratio = number(row.ratio) + (f" (to {row.base})" if row.base != NGINX else "") if row.ratio is not None else ""
        lines.append(f"| {' | '.join([row.what, row.unit, *cells, ratio, best])} |")
    return "\n".join(lines)


def _cell(row: Row, server: str, *, detailed: bool) -> str:
    value = row.value(server)
    if value is None:
        return ""
    text = number(value)
    if row.unit not in MORE_IS_BETTER or row.detail(server, "p50") is None:
        return text
    details = []
    if row.unit == "req/s":
        details.append(f"p50 {number(row.detail(server, 'p50'))} / p99 {number(row.detail(server, 'p99'))} ms")
    if detailed and row.detail(server, "cpu") is not None:
        details.append(f"CPU {number(row.detail(server, 'cpu'))} µs")
    return f"{text} ({', '.join(details)})" if details else text


def _missing(results: Results) -> str:
    if not results.missing:
        return "Nothing: everything was measured."
    return "\n".join(f"* {missing.what}: {missing.reason}" for missing in results.missing)


def plain(results: Results) -> str:
    """The short form for a terminal: one line a row."""
    lines = [f"{'':72} {'value':>10} {'ratio':>8} {'to best peer':>24}  asked"]
    for row in results.rows:
        if row.ours not in row.samples:
            continue
        best = f"{number(row.peer_ratio)} ({row.best_peer})" if row.peer_ratio is not None else ""
        asked = ", ".join(
            f"{ask} {'yes' if ask.reached(measured) else 'NO'}"
            for ask in row.asked
            if (measured := row.number_for(ask)) is not None
        )
        value = f"{number(row.value(row.ours))} {row.unit}"
        lines.append(f"{row.what[:72]:72} {value:>10} {number(row.ratio):>8} {best:>24}  {asked}".rstrip())
    lines += [f"not measured: {missing.what}: {missing.reason}" for missing in results.missing]
    return "\n".join([*lines, *results.notes])
