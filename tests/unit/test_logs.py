"""Logs: no secret reaches a handler, and the JSON form is one object a line."""

import json
import logging
import logging.config
import sys

import pytest

from repoman.toolbox import logs


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("GET http://name:pass@packages.example/x", "GET http://***@packages.example/x"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: Basic ***"),
        ("authorization: bearer abcdefghijkl", "authorization: bearer ***"),
        ("http://packages.example/a@b", "http://packages.example/a@b"),
    ],
)
def test_secrets_are_taken_out(text, cleaned):
    assert logs.redact(text) == cleaned


def record(message, *args, exc_info=None):
    return logging.LogRecord("a.b", logging.WARNING, "f.py", 1, message, args, exc_info)


def test_secrets_in_arguments_and_tracebacks_are_taken_out():
    try:
        raise ValueError("http://u:hunter22@packages.example/")
    except ValueError:
        entry = record("from %s", "http://u:hunter22@packages.example/", exc_info=sys.exc_info())
    assert logs.SecretFilter().filter(entry)
    line = logs.JsonFormatter().format(entry)
    assert "hunter22" not in line
    document = json.loads(line)
    assert document["message"] == "from http://***@packages.example/"
    assert document["level"] == "warning"
    assert document["logger"] == "a.b"
    assert "\n" not in line


@pytest.mark.parametrize(
    ("level", "root", "celery"), [("debug", 10, 10), ("info", 20, 30), ("warning", 30, 30), ("error", 40, 40)]
)
def test_levels(level, root, celery):
    chosen = logs.configuration(level, "json")
    assert logging.getLevelNamesMapping()[chosen["root"]["level"]] == root
    assert logging.getLevelNamesMapping()[chosen["loggers"]["celery"]["level"]] == celery
