"""Child processes of a run: started, waited for, weighed by /proc, and stopped by their id."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.live import process_tree

TICK = os.sysconf("SC_CLK_TCK")


class CouldNotRun(Exception):
    """Something cannot be measured here; the text says why, without paths or addresses of this machine."""


class Child:
    """A server process with everything it starts; its output goes to ``log``."""

    def __init__(self, command: Sequence[str | Path], *, log: Path, environment: Mapping[str, str], cwd: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            # A session of its own: Ctrl-C reaches the benchmark alone, which then stops everything in order.
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(environment),
                cwd=cwd,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        """End it as an operator would, and what it left behind with force."""
        stop_tree(self.process, signal.SIGTERM)

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1][:160] if lines else "it said nothing"


def stop_tree(process: "subprocess.Popen[bytes] | subprocess.Popen[str]", ending: signal.Signals) -> None:
    """Signal the first process, wait, then kill what is left of those it had started."""
    tree = list(process_tree(process.pid))
    if process.poll() is None:
        process.send_signal(ending)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
    for pid in tree[1:]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def wait_for_page(url: str, child: Child | None, *, seconds: float, headers: Mapping[str, str] | None = None) -> None:
    """Ask until the answer is 200. Raises CouldNotRun when the process ends first or the time is over."""
    deadline = time.monotonic() + seconds
    last = "no answer"
    while time.monotonic() < deadline:
        if child is not None and child.process.poll() is not None:
            raise CouldNotRun(f"it ended while starting: {child.last_words()}")
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, headers={"Accept": "text/html", **(headers or {})}), timeout=10
            ) as answer:
                answer.read()
                if answer.status == 200:
                    return
        except urllib.error.HTTPError as error:
            last = f"status {error.code}"
        except (OSError, ValueError) as error:
            last = type(error).__name__
        time.sleep(0.01)
    raise CouldNotRun(f"no page within {seconds:g} s ({last})")


def wait_for_port(port: int, seconds: float) -> None:
    """Wait until something listens. Raises CouldNotRun."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise CouldNotRun(f"nothing listened within {seconds:g} s")


def cpu_seconds(pid: int) -> float:
    """Processor time so far of a process and all below it, those that ended included."""
    total = 0
    for member in process_tree(pid):
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(map(int, fields[11:15]))
    return total / TICK


def pss_megabytes(pid: int) -> float:
    """Proportional set size of a process and all below it: shared pages are counted once, divided among their users."""
    total = 0
    for member in process_tree(pid):
        try:
            lines = Path(f"/proc/{member}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024
