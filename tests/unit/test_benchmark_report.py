"""The arithmetic of the benchmark: paired ratios, what was reached, the table, and the comparison of two runs."""

import json

import pytest

from tests.benchmarks import compare, installset, report
from tests.benchmarks.results import NGINX, OURS, Ask, Missing, Results, Row, Sample, as_json

ABOUT = {
    "date": "2026-01-02 03:04 UTC",
    "machine": {"processor": "A processor", "cores": 2, "memory_gib": 8, "system": "Linux 6"},
    "versions": {"repoman": "0", "nginx": "1.2"},
}


def row_of(unit="req/s", asked=(), **samples) -> Row:
    row = Row(key="key", group="pages", what="a page", unit=unit, asked=asked)
    for server, values in samples.items():
        for value in values:
            row.add(server, Sample(value))
    return row


def test_ratio_is_the_median_of_the_pairs_and_not_of_the_medians():
    row = row_of(nginx=[100, 1000, 10], repoman=[50, 400, 6])
    assert row.ratio == 0.5
    assert row.value(OURS) == 50
    assert row.value(NGINX) == 100


def test_ratio_leaves_out_a_round_that_has_only_one_side():
    assert row_of(nginx=[100, 100], repoman=[20]).ratio == 0.2


def test_ratio_is_none_without_samples():
    assert row_of(repoman=[20]).ratio is None
    assert row_of(nginx=[20]).peer_ratio is None


def test_best_peer_has_the_highest_rate_or_the_shortest_time():
    assert row_of(repoman=[100], slow=[5], fast=[10]).best_peer == "fast"
    assert row_of(repoman=[100], slow=[5], fast=[10]).peer_ratio == 10
    assert row_of(unit="s", repoman=[3], slow=[9], fast=[6]).best_peer == "fast"
    assert row_of(unit="s", repoman=[3], slow=[9], fast=[6]).peer_ratio == 0.5


def test_other_base_is_no_peer():
    row = Row(key="k", group="growth", what="w", unit="ms", base="100 projects", ours="100,000 projects")
    row.add("100 projects", Sample(2))
    row.add("100,000 projects", Sample(3))
    assert row.best_peer is None
    assert row.ratio == 1.5


@pytest.mark.parametrize(
    ("ask", "number", "reached"),
    [
        (Ask(NGINX, 0.3, True), 0.3, True),
        (Ask(NGINX, 0.3, True), 0.299, False),
        (Ask("upstream", 1.15, False), 1.15, True),
        (Ask("upstream", 1.15, False), 1.16, False),
    ],
)
def test_a_limit_itself_is_reached(ask, number, reached):
    assert ask.reached(number) is reached


def test_table_says_what_was_asked_reached_and_missing():
    results = Results(notes=["A note."])
    asked = (Ask(NGINX, 0.3, True), Ask("best peer", 12, True))
    results.rows.append(row_of(asked=asked, nginx=[1000], repoman=[400], other=[100]))
    results.missing.append(Missing("another server", "it could not be installed"))
    page = report.markdown(results, ABOUT)
    assert "| a page | ≥ 0.3 of nginx | 0.40 | yes |" in page
    assert "| a page | ≥ 12 of best peer | 4.00 | **no** |" in page
    assert "| a page | req/s | 1,000 | 400 | 100 | 0.40 | 4.00 (other) |" in page
    assert "* another server: it could not be installed" in page
    assert "* A note." in page


def test_plain_value_is_judged_in_its_own_unit():
    results = Results()
    results.rows.append(row_of(unit="MB", asked=(Ask("", 250, False),), nginx=[4], repoman=[260]))
    assert "| a page | ≤ 250 MB | 260 MB | **no** |" in report.markdown(results, ABOUT)


def test_row_without_samples_is_left_out():
    results = Results()
    results.rows.append(row_of())
    assert as_json(results, ABOUT)["rows"] == []
    assert "a page" not in report.markdown(results, ABOUT)


def run_with(**ratios):
    rows = [
        {"key": key, "what": key, "ratio": ratio, "ratio_to_best_peer": None, "unit": "req/s"}
        for key, ratio in ratios.items()
    ]
    return {"rows": rows}


def test_compare_takes_twenty_percent_in_either_direction():
    found = list(compare.pairs(run_with(a=0.5, b=0.5, c=0.6, gone=1), run_with(a=0.6, b=0.61, c=0.5, new=1)))
    assert [(pair.what, pair.agrees) for pair in found] == [("a", True), ("b", False), ("c", True)]


def test_compare_reads_two_files_and_counts(tmp_path, capsys):
    for name, content in (("a", run_with(a=0.5, b=0.5)), ("b", run_with(a=0.5, b=1.0))):
        (tmp_path / name).write_text(json.dumps(content))
    assert compare.main([str(tmp_path / "a"), str(tmp_path / "b")]) == 1
    printed = capsys.readouterr().out
    assert "APART by 100 %" in printed
    assert "1 of 2 ratios agree within 20 %" in printed
    assert compare.main([str(tmp_path / "a"), str(tmp_path / "a")]) == 0


def test_install_set_has_a_page_for_every_pinned_project():
    assert set(installset.pinned()) <= set(installset.PAGES)
    made_up = installset.padding()["boto3"]
    assert len(made_up) == 4311
    assert len({entry.filename for entry in made_up}) == 4311
