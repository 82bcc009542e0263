"""Byte ranges, RFC 9110 §14 (checklist item 6)."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repositories.domain.ranges import ByteRange, Unsatisfiable, parse_range


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", ByteRange(0, 0)),
        ("bytes=2-5", ByteRange(2, 5)),
        ("bytes=5-", ByteRange(5, 9)),
        ("bytes=-3", ByteRange(7, 9)),
        ("bytes=-99", ByteRange(0, 9)),
        ("bytes=5-99", ByteRange(5, 9)),
        ("BYTES = 1-2", ByteRange(1, 2)),
        ("bytes=0-1,4-5", None),
        ("bytes=5-2", None),
        ("bytes=-", None),
        ("items=0-1", None),
        ("bytes=a-b", None),
        ("bytes=" + "9" * 40 + "-", None),
        ("bytes=٣-٤", None),
        ("bytes=" + "0-," * 100_000 + "0-", None),
    ],
)
def test_one_range_is_read_and_others_are_ignored(header: str, expected: ByteRange | None) -> None:
    assert parse_range(header, 10) == expected


def test_a_long_header_costs_nothing() -> None:
    began = time.process_time()
    assert parse_range("bytes=" + " " * 100_000 + "x", 10) is None
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_a_range_behind_the_end_is_unsatisfiable(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        parse_range(header, 10)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 40))
def test_a_range_is_the_slice_it_says(first: int, last: int, size: int) -> None:
    content = bytes(range(size))
    try:
        span = parse_range(f"bytes={first}-{last}", size)
    except Unsatisfiable:
        assert first >= size
        return
    if span is None:
        assert last < first
    else:
        assert content[span.first : span.last + 1] == content[first : last + 1]
        assert span.length == len(content[first : last + 1])


@given(st.text(max_size=40))
def test_no_header_raises_anything_else(header: str) -> None:
    try:
        span = parse_range(header, 10)
    except Unsatisfiable:
        return
    assert span is None or 0 <= span.first <= span.last < 10
