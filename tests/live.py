"""The real server for tests: `repoman serve` on a data folder and ports of its own, as a person would start it."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.distributions import Built, upload_form

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 40  # of a machine that does other work as well


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Token:
    """A user token's codes."""

    name_code: str
    pass_code: str

    @property
    def header(self) -> str:
        """Value of an Authorization header."""
        return "Basic " + base64.b64encode(f"{self.name_code}:{self.pass_code}".encode()).decode()


@dataclass
class LiveServer:
    """A running server. ``base`` is its address without a slash at the end."""

    base: str
    data: Path
    environment: dict[str, str]
    process: "subprocess.Popen[str]"
    announced: list[str] = field(default_factory=list)

    def index(self, repository: str, token: Token | None = None) -> str:
        """Address of a repository's simple index, with a token's codes in it when one is given."""
        base = self.base
        if token is not None:
            scheme, _, rest = base.partition("://")
            base = f"{scheme}://{token.name_code}:{token.pass_code}@{rest}"
        return f"{base}/repository/{repository}/simple/"

    def upload_url(self, repository: str, *, slash: bool = True) -> str:
        return f"{self.base}/repository/{repository}{'/' if slash else ''}"

    def upload(self, built: Built, token: Token, *, base: str = "") -> None:
        """Upload to `pypi-hosted`, by another address of the server when ``base`` is given."""
        content_type, body = upload_form(built)
        headers = {"Authorization": token.header, "Content-Type": content_type}
        request = urllib.request.Request(f"{base or self.base}/repository/pypi-hosted/", body, headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            assert answer.status == 200

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (lower-case names) and body of a GET."""
        request = urllib.request.Request(self.base + path, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, {key.lower(): value for key, value in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {key.lower(): value for key, value in error.headers.items()}, error.read()

    def python(self, code: str) -> str:
        """Run a few lines with Django set up on this server's data folder; returns what they print."""
        script = f"import django; django.setup()\n{code}"
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={**self.environment, "DJANGO_SETTINGS_MODULE": "repoman.settings"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def user_token(self, username: str = "admin") -> Token:
        """Make a user token for a user; makes an ordinary user of that name when there is none."""
        code = f"""
import json
from accounts.models import User
from accounts.services import tokens
user = User.objects.filter(username={username!r}).first() or User.objects.create_user({username!r})
shown = tokens.issue(user)
print(json.dumps([shown.name_code, shown.pass_code]))
"""
        return Token(*json.loads(self.python(code)))

    def set_upstream(self, url: str) -> None:
        """Point the repository pypi-proxy at another upstream."""
        self.python(f"""
from repositories.models import Repository
from repositories.services.repositories import update_repository
row = Repository.objects.get(name="pypi-proxy")
update_repository(row, options={{**row.options, "remote_url": {url!r}}})
""")

    def stop(self, signal_number: int = signal.SIGINT) -> float:
        """Stop it as Ctrl-C does; returns the seconds it took."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        self.process.wait(30)
        return time.monotonic() - began

    def stderr(self) -> str:
        return (self.data.parent / "stderr").read_text()


def environment_for(data: Path, **settings: str) -> dict[str, str]:
    """This process's environment with the server's settings replaced."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REPOMAN_", "DJANGO_"))}
    return {**kept, "REPOMAN_DATA_DIR": str(data), "PYTHONPATH": str(ROOT), **settings}


def spawn(folder: Path, **settings: str) -> LiveServer:
    """Start a server with its data in ``folder``/data and do not wait for it."""
    folder.mkdir(parents=True, exist_ok=True)
    settings.setdefault("REPOMAN_PORT", str(free_port()))
    environment = environment_for(folder / "data", **settings)
    with (folder / "stderr").open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "repoman.cli", "serve"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    scheme = "https" if settings.get("REPOMAN_TLS_CERTIFICATE") and "REPOMAN_HTTPS_PORT" not in settings else "http"
    return LiveServer(f"{scheme}://127.0.0.1:{settings['REPOMAN_PORT']}", folder / "data", environment, process)


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[LiveServer]:
    """A server that has announced itself; stopped at the end."""
    server = spawn(folder, **settings)
    try:
        wait_announced(server)
        yield server
    finally:
        server.stop()
        assert server.process.stdout is not None
        server.process.stdout.close()


def wait_announced(server: LiveServer) -> None:
    """Read the three lines of the announcement; they come when the first request has been answered."""
    assert server.process.stdout is not None
    deadline = time.monotonic() + START_SECONDS
    while len(server.announced) < 3:
        line = server.process.stdout.readline()
        if not line or time.monotonic() > deadline:
            server.process.kill()
            raise AssertionError(f"the server did not start: {server.stderr()}")
        server.announced.append(line.rstrip("\n"))


def process_tree(pid: int) -> dict[int, str]:
    """A process and all below it: command lines by process id (Linux)."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(folder.name))
    found: dict[int, str] = {}
    waiting = [pid]
    while waiting:
        current = waiting.pop()
        try:
            found[current] = (Path("/proc") / str(current) / "cmdline").read_text().replace("\0", " ").strip()
        except OSError:
            continue
        waiting += children.get(current, [])
    return found


def wait_until(condition, seconds: float = 15.0, what: str = "") -> None:
    """Wait until ``condition()`` is true, else fail with ``what``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what or condition}"
        time.sleep(0.05)
