"""nginx: the measure of all things here, the upstream of the proxies, and the front of this server."""

import os
import pwd
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.processes import Child, wait_for_port
from tests.live import free_port

# One file for each representation, chosen by Accept; its .gz next to it for those who take gzip.
_STATIC = """
    server {
        listen 127.0.0.1:%(port)d backlog=4096;
        root %(root)s;
        index index.$kind;
        location ~ /index[.]json$ { gzip_static on; types { } default_type application/vnd.pypi.simple.v1+json; }
        location ~ /index[.]html$ { gzip_static on; types { } default_type text/html; }
        location / { types { } default_type application/octet-stream; }
    }
"""

_FRONT = """
    upstream repoman { server 127.0.0.1:%(behind)d; keepalive 64; keepalive_requests 1000000; }
    server {
        listen 127.0.0.1:%(port)d backlog=4096;
        location / {
            proxy_pass http://repoman;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
        }
        location %(prefix)s { internal; alias %(root)s/; }
    }
"""

_CONFIGURATION = """
%(user)s
worker_processes auto;
daemon off;
pid %(folder)s/nginx.pid;
error_log %(folder)s/error.log warn;
worker_rlimit_nofile 8192;
events { worker_connections 4096; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    open_file_cache max=10000 inactive=600s;
    open_file_cache_valid 600s;
    client_body_temp_path %(folder)s/body;
    proxy_temp_path %(folder)s/proxy;
    fastcgi_temp_path %(folder)s/fastcgi;
    uwsgi_temp_path %(folder)s/uwsgi;
    scgi_temp_path %(folder)s/scgi;
    map $http_accept $kind { default html; "~json" json; }
    %(servers)s
}
"""


@dataclass(frozen=True)
class Nginx:
    """A running nginx."""

    port: int
    child: Child

    @property
    def pid(self) -> int:
        return self.child.pid


@contextmanager
def static(folder: Path, root: Path, port: int | None = None) -> Iterator[Nginx]:
    """Serve the files below ``root``."""
    with _running(folder, _STATIC, {"root": root}, port) as server:
        yield server


@contextmanager
def front(folder: Path, *, behind: int, prefix: str, root: Path) -> Iterator[Nginx]:
    """Stand before the server at port ``behind`` and send the files it names by X-Accel-Redirect from ``root``."""
    with _running(folder, _FRONT, {"behind": behind, "prefix": prefix, "root": root}) as server:
        yield server


@contextmanager
def _running(folder: Path, server: str, values: dict[str, object], port: int | None = None) -> Iterator[Nginx]:
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    user = f"user {pwd.getpwuid(0).pw_name};" if os.geteuid() == 0 else ""
    text = _CONFIGURATION % {"user": user, "folder": folder, "servers": server % {"port": port, **values}}
    (folder / "nginx.conf").write_text(text)
    child = Child(
        [
            shutil.which("nginx") or "/usr/sbin/nginx",
            "-p",
            folder,
            "-e",
            folder / "error.log",
            "-c",
            folder / "nginx.conf",
        ],
        log=folder / "output.log",
        environment=os.environ,
        cwd=folder,
    )
    try:
        wait_for_port(port, 10)
        yield Nginx(port, child)
    finally:
        child.stop()
