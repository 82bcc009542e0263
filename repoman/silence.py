"""Connections on which nothing happens are ended, so that they cannot use up the places of others.

The server itself ends those that do not finish the head of a request. It never ends one that says nothing at all, or
only begins HTTP/2, nor one of HTTP/2 that is done. The kernel knows how long nothing has come or gone (tcp(7), TCP_INFO).
"""

import contextlib
import os
import socket
import stat
import struct
import threading
import time

PREFACE = 24  # bytes HTTP/2 begins with (RFC 9113 §3.4), more than any request of HTTP/1 that has been answered needs
MUTE_SECONDS = 20.0
IDLE_SECONDS = 600.0
_LOOKS_APART = 10.0
# struct tcp_info of Linux: milliseconds since data was sent and received, bytes acknowledged and received.
_SENT, _RECEIVED, _BYTES_ACKED, _BYTES_RECEIVED, _SIZE = 44, 52, 120, 128, 136


def watch(port: int) -> None:
    """Look after the connections to ``port`` of this process from now on, in a thread."""
    if hasattr(socket, "TCP_INFO"):
        threading.Thread(target=_watch, args=(port,), name="silence", daemon=True).start()


def _watch(port: int) -> None:
    while True:
        time.sleep(_LOOKS_APART)
        end_silent(port)


def end_silent(port: int, *, mute: float = MUTE_SECONDS, idle: float = IDLE_SECONDS) -> int:
    """End connections that said nothing for ``mute`` seconds or did nothing for ``idle``; returns how many."""
    ended = 0
    for name in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):  # closed meanwhile, or no connection
            number = int(name)
            if not stat.S_ISSOCK(os.fstat(number).st_mode) or not _silent(number, port, mute, idle):
                continue
            # Looked at again: the number may stand for another connection by now, and this handle cannot.
            with socket.socket(fileno=os.dup(number)) as connection:
                if _silent(connection.fileno(), port, mute, idle):
                    connection.shutdown(socket.SHUT_RDWR)
                    ended += 1
    return ended


def _silent(number: int, port: int, mute: float, idle: float) -> bool:
    """Raises OSError for what is no TCP connection."""
    connection = socket.socket(fileno=number)
    try:
        if connection.family not in (socket.AF_INET, socket.AF_INET6) or connection.getsockname()[1] != port:
            return False
        connection.getpeername()
        known = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
    finally:
        connection.detach()
    if len(known) < _SIZE:
        return False  # an old kernel
    (sent,), (received,) = struct.unpack_from("=I", known, _SENT), struct.unpack_from("=I", known, _RECEIVED)
    (acknowledged,), (taken,) = (
        struct.unpack_from("=Q", known, _BYTES_ACKED),
        struct.unpack_from("=Q", known, _BYTES_RECEIVED),
    )
    quiet = min(sent, received) / 1000
    began = taken >= PREFACE or acknowledged > 1  # the handshake counts as one
    return bool(quiet > (idle if began else mute))
