"""How fast the cold path is: pages and files that a proxy has never asked its upstream for.

    python -m tests.benchmarks.cold_path [stages] [page] [first-byte] [crowd] [install]

Needs nginx (crowd, install) and uv (install). Everything runs on loopback, in folders of its own that are removed. Prints
one line a measurement; CPU is of all processes of the server. Not part of `make test`: nothing here passes or fails.
"""

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests import live
from tests.distributions import metadata_for, wheel
from tests.simulators.upstream import Exchange, SimulatedUpstream

MB = 1024 * 1024
JSON = "application/vnd.pypi.simple.v1+json"
SECTIONS = ("stages", "page", "first-byte", "crowd", "install")


def main() -> None:
    parser = argparse.ArgumentParser(prog="cold_path")
    parser.add_argument("sections", nargs="*", help=f"of {', '.join(SECTIONS)}; all when none is named")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if unknown := set(arguments.sections) - set(SECTIONS):
        parser.error(f"no section {', '.join(unknown)}")
    measures: dict[str, Callable[[int], None]] = {
        "stages": stages, "page": page, "first-byte": first_byte, "crowd": crowd, "install": install,
    }  # fmt: skip
    for section in arguments.sections or SECTIONS:
        measures[section](arguments.rounds)


def report(what: str, value: str) -> None:
    print(f"{what:<64} {value}", flush=True)


# What is offered


def json_page(name: str, files: int, base: str) -> bytes:
    """A page as a public index writes it."""
    entries = []
    for number in range(files):
        digest = hashlib.sha256(f"{name}{number}".encode()).hexdigest()
        tag = f"cp3{number % 6 + 8}"
        version = f"{number // 60}.{number % 60 // 6}.0"
        filename = f"{name.replace('-', '_')}-{version}-{tag}-{tag}-manylinux_2_28_x86_64.whl"
        entries.append({
            "filename": filename, "url": f"{base}/{digest[:2]}/{digest[2:4]}/{digest[4:]}/{filename}",
            "hashes": {"sha256": digest}, "requires-python": ">=3.8", "size": 123_456 + number,
            "upload-time": f"2024-{number % 12 + 1:02}-{number % 28 + 1:02}T10:20:30.{number:06}Z", "yanked": False,
            "core-metadata": {"sha256": digest}, "data-dist-info-metadata": {"sha256": digest}, "provenance": None,
        })  # fmt: skip
    versions = list(dict.fromkeys(entry["filename"].split("-")[1] for entry in entries))
    meta = {"api-version": "1.4", "_last-serial": 12345}
    return json.dumps({"meta": meta, "name": name, "versions": versions, "files": entries}).encode()


def html_page(name: str, files: int, base: str) -> bytes:
    anchors = []
    for entry in json.loads(json_page(name, files, base))["files"]:
        digest = entry["hashes"]["sha256"]
        anchors.append(
            f'<a href="{entry["url"]}#sha256={digest}" data-requires-python="&gt;=3.8" '
            f'data-dist-info-metadata="sha256={digest}" data-core-metadata="sha256={digest}">{entry["filename"]}</a><br />\n'
        )
    head = '<!DOCTYPE html>\n<html><head><meta name="pypi:repository-version" content="1.4"></head>\n'
    return f"{head}<body><h1>Links for {name}</h1>\n{''.join(anchors)}</body></html>\n".encode()


BIG = {"HTML of 2 MB": ("html", 3_970), "JSON of 4,300 files": ("json", 4_300)}


def big_page(kind: str, files: int, name: str, base: str) -> tuple[str, bytes]:
    if kind == "html":
        return "text/html; charset=utf-8", html_page(name, files, base)
    return JSON, json_page(name, files, base)


# The stages of one page, in this process


