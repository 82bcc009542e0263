"""What a recipe file and a filter file declare.

A *recipe* turns a repository row into a live index; one file per repository type in `recipes/`. Its
options are declared once, here as values, and both the console's form and the REST schema are made from that
declaration.
"""

import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from blobstores.stores import BlobStore
from repoman.toolbox import plugins
from repositories.domain.filtering import Filter
from repositories.domain.index import Index

OptionKind = Literal["text", "url", "integer", "boolean", "choice", "secret"]
OptionValue = str | int | bool | None
SECRET_PURPOSE = "upstream-password"  # noqa: S105 - names the key options of kind "secret" are sealed under


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One setting of a repository type.

    ``label`` and ``help`` are translatable (lazy) strings; ``section`` groups fields of a form, and an option that is not
    ``first_use`` is folded away there. ``minimum`` and ``maximum`` bound integers. ``key`` is the name in the row's JSON.
    A ``secret`` is sealed before it is stored and never shown again.
    """

    key: str
    label: Any
    kind: OptionKind
    default: OptionValue = None
    help: Any = ""
    section: str = "configuration"
    first_use: bool = False
    required: bool = False
    choices: Sequence[tuple[str, Any]] = ()
    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryRow:
    """A repository's row as a value, so that recipes need no model: what `queries.repository_tree` reads.

    ``members`` are in order and already rows themselves; ``filters`` are live.
    """

    id: int
    name: str
    recipe: str
    online: bool
    blob_store: str
    options: Mapping[str, Any]
    members: tuple["RepositoryRow", ...] = ()
    filters: tuple[Filter, ...] = ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a recipe may use when it builds an index: the blob store, and how to build a member."""

    blob_store: BlobStore
    build_member: Callable[[RepositoryRow], Index]


class OptionErrors(Exception):
    """Options that cannot be: messages (lazy strings) by option key."""

    def __init__(self, errors: Mapping[str, Any]) -> None:
        super().__init__(", ".join(errors))
        self.errors = dict(errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A repository type. ``key`` is format and type as in Nexus ("pypi-proxy").

    ``check`` looks at options together and returns messages by key; single values are checked by their declaration.
    """

    key: str
    format: str
    type: Literal["proxy", "hosted", "group"]
    label: str
    description: Any
    options: tuple[Option, ...]
    build: Callable[[RepositoryRow, Surroundings], Index]
    check: Callable[[Mapping[str, Any]], Mapping[str, Any]] = field(default=lambda options: {})

    @property
    def has_members(self) -> bool:
        return self.type == "group"

    def option(self, key: str) -> Option:
        return next(option for option in self.options if option.key == key)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingRuleRow:
    """A routing rule as a value."""

    name: str
    mode: str
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterFacts:
    """What is set on a repository that filters may be made from."""

    options: Mapping[str, Any]
    routing_rule: RoutingRuleRow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterKind:
    """A kind of index filter, registered by a module-level ``FILTER`` in `filters/`.

    ``live`` makes the filter at work on a repository, None when nothing is set that calls for it.
    """

    key: str
    live: Callable[[FilterFacts], Filter | None]


@functools.cache
def filter_kinds() -> Mapping[str, FilterKind]:
    """Every index filter by its key: the files of `filters/` and installed plugins."""
    return plugins.discover(
        importlib.import_module("repositories.filters"), attribute="FILTER", kind=FilterKind, group="repoman.filters"
    )


@functools.cache
def recipes() -> Mapping[str, Recipe]:
    """Every repository type by its key: the files of `recipes/` and installed plugins.

    Found by name, not imported, because rooms below the recipes ask too.
    """
    return plugins.discover(
        importlib.import_module("repositories.recipes"), attribute="RECIPE", kind=Recipe, group="repoman.recipes"
    )
