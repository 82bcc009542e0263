"""Real clients against a real server: an upstream of our own behind pypi-proxy, and each tool in an environment of its own."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import distributions, live
from tests.needs import needs
from tests.simulators.upstream import SimulatedUpstream

LOCKS = Path(__file__).parent / "locks"
CACHE = live.ROOT / ".cache" / "clients"
UV = Path(sys.executable).with_name("uv")


@dataclass(frozen=True)
class Done:
    """What a client's run left: exit code and everything it printed."""

    code: int
    output: str


def run(*command: str | Path, cwd: Path, **environment: str | None) -> Done:
    """Run a client with none of this machine's settings for packages; None takes one of the settings below away."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    home = cwd / "home"
    home.mkdir(exist_ok=True)
    settings = {
        "HOME": str(home),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "1",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "UV_NO_CONFIG": "1",
        "UV_PYTHON": sys.executable,
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_CACHE_DIR": str(cwd / "uv-cache"),
        "NO_COLOR": "1",
        "COLUMNS": "300",
    }
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={name: value for name, value in {**kept, **settings, **environment}.items() if value is not None},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=110,
    )
    return Done(done.returncode, done.stdout)


def pip(*arguments: str | Path, cwd: Path, **environment: str | None) -> Done:
    return run(sys.executable, "-m", "pip", *arguments, cwd=cwd, **environment)


def uv(*arguments: str | Path, cwd: Path, **environment: str | None) -> Done:
    return run(UV, *arguments, cwd=cwd, **environment)


def twine(*arguments: str | Path, cwd: Path, **environment: str) -> Done:
    return run(sys.executable, "-m", "twine", *arguments, cwd=cwd, **environment)


@pytest.fixture(scope="session")
def tool():
    """``tool("poetry")``: the program of a publishing tool, installed once from its lock file."""

    def find(name: str) -> Path:
        lock = LOCKS / f"{name}.txt"
        folder = CACHE / name
        stamp = folder / "installed.txt"
        if not stamp.exists() or stamp.read_text() != lock.read_text():
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, folder], check=True)
            done = subprocess.run(
                [
                    UV,
                    "pip",
                    "install",
                    "--quiet",
                    "--python",
                    folder / "bin" / "python",
                    "--require-hashes",
                    "-r",
                    lock,
                ],
                capture_output=True,
                text=True,
            )
            needs(done.returncode == 0, f"{name} (it could not be installed)")
            stamp.write_text(lock.read_text())
        return folder / "bin" / name

    return find


@dataclass(frozen=True)
class Shop:
    """A server whose pypi-proxy asks ``upstream``, and the token of its administrator."""

    server: live.LiveServer
    upstream: SimulatedUpstream
    token: live.Token

    @property
    def group(self) -> str:
        return self.server.index("pypi-public", self.token)

    @property
    def credentials(self) -> tuple[str, str]:
        return self.token.name_code, self.token.pass_code


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    """The upstream offers demo-app 1.0, which needs demo-base, of which there are 1.0 and 2.0."""
    upstream = SimulatedUpstream()
    for built in (
        distributions.wheel("demo-base", "1.0"),
        distributions.wheel("demo-base", "2.0"),
        distributions.wheel("demo-app", "1.0", requires_dist=["demo-base"]),
    ):
        upstream.add(built.filename, built.content, metadata=built.metadata)
    with live.running(tmp_path_factory.mktemp("shop")) as server:
        server.set_upstream(upstream.url)
        yield Shop(server, upstream, server.user_token())
    upstream.stop()


@pytest.fixture
def write(tmp_path):
    """Write a built distribution into this test's dist folder; returns its path."""

    def to_file(built: distributions.Built) -> Path:
        folder = tmp_path / "dist"
        folder.mkdir(exist_ok=True)
        (folder / built.filename).write_bytes(built.content)
        return folder / built.filename

    return to_file
