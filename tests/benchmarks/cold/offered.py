"""What an upstream offers: pages as a public index writes them, and nginx that sends pages and files."""

import contextlib
import hashlib
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests import live

JSON = "application/vnd.pypi.simple.v1+json"


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
