"""Upstream HTTP: the only file that opens outbound connections.

One request is made in one thread and ends in bounded time: besides the socket's timeout there is a deadline that every
single read obeys (a server that drips bytes resets a plain timeout for ever) and a minimum speed. Redirects are
followed by hand, each hop checked again; credentials go to the remote URL's origin and nowhere else.
"""

import base64
import functools
import random
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests
import urllib3.connection
import urllib3.connectionpool
import urllib3.exceptions
from requests.adapters import HTTPAdapter

import repoman
from repoman.toolbox import threads
from repositories.domain.errors import RepositoryError, UpstreamError
from repositories.upstream import addresses, tls
from repositories.upstream.addresses import AddressPolicy, Origin, origin_of
from repositories.upstream.answers import check_status, decode
from repositories.upstream.failures import invalid_error, redirect_error, slow_error, transport_error

BLOCK = 256 * 1024
MAX_REDIRECTS = 10
# Kept open to one host: one for each thread that may ask at once, since a connection over the number is closed after use.
CONNECTIONS = 2 * threads.TRANSFER_THREADS
_DRAINED = 64 * 1024
_LENGTH_DIGITS = 18  # of a Content-Length; thousands of digits cannot even be made a number
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_RETRIED = frozenset(("refused", "connection", "dns"))
_TRANSPORT_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, UnicodeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """How to reach one upstream; equal values share connections.

    ``timeout`` seconds for connecting and for each wait; ``trusted_pem`` the truststore's certificates, "" when the
    repository does not use it; ``private_networks`` where links and redirects may lead besides the public internet.
    """

    remote_url: str
    username: str = ""
    password: str = field(default="", repr=False)
    trusted_pem: str = field(default="", repr=False)
    timeout: float = 20
    retries: int = 2
    user_agent_suffix: str = ""
    forbidden_is_absent: bool = False
    private_networks: tuple[str, ...] = ()

    @property
    def origin(self) -> Origin:
        """Raises ValueError when the remote URL is none."""
        return origin_of(self.remote_url)


@dataclass(frozen=True, slots=True)
class Pace:
    """``total`` seconds for the whole body, and at least ``rate`` bytes a second in each ``window`` of seconds."""

    total: float
    rate: int = 1024
    window: float = 20


PAGE_PACE = Pace(total=120)
FILE_PACE = Pace(total=6 * 3600)


class _Deadline(threading.local):
    """When the reads of this thread's current request must be over (monotonic), and the longest single wait."""

    at: float | None = None
    wait: float = 20


_deadline = _Deadline()


def _tighten(sock: socket.socket) -> None:
    if _deadline.at is not None:
        left = _deadline.at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        sock.settimeout(min(_deadline.wait, left))


class _TimedSocket(socket.socket):
    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        _tighten(self)
        return super().recv_into(*args, **kwargs)


class _TimedTLSSocket(ssl.SSLSocket):
    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        _tighten(self)
        return super().recv_into(*args, **kwargs)


def _connect(policy: AddressPolicy, host: str, port: int, timeout: Any) -> socket.socket:
    """Resolve once, judge all addresses, connect to the first that answers. Raises OSError."""
    failure: OSError = TimeoutError("no address was tried")
    wait = timeout if isinstance(timeout, int | float) else _deadline.wait
    for family, kind, protocol, _, address in policy.addresses(host, port, addresses.resolve):
        sock = _TimedSocket(family, kind, protocol)
        try:
            sock.settimeout(wait)
            _tighten(sock)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure


