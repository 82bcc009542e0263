"""A simulated upstream: a real HTTP server on loopback with packages and faults to order, and a log of what it was asked.

upstream.add("demo-1.0-py3-none-any.whl", content)
upstream.fault("/simple/demo/", status(500), times=1)
assert upstream.count("/simple/demo/") == 1
"""

import hashlib
import html
import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote, urlsplit

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html; charset=utf-8"
PATIENCE = 30  # seconds after which a fault that waits gives up, so that no test leaves a thread behind


@dataclass
class OfferedFile:
    """A file with what the index says of it; ``listed`` overrides or adds JSON keys, None removes one."""

    filename: str
    content: bytes
    listed: dict[str, Any] = field(default_factory=dict)
    metadata: bytes | None = None


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    client: object = None  # the connection it came over, by its other end


Fault = Callable[["Exchange"], None]


class Exchange(BaseHTTPRequestHandler):
    """One connection; a fault takes it over and does what it wants with it."""

    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        simulator = self.server.simulator
        path = urlsplit(self.path).path
        fault = simulator._arrived(
            Asked(self.command, self.path, dict(self.headers.items()), self.client_address), path
        )
        if fault is not None:
            fault(self)
        else:
            simulator._answer(self, unquote(path))

    do_HEAD = do_GET  # noqa: N815 - named by the base class

    def send(self, status: int, body: bytes = b"", content_type: str = "text/plain", **headers: str) -> None:
        self.start(status, {"Content-Type": content_type, "Content-Length": str(len(body)), **headers})
        if self.command != "HEAD":
            self.wfile.write(body)

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def break_off(self) -> None:
        self.close_connection = True
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    simulator: "SimulatedUpstream"

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that leave are part of the tests


class SimulatedUpstream:
    """``root`` is the path of the index root; ``kind`` the page kind it answers; ``files_url`` where links point to."""

    def __init__(self, *, root: str = "/simple", kind: str = "json", tls: ssl.SSLContext | None = None) -> None:
        self.root = root
        self.kind = kind
        self.content_type = ""
        self.files: dict[str, OfferedFile] = {}
        self.projects: dict[str, dict[str, Any]] = {}
        self.has_listing = True
        self.conditional = True
        self.base_href = ""
        self.asked: list[Asked] = []
        self._faults: list[tuple[str, Fault, int]] = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), Exchange)
        self._server.simulator = self
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.files_url = f"{self.url}/files"
        self.released = threading.Event()
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # What it offers

    def add(self, filename: str, content: bytes, *, metadata: bytes | None = None, **listed: Any) -> OfferedFile:
        """Offer a file; keys of its JSON entry with "_" for "-" (``hashes={}`` for none)."""
        file = OfferedFile(filename, content, {key.replace("_", "-"): value for key, value in listed.items()}, metadata)
        with self._lock:
            self.files[filename] = file
            self.projects.setdefault(filename.split("-")[0].replace("_", "-").lower(), {})
        return file

    def remove(self, filename: str) -> None:
        with self._lock:
            del self.files[filename]

    def fault(self, path: str, fault: Fault, times: int = 1_000_000) -> None:
        """Let requests whose path begins with ``path`` meet ``fault``, the next ``times`` of them."""
        with self._lock:
            self._faults.append((path, fault, times))

    def heal(self) -> None:
        with self._lock:
            self._faults.clear()

    # What it was asked

    def count(self, path: str) -> int:
        """How many requests had exactly this path."""
        return sum(urlsplit(asked.path).path == path for asked in list(self.asked))

    def headers_of(self, path: str) -> Mapping[str, str]:
        """The headers of the last request for this path."""
        return next(asked.headers for asked in reversed(self.asked) if urlsplit(asked.path).path == path)

    # How it answers

    def _arrived(self, asked: Asked, path: str) -> Fault | None:
        with self._lock:
            self.asked.append(asked)
            for place, (prefix, fault, times) in enumerate(self._faults):
                if path.startswith(prefix) and times > 0:
                    self._faults[place] = (prefix, fault, times - 1)
                    return fault
        return None

    def _answer(self, exchange: Exchange, path: str) -> None:
        root = self.root.rstrip("/")
        if path.startswith("/files/"):
            self._answer_file(exchange, path.rsplit("/", 1)[1])
        elif path == f"{root}/" and self.has_listing:
            self._answer_page(exchange, *self._listing())
        elif path.startswith(f"{root}/") and path.removeprefix(f"{root}/").strip("/") in self.projects:
            self._answer_page(exchange, *self.page(path.removeprefix(f"{root}/").strip("/")))
        else:
            exchange.send(404, b"not here")

    def _answer_file(self, exchange: Exchange, filename: str) -> None:
        owner = filename.removesuffix(".metadata")
        file = self.files.get(filename) or self.files.get(owner)
        content = None if file is None else file.content if file.filename == filename else file.metadata
        if content is None:
            exchange.send(404, b"no such file")
        else:
            exchange.send(200, content, "application/octet-stream")

    def _answer_page(self, exchange: Exchange, content_type: str, body: bytes) -> None:
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if self.conditional and exchange.headers.get("If-None-Match") == etag:
            exchange.start(304, {"ETag": etag})
        else:
            exchange.send(200, body, self.content_type or content_type, **({"ETag": etag} if self.conditional else {}))

    def _listing(self) -> tuple[str, bytes]:
        if self.kind == "json":
            entries = [{"name": name} for name in self.projects]
            return JSON, json.dumps({"meta": {"api-version": "1.4"}, "projects": entries}).encode()
        links = "".join(f'<a href="{name}/">{name}</a>' for name in self.projects)
        return HTML, f"<!DOCTYPE html><html><head></head><body>{links}</body></html>".encode()

    def page(self, project: str) -> tuple[str, bytes]:
        """Content type and body of a project's page."""
        with self._lock:
            files = [
                file
                for file in self.files.values()
                if file.filename.lower().replace("_", "-").startswith(project + "-")
            ]
        entries = [self._entry(file) for file in files]
        extra = self.projects[project]
        if self.kind == "json":
            document = {"meta": {"api-version": "1.4"}, "name": project, "files": entries, **extra}
            return JSON, json.dumps(document).encode()
        status = extra.get("project-status", {}).get("status", "active")
        base = f'<base href="{self.base_href}">' if self.base_href else ""
        meta = (
            f'<meta name="pypi:repository-version" content="1.4"><meta name="pypi:project-status" content="{status}">'
        )
        return HTML, (
            f"<!DOCTYPE html><html><head>{base}{meta}</head><body>{''.join(map(_anchor, entries))}</body></html>"
        ).encode()

    def _entry(self, file: OfferedFile) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "filename": file.filename,
            "url": f"{self.files_url}/{quote(file.filename)}",
            "hashes": {"sha256": hashlib.sha256(file.content).hexdigest()},
            "size": len(file.content),
        }
        if file.metadata is not None:
            entry["core-metadata"] = {"sha256": hashlib.sha256(file.metadata).hexdigest()}
        entry.update(file.listed)
        return {key: value for key, value in entry.items() if value is not None}


