"""One child of the supervisor: started, watched, started again with growing pauses, stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from repoman.serve.lifeline import PARENT_VARIABLE, PIPE_VARIABLE

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_STEADY = 60.0  # seconds after which a child counts as healthy again


@dataclass
class Child:
    """A program that should be running. ``lifeline`` is the read end of the supervisor's pipe."""

    name: str
    command: Sequence[str]
    lifeline: int
    process: "subprocess.Popen[bytes] | None" = None
    failures: int = 0
    started_at: float = field(default=0.0)
    start_again_at: float = field(default=0.0)

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C in a terminal reaches the supervisor alone."""
        environment = {**os.environ, PIPE_VARIABLE: str(self.lifeline), PARENT_VARIABLE: str(os.getpid())}
        self.process = subprocess.Popen(  # noqa: S603 - commands are made in this package
            self.command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,  # standard output belongs to the supervisor's announcement
            pass_fds=(self.lifeline,),
            start_new_session=True,
        )
        self.started_at = time.monotonic()

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def look_after(self) -> str:
        """Start it when it is not running and its pause is over; returns what happened ("" for nothing)."""
        if self.running:
            return ""
        now = time.monotonic()
        if self.process is not None:
            code, self.process = self.process.returncode, None
            self.failures = 0 if now - self.started_at > _STEADY else self.failures + 1
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** max(0, self.failures - 1))
            self.start_again_at = now + pause
            return f"{self.name} ended ({_ending(code)}); starting it again in {pause:g} s"
        if now >= self.start_again_at:
            self.start()
            return f"{self.name} started again"
        return ""

    def tell(self, signal_number: int) -> None:
        """Send a signal, if it is running."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal_number)

    def wait(self, deadline: float) -> bool:
        """Wait for its end until ``deadline`` (monotonic); kill its whole session when it is late."""
        if self.process is None:
            return True
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
            return True
        except subprocess.TimeoutExpired:
            self.kill()
            return False

    def kill(self) -> None:
        """End it and everything it started, at once."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
