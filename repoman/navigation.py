"""The console's menu: each area registers its entries, the layout draws those the person may use."""

from dataclasses import dataclass
from typing import Any, Literal

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.identity import Identity
from accounts.permissions import SYSTEM, Action, may

Group = Literal["browse", "administration"]
GROUP_LABELS: dict[Group, Any] = {"browse": _("Browse"), "administration": _("Administration")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A menu entry.

    ``label`` is a lazy string, ``icon`` a heroicons name, ``permission`` what must be allowed on the system (None: any
    signed-in user). ``order`` sorts within a group. ``shortcut`` is the letter that follows ``g`` on the keyboard.
    """

    label: Any
    icon: str
    url_name: str
    group: Group
    permission: Action | None = None
    order: int = 100
    shortcut: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """An entry as one page shows it."""

    entry: Entry
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class Section:
    """A labelled group of the menu."""

    key: Group
    label: Any
    items: tuple[Item, ...]


_entries: dict[str, Entry] = {}


def register(entry: Entry) -> None:
    """Add an entry; call it from the area's ``AppConfig.ready``. One with the same ``url_name`` is replaced.

    Raises ValueError when another entry already has its shortcut.
    """
    for other in _entries.values():
        if entry.shortcut and other.shortcut == entry.shortcut and other.url_name != entry.url_name:
            raise ValueError(f"{entry.url_name} and {other.url_name} share the shortcut g {entry.shortcut}")
    _entries[entry.url_name] = entry


def menu(identity: Identity, path: str) -> tuple[Section, ...]:
    """Return the groups with the entries ``identity`` may use; the one whose address ``path`` is below is current."""
    allowed = [
        (entry, reverse(entry.url_name))
        for entry in _entries.values()
        if not identity.anonymous and (entry.permission is None or may(identity, entry.permission, SYSTEM))
    ]
    matching = [url for _entry, url in allowed if path == url or (url != "/" and path.startswith(url))]
    current = max(matching, key=len, default=None)
    sections = []
    for key, label in GROUP_LABELS.items():
        mine = sorted((pair for pair in allowed if pair[0].group == key), key=lambda pair: pair[0].order)
        if mine:
            sections.append(Section(key, label, tuple(Item(entry, url, url == current) for entry, url in mine)))
    return tuple(sections)


def menu_of(request: HttpRequest, identity: Identity) -> tuple[Section, ...]:
    """Return the menu for a request."""
    return menu(identity, request.path)