def stages(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(live.environment_for(Path(folder)), DJANGO_SETTINGS_MODULE="repoman.settings")
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        for label, (kind, files) in BIG.items():
            _stages_of(label, kind, files, rounds)


def _stages_of(label: str, kind: str, files: int, rounds: int) -> None:
    from blobstores.models import BlobStore
    from repoman.toolbox import clock
    from repositories.domain.names import NormalizedName
    from repositories.models import Repository
    from repositories.protocol import page_document, pypi, simple_html, simple_json
    from repositories.services import upstream_pages

    store, _ = BlobStore.objects.get_or_create(name="default", kind="filesystem")
    project = NormalizedName("huge")
    body = big_page(kind, files, project, "https://files.example")[1]
    parse = simple_json.parse_project if kind == "json" else simple_html.parse_project
    taken: dict[str, list[float]] = {}

    def timed(stage: str, function: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        result = function()
        taken.setdefault(stage, []).append((time.perf_counter() - began) * 1000)
        return result

    def url(file: Any) -> str:
        return f"../../{pypi.file_path(file)}"

    for number in range(max(5, rounds)):
        row = Repository.objects.create(name=f"{kind}{number}", recipe="pypi-proxy", blob_store=store)
        told = {
            "repository_id": row.pk,
            "source": "s",
            "project": project,
            "name": row.name,
            "etag": "",
            "last_modified": "",
        }
        page = timed("parse", lambda: parse(body, "https://index.example/simple/huge/", project))
        timed("  of saving: first_seen", lambda page=page: page_document.with_first_seen(page, None, clock.now()))
        document = timed("  of saving: pack", lambda page=page: page_document.pack_page(page, "s"))
        timed(
            "save, nothing before", lambda page=page, told=told: upstream_pages.save(page=page, now=clock.now(), **told)
        )
        load = {"repository_id": row.pk, "name": row.name, "source": "s", "project": project}
        kept = timed("load after saving", lambda load=load: upstream_pages.load(**load))
        timed("render JSON", lambda kept=kept: simple_json.render_project(kept.page, url))
        timed("render HTML", lambda kept=kept: simple_html.render_project(kept.page, url))
        upstream_pages.memory.clear()
        timed("load in another process", lambda load=load: upstream_pages.load(**load))
        timed(
            "save again, unchanged",
            lambda page=page, told=told: upstream_pages.save(page=page, now=clock.now(), **told),
        )
    report(f"{label}: {len(body)} bytes, document of {len(document)}", "")
    for stage, times in taken.items():
        report(f"  {stage}", f"median {statistics.median(times):7.1f} ms   least {min(times):7.1f} ms")


# The whole server


@contextlib.contextmanager
def server(**settings: str) -> Iterator[live.LiveServer]:
    with (
        tempfile.TemporaryDirectory(prefix="cold-path-") as folder,
        live.running(Path(folder), REPOMAN_ANONYMOUS_READ="on", **settings) as running,
    ):
        yield running


def fresh_proxy(running: live.LiveServer, name: str, url: str) -> str:
    """A new proxy with a blob store of its own; returns its name."""
    running.python(f"""
from pathlib import Path
from blobstores.models import BlobStore
from repositories.services.repositories import create_repository
BlobStore.objects.create(name={name!r}, kind="filesystem", options={{"path": str(Path({str(running.data)!r}) / {name!r})}})
create_repository(name={name!r}, recipe="pypi-proxy", blob_store={name!r}, options={{"remote_url": {url!r}}})
""")
    return name


def cpu_of(running: live.LiveServer) -> float:
    """Seconds of CPU that the processes of the server have used."""
    ticks = 0
    for pid in live.process_tree(running.process.pid):
        with contextlib.suppress(OSError):
            fields = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def ask(base: str, path: str, accept: str = "*/*") -> socket.socket:
    """A raw request; the answer is the caller's to read."""
    host, port = base.split("//")[1].split(":")
    sock = socket.create_connection((host, int(port)))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n".encode()
    )
    return sock


def head_of(sock: socket.socket) -> tuple[bytes, bytes, float]:
    """Head and first bytes of the body, and when they came."""
    data = b""
    while b"\r\n\r\n" not in data or not data.partition(b"\r\n\r\n")[2]:
        block = sock.recv(65536)
        if not block:
            raise ConnectionError(f"no answer: {data[:200]!r}")
        data += block
    head, _, body = data.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise ConnectionError(f"no success: {data[:400]!r}")
    return head, body, time.monotonic()


def swallow(sock: socket.socket) -> tuple[int, float]:
    """The length of the body and when its last byte came; the kernel throws the bytes away uncopied."""
    _, body, _ = head_of(sock)
    size, room = len(body), bytearray(1)
    del room
    buffer = bytearray(4 * MB)
    while count := sock.recv_into(buffer, len(buffer), socket.MSG_TRUNC):
        size += count
    sock.close()
    return size, time.monotonic()


# A large page: from its last byte at the upstream to its last byte at the client


def page(rounds: int) -> None:
    simulated = SimulatedUpstream()
    try:
        with server() as running:
            fresh_proxy(running, "proxy", simulated.url + "/simple")
            for label, (kind, files) in BIG.items():
                for accept, wanted in ((JSON, "JSON"), ("text/html", "HTML")):
                    _page_times(running, simulated, f"{label}, served as {wanted}", kind, files, accept, rounds)
    finally:
        simulated.stop()


def _page_times(
    running: live.LiveServer, simulated: SimulatedUpstream, label: str, kind: str, files: int, accept: str, rounds: int
) -> None:
    first, last, pings, cpu = [], [], [], cpu_of(running)
    for number in range(rounds + 1):
        name = f"{kind}-{hashlib.sha256(label.encode()).hexdigest()[:6]}-{number}"
        content_type, body = big_page(kind, files, name, f"{simulated.url}/files")
        sent: list[float] = []

        def answer(
            exchange: Exchange, content_type: str = content_type, body: bytes = body, sent: list[float] = sent
        ) -> None:
            exchange.start(200, {"Content-Type": content_type, "Content-Length": str(len(body))})
            exchange.wfile.write(body[:-1000])
            time.sleep(0.1)
            sent.append(time.monotonic())
            exchange.wfile.write(body[-1000:])

        simulated.fault(f"/simple/{name}/", answer, times=1)
        with pinging(running) as worst:
            sock = ask(running.base, f"/repository/proxy/simple/{name}/", accept)
            _, rest, began = head_of(sock)
            while block := sock.recv(MB):
                rest += block
            ended = time.monotonic()
            sock.close()
        if number:  # the first one finds the index root and loads what is loaded once
            first.append((began - sent[0]) * 1000)
            last.append((ended - sent[0]) * 1000)
            pings.append(max(worst, default=0.0))
    report(
        label,
        f"first byte {statistics.median(first):6.1f} ms, last {statistics.median(last):6.1f} ms (least {min(last):.1f}); "
        f"slowest ping meanwhile {statistics.median(pings):5.1f} ms; cpu {(cpu_of(running) - cpu) / (rounds + 1) * 1000:.0f} ms",
    )


@contextlib.contextmanager
def pinging(running: live.LiveServer) -> Iterator[list[float]]:
    """Another client meanwhile; gives the milliseconds each of its requests took."""
    times: list[float] = []
    over = threading.Event()

    def run() -> None:
        while not over.wait(0.005):
            began = time.monotonic()
            with ask(running.base, "/status") as sock:
                while sock.recv(65536):
                    pass
            times.append((time.monotonic() - began) * 1000)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield times
    finally:
        over.set()
        thread.join()


# A large file: from its first byte at the upstream to its first byte at the client


def first_byte(rounds: int) -> None:
    simulated = SimulatedUpstream()
    content = random.Random(1).randbytes(MB) * 300
    small = random.Random(2).randbytes(100_000)
    digest = hashlib.sha256(content).hexdigest()
    try:
        with server() as running:
            fresh_proxy(running, "proxy", simulated.url + "/simple")
            for label, body, listed in (
                ("file of 300 MB", content, {"sha256": digest}),
                ("file of 300 MB without digest", content, {}),
                ("file of 100 KB", small, {"sha256": hashlib.sha256(small).hexdigest()}),
            ):
                _first_byte_times(running, simulated, label, body, listed, rounds)
    finally:
        simulated.stop()


def _first_byte_times(
    running: live.LiveServer, simulated: SimulatedUpstream, label: str, body: bytes, hashes: dict[str, str], rounds: int
) -> None:
    project = "f" + hashlib.sha256(label.encode()).hexdigest()[:6]
    for number in range(rounds + 1):
        simulated.add(f"{project}-{number}-py3-none-any.whl", b"", hashes=hashes, size=len(body))
    with ask(running.base, f"/repository/proxy/simple/{project}/") as sock:
        head_of(sock)
    asked_after, first, whole, cpu = [], [], [], cpu_of(running)
    for number in range(rounds + 1):
        sent: list[float] = []

        def answer(exchange: Exchange, sent: list[float] = sent) -> None:
            sent.append(time.monotonic())
            exchange.start(200, {"Content-Type": "application/octet-stream", "Content-Length": str(len(body))})
            exchange.wfile.write(body)

        path = f"/files/{project}-{number}-py3-none-any.whl"
        simulated.fault(path, answer, times=1)
        began = time.monotonic()
        sock = ask(running.base, f"/repository/proxy/packages/{project}/{number}/{project}-{number}-py3-none-any.whl")
        _, data, came = head_of(sock)
        size, ended = len(data), 0.0
        buffer = bytearray(MB)
        while count := sock.recv_into(buffer, MB, socket.MSG_TRUNC):
            size += count
        ended = time.monotonic()
        sock.close()
        if size != len(body):
            raise ConnectionError(f"{size} of {len(body)} bytes")
        if number:
            asked_after.append((sent[0] - began) * 1000)
            first.append((came - sent[0]) * 1000)
            whole.append(ended - began)
    report(
        label,
        f"upstream asked after {statistics.median(asked_after):5.1f} ms, first byte {statistics.median(first):5.1f} ms later "
        f"(most {max(first):.1f}); whole {statistics.median(whole):.3f} s, {len(body) / MB / statistics.median(whole):.0f} MB/s, "
        f"cpu {(cpu_of(running) - cpu) / (rounds + 1):.3f} s",
    )


# nginx as an upstream


@contextlib.contextmanager
def nginx(root: Path) -> Iterator[str]:
    """nginx on ``root``: ``/simple/<project>/`` from ``pages/<project>.json``, ``/files/…``, and ``/slow/…`` at 50 MB/s."""
    port = live.free_port()
    configuration = root / "nginx.conf"
    user = "user root;" if os.getuid() == 0 else ""
    configuration.write_text(f"""
{user} worker_processes 1; daemon off; pid {root}/nginx.pid; error_log {root}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log {root}/access.log; sendfile on; tcp_nopush on; keepalive_requests 100000; keepalive_timeout 60s;
  client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
  uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
  server {{
    listen 127.0.0.1:{port} backlog=1024; root {root};
    location ~ ^/simple/([^/]+)/$ {{ default_type {JSON}; types {{}} try_files /pages/$1.json =404; }}
    location /files/ {{ default_type application/octet-stream; types {{}} }}
    location /slow/ {{ alias {root}/files/; default_type application/octet-stream; types {{}} limit_rate 50m; }}
  }}
}}
""")
    process = subprocess.Popen(["nginx", "-c", str(configuration), "-p", str(root), "-e", str(root / "error.log")])
    try:
        live.wait_until(lambda: _listens(port), what="nginx")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def offer(
    root: Path, base: str, folder: str, project: str, files: dict[str, tuple[bytes, bytes]], padding: int = 0
) -> None:
    """Write a page and its files (content and metadata by name), below ``padding`` files that nobody asks for."""
    (root / "pages").mkdir(exist_ok=True)
    (root / "files").mkdir(exist_ok=True)
    document = json.loads(json_page(project, padding, f"{base}/files"))
    for filename, (content, metadata) in files.items():
        (root / "files" / filename).write_bytes(content)
        entry = {
            "filename": filename, "url": f"{base}/{folder}/{filename}", "size": len(content), "yanked": False,
            "hashes": {"sha256": hashlib.sha256(content).hexdigest()}, "upload-time": "2026-01-01T00:00:00Z",
        }  # fmt: skip
        if metadata:
            (root / "files" / f"{filename}.metadata").write_bytes(metadata)
            entry["core-metadata"] = {"sha256": hashlib.sha256(metadata).hexdigest()}
        document["files"].append(entry)
        document["versions"].append(filename.split("-")[1])
    (root / "pages" / f"{project}.json").write_text(json.dumps(document))


# Many clients for one cold file


def crowd(rounds: int) -> None:
    content = random.Random(3).randbytes(MB) * 100
    for folder, label in (("files", "as fast as nginx is"), ("slow", "upstream of 50 MB/s")):
        with tempfile.TemporaryDirectory(prefix="cold-crowd-") as name:
            root = Path(name)
            with nginx(root) as base, server() as running:
                names = [f"crowd-{number}-py3-none-any.whl" for number in range(2 * rounds + 2)]
                offer(root, base, folder, "crowd", dict.fromkeys(names, (content, b"")))
                fresh_proxy(running, "proxy", base + "/simple")
                _crowd_times(running, root, folder, label, names, len(content))


def _crowd_times(running: live.LiveServer, root: Path, folder: str, label: str, names: list[str], size: int) -> None:
    alone, many, memory, cpu = [], [], 0.0, {1: 0.0, 64: 0.0}
    swallowed(running, names.pop(), 1, size)
    for place, filename in enumerate(names):
        clients = 1 if place % 2 == 0 else 64
        before = cpu_of(running)
        taken = swallowed(running, filename, clients, size)
        cpu[clients] += cpu_of(running) - before
        (alone if clients == 1 else many).append(taken)
        memory = max(memory, peak_memory(running))
        requests = (root / "access.log").read_text().count(f"/{folder}/{filename} ")
        if requests != 1:
            report(f"  {filename}", f"{requests} upstream requests")
    one, all_of_them = statistics.median(alone), statistics.median(many)
    report(
        f"100 MB, {label}",
        f"1 client {one:.3f} s (cpu {cpu[1] / len(alone):.2f}), 64 clients {all_of_them:.3f} s (cpu {cpu[64] / len(many):.2f}), "
        f"ratio {all_of_them / one:.2f}, {64 * size / MB / all_of_them:.0f} MB/s in all; peak memory {memory:.0f} MB",
    )
    warm = [swallowed(running, names[1], 64, size) for _ in range(3)]
    report("  the same 64 once it is kept", f"{statistics.median(warm):.3f} s")


def swallowed(running: live.LiveServer, filename: str, clients: int, size: int) -> float:
    """Seconds until the last of ``clients`` has the whole file."""
    version = filename.split("-")[1]
    path = f"/repository/proxy/packages/crowd/{version}/{filename}"
    began = time.monotonic()
    socks = [ask(running.base, path) for _ in range(clients)]
    ended: list[float] = []

    def read(sock: socket.socket) -> None:
        count, moment = swallow(sock)
        if count == size:
            ended.append(moment)

    readers = [threading.Thread(target=read, args=(sock,)) for sock in socks]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    if len(ended) != clients:
        raise ConnectionError(f"{clients - len(ended)} of {clients} got no whole file")
    return max(ended) - began


def peak_memory(running: live.LiveServer) -> float:
    """MB of the web worker, the largest process."""
    peaks = [0]
    for pid in live.process_tree(running.process.pid):
        with contextlib.suppress(OSError):
            status = (Path("/proc") / str(pid) / "status").read_text()
            peaks.append(int(status.partition("VmHWM:")[2].split()[0]))
    return max(peaks) / 1024


# An installer


def install(rounds: int) -> None:
    with tempfile.TemporaryDirectory(prefix="cold-install-") as name:
        root = Path(name)
        with nginx(root) as base, server() as running:
            names = packages(root, base)
            times: dict[str, list[float]] = {}
            cpu: dict[str, list[float]] = {}
            for number in range(rounds + 1):
                proxy = fresh_proxy(running, f"proxy-{number}", base + "/simple")
                for label, index in (
                    ("straight", base + "/simple/"),
                    ("cold", running.index(proxy)),
                    ("warm", running.index(proxy)),
                ):
                    before = cpu_of(running)
                    taken = installed(root, index, names)
                    if number:
                        times.setdefault(label, []).append(taken)
                        cpu.setdefault(label, []).append(cpu_of(running) - before)
            straight = statistics.median(times["straight"])
            for label, taken_all in times.items():
                median = statistics.median(taken_all)
                report(
                    f"uv pip install of {len(names)}: {label}",
                    f"{median:.3f} s (least {min(taken_all):.3f}), ratio {median / straight:.2f}; "
                    f"cpu of the server {statistics.median(cpu[label]):.2f} s",
                )


def packages(root: Path, base: str) -> list[str]:
    """Forty packages: wheels of 0.1 to 10 MB, pages of 10 to 4,000 files."""
    dice = random.Random(4)
    names = []
    for number in range(40):
        name = f"bench-{number:02}"
        size = min(10_000_000, int(100_000 * 100 ** (dice.random() ** 2)))
        listed = int(10 * 400 ** (dice.random() ** 1.5))
        built = wheel(name, "100000.0", payload=dice.randbytes(size))
        offer(root, base, "files", name, {built.filename: (built.content, metadata_for(name, "100000.0"))}, listed)
        names.append(name)
    return names


def installed(root: Path, index: str, names: list[str]) -> float:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_"))}
    target, cache = root / "target", root / "cache"
    for folder in (target, cache):
        shutil.rmtree(folder, ignore_errors=True)
    uv = Path(sys.executable).parent / "uv"
    command = [
        uv,
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--index-url",
        index,
        "--target",
        target,
        "--cache-dir",
        cache,
    ]
    began = time.monotonic()
    done = subprocess.run([*command, *names], env={**environment, "UV_NO_CONFIG": "1"}, capture_output=True, text=True)
    taken = time.monotonic() - began
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return taken


if __name__ == "__main__":
    main()
