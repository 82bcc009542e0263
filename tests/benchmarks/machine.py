"""What a run was measured on and with, for the head of its report: nothing that names or locates the machine."""

import os
import platform
import re
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import repoman as product
from tests.live import ROOT


def about() -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
            "system": f"{platform.system()} {platform.release()}",
        },
        "versions": {
            "repoman": f"{product.__version__} ({_commit()})",
            "Python": platform.python_version(),
            **{name: _package(name) for name in ("granian", "django", "pip", "uv", "twine")},
            "nginx": _program("nginx", "-v"),
            "wrk": _program("wrk", "-v"),
        },
    }


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.machine()


def _package(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _program(name: str, flag: str) -> str:
    path = shutil.which(name) or f"/usr/sbin/{name}"
    try:
        done = subprocess.run([path, flag], capture_output=True, text=True, timeout=10)
    except OSError:
        return "not installed"
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found[0] if found else "unknown"


def _commit() -> str:
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, timeout=10
        )
    except OSError:
        return "no version control"
    return done.stdout.strip() or "no version control"
