"""The ASGI application on the real server's RSGI interface: scopes, bodies, answers, clients that leave, errors."""

import asyncio
import contextlib
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from tests.live import ROOT, free_port, wait_until
from tests.needs import needs

BIG = 24 << 20
LARGE = b"".join(b"%07d\n" % number for number in range(1 << 21))  # 16 MB
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


class Notes:
    """What the application under test notes down, for the test to look at."""

    sent = 0
    gone = 0
    stopped = False


async def application(scope, receive, send):
    """Answers each path in its own way."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        (FOLDER / "stopped").touch()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await ANSWERS[scope["path"].split("/")[1]](scope, receive, send)


def start(status=200, *headers):
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(data=b"", more=False):
    return {"type": "http.response.body", "body": data, "more_body": more}


def length(size):
    return b"content-length", str(size).encode()


async def show(scope, receive, send):
    shown = {key: value for key, value in scope.items() if key not in ("asgi", "extensions")}
    await send(start(200, (b"content-type", b"application/json")))
    await send(body(json.dumps(shown, default=bytes.decode).encode()))


async def take(scope, receive, send):
    sizes, kind = [], ""
    while True:
        message = await receive()
        kind = message["type"]
        sizes.append(len(message.get("body", b"")))
        if not message.get("more_body"):
            break
    await send(start(200 if kind == "http.request" else 400))
    await send(body(f"{sum(sizes)} {max(sizes) < 1 << 20} {kind}".encode()))


async def take_impatiently(scope, receive, send):
    """Gives up waiting for a chunk again and again, and still gets all of them."""
    collected, more = b"", True
    while more:
        with contextlib.suppress(TimeoutError):
            message = await asyncio.wait_for(receive(), 0.005)
            collected += message["body"]
            more = message["more_body"]
    await send(start())
    await send(body(collected))


async def stream(scope, receive, send):
    """As many bytes as the query says, with or without a length."""
    size, announced = int(scope["query_string"]), "announced" in scope["path"]
    await send(start(200, *([length(size)] if announced else [])))
    sent = 0
    watch = asyncio.ensure_future(until_gone(receive))
    while sent < size and not watch.done():
        await send(body(b"%07d\n" % (sent >> 15) * 4096, more=True))
        Notes.sent = sent = sent + 32768
    Notes.gone += watch.done()
    watch.cancel()
    await send(body())


async def until_gone(receive):
    while (await receive())["type"] != "http.disconnect":
        pass


async def notes(scope, receive, send):
    await send(start())
    await send(body(f"{Notes.sent} {Notes.gone}".encode()))


async def fail(scope, receive, send):
    match scope["path"].split("/")[2:]:
        case ["before"]:
            raise ValueError("secret")
        case ["started"]:
            await send(start(200))
            raise ValueError("secret")
        case ["silent"]:
            return
        case ["later", how]:
            await send(start(200, *([length(1 << 22)] if how == "announced" else [])))
            await send(body(b"x" * 4096, more=True))
            await asyncio.sleep(0.05)
            raise ValueError("secret")


async def file(scope, receive, send):
    first, _, last = scope["query_string"].decode().partition("-")
    size = int(last) - int(first) if last else (FOLDER / scope["path"].split("/")[2]).stat().st_size
    await send(start(206 if last else 200, length(size + ("short" in scope["path"]))))
    if last:
        assert scope["extensions"]["repoman.response.filerange"] == {}
        message = {"type": "repoman.response.filerange", "start": int(first), "end": int(last)}
    else:
        message = {"type": "http.response.pathsend"}
    await send({**message, "path": str(FOLDER / scope["path"].split("/")[2])})


async def whole(scope, receive, send):
    """A body in one part whose end is told on its own; an empty one for any other path."""
    data = b"hello" if "parts" in scope["path"] else b""
    await send(start(200, (b"x-twice", b"1"), (b"x-twice", b"2"), length(len(data))))
    if data:
        await send(body(data, more=True))
    await send(body())


ANSWERS = {
    "show": show, "take": take, "take-impatiently": take_impatiently, "stream": stream, "notes": notes, "fail": fail,
    "file": file, "whole": whole,
}  # fmt: skip


def quick(scope, protocol):
    if scope.path != "/quick":
        return False
    protocol.response_str(200, [], "at once")
    return True


def main(port):
    from granian import Granian
    from granian.constants import Interfaces

    from repoman.rsgi import Edge

    Granian("-", port=port, interface=Interfaces.RSGI, websockets=False, log_enabled=False).serve(
        target_loader=lambda: Edge(application, quick), wrap_loader=False
    )


class Server:
    def __init__(self, folder, port, process):
        self.folder, self.port, self.process = folder, port, process
        self.base = f"http://127.0.0.1:{port}"
        self.session = requests.Session()

    def get(self, path, method="GET", data=None):
        return self.session.request(method, self.base + path, data=data, timeout=20)

    def http2(self, path, *options, **more):
        """Exit code and output of a command that speaks HTTP/2 from the first byte."""
        needs(shutil.which("curl"), "curl")
        command = ["curl", "--silent", "--http2-prior-knowledge", *options, self.base + path]
        done = subprocess.run(command, capture_output=True, timeout=20, **more)
        return done.returncode, done.stdout

    def raw(self, sent, *, seconds=5):
        """Send bytes; returns all the server sends until it closes."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.sendall(sent)
            while chunk := connection.recv(65536):
                received += chunk
        return received

    def worker(self):
        (child,) = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(child)

    def memory(self):
        lines = Path(f"/proc/{self.worker()}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))

    def threads(self):
        return len(list(Path(f"/proc/{self.worker()}/task").iterdir()))

    def files(self):
        return len(list(Path(f"/proc/{self.worker()}/fd").iterdir()))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("rsgi"), free_port()
    (folder / "small").write_bytes(bytes(range(256)) * 4000)
    (folder / "large").write_bytes(LARGE)
    (folder / "short").write_bytes(LARGE)
    code = f"import sys; sys.argv[1:] = [{str(folder)!r}]; from tests.unit import test_rsgi; test_rsgi.main({port})"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=(folder / "stderr").open("w"))
    running = Server(folder, port, process)

    def answers():
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return True

    wait_until(answers, what="start")
    yield running
    process.terminate()
    process.wait(20)
    assert (folder / "stopped").exists()  # the application was told


