"""Which type and coding is chosen: PEP 691 and the headers real clients send (checklist item 2)."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repositories.domain.errors import NotAcceptable
from repositories.protocol.negotiation import HTML, JSON, V1HTML, choose_encoding, select


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (f"{JSON}, {V1HTML}; q=0.1, text/html; q=0.01", JSON),  # pip, pdm
        (f"{JSON}, {V1HTML};q=0.2, text/html;q=0.01", JSON),  # uv
        (f"{JSON}, */*;q=0.1", JSON),  # poetry
        ("*/*", HTML),  # hatch, pipenv
        (None, HTML),
        ("", HTML),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", HTML),  # browsers
        ("text/*", HTML),
        (JSON, JSON),
        (V1HTML, V1HTML),
        ("application/vnd.pypi.simple.latest+json", JSON),
        ("application/vnd.pypi.simple.latest+html", V1HTML),
        ("application/json", JSON),
        ("application/*", JSON),
        (f"{JSON};q=0, text/html", HTML),
        (f"text/html, {JSON}", JSON),
        (f"text/html;q=0.9, {JSON};q=0.5", HTML),
        (f"{JSON};q=0.5, */*", HTML),
        ("text/html, application/*", HTML),
        ("text/html;q=0, */*", JSON),
        (f"text/html;q=0, {JSON};q=0, */*", V1HTML),
        (f"{JSON.upper()} ; Q=1.0 ; x=y", JSON),
        ("image/png, */*;q=0.1", HTML),
    ],
)
def test_checklist_2_accept_matrix(accept, expected):
    assert select(accept, None) == expected


@pytest.mark.parametrize("accept", ["image/png", f"{JSON};q=0", f"{JSON};q=x", "*/*;q=0", ",;,", "application/xml"])
def test_checklist_2_nothing_acceptable_names_the_types_there_are(accept):
    with pytest.raises(NotAcceptable) as caught:
        select(accept, None)
    assert caught.value.detail.endswith(f"There are: {JSON}, {V1HTML}, {HTML}")


@pytest.mark.parametrize(
    ("format", "expected"),
    [
        (JSON, JSON),
        (JSON.replace("+", " "), JSON),
        ("application/vnd.pypi.simple.latest+html", V1HTML),
        ("text/html", HTML),
    ],
)
def test_checklist_2_format_parameter_wins_over_the_header(format, expected):
    assert select("image/png", format) == expected


def test_checklist_2_unknown_format_is_not_acceptable():
    with pytest.raises(NotAcceptable):
        select(JSON, "application/vnd.pypi.simple.v2+json")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, ""),
        ("", ""),
        ("identity", ""),
        ("gzip, deflate", "gzip"),
        ("gzip, deflate, zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1.0, zstd;q=0.5", "gzip"),
        ("zstd;q=0, gzip", "gzip"),
        ("gzip;q=0", ""),
        ("*", "gzip"),
        ("*;q=0", ""),
        ("gzip;q=0, *", ""),
        ("identity;q=1, gzip;q=0.5", ""),
        ("identity;q=0.5, gzip;q=1", "gzip"),
        ("GZIP ; q=0.3", "gzip"),
        ("x-gzip", "gzip"),
        ("br", ""),
        ("gzip;q=nan", ""),
    ],
)
def test_encoding_honours_qualities(header, expected):
    assert choose_encoding(header) == expected


@given(st.text("abz/*+;=,q.01 \n", max_size=60))
def test_any_header_gives_a_type_or_the_documented_error(header):
    assert choose_encoding(header) in ("", "gzip", "zstd")
    with contextlib.suppress(NotAcceptable):
        assert select(header, None) in (JSON, V1HTML, HTML)
