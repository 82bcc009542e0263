"""Django behind ASGI: the environment, bodies, answers large and small, clients that leave."""

import asyncio
import io
import threading

import pytest

from repoman.wsgi_bridge import WSGIBridge, make_environ


def scope(method="GET", path="/", headers=(), **more):
    return {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"host", b"packages.example"), *headers], "scheme": "http", "client": ("192.0.2.7", 5), **more,
    }  # fmt: skip


class Client:
    """The server's side of one ASGI call."""

    def __init__(self, *messages):
        self.messages = list(messages) or [{"type": "http.request", "body": b"", "more_body": False}]
        self.sent = []
        self.leave = asyncio.Event()

    async def receive(self):
        if self.messages:
            return self.messages.pop(0)
        await self.leave.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.sent.append(message)

    @property
    def status(self):
        return self.sent[0]["status"]

    @property
    def body(self):
        return b"".join(message["body"] for message in self.sent[1:])


def call(application, request, *messages, **settings):
    async def run():
        client = Client(*messages)
        await WSGIBridge(application, **settings)(request, client.receive, client.send)
        return client

    return asyncio.run(run())


def echo(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["REQUEST_METHOD"].encode(), b" ", environ["wsgi.input"].read()]


def test_small_answer_is_sent_whole():
    client = call(echo, scope("POST"), {"type": "http.request", "body": b"a=1", "more_body": False})
    assert client.sent == [
        {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]},
        {"type": "http.response.body", "body": b"POST a=1", "more_body": False},
    ]


def test_body_in_pieces_is_joined():
    pieces = [{"type": "http.request", "body": b"x" * 1000, "more_body": more} for more in (True, True, False)]
    assert call(echo, scope("POST"), *pieces).body == b"POST " + b"x" * 3000


def test_body_over_the_limit_is_refused_before_it_is_read():
    request = scope("POST", headers=[(b"content-length", b"101")])
    client = call(echo, request, body_limit=100)
    assert client.status == 413


def test_body_over_the_limit_is_refused_when_it_was_not_declared():
    pieces = [{"type": "http.request", "body": b"x" * 60, "more_body": True} for _ in range(2)]
    assert call(echo, scope("POST"), *pieces, body_limit=100).status == 413


def test_body_that_breaks_off_never_reaches_the_application():
    client = call(echo, scope("POST"), {"type": "http.disconnect"})
    assert (client.status, client.body) == (400, b"The request ended before its body did\n")


def test_head_has_headers_and_no_body():
    client = call(echo, scope("HEAD"))
    assert client.status == 200
    assert client.body == b""


def test_large_answer_is_streamed_and_closed():
    closed = threading.Event()

    class Large:
        def __iter__(self):
            return (b"y" * 100_000 for _ in range(10))

        def close(self):
            closed.set()

    def application(environ, start_response):
        start_response("200 OK", [])
        return Large()

    client = call(application, scope())
    assert client.body == b"y" * 1_000_000
    assert [message["type"] for message in client.sent[:2]] == ["http.response.start", "http.response.body"]
    assert len(client.sent) > 3
    assert client.sent[-1]["more_body"] is False
    assert closed.is_set()


def test_client_that_leaves_ends_the_application():
    closed = threading.Event()
    produced = []

    class Endless:
        def __iter__(self):
            while True:
                produced.append(1)
                yield b"z" * 300_000

        def close(self):
            closed.set()

    def application(environ, start_response):
        start_response("200 OK", [])
        return Endless()

    async def run():
        client = Client()

        async def send(message):
            client.sent.append(message)
            if len(client.sent) == 4:
                client.leave.set()
            await asyncio.sleep(0)

        await WSGIBridge(application)(scope(), client.receive, send)

    asyncio.run(asyncio.wait_for(run(), 10))
    assert closed.is_set()
    assert 3 <= len(produced) < 20


def test_application_that_fails_answers_500_without_its_reason(caplog):
    def application(environ, start_response):
        raise ValueError("a secret reason")

    client = call(application, scope(path="/broken"))
    assert (client.status, client.body) == (500, b"The server made a mistake\n")
    assert "a secret reason" in caplog.text


def test_no_more_threads_than_the_pool_has():
    running, most, lock = 0, 0, threading.Lock()
    gate = threading.Barrier(2, timeout=5)

    def application(environ, start_response):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        gate.wait()
        with lock:
            running -= 1
        start_response("204 No Content", [])
        return []

    async def run():
        bridge = WSGIBridge(application, threads=2)
        clients = [Client() for _ in range(6)]
        await asyncio.gather(*(bridge(scope(), client.receive, client.send) for client in clients))
        return [client.status for client in clients]

    assert asyncio.run(run()) == [204] * 6
    assert most == 2


def environ_of(**settings):
    return make_environ(scope(**settings), io.BytesIO(), 0)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("/a%20b/%ED%95%9C/", "/a b/\xed\x95\x9c/"),  # bytes shown as latin-1 (PEP 3333)
        ("/%ff", "/\xff"),
        ("/a?b=c", "/a"),
    ],
)
def test_path_is_decoded_once_into_latin_1(raw, path):
    assert environ_of(path=raw)["PATH_INFO"] == path


def test_headers_become_variables():
    environ = environ_of(
        headers=[
            (b"content-type", b"text/plain"),
            (b"x-one", b"1"),
            (b"x-one", b"2"),
            (b"cookie", b"a=1"),
            (b"cookie", b"b=2"),
        ]
    )
    assert environ["CONTENT_TYPE"] == "text/plain"
    assert environ["HTTP_X_ONE"] == "1,2"
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert environ["HTTP_HOST"] == "packages.example"
    assert environ["REMOTE_ADDR"] == "192.0.2.7"


@pytest.mark.parametrize(
    "name", [b"x_forwarded_proto", b"remote_user", b"proxy", b"x-forwarded-host", b"x-forwarded-proto", b"hx_request"]
)
def test_headers_that_could_be_taken_for_others_are_dropped(name):
    environ = environ_of(headers=[(name, b"evil")])
    assert "evil" not in [value for value in environ.values() if isinstance(value, str)]
