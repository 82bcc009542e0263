"""pip, uv and twine as a person runs them, with none of this machine's settings and no cache, timed."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.corpus import CorpusFile
from tests.benchmarks.processes import CouldNotRun
from tests.benchmarks.servers.peer import Uploads

PATIENCE = 120  # seconds for one run


def pip_download(index: str, requirements: Sequence[str], folder: Path) -> float:
    """Seconds that `pip download` of the requirements takes. Raises CouldNotRun."""
    options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--index-url", index, "-d", str(folder / "out")]
    command = [sys.executable, "-m", "pip", "download", *options, "-r", str(_listed(requirements, folder))]
    return _timed("pip", command, folder, count=len(requirements))


def uv_install(index: str, requirements: Sequence[str], folder: Path) -> float:
    """Seconds that `uv pip install` of the requirements into a new folder takes. Raises CouldNotRun."""
    uv = str(Path(sys.executable).with_name("uv"))
    options = ["--quiet", "--no-deps", "--no-cache", "--link-mode", "hardlink", "--default-index", index]
    command = [
        uv,
        "pip",
        "install",
        *options,
        "--target",
        str(folder / "out"),
        "-r",
        str(_listed(requirements, folder)),
    ]
    return _timed("uv", command, folder, count=len(requirements), installed=True)


def twine_upload(uploads: Uploads, files: Sequence[CorpusFile], folder: Path) -> float:
    """Seconds that one `twine upload` of all the files takes. Raises CouldNotRun."""
    options = ["--non-interactive", "--disable-progress-bar", "--repository-url", uploads.url]
    command = [sys.executable, "-m", "twine", "upload", *options, "-u", uploads.username, "-p", uploads.password]
    return _timed("twine", [*command, *(str(file.path) for file in files)], folder)


def _listed(requirements: Sequence[str], folder: Path) -> Path:
    path = folder / "requirements.txt"
    path.write_text("\n".join(requirements) + "\n")
    return path


def _timed(tool: str, command: Sequence[str], folder: Path, *, count: int = 0, installed: bool = False) -> float:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    settings = {
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "1",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "UV_NO_CONFIG": "1",
        "UV_PYTHON": sys.executable,
        "UV_PYTHON_DOWNLOADS": "never",
        "NO_COLOR": "1",
    }
    began = time.monotonic()
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**kept, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise CouldNotRun(f"{tool} took more than {PATIENCE} s") from None
    took = time.monotonic() - began
    if done.returncode:
        lines = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        raise CouldNotRun(f"{tool} failed: {_without_credentials(lines[-1])[:160] if lines else 'it said nothing'}")
    out = folder / "out"
    if count:
        found = len(list(out.glob("*.dist-info" if installed else "*.whl")))
        if found != count:
            raise CouldNotRun(f"{tool} brought {found} packages where {count} were asked for")
    return took


def _without_credentials(line: str) -> str:
    return " ".join(word for word in line.split() if "@" not in word)