class _Transport(HTTPAdapter):
    """Connection pools whose sockets obey the address policy; TLS trust is the context's alone."""

    def __init__(self, policy: AddressPolicy, context: ssl.SSLContext) -> None:
        context.sslsocket_class = _TimedTLSSocket
        self._context = context
        self._policy = policy
        super().__init__(pool_connections=8, pool_maxsize=CONNECTIONS)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._context, **kwargs)
        policy = self._policy

        class PlainConnection(urllib3.connection.HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return _connect(policy, self._dns_host, self.port, self.timeout)

        class SecureConnection(urllib3.connection.HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return _connect(policy, self._dns_host, self.port, self.timeout)

        class PlainPool(urllib3.connectionpool.HTTPConnectionPool):
            ConnectionCls = PlainConnection

        class SecurePool(urllib3.connectionpool.HTTPSConnectionPool):
            ConnectionCls = SecureConnection

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        # The base class would load its own bundle into the context, beside the trust that was chosen.
        conn.cert_reqs = "CERT_REQUIRED"


_transport_lock = threading.Lock()


def _transport(own: Origin, networks: tuple[str, ...], trusted_pem: str) -> _Transport:
    # One at a time: the first pages of a repository come together, and each would load all certificates (20 ms of CPU).
    with _transport_lock:
        return _made_transport(own, networks, trusted_pem)


@functools.lru_cache(maxsize=64)
def _made_transport(own: Origin, networks: tuple[str, ...], trusted_pem: str) -> _Transport:
    return _Transport(AddressPolicy(own, networks), tls.make_context(trusted_pem))


class Answer:
    """An upstream's answer with its body still to come. ``url`` is the address after redirects, ``main`` whether the
    remote URL's own origin gave it."""

    def __init__(self, response: requests.Response, url: str, *, main: bool, timeout: float) -> None:
        self._raw = response.raw
        self._begun = self._ended = False
        self._timeout = timeout
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.url = url
        self.main = main
        self.host = str(origin_of(url))

    @property
    def length(self) -> int | None:
        """Content-Length in bytes; None when it is absent or no length that can be."""
        value = self.headers.get("Content-Length", "")
        return int(value) if value.isascii() and value.isdigit() and len(value) <= _LENGTH_DIGITS else None

    @property
    def certificate_end(self) -> str:
        """The end date of the server's certificate as TLS prints it, "" without TLS or once the body has been read."""
        sock = getattr(getattr(self._raw, "_connection", None), "sock", None)
        certificate = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
        return str((certificate or {}).get("notAfter", ""))

    def blocks(self, pace: Pace) -> Iterator[bytes]:
        """The body as it came over the wire, never decoded.

        Raises UpstreamTimeout when it is too slow, UpstreamInvalid when it is truncated, UpstreamError when it breaks.
        """
        self._begun = True
        started = time.monotonic()
        waited, received = 0.0, 0  # time at the network only: whoever takes the blocks may be slow
        try:
            while True:
                asked = time.monotonic()
                _deadline.wait = self._timeout
                _deadline.at = min(started + pace.total, asked + self._timeout)
                block = self._raw.read1(BLOCK, decode_content=False)
                if not block:
                    self._ended = True
                    return
                waited += time.monotonic() - asked
                received += len(block)
                if waited >= pace.window:
                    if received < pace.rate * waited:
                        raise slow_error(self.host, main=self.main)
                    waited, received = 0.0, 0
                yield block
        except _TRANSPORT_ERRORS as error:
            failed = transport_error(error, self.host, main=self.main)
            raise failed from failed.__cause__
        finally:
            _deadline.at = None

    def body(self, limit: int, pace: Pace = PAGE_PACE) -> bytes:
        """The whole body, decoded. Raises UpstreamInvalid when it is larger than ``limit`` bytes, and as `blocks`."""
        parts: list[bytes] = []
        size = 0
        for block in self.blocks(pace):
            size += len(block)
            if size > limit:
                raise invalid_error(f"The answer of the upstream {self.host} is too large", main=self.main)
            parts.append(block)
        return decode(b"".join(parts), self.headers.get("Content-Encoding", ""), limit, self.host)

    def close(self) -> None:
        """Give the connection back when the body is over, or so short that reading it costs less than a new one."""
        try:
            if not self._begun and (self.status == 304 or (self.length or 0) <= _DRAINED):
                for _ in self.blocks(Pace(total=2)):
                    pass
        except RepositoryError:
            self._ended = False
        if not self._ended:
            self._raw.close()


@contextmanager
def get(upstream: Upstream, url: str, headers: Mapping[str, str]) -> Iterator[Answer]:
    """Ask ``url`` and give its answer, which has status 200, or 304 when ``headers`` make the request conditional.

    Raises NotFound (404, 410, and 403 where the upstream is set so), UpstreamError and its kinds.
    """
    answer = _follow(upstream, url, headers)
    try:
        check_status(answer.status, answer.headers, answer.host, upstream.forbidden_is_absent, main=answer.main)
        yield answer
    finally:
        answer.close()


def _follow(upstream: Upstream, url: str, headers: Mapping[str, str]) -> Answer:
    visited: set[str] = set()
    current, origin = _target(url, upstream)
    for _ in range(MAX_REDIRECTS + 1):
        answer = _ask(upstream, current, origin, headers)
        location = answer.headers.get("Location", "")
        if answer.status not in _REDIRECTS or not location:
            return answer
        answer.close()
        visited.add(current)
        before = origin
        current, origin = _target(location, upstream, current)
        main = before == upstream.origin
        if current in visited:
            raise redirect_error(str(before), "redirects in a circle", main=main)
        if before.scheme == "https" and origin.scheme != "https":
            raise redirect_error(str(before), "redirects from HTTPS to an unprotected address", main=main)
    raise redirect_error(str(upstream.origin), f"redirects more than {MAX_REDIRECTS} times", main=True)


def _target(location: str, upstream: Upstream, base: str = "") -> tuple[str, Origin]:
    """The address to ask, without fragment, and without user and password: credentials of a link are never used."""
    try:
        parts = urlsplit(urljoin(base, location))
        url = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))
        return url, origin_of(url)
    except ValueError:
        raise redirect_error(str(upstream.origin), "leads to something that is no web address", main=True) from None


