"""The one-command server: start, refusals, deaths of children, stop. Each test runs the real thing."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import live

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with live.running(tmp_path_factory.mktemp("serve")) as server:
        yield server


def refused(folder: Path, **settings: str) -> tuple[int, str]:
    """Exit code and error output of a start that must not succeed."""
    done = subprocess.run(
        [sys.executable, "-m", "repoman.cli", "serve"],
        cwd=live.ROOT,
        env=live.environment_for(folder, **{"REPOMAN_PORT": str(live.free_port()), **settings}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


def children(server, part: str) -> list[int]:
    """Ids of processes below the supervisor whose command has ``part`` in it, parents first."""
    return [pid for pid, command in live.process_tree(server.process.pid).items() if part in command]


def test_announces_itself_in_three_lines(server):
    assert server.announced[0] == f"Console:  {server.base}/"
    assert server.announced[1] == f"Sign in:  the password of admin is in {server.data}/admin.password"
    host = server.base.removeprefix("http://")
    assert f"http://NAME_CODE:PASS_CODE@{host}/repository/pypi-public/simple/" in server.announced[2]
    assert "--trusted-host 127.0.0.1 " in server.announced[2]


def test_first_password_is_written_for_the_owner_alone(server):
    file = server.data / "admin.password"
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_text().strip()) == 24
    assert server.data.stat().st_mode & 0o777 == 0o700
    check = "from accounts.models import User; print(User.objects.get().check_password({!r}), User.objects.get().role)"
    assert server.python(check.format(file.read_text().strip())).split() == ["True", "administrator"]
    assert file.read_text().strip() not in server.stderr()


def test_live_and_ready(server):
    assert server.get("/status")[::2] == (200, b'{"status": "live"}')
    status, headers, body = server.get("/status/ready")
    assert (status, headers["content-type"], headers["cache-control"]) == (200, "application/json", "no-store")
    assert body == (
        b'{"status": "ready", "checks": {"database": "ok", "migrations": "ok", "blob_stores": "ok", "broker": "ok"}}'
    )


def test_second_start_on_the_same_folder_is_refused_in_one_line(server):
    code, errors = refused(server.data)
    assert code == 1
    expected = f"another server (process {server.process.pid}) is already running on the data folder {server.data}"
    assert errors.strip().lower() == f"repoman: {expected}".lower()


def test_taken_port_is_refused_in_one_line(server, tmp_path):
    port = server.base.rpartition(":")[2]
    code, errors = refused(tmp_path / "data", REPOMAN_PORT=port)
    assert code == 1
    assert errors == f"repoman: Port {port} on 127.0.0.1 is taken by another program; stop it or set REPOMAN_PORT\n"


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"REPOMAN_PORT": "eighty"}, "REPOMAN_PORT is 'eighty'; it must be a whole number from 0 to 65535"),
        ({"REPOMAN_ANONYMOUS_READ": "maybe"}, "REPOMAN_ANONYMOUS_READ is 'maybe'; it must be on or off"),
        ({"REPOMAN_LOG_LEVEL": "loud"}, "REPOMAN_LOG_LEVEL is 'loud'; it must be debug, info, warning or error"),
        ({"REPOMAN_TLS_KEY": "k"}, "REPOMAN_TLS_CERTIFICATE and REPOMAN_TLS_KEY belong together; only one is set"),
        (
            {"REPOMAN_BASE_URL": "packages.example"},
            "REPOMAN_BASE_URL is 'packages.example'; it must be an address such as https://packages.example",
        ),
        (
            {"REPOMAN_SECRET_KEY": "short"},
            "The secret key has 5 characters; REPOMAN_SECRET_KEY (or secret.key in the data folder) needs 32 or more",
        ),
        (
            {"REPOMAN_ADMIN_PASSWORD": "short"},
            "REPOMAN_ADMIN_PASSWORD is too short; it must have 10 characters or more",
        ),
    ],
)
def test_broken_configuration_is_refused_in_one_line(settings, line, tmp_path):
    assert refused(tmp_path / "data", **settings) == (2, f"repoman: {line}\n")


def test_lost_secret_beside_a_database_is_refused(tmp_path):
    (tmp_path / "repoman.sqlite3").write_bytes(b"")
    code, errors = refused(tmp_path)
    assert code == 2
    assert errors.startswith("repoman: secret.key is missing beside an existing database; restore it from the backup")
    assert errors.count("\n") == 1


def test_data_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "data").write_text("")
    code, errors = refused(tmp_path / "data")
    assert code == 1
    assert errors.startswith(f"repoman: The data folder {tmp_path}/data cannot be written: ")
    assert errors.count("\n") == 1


def test_database_that_is_not_one_is_refused_without_a_traceback(tmp_path):
    (tmp_path / "secret.key").write_text("x" * 40)
    (tmp_path / "repoman.sqlite3").write_bytes(b"this is no database" * 100)
    code, errors = refused(tmp_path)
    assert (code, errors) == (1, "repoman: the database cannot be used: file is not a database\n")


@linux
@pytest.mark.parametrize("part", ["serve.web", "serve.background", "broker.sock"])
def test_killed_child_is_started_again(server, part):
    before = children(server, part)
    os.kill(before[0], signal.SIGKILL)
    live.wait_until(lambda: [pid for pid in children(server, part) if pid not in before], what=f"{part} is back")
    live.wait_until(lambda: ready(server) == "ready", 20, "ready again")


@linux
def test_killed_web_worker_is_started_again(server):
    main, worker = children(server, "serve.web")
    os.kill(worker, signal.SIGKILL)
    live.wait_until(lambda: (found := children(server, "serve.web")) and worker not in found and len(found) == 2)
    live.wait_until(lambda: ready(server) == "ready", 20, "ready again")
    assert children(server, "serve.web")[0] == main


def ready(server) -> str:
    try:
        checks = server.get("/status/ready")[2].decode()
    except OSError:
        return "away"
    return "ready" if '"broker": "ok"' in checks and '"status": "ready"' in checks else checks


@linux
def test_memory_of_all_processes_is_below_300_mb(server):
    total = 0
    for pid in live.process_tree(server.process.pid):
        rollup = (Path("/proc") / str(pid) / "smaps_rollup").read_text()
        total += int(re.search(r"^Pss:\s+(\d+) kB", rollup, re.M)[1])
    assert total < 300 * 1024


def test_start_to_first_answer_takes_less_than_five_seconds(tmp_path):
    with live.running(tmp_path):
        pass  # the very first start migrates as well
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", "import repoman.asgi"],
        cwd=live.ROOT,
        env=live.environment_for(tmp_path / "data"),
        check=True,
    )
    loading = time.monotonic() - began  # 0.4 s on a quiet machine
    began = time.monotonic()
    with live.running(tmp_path):
        assert time.monotonic() - began < max(5, 12 * loading)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stop_finishes_the_request_in_flight(tmp_path, number):
    with live.running(tmp_path) as server, slow_request(server) as connection:
        server.process.send_signal(number)
        time.sleep(1)
        connection.sendall(b"67890")
        assert connection.recv(64).startswith(b"HTTP/1.1 4")  # the form is nonsense, but it was answered
        assert server.stop(0) < 10
        assert server.process.returncode == 0
        assert live.process_tree(server.process.pid) == {}


def test_stop_does_not_wait_for_a_request_that_never_ends(tmp_path):
    with live.running(tmp_path) as server, slow_request(server):
        assert server.stop() < 10.5
        assert server.process.returncode == 0


def slow_request(server) -> socket.socket:
    """A request whose body is half sent."""
    connection = socket.create_connection(("127.0.0.1", int(server.base.rpartition(":")[2])), timeout=20)
    connection.sendall(b"POST /nowhere/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345")
    time.sleep(0.3)
    return connection


@linux
def test_killed_supervisor_leaves_no_process_behind(tmp_path):
    with live.running(tmp_path) as server:
        below = [pid for pid in live.process_tree(server.process.pid) if pid != server.process.pid]
        assert len(below) == 4
        server.process.kill()
        live.wait_until(lambda: not [pid for pid in below if alive(pid)], 12, "children end by themselves")
    with live.running(tmp_path) as server:
        assert ready(server) == "ready"


def alive(pid: int) -> bool:
    try:
        return " Z " not in (Path("/proc") / str(pid) / "stat").read_text()
    except OSError:
        return False