FOLDER = Path(sys.argv[1]) if len(sys.argv) == 2 else Path()


def test_scope_is_that_of_asgi(server):
    sent = (
        b"GET /show/a%2Bb%20c/%C3%BC?x=%2F&y=1 HTTP/1.1\r\nHost: packages.example\r\nX-Two: 1\r\nx-two: 2\r\n"
        b"Connection: close\r\n\r\n"
    )
    scope = json.loads(server.raw(sent).partition(b"\r\n\r\n")[2])
    client, own = scope.pop("client"), scope.pop("server")
    assert (client[0], own) == ("127.0.0.1", ["127.0.0.1", server.port])
    assert scope == {
        "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "path": "/show/a+b c/ü",
        "raw_path": "/show/a+b%20c/%C3%BC", "query_string": "x=%2F&y=1", "root_path": "",
        "headers": [["host", "packages.example"], ["x-two", "1"], ["x-two", "2"], ["connection", "close"]],
    }  # fmt: skip


def test_paths_are_percent_encoded_where_they_must_be(server):
    for path in ("/show/a%3Fb%23c%25d%00", "/show/..%5C..%0D%0A", "/show/a;b=1,2/~x"):
        assert server.get(path).json()["raw_path"] == path
    assert server.get("/show/a%2Fb").json()["raw_path"] == "/show/a/b"  # what RSGI does not tell


