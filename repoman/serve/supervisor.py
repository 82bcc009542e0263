"""The supervising process: prepares, starts the children, keeps them running and stops them in order."""

import os
import select
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from repoman.configuration import Configuration, ConfigurationError
from repoman.serve import announcement, broker, limits, preflight
from repoman.serve.child import Child
from repoman.serve.preflight import CannotStart

GRACE = 8.0  # seconds for requests and tasks in flight; the broker stops after that, all within 10
_BROKER_GRACE = 1.5
_TICK = 0.5


def serve(configuration: Configuration) -> int:
    """Run the server until it is told to stop; returns the exit code (2: configuration, 1: cannot start)."""
    try:
        configuration.validate()
        os.umask(0o077)
        data = preflight.data_folder(configuration)
        lock = preflight.lock(data)
        listeners = _listeners(configuration)
        if few := limits.warning(limits.raise_open_files()):
            print(f"repoman: {few}", file=sys.stderr, flush=True)
        return Supervisor(configuration, data, listeners).run()
    except (ConfigurationError, CannotStart, broker.NoBroker) as error:
        print(f"repoman: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigurationError) else 1
    finally:
        if "lock" in locals():
            os.close(lock)


def _listeners(configuration: Configuration) -> list[tuple[int, bool]]:
    """Ports to listen on, each with whether it speaks TLS."""
    host, wanted = configuration.host, [(configuration.port, "REPOMAN_PORT", False)]
    if configuration.tls_certificate:
        if configuration.https_port is None:
            wanted = [(configuration.port, "REPOMAN_PORT", True)]
        else:
            wanted.append((configuration.https_port, "REPOMAN_HTTPS_PORT", True))
    return [(preflight.free_port(host, port, variable), tls) for port, variable, tls in wanted]


class Supervisor:
    """One run of the server."""

    def __init__(self, configuration: Configuration, data: Path, listeners: list[tuple[int, bool]]) -> None:
        self.configuration = configuration
        self.data = data
        self.listeners = listeners
        self.children: list[Child] = []
        self.broker: Child | None = None
        self.stopping = 0
        self.announced = False
        # The write end is never used: it closes when this process ends, however that happens.
        self.lifeline, self._lifeline_held = os.pipe()
        self._wake_reader, self._wake_writer = os.pipe()

    def run(self) -> int:
        """Start everything and stay until a signal; 0 after a stop that was asked for."""
        self._take_signals()
        try:
            if not self.configuration.broker_url:
                self._start_broker()
            code = self._prepare()
            if code:
                return code
            self._start_servers()
            while not self.stopping:
                self._look_after_all()
                if not self.announced:
                    self._announce()
                self._sleep(_TICK if self.announced else 0.05)
            return 0
        finally:
            self._stop_all()

    def _take_signals(self) -> None:
        os.set_blocking(self._wake_reader, False)
        os.set_blocking(self._wake_writer, False)
        signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)  # only to wake the loop
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop_asked)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup means to outlive the terminal
            signal.signal(signal.SIGHUP, self._stop_asked)

    def _stop_asked(self, number: int, frame: FrameType | None) -> None:
        self.stopping += 1
        if self.stopping > 1:  # asked twice: do not wait for anything
            for child in self.children:
                child.kill()

    def _start_broker(self) -> None:
        broker.stop_leftover(self.data)
        command = broker.command(self.data, log_level=self.configuration.log_level_checked)
        self.broker = self._child("broker", "lifeline", *command)
        self.broker.start()

    def _child(self, name: str, module: str, *arguments: str) -> Child:
        command = [sys.executable, "-m", f"repoman.serve.{module}", *arguments]
        return Child(name=name, command=command, lifeline=self.lifeline)

    def _prepare(self) -> int:
        child = self._child("prepare", "prepare")
        child.start()
        while child.running and not self.stopping:
            self._sleep(0.2)
        if child.running:
            child.tell(signal.SIGTERM)
            child.wait(time.monotonic() + GRACE)
        return child.process.returncode if child.process and not self.stopping else 0

    def _start_servers(self) -> None:
        for port, tls in self.listeners:
            arguments = ["--port", str(port), *(["--tls"] if tls else [])]
            self.children.append(self._child(f"web ({port})", "web", *arguments))
        self.children.append(self._child("background", "background"))
        for child in self.children:
            child.start()

    def _look_after_all(self) -> None:
        for child in [*([self.broker] if self.broker else []), *self.children]:
            if child is self.broker and not child.running and child.process is None:
                broker.command(
                    self.data, log_level=self.configuration.log_level_checked
                )  # a leftover socket file is removed
            happened = child.look_after()
            if happened:
                print(f"repoman: {happened}", file=sys.stderr, flush=True)

    def _announce(self) -> None:
        port, tls = self.listeners[0]
        if announcement.answers(self.configuration.host, port, tls=tls):
            base = announcement.address(self.configuration, port, tls=tls)
            print(*announcement.lines(self.configuration, base), sep="\n", flush=True)
            self.announced = True

    def _sleep(self, seconds: float) -> None:
        """Sleep until a signal arrives, at most ``seconds``."""
        select.select([self._wake_reader], [], [], seconds)
        try:
            while os.read(self._wake_reader, 512):
                continue
        except BlockingIOError:
            return

    def _stop_all(self) -> None:
        for child in self.children:
            child.tell(signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        late = [child.name for child in self.children if not child.wait(deadline)]
        if self.broker is not None:
            self.broker.tell(signal.SIGTERM)
            if not self.broker.wait(time.monotonic() + _BROKER_GRACE):
                late.append(self.broker.name)
        if late:
            print(f"repoman: had to be killed: {', '.join(late)}", file=sys.stderr, flush=True)


def replace_process(command: list[str]) -> None:
    """Become another command of this package, so that a heavy process does not stay above the light one."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "repoman.cli", *command])  # noqa: S606
