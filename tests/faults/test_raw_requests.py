"""Requests that are wrong on the wire: refused or cut off, never smuggled, never a 500; slow clients hold up nobody."""

import base64
import socket
import time

import pytest

GET = b"GET /status HTTP/1.1\r\nHost: localhost\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"

WRONG = {
    "two lengths": b"POST /status HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "length that is no number": b"POST /status HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
    "negative length": b"POST /status HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "chunk size that is no number": (
        b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n"
    ),
    "chunked twice": (
        b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"
    ),
    "unknown transfer encoding": b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "header that goes on in the next line": GET + b"X-A: 1\r\n folded\r\n\r\n",
    "space before the colon": GET + b"Content-Length : 0\r\n\r\n",
    "NUL in a header": GET + b"X-A: a\x00b\r\n\r\n",
    "NUL in the path": b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "no version": b"GET /status\r\n\r\n",
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "header of a megabyte": GET + b"X-A: " + b"a" * (1 << 20) + b"\r\n\r\n",
    "ten thousand headers": GET + b"".join(b"X-%d: 1\r\n" % n for n in range(10_000)) + b"\r\n",
    "path of a megabyte": b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\nHost: x\r\n\r\n",
}


def port(live) -> int:
    return int(live.base.rpartition(":")[2])


def converse(live, sent: bytes, *, patience: float = 3) -> bytes:
    """Send bytes and read until the server closes or says nothing more."""
    received = b""
    with socket.create_connection(("127.0.0.1", port(live)), timeout=patience) as connection:
        try:
            connection.sendall(sent)
            while chunk := connection.recv(65536):
                received += chunk
        except (TimeoutError, ConnectionError):
            pass
    return received


@pytest.mark.parametrize("name", WRONG)
def test_wrong_request_is_refused(live, name):
    received = converse(live, WRONG[name] + SMUGGLED)
    assert received.count(b"HTTP/1.1 ") <= 1  # what follows is not taken for a request of its own
    assert not received or received.split(b" ")[1][:1] == b"4"
    assert live.get("/status")[0] == 200


def test_length_beside_chunks_does_not_smuggle(live):
    """RFC 9112, 6.1: chunks win, and what follows them is the next request or nothing at all."""
    head = b"POST /status HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    received = converse(live, head + b"0\r\n\r\n" + GET + b"Connection: close\r\n\r\n")
    assert received.startswith((b"HTTP/1.1 405", b"HTTP/1.1 400")) or not received
    assert received.count(b"HTTP/1.1 ") <= 2


@pytest.mark.parametrize(
    "host", [b"evil.example", b"good:x@evil.example", b"localhost, evil.example", b"a b", b"", b"localhost:99999999"]
)
def test_wrong_host_is_never_reflected(live, host):
    request = b"GET /sign-in/ HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n"
    received = converse(live, request)
    assert received.startswith((b"HTTP/1.1 400", b"HTTP/1.1 200"))
    assert b"evil.example" not in received


@pytest.mark.parametrize(
    "header",
    [b"X-Forwarded-Host: evil.example", b"X_Forwarded_Host: evil.example", b"Forwarded: host=evil.example",
     b"X-Forwarded-Proto: javascript", b"X-Original-URL: /evil.example", b"Remote-User: admin", b"REMOTE_USER: admin"],
)  # fmt: skip
@pytest.mark.parametrize("path", [b"/", b"/repository/pypi-public/simple/"])
def test_forwarded_headers_of_strangers_mean_nothing(live, path, header):
    head = b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    plain, forwarded = converse(live, head + b"\r\n"), converse(live, head + header + b"\r\n\r\n")
    assert forwarded.split(b"\r\n")[0] == plain.split(b"\r\n")[0]
    assert b"evil" not in forwarded
    assert b"javascript:" not in forwarded


def seconds_for_two_pages(live) -> float:
    began = time.monotonic()
    assert live.get("/sign-in/")[0] == 200
    assert live.get("/repository/pypi-hosted/simple/")[0] == 401
    return time.monotonic() - began


def test_clients_that_never_finish_their_headers_hold_up_nobody(live):
    alone, slow = seconds_for_two_pages(live), []
    try:
        for _ in range(200):
            connection = socket.create_connection(("127.0.0.1", port(live)), timeout=5)
            connection.sendall(GET)
            slow.append(connection)
        assert seconds_for_two_pages(live) < max(1, 10 * alone)
    finally:
        for connection in slow:
            connection.close()


def test_forms_that_never_end_hold_up_nobody(live):
    alone, slow = seconds_for_two_pages(live), []
    try:
        for _ in range(50):
            connection = socket.create_connection(("127.0.0.1", port(live)), timeout=5)
            connection.sendall(b"POST /sign-in/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\na=1")
            slow.append(connection)
        assert seconds_for_two_pages(live) < max(1, 10 * alone)
    finally:
        for connection in slow:
            connection.close()


@pytest.mark.parametrize("body", [b"zz\r\nhello\r\n0\r\n\r\n", b"5\r\nhel"], ids=["no number", "too short"])
def test_upload_in_wrong_chunks_is_refused(live, body):
    password = (live.data / "admin.password").read_text().strip()
    credentials = base64.b64encode(f"admin:{password}".encode())
    head = (
        b"POST /repository/pypi-hosted/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\nAuthorization: Basic " + credentials + b"\r\n\r\n"
    )
    received = converse(live, head + body)
    assert not received or received.startswith(b"HTTP/1.1 4")
