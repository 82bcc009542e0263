"""What an upstream's status means, and its body undone from its content coding, within bounds."""

import email.utils
import zlib
from collections.abc import Mapping
from datetime import UTC

import zstandard

from repoman.toolbox import clock
from repositories.domain.errors import NotFound, UpstreamError, UpstreamInvalid
from repositories.upstream.failures import Failure, invalid_error

_MAX_RETRY_AFTER = 3600


def check_status(status: int, headers: Mapping[str, str], host: str, forbidden_is_absent: bool, *, main: bool) -> None:
    """Raises NotFound or UpstreamError for every status but 200 and 304."""
    if status in (200, 304):
        return
    cause = Failure("status", main, status=status)
    if status in (404, 410) or (status == 403 and forbidden_is_absent):
        raise NotFound(f"The upstream {host} does not have it") from cause
    if status in (401, 407):
        raise UpstreamError(f"The upstream {host} refused the credentials; check user name and password") from cause
    if status == 403:
        raise UpstreamError(
            f"The upstream {host} forbids it (403); check its credentials, or switch on that forbidden means absent"
        ) from cause
    retry_after = _retry_after(headers.get("Retry-After", ""))
    if status == 429:
        raise UpstreamError(f"The upstream {host} asks to slow down (429)", retry_after=retry_after or 60) from cause
    if status >= 500:
        raise UpstreamError(f"The upstream {host} has failed ({status}); try again later", retry_after) from cause
    raise UpstreamInvalid(f"The upstream {host} gave an answer of no use ({status}); check the remote URL") from cause


def _retry_after(value: str) -> int | None:
    """Seconds, from a number or an HTTP date."""
    if value.isascii() and value.isdigit():
        return min(max(int(value[:9]), 1), _MAX_RETRY_AFTER)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):  # the last for years and zones beyond all numbers
        return None
    seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - clock.now()).total_seconds()
    return min(max(int(seconds), 1), _MAX_RETRY_AFTER)


def decode(content: bytes, coding: str, limit: int, host: str) -> bytes:
    """Undo gzip, deflate or zstd.

    Raises UpstreamInvalid for a coding that was not asked for, damaged content, or more than ``limit`` bytes (a small
    body can unpack to a thousand times its size).
    """
    coding = coding.strip().lower()
    try:
        if coding in ("", "identity"):
            decoded = content
        elif coding in ("gzip", "x-gzip"):
            decoded = _inflate(content, zlib.MAX_WBITS | 16, limit)
        elif coding == "deflate":
            decoded = _inflate(content, zlib.MAX_WBITS, limit)
        elif coding == "zstd":
            decoded = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(content).read(limit + 1)
        else:
            raise invalid_error(f"The upstream {host} used an encoding that nobody asked for")
    except (zlib.error, zstandard.ZstdError, EOFError):
        raise invalid_error(f"The answer of the upstream {host} is damaged") from None
    if len(decoded) > limit:
        raise invalid_error(f"The answer of the upstream {host} is too large")
    return decoded


def _inflate(content: bytes, window: int, limit: int) -> bytes:
    parts: list[bytes] = []
    room = limit + 1
    while content and room > 0:
        unpacker = zlib.decompressobj(window)
        part = unpacker.decompress(content, room)
        parts.append(part)
        room -= len(part)
        if room > 0 and not unpacker.eof:
            raise EOFError
        content = unpacker.unused_data  # a further gzip member
    return b"".join(parts)