def _anchor(entry: dict[str, Any]) -> str:
    digest = next(iter(entry["hashes"].items()), None)
    href = entry["url"] + (f"#{digest[0]}={digest[1]}" if digest else "")
    attributes = {"href": href, "data-requires-python": entry.get("requires-python")}
    if entry.get("yanked"):
        attributes["data-yanked"] = entry["yanked"] if isinstance(entry["yanked"], str) else ""
    if entry.get("core-metadata"):
        attributes["data-core-metadata"] = "sha256=" + entry["core-metadata"]["sha256"]
    text = " ".join(f'{name}="{html.escape(value)}"' for name, value in attributes.items() if value is not None)
    return f"<a {text}>{entry['filename']}</a><br>"


# Faults


def status(code: int, body: bytes = b"trouble", **headers: str) -> Fault:
    return lambda exchange: exchange.send(code, body, **headers)


def body(content: bytes, content_type: str = "application/octet-stream", **headers: str) -> Fault:
    """A complete answer with other content than it should have."""
    return lambda exchange: exchange.send(200, content, content_type, **headers)


def redirect(location: str, code: int = 302) -> Fault:
    return lambda exchange: exchange.send(code, b"", Location=location)


def hang() -> Fault:
    """Takes the request and says nothing."""

    def fault(exchange: Exchange) -> None:
        exchange.server.simulator.released.wait(PATIENCE)
        exchange.break_off()

    return fault


def drop() -> Fault:
    """Closes the connection without a word."""
    return lambda exchange: exchange.break_off()


def cut(content: bytes, after: int) -> Fault:
    """Announces ``content`` and closes after some of it."""

    def fault(exchange: Exchange) -> None:
        exchange.start(200, {"Content-Type": "application/octet-stream", "Content-Length": str(len(content))})
        exchange.wfile.write(content[:after])
        exchange.break_off()

    return fault


def chunked(content: bytes, after: int | None = None) -> Fault:
    """A chunked answer, ended cleanly after some of the content."""

    def fault(exchange: Exchange) -> None:
        exchange.start(200, {"Content-Type": "application/octet-stream", "Transfer-Encoding": "chunked"})
        part = content[:after]
        exchange.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(part), part))

    return fault


def stall(content: bytes, after: int, released: threading.Event) -> Fault:
    """Sends some of the content and the rest when the test says so."""

    def fault(exchange: Exchange) -> None:
        exchange.start(200, {"Content-Type": "application/octet-stream", "Content-Length": str(len(content))})
        exchange.wfile.write(content[:after])
        exchange.wfile.flush()
        released.wait(PATIENCE)
        exchange.wfile.write(content[after:])

    return fault


def drip(content: bytes, pause: float, *, head: bool = False) -> Fault:
    """A byte at a time, which resets a plain socket timeout for ever; ``head`` drips the headers as well."""

    def fault(exchange: Exchange) -> None:
        start = f"HTTP/1.1 200 OK\r\nContent-Type: {JSON}\r\nContent-Length: {len(content)}\r\n\r\n".encode()
        if not head:
            exchange.wfile.write(start)
        for byte in start + content if head else content:
            exchange.wfile.write(bytes([byte]))
            exchange.wfile.flush()
            if exchange.server.simulator.released.wait(pause):
                break
        exchange.break_off()

    return fault


def raw(answer: bytes) -> Fault:
    """Bytes on the wire, whatever they mean."""

    def fault(exchange: Exchange) -> None:
        exchange.wfile.write(answer)
        exchange.break_off()

    return fault


def slowly(seconds: float) -> Fault:
    """The right answer, later."""

    def fault(exchange: Exchange) -> None:
        exchange.server.simulator.released.wait(seconds)
        exchange.server.simulator._answer(exchange, unquote(urlsplit(exchange.path).path))

    return fault
