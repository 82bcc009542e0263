"""The socket below a request: the server gives only the addresses of both ends, and the process has it open."""

import contextlib
import os
import socket
import stat
import struct
import time

Address = tuple[str, int]

_HEARD, _TCP_INFO_SIZE = 52, 56  # struct tcp_info of Linux: milliseconds since data was received
_SLACK = 0.1  # seconds: the kernel counts in ticks, and the server hands a request on a little later


def find(server: Address, client: Address, since: float) -> socket.socket | None:
    """The connection from ``client`` to the port of ``server`` whose request was here at ``since`` (`time.monotonic`).

    A second handle on it, to be closed by the caller; None when there is none, not exactly one, or something has arrived
    on it after ``since``: a client behind a proxy or gateway may be gone, and another one may come from the same port.
    """
    port = server[1]
    found: dict[int, socket.socket] = {}  # by inode, because handles made here may be met as well
    for name in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):  # closed meanwhile, or not connected
            status = os.fstat(int(name))
            if stat.S_ISSOCK(status.st_mode) and status.st_ino not in found and _connects(int(name), client, port):
                handle = os.dup(int(name))
                # Looked at again: the number may stand for another client's connection by now.
                if _connects(handle, client, port):
                    found[status.st_ino] = socket.socket(fileno=handle)
                else:
                    os.close(handle)
    if len(found) == 1 and not any(_heard_after(connection, since) for connection in found.values()):
        return found.popitem()[1]
    for connection in found.values():
        connection.close()
    return None


def _connects(number: int, client: Address, port: int) -> bool:
    """Raises OSError when it is no connection."""
    connection = socket.socket(fileno=number)
    try:
        if connection.family not in (socket.AF_INET, socket.AF_INET6):
            return False
        return bool(connection.getpeername()[:2] == client and connection.getsockname()[1] == port)
    finally:
        connection.detach()


def _heard_after(connection: socket.socket, since: float) -> bool:
    """False also where the system does not tell."""
    if not hasattr(socket, "TCP_INFO"):
        return False
    known = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
    if len(known) < _TCP_INFO_SIZE:
        return False
    (milliseconds,) = struct.unpack_from("=I", known, _HEARD)
    return bool(milliseconds / 1000 + _SLACK < time.monotonic() - since)


def cut(server: Address, client: Address, since: float) -> bool:
    """End a connection at once; False when there is none. Arguments as for `find`.

    The server has no way to break off an answer without a length: its end would look like a clean one (RFC 9112 §8).
    """
    connection = find(server, client, since)
    if connection is None:
        return False
    with connection:
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return False
    return True