def test_old_and_new_versions_of_http(server):
    old = server.raw(b"GET /show/ HTTP/1.0\r\n\r\n").partition(b"\r\n\r\n")[2]
    scope = json.loads(old)
    assert (scope["http_version"], scope["headers"]) == ("1.0", [["host", ""]])
    scope = json.loads(server.http2("/show/")[1])
    assert (scope["http_version"], scope["headers"][0]) == ("2", ["host", f"127.0.0.1:{server.port}"])


def test_all_kinds_of_answers_over_http2(server):
    sent = b"x" * 3_000_000
    assert server.http2("/take/", "--data-binary", "@-", input=sent) == (0, b"3000000 True http.request")
    assert server.http2("/take/", "--upload-file", "-", input=sent) == (0, b"3000000 True http.request")
    assert len(server.http2(f"/stream/?{BIG}")[1]) == BIG
    assert len(server.http2(f"/stream/announced?{BIG}")[1]) == BIG
    assert server.http2("/file/small?256-512") == (0, bytes(range(256)))
    assert server.http2("/whole/empty") == (0, b"")


@pytest.mark.parametrize("name", [b"Cookie", b"Authorization"])
def test_header_that_cannot_be_read_is_refused_and_not_taken_for_absent(server, name):
    head = b"GET /show/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    assert server.raw(head + name + b": caf\xc3\xa9\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert server.raw(head + b"Referer: caf\xc3\xa9\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_quick_answers_come_before_the_application(server):
    assert server.get("/quick").text == "at once"


def test_bodies_come_in_chunks_and_whole(server):
    assert server.get("/take/", "POST", b"x" * 5_000_000).text == "5000000 True http.request"
    assert server.get("/take/", "POST", (b"x" * 1000 for _ in range(300))).text == "300000 True http.request"
    assert server.get("/take/", "POST", b"").text == "0 True http.request"
    assert server.get("/take/").text == "0 True http.request"


def test_chunk_that_comes_late_is_not_lost(server):
    def slowly():
        for number in range(40):
            yield b"%03d " % number
            time.sleep(0.004)

    expected = b"".join(b"%03d " % number for number in range(40))
    assert server.get("/take-impatiently/", "POST", slowly()).content == expected


@pytest.mark.parametrize(
    "rest",
    [b"Content-Length: 10\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"],
    ids=["length", "chunks"],
)
def test_body_that_is_cut_off_is_not_taken_for_a_whole_one(server, rest):
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"POST /take/ HTTP/1.1\r\nHost: x\r\n" + rest)
        connection.shutdown(socket.SHUT_WR)
        received = connection.recv(65536)
    assert not received or received.startswith(b"HTTP/1.1 400 ")


def test_chunk_that_is_malformed_is_not_taken_for_the_end(server):
    head = b"POST /take/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"
    received = server.raw(head)
    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.endswith(b"5 True http.disconnect")


def test_answer_in_one_part(server):
    answer = server.get("/whole/parts")
    assert (answer.status_code, answer.content, answer.raw.headers.getlist("x-twice")) == (200, b"hello", ["1", "2"])
    assert server.get("/whole/empty").content == b""
    assert server.get("/whole/empty", "HEAD").headers["content-length"] == "0"


@pytest.mark.parametrize("size", [65536, 1 << 20, BIG])
@pytest.mark.parametrize("how", ["announced", "open"])
def test_streams_arrive_whole(server, how, size):
    answer = server.get(f"/stream/{how}?{size}")
    assert len(answer.content) == size
    assert answer.content[-8:] == b"%07d\n" % ((size >> 15) - 1)
    assert ("content-length" in answer.headers) == (how == "announced")


