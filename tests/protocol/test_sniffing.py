"""Telling JSON from HTML when upstreams label their pages well, badly or not at all (checklist item 11)."""

import pytest

from repositories.domain.errors import UpstreamInvalid
from repositories.protocol.sniffing import kind_of


@pytest.mark.parametrize(
    ("content_type", "body", "kind"),
    [
        ("application/vnd.pypi.simple.v1+json", b"", "json"),
        ("Application/Vnd.PyPI.simple.v1+json; charset=utf-8", b"", "json"),
        ("application/vnd.pypi.simple.v1+html", b"", "html"),
        ("text/html; charset=UTF-8", b"{", "html"),
        ("application/json", b' \n{"files":[]}', "json"),
        ("text/plain", b"\xef\xbb\xbf<!DOCTYPE html>", "html"),
        ("application/octet-stream", b"<html>", "html"),
        ("", b"{}", "json"),
        ("application/json", b"<html>", "html"),
    ],
)
def test_checklist_11_kinds(content_type, body, kind):
    assert kind_of(content_type, body) == kind


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("image/png", b"<html>"),
        ("application/zip", b"{"),
        ("text/plain", b"Not found"),
        ("", b""),
        ("application/vnd.pypi.simple.v2+json", b"{}"),
        ("x\r\ny", b"{}"),
    ],
)
def test_t07_other_answers_are_no_index(content_type, body):
    with pytest.raises(UpstreamInvalid) as caught:
        kind_of(content_type, body)
    assert "\n" not in caught.value.detail
