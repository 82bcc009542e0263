"""What must hold before anything is started; what does not is one clear line for the person who starts it."""

import errno
import fcntl
import os
import socket
from pathlib import Path

from repoman.configuration import Configuration


class CannotStart(Exception):
    """The server cannot be started; the text is the one line to show."""


def data_folder(configuration: Configuration) -> Path:
    """Make the data folder (mode 700) and see that it can be written.

    Raises CannotStart.
    """
    folder = configuration.data_dir
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / f".probe.{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise CannotStart(
            f"The data folder {folder} cannot be written: {error.strerror}; set REPOMAN_DATA_DIR to one that can"
        ) from None
    return folder


def lock(folder: Path) -> int:
    """Take the lock of the data folder for as long as this process lives; returns its file descriptor.

    Raises CannotStart when another server has it.
    """
    descriptor = os.open(folder / "serve.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        pid = os.read(descriptor, 32).decode(errors="replace").strip()
        os.close(descriptor)
        raise CannotStart(
            f"Another server (process {pid or 'unknown'}) is already running on the data folder {folder}"
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def free_port(host: str, port: int, variable: str) -> int:
    """See that the port can be listened on; 0 chooses a free one. Returns the port.

    Raises CannotStart.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotStart(_why_not(error, host, port, variable)) from None
        chosen: int = probe.getsockname()[1]
        return chosen


def _why_not(error: OSError, host: str, port: int, variable: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken by another program; stop it or set {variable}"
    if error.errno == errno.EACCES:
        return f"Port {port} needs privileges that this user does not have; set {variable} to one above 1023"
    return f"Cannot listen on {host} port {port}: {error.strerror or error}; check REPOMAN_HOST and {variable}"
