"""Byte ranges (RFC 9110 §14): one range is honoured, several are answered with the whole file."""

import re
from dataclasses import dataclass

_LONGEST = 100  # characters of a header worth reading: spaces without end would make the pattern slow
_ONE = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*\Z", re.ASCII | re.IGNORECASE)


class Unsatisfiable(Exception):
    """The range starts behind the end of the file (416)."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Offsets of the first and last byte, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


def parse_range(header: str, size: int) -> ByteRange | None:
    """The range to send of a file of ``size`` bytes; None when the header is to be ignored.

    Other units, several ranges and malformed headers are ignored as the RFC allows. Raises Unsatisfiable.
    """
    match = _ONE.match(header.strip()) if len(header) <= _LONGEST else None
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if first == "":
        if int(last) == 0 or size == 0:
            raise Unsatisfiable
        return ByteRange(max(0, size - int(last)), size - 1)
    if last != "" and int(last) < int(first):
        return None
    if int(first) >= size:
        raise Unsatisfiable
    return ByteRange(int(first), min(int(last) if last else size - 1, size - 1))