def _ask(upstream: Upstream, url: str, origin: Origin, headers: Mapping[str, str]) -> Answer:
    """One hop, tried again when the connection could not be made or broke before an answer came."""
    main = origin == upstream.origin
    transport = _transport(upstream.origin, upstream.private_networks, upstream.trusted_pem)
    started = time.monotonic()
    attempt = 0
    while True:
        try:
            request = requests.Request("GET", url, headers=_headers(upstream, headers, main)).prepare()
            _deadline.at, _deadline.wait = time.monotonic() + upstream.timeout, upstream.timeout
            response = transport.send(request, stream=True, timeout=upstream.timeout)
            return Answer(response, url, main=main, timeout=upstream.timeout)
        except _TRANSPORT_ERRORS as error:
            failed = transport_error(error, str(origin), main=main)
        finally:
            _deadline.at = None
        attempt += 1
        if not _worth_another(failed, attempt, upstream, time.monotonic() - started):
            raise failed
        time.sleep(0.1 * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311 - jitter


def _worth_another(failed: UpstreamError, attempt: int, upstream: Upstream, elapsed: float) -> bool:
    kind = getattr(failed.__cause__, "kind", "")
    return kind in _RETRIED and attempt <= upstream.retries and elapsed < upstream.timeout


def _headers(upstream: Upstream, headers: Mapping[str, str], main: bool) -> dict[str, str]:
    agent = f"Repoman/{repoman.__version__} {upstream.user_agent_suffix}".strip()
    sent = {"User-Agent": "".join(filter(str.isprintable, agent)).encode("latin-1", "replace").decode("latin-1")}
    sent.update(headers)
    if main and (upstream.username or upstream.password):
        pair = f"{upstream.username}:{upstream.password}".encode()
        sent["Authorization"] = "Basic " + base64.b64encode(pair).decode()
    return sent


__all__ = ["FILE_PACE", "PAGE_PACE", "Answer", "Pace", "RepositoryError", "Upstream", "get"]
