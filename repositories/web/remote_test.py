"""Asking a remote now, before or after its settings are saved."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from repositories.models import Repository
from repositories.recipe import Recipe


@dataclass(frozen=True, slots=True)
class RemoteTest:
    """The outcome in words. ``facts`` are labels with what was found."""

    works: bool
    title: str
    detail: str = ""
    facts: tuple[tuple[str, str], ...] = ()


def run_remote_test(
    recipe: Recipe, options: Mapping[str, Any], repository: Repository | None, *, stored: bool = False
) -> RemoteTest:
    return RemoteTest(False, "not yet")
