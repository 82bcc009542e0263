"""Addresses that clients use, for pages of areas that do not know repositories.

The repositories room registers where they come from; the server's own address is the configured one or the request's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from django.conf import settings
from django.http import HttpRequest

from accounts.identity import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A repository as a client's configuration names it. ``url`` is absolute and ends without a slash."""

    name: str
    type: Literal["hosted", "proxy", "group"]
    url: str


AddressSource = Callable[[str, Identity], Sequence[Address]]
_ORDER = {"group": 0, "hosted": 1, "proxy": 2}
_sources: list[AddressSource] = []


def register_address_source(source: AddressSource) -> None:
    """Add a source: called with the server's base URL (no slash at the end) and who asks; call it from ``AppConfig.ready``."""
    if source not in _sources:
        _sources.append(source)


def base_url(request: HttpRequest) -> str:
    """Return the address people use for this server, without a slash at the end."""
    configured = str(settings.REPOMAN.base_url).rstrip("/")
    return configured or request.build_absolute_uri("/").rstrip("/")


def addresses(base: str, identity: Identity) -> list[Address]:
    """Return what ``identity`` may read, groups first: their address is the one to give to people."""
    found = [address for source in _sources for address in source(base, identity)]
    return sorted(found, key=lambda address: (_ORDER[address.type], address.name))
