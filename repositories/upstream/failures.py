"""Why an upstream gave no usable answer: one class of cause, and the sentence a person can act on.

Every UpstreamError and NotFound raised by the client carries a `Failure` as its cause, for those who count failures
(`health.py`) or explain them (`probe.py`). Sentences name the host, never credentials, paths or queries.
"""

import http.client
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from repositories.domain.errors import RepositoryError, UpstreamError, UpstreamInvalid, UpstreamTimeout
from repositories.upstream.addresses import AddressRefused

Kind = Literal[
    "address",
    "certificate",
    "connection",
    "dns",
    "invalid",
    "redirect",
    "refused",
    "status",
    "timeout",
    "tls",
    "truncated",
]


@dataclass
class Failure(Exception):
    """``main`` says whether the remote URL's own host failed, as opposed to one it sent the request on to."""

    kind: Kind
    main: bool
    status: int | None = None
    technical: str = ""


def failure_of(error: RepositoryError) -> Failure | None:
    return error.__cause__ if isinstance(error.__cause__, Failure) else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


# In order of what tells most; names where the class belongs to a library that only the client may import.
_CLASSES: tuple[tuple[Kind, type[BaseException] | tuple[str, ...]], ...] = (
    ("address", AddressRefused),
    ("certificate", ssl.SSLCertVerificationError),
    ("dns", socket.gaierror),
    ("timeout", TimeoutError),
    ("truncated", http.client.IncompleteRead),
    ("refused", ConnectionRefusedError),
    ("tls", ssl.SSLError),
    ("redirect", ("InvalidURL", "InvalidSchema", "LocationParseError")),
    ("invalid", ("InvalidHeader", "UnknownProtocol", "BadStatusLine", "LineTooLong")),
    ("dns", UnicodeError),
)


def _kind_of(error: BaseException) -> tuple[Kind, str]:
    """The class of a transport's exception, found anywhere along its chain of causes."""
    chain = list(_chain(error))
    for kind, wanted in _CLASSES:
        for item in chain:
            if type(item).__name__ in wanted if isinstance(wanted, tuple) else isinstance(item, wanted):
                return kind, _technical(item)
    return "connection", ""


def _technical(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return error.reason or ""
    return str(error) if isinstance(error, AddressRefused) else ""


def transport_error(error: BaseException, host: str, *, main: bool) -> UpstreamError:
    """The domain error for an exception of the transport."""
    kind, technical = _kind_of(error)
    failure = Failure(kind, main, technical=technical)
    raised: UpstreamError
    if kind == "timeout":
        raised = UpstreamTimeout(f"The upstream {host} did not answer in time; try again, or raise its timeout")
    elif kind == "truncated":
        raised = UpstreamInvalid(f"The upstream {host} closed the connection before its answer was complete; try again")
    elif kind == "invalid":
        raised = UpstreamInvalid(f"The upstream {host} did not answer in valid HTTP; check the remote URL and its port")
    else:
        raised = UpstreamError(_sentence(kind, host, technical))
    raised.__cause__ = failure
    return raised


def _sentence(kind: Kind, host: str, technical: str) -> str:
    match kind:
        case "address":
            return (
                f"{technical}, which upstream requests may not reach; an administrator can allow its network with "
                "REPOMAN_PRIVATE_NETWORKS"
            )
        case "certificate":
            return (
                f"The certificate of the upstream {host} is not trusted ({technical}); add its authority to the "
                "truststore and switch the truststore on for this repository"
            )
        case "tls":
            return f"No secure connection to the upstream {host} could be made ({technical or 'TLS failure'})"
        case "dns":
            return f"The host name {host} of the upstream cannot be found; check the remote URL and the name service"
        case "redirect":
            return f"The upstream {host} leads to something that is no web address; check the remote URL"
        case "refused":
            return f"The upstream {host} refused the connection; check the remote URL and that the server is running"
        case _:
            return f"The connection to the upstream {host} was lost; try again"


def slow_error(host: str, *, main: bool) -> UpstreamTimeout:
    error = UpstreamTimeout(f"The upstream {host} sends too slowly; the request was given up")
    error.__cause__ = Failure("timeout", main)
    return error


def redirect_error(host: str, what: str, *, main: bool) -> UpstreamError:
    error = UpstreamError(f"The upstream {host} {what}; check the remote URL")
    error.__cause__ = Failure("redirect", main)
    return error


def invalid_error(sentence: str, *, main: bool = True) -> UpstreamInvalid:
    error = UpstreamInvalid(sentence)
    error.__cause__ = Failure("invalid", main)
    return error
