"""The socket below a request: the server gives only the addresses of both ends, and the process has it open."""

import contextlib
import os
import socket
import stat


def find(server: str, client: str) -> socket.socket | None:
    """The connection from ``client`` (``192.0.2.7:4711``, ``[2001:db8::7]:4711``) to the port of ``server``.

    A second handle on it, to be closed by the caller; None when there is none, or not exactly one.
    """
    port = server.rpartition(":")[2]
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


def _connects(number: int, client: str, port: str) -> bool:
    """Raises OSError when it is no connection."""
    connection = socket.socket(fileno=number)
    try:
        return (
            _named(connection.getpeername()) == client and _named(connection.getsockname()).rpartition(":")[2] == port
        )
    finally:
        connection.detach()


def cut(server: str, client: str) -> bool:
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


def _named(address: object) -> str:
    if not isinstance(address, tuple):
        return ""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
