"""The socket below a request: the server gives only the addresses of both ends, and the process has it open."""

import contextlib
import os
import socket
import stat

Address = tuple[str, int]


def find(server: Address, client: Address) -> socket.socket | None:
    """The connection from ``client`` to the port of ``server``.

    A second handle on it, to be closed by the caller; None when there is none, or not exactly one.
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
    if len(found) == 1:
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


def cut(server: Address, client: Address) -> bool:
    """End a connection at once; False when there is none.

    The server has no way to break off an answer without a length: its end would look like a clean one (RFC 9112 §8).
    """
    connection = find(server, client)
    if connection is None:
        return False
    with connection:
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return False
    return True