@linux
@pytest.mark.parametrize("how", ["announced", "open"])
def test_stream_waits_for_its_reader_and_ends_when_it_leaves(server, how):
    before, gone = server.files(), int(server.get("/notes/").text.split()[1])
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.sendall(b"GET /stream/%s?%d HTTP/1.1\r\nHost: x\r\n\r\n" % (how.encode(), 1 << 30))
        time.sleep(0.7)
        sent = int(server.get("/notes/").text.split()[0])
        assert 0 < sent < 16 << 20
        time.sleep(0.3)
        assert int(server.get("/notes/").text.split()[0]) == sent  # it stands still
    wait_until(lambda: int(server.get("/notes/").text.split()[1]) == gone + 1, what="the application is told")
    wait_until(lambda: server.files() <= before, what="files are closed")


@pytest.mark.parametrize("path", ["before", "started", "silent"])
def test_error_before_the_answer_is_a_plain_500(server, path):
    answer = server.get(f"/fail/{path}")
    assert (answer.status_code, answer.text) == (500, "The server made a mistake\n")


@pytest.mark.parametrize("how", ["announced", "open"])
def test_error_after_the_start_never_ends_the_answer_cleanly(server, how):
    with pytest.raises(requests.RequestException):
        server.get(f"/fail/later/{how}")
    code, received = server.http2(f"/fail/later/{how}")
    assert code != 0
    assert len(received) <= 4096
    assert "ValueError: secret" in (server.folder / "stderr").read_text()


def test_files_and_ranges_of_files(server):
    assert server.get("/file/small").content == (server.folder / "small").read_bytes()
    answer = server.get("/file/small?250-260")
    assert (answer.status_code, answer.content) == (206, bytes([250, 251, 252, 253, 254, 255, 0, 1, 2, 3]))


def test_large_files_and_ranges_of_them(server):
    answer = server.get("/file/large")
    assert (answer.status_code, answer.content == LARGE, answer.headers["connection"]) == (200, True, "close")
    answer = server.get("/file/large?3-9000003")
    assert (answer.status_code, answer.content == LARGE[3:9000003]) == (206, True)
    assert server.http2("/file/large") == (0, LARGE)
    assert server.raw(b"GET /file/large HTTP/1.0\r\n\r\n").partition(b"\r\n\r\n")[2] == LARGE


def test_large_file_is_whole_for_a_slow_client_that_asks_for_more_at_once(server):
    """What follows the request is left unread; closing because of it must not take from the answer."""
    received = b""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.settimeout(10)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(b"GET /file/large HTTP/1.1\r\nHost: x\r\n\r\n" * 2000)
        while len(received) < 200 + len(LARGE) and (chunk := connection.recv(1 << 20)):
            received += chunk
            time.sleep(0.002)
    assert received.partition(b"\r\n\r\n")[2] == LARGE
    assert received.count(b"HTTP/1.1 ") == 1


def test_file_that_is_shorter_than_said_is_cut_off(server):
    with pytest.raises(requests.RequestException):
        server.get("/file/short")
    assert server.http2("/file/short")[0] != 0


@linux
def test_clients_that_read_slowly_or_leave_hold_little(server):
    files, memory, readers = server.files(), server.memory(), []
    try:
        for _ in range(100):
            reader = socket.create_connection(("127.0.0.1", server.port))
            reader.sendall(b"GET /file/large HTTP/1.1\r\nHost: x\r\n\r\n")
            assert reader.recv(12) == b"HTTP/1.1 200"
            readers.append(reader)
        time.sleep(0.5)
        assert server.get("/file/small").status_code == 200
        assert server.memory() - memory < 100 * 0.1e6
        assert server.threads() < 40
    finally:
        for reader in readers:
            reader.close()
    wait_until(lambda: server.files() <= files, what="files are closed")


@linux
def test_many_streams_at_once_leave_nothing_open(server):
    before = server.files()
    sizes = []

    def get():
        sizes.append(len(requests.get(f"{server.base}/stream/open?{4 << 20}", timeout=60).content))

    threads = [threading.Thread(target=get) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == [4 << 20] * 24
    wait_until(lambda: server.files() <= before, what="files are closed")
