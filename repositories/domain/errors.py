"""What can go wrong, named by cause. The data plane's error table turns these into status codes, nowhere else.

The line that matters most: *absent* (NotFound) is not *unavailable* (UpstreamError). A group goes on to its
next member after the first and never after the second, because a member that is down must not open the way
to another index (dependency confusion).
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass
class RepositoryError(Exception):
    """Base of all. ``detail`` is one sentence a person at a terminal can act on; it holds no secret and no path."""

    detail: str

    def __str__(self) -> str:
        return self.detail


class InvalidRequest(RepositoryError):
    """The request cannot be meant: bad name, bad form, bad archive (400)."""


class FileExists(RepositoryError):
    """Another file already has this name (400). The text must start with "File already exists" for twine."""


class TooLarge(RepositoryError):
    """A body or file is over its limit (413)."""


class AuthenticationRequired(RepositoryError):
    """No credentials, or wrong ones (401 with a Basic challenge)."""


class Forbidden(RepositoryError):
    """Known, but not allowed (403)."""


@dataclass
class NotFound(RepositoryError):
    """There is no such repository, project or file (404). ``holds_until`` as `page.Freshness` has it."""

    holds_until: datetime | None = None


class MethodNotAllowed(RepositoryError):
    """The URL exists, the method does not (405)."""


class NotAcceptable(RepositoryError):
    """None of the representations asked for can be made (406)."""


class Gone(RepositoryError):
    """An action of old clients that no index offers any more (410)."""


class Offline(RepositoryError):
    """An administrator took the repository offline (503)."""


class StorageFull(RepositoryError):
    """The blob store has no room; reading still works (507)."""


class StorageFailed(RepositoryError):
    """The blob store cannot be read or written right now (503)."""


@dataclass
class Refused(RepositoryError):
    """A rule hides this project or file (403). ``rule`` is its name, shown to the person.

    ``holds_until`` as `page.Freshness` has it.
    """

    rule: str = ""
    holds_until: datetime | None = None


@dataclass
class UpstreamError(RepositoryError):
    """Base: the upstream could not be asked or gave no usable answer; nothing is known about what it holds (502)."""

    retry_after: int | None = None


class UpstreamTimeout(UpstreamError):
    """The upstream did not answer in time (504)."""


class UpstreamBlocked(UpstreamError):
    """Outbound requests are blocked, by hand or automatically, and the cache has nothing (503)."""


class UpstreamInvalid(UpstreamError):
    """The upstream's answer is not an index, is truncated, or has the wrong digest (502)."""
