"""The way straight from RSGI to the answers at hand: the same answers as the ASGI application, or none."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from repoman import shortcut
from repoman.shortcut import answer_at_hand
from tests.asgi_client import Client, Response
from tests.distributions import wheel

SMALL = wheel("small", "1.0")
PAGE = "/repository/pypi-hosted/simple/small/"
FILE = f"/repository/pypi-hosted/packages/small/1.0/{SMALL.filename}"


class Headers:
    """Granian's: names in lower case; ``unreadable`` counts those it cannot give as text."""

    def __init__(self, fields: list[tuple[str, str]], unreadable: int = 0) -> None:
        self.fields, self.unreadable = fields, unreadable

    def items(self) -> list[tuple[str, str]]:
        return self.fields

    def __len__(self) -> int:
        return len(self.fields) + self.unreadable


@dataclass
class Scope:
    path: str
    headers: Headers
    method: str = "GET"
    query_string: str = ""
    scheme: str = "https"
    authority: str | None = None


@dataclass
class Protocol:
    answer: Response = field(default_factory=Response)

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.answer = Response(status=status, headers=dict(headers), body=body)

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.response_bytes(status, headers, b"")


def straight(client: Client, path: str, *more: tuple[str, str], host: bool = True, **changed: Any) -> Response | None:
    """What the short way answers, None when it leaves the request to the long one."""
    fields = [("host", "packages.example")] if host else []
    if client.authorization is not None:
        fields.append(("authorization", client.authorization))
    protocol = Protocol()
    unreadable = changed.pop("unreadable", 0)

    async def ask() -> bool:
        return answer_at_hand(Scope(path, Headers([*fields, *more], unreadable), **changed), protocol)  # type: ignore[arg-type]

    return protocol.answer if asyncio.run(ask()) else None


@pytest.fixture
def warm(dana: Client, upload: Callable[..., Response]) -> dict[str, Response]:
    """Answers of the long way, by path; they are at hand now."""
    assert upload(SMALL).status == 200
    for _ in range(3):
        answers = {path: dana.get(path) for path in (PAGE, FILE, f"{FILE}.metadata")}
    return answers


def test_what_is_at_hand_is_answered_as_the_long_way_does(dana: Client, warm: dict[str, Response]) -> None:
    for path, long in warm.items():
        short = straight(dana, path)
        assert short is not None
        assert (short.status, short.headers, short.body) == (200, long.headers, long.body)
        head = straight(dana, path, method="HEAD")
        assert head is not None
        assert (head.status, head.headers, head.body) == (200, long.headers, b"")
        same = straight(dana, path, ("if-none-match", long.headers["etag"]))
        expected = dana.get(path, if_none_match=long.headers["etag"])
        assert same is not None
        assert (same.status, same.headers, same.body) == (304, expected.headers, b"")


def test_http_2_names_its_host_beside_the_headers(dana: Client, warm: dict[str, Response]) -> None:
    assert straight(dana, PAGE, host=False, authority="packages.example") is not None
    assert straight(dana, PAGE, host=False, authority="elsewhere.example") is None


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "POST"},
        {"method": "OPTIONS"},
        {"query_string": "format=x"},
        {"path": "/repository/pypi-hosted/simple/smäll/"},
        {"path": "/repository/pypi-hosted/simple/other/"},
        {"path": "/repository/pypi-hosted/+simple/small/"},
        {"path": "/repository/pypi-all/simple/small/"},
        {"path": "/status"},
        {"unreadable": 1},
        {"scheme": "http"},
    ],
)
def test_what_is_not_plain_or_not_at_hand_is_left_alone(
    dana: Client, warm: dict[str, Response], changed: dict[str, Any]
) -> None:
    path = changed.pop("path", PAGE)
    assert straight(dana, path, **changed) is None
    assert straight(dana, PAGE) is not None


@pytest.mark.parametrize(
    "header",
    [
        ("accept", "image/png"),
        ("accept", "application/vnd.pypi.simple.v1+json"),
        ("accept-encoding", "gzip"),
        ("authorization", "Basic second"),
    ],
)
def test_another_representation_and_a_second_credential_are_left_alone(
    dana: Client, warm: dict[str, Response], header: tuple[str, str]
) -> None:
    assert straight(dana, PAGE, header) is None


@pytest.mark.parametrize("header", [("range", "bytes=0-1"), ("if-modified-since", "Mon, 01 Jan 2035 00:00:00 GMT")])
def test_conditions_on_files_are_left_alone(dana: Client, warm: dict[str, Response], header: tuple[str, str]) -> None:
    assert straight(dana, FILE, header) is None


def test_strangers_and_wrong_credentials_are_left_alone(
    dana: Client, stranger: Client, warm: dict[str, Response]
) -> None:
    assert straight(stranger, PAGE) is None
    assert straight(Client((dana.authorization or "")[:-4] + "AAA="), PAGE) is None


def test_behind_a_proxy_the_forwarded_headers_are_looked_at_first(
    dana: Client, warm: dict[str, Response], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shortcut, "_proxied", True)
    assert straight(dana, PAGE) is None
