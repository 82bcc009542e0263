"""The three lines that a person sees when the server answers, and the question that finds out."""

import socket
from contextlib import closing
from urllib.parse import urlsplit

from repoman.configuration import Configuration

_REQUEST = b"GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def answers(host: str, port: int, *, tls: bool) -> bool:
    """Whether the server on that port answers a request with 200."""
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    try:
        with closing(socket.create_connection((target, port), timeout=2)) as plain:
            connection = _wrapped(plain) if tls else plain
            connection.sendall(_REQUEST)
            return connection.recv(12).endswith(b" 200")
    except OSError:
        return False


def _wrapped(connection: socket.socket) -> socket.socket:
    import ssl  # only here: it costs memory that a server on plain HTTP need not pay

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # it is this server itself, and nothing secret is sent
    return context.wrap_socket(connection)


def address(configuration: Configuration, port: int, *, tls: bool) -> str:
    """The console's address as people can use it, without a slash at the end."""
    if configuration.base_url:
        return configuration.base_url.rstrip("/")
    host = configuration.host
    if host in ("0.0.0.0", "::"):  # noqa: S104
        host = socket.gethostname()
    elif ":" in host:
        host = f"[{host}]"
    return f"{'https' if tls else 'http'}://{host}:{port}"


def lines(configuration: Configuration, base: str) -> list[str]:
    """The announcement for a server reached at ``base``."""
    password = configuration.data_dir / "admin.password"
    if password.exists():
        where = f"the password of admin is in {password}"
    elif configuration.admin_password:
        where = "sign in as admin with the password given in REPOMAN_ADMIN_PASSWORD, unless it was changed since"
    else:
        where = "the first password of admin was changed already"
    parts = urlsplit(base)
    trust = "" if parts.scheme == "https" else f" --trusted-host {parts.hostname}"
    index = f"{parts.scheme}://NAME_CODE:PASS_CODE@{parts.netloc}{parts.path}/repository/pypi-public/simple/"
    return [
        f"Console:  {base}/",
        f"Sign in:  {where}",
        f"Try:      pip install --index-url {index}{trust} flask   (codes: user menu > User token)",
    ]
