"""Behind a real nginx with the example's configuration: files are sent by nginx, and are what the server says they are."""

import hashlib
import os
import shutil
import subprocess
import urllib.request

import pytest

from tests import live
from tests.distributions import wheel
from tests.needs import needs

WHEEL = wheel("demo-app", "1.0", payload=os.urandom(600_000))
PATH = f"/repository/pypi-hosted/packages/demo-app/1.0/{WHEEL.filename}"
SAME = ("etag", "last-modified", "content-type", "cache-control", "content-security-policy", "x-content-type-options",
        "referrer-policy", "access-control-allow-origin", "accept-ranges", "content-length")  # fmt: skip
MAIN = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; {user}
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    {site}
}}
"""


def example(server, port: int) -> str:
    """deploy/nginx.conf for this server, with plain HTTP on a port of the test's."""
    text = (live.ROOT / "deploy" / "nginx.conf").read_text()
    changes = {
        "127.0.0.1:8081": server.base.removeprefix("http://"),
        "listen 443 ssl;": f"listen 127.0.0.1:{port};",
        "/var/lib/repoman/": f"{server.data}/",
        "X-Forwarded-Host $host": "X-Forwarded-Host $http_host",
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return "\n".join(line for line in text.splitlines() if "ssl_certificate" not in line)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    settings = {
        "REPOMAN_ANONYMOUS_READ": "on",
        "REPOMAN_TRUSTED_PROXIES": "127.0.0.1",
        "REPOMAN_ACCEL_PREFIX": "/blobs/",
    }
    with live.running(tmp_path_factory.mktemp("accel"), **settings) as running:
        yield running


@pytest.fixture(scope="module")
def nginx(server, tmp_path_factory):
    """The address of an nginx in front of the server, which has one wheel."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    needs(program, "nginx")
    folder, port = tmp_path_factory.mktemp("nginx"), live.free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user, site=example(server, port)))
    process = subprocess.Popen([program, "-p", str(folder), "-c", str(folder / "nginx.conf")], cwd=folder)
    base = f"http://127.0.0.1:{port}"
    try:
        live.wait_until(lambda: process.poll() is None and answers(base), what="nginx")
        server.upload(WHEEL, server.user_token(), base=base)
        yield base
    finally:
        process.terminate()
        process.wait(10)
    assert "[error]" not in (folder / "error.log").read_text()


def answers(base: str) -> bool:
    try:
        return ask(base, "/status")[0] == 200
    except OSError:
        return False


def ask(base: str, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(base + path, headers=named, method=method)
    try:
        answer = urllib.request.urlopen(request, timeout=20)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, {key.lower(): value for key, value in answer.headers.items()}, answer.read()


def test_nginx_gets_the_name_and_a_direct_client_the_bytes(server, nginx) -> None:
    digest = hashlib.sha256(WHEEL.content).hexdigest()
    status, headers, body = ask(server.base, PATH, X_Forwarded_For="192.0.2.7")
    assert (status, body) == (200, b"")
    assert headers["x-accel-redirect"].startswith("/blobs/")
    assert headers["x-accel-redirect"].endswith(f"/{digest}")
    status, headers, body = ask(server.base, PATH)
    assert (status, body) == (200, WHEEL.content)
    assert "x-accel-redirect" not in headers


def test_file_and_headers_are_those_of_the_server(server, nginx) -> None:
    direct, proxied = ask(server.base, PATH), ask(nginx, PATH)
    assert (proxied[0], proxied[2]) == (200, WHEEL.content)
    assert {name: proxied[1].get(name) for name in SAME} == {name: direct[1].get(name) for name in SAME}
    assert "x-accel-redirect" not in proxied[1]
    status, headers, body = ask(nginx, PATH, "HEAD")
    assert (status, headers["content-length"], body) == (200, str(len(WHEEL.content)), b"")
    assert ask(nginx, f"{PATH}.metadata")[2] == WHEEL.metadata


@pytest.mark.parametrize("wanted", ["bytes=0-0", "bytes=-100", "bytes=1000-", "bytes=5-300000"])
def test_ranges_are_those_of_the_server(server, nginx, wanted) -> None:
    direct, proxied = ask(server.base, PATH, Range=wanted), ask(nginx, PATH, Range=wanted)
    assert (proxied[0], proxied[2]) == (206, direct[2])
    assert proxied[1]["content-range"] == direct[1]["content-range"]


def test_conditions_are_those_of_the_server(nginx) -> None:
    headers = ask(nginx, PATH)[1]
    etag, modified = headers["etag"], headers["last-modified"]
    assert ask(nginx, PATH, If_None_Match=etag)[0] == 304
    assert ask(nginx, PATH, If_None_Match='"other"')[0] == 200
    assert ask(nginx, PATH, If_Modified_Since=modified)[0] == 304
    assert ask(nginx, PATH, Range="bytes=0-9", If_Range=etag)[0] == 206
    assert ask(nginx, PATH, Range="bytes=0-9", If_Range=modified)[0] == 206
    assert ask(nginx, PATH, Range="bytes=0-9", If_Range='"other"')[0] == 200
    assert ask(nginx, PATH, Range=f"bytes={len(WHEEL.content)}-")[0] == 416


def test_no_header_comes_twice(nginx) -> None:
    with urllib.request.urlopen(nginx + PATH, timeout=20) as answer:
        names = sorted(name.lower() for name in answer.headers)
    assert names.count("accept-ranges") == 1
    assert names == sorted(set(names))


def test_blobs_cannot_be_asked_for_from_outside(server, nginx) -> None:
    location = ask(server.base, PATH, X_Forwarded_For="192.0.2.7")[1]["x-accel-redirect"]
    assert ask(nginx, location)[0] == 404
    assert ask(nginx, "/blobs/../secret.key")[0] == 404
