"""The groups in their order, with which of them a quick run has."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.groups import files, pages
from tests.benchmarks.world import World


@dataclass(frozen=True)
class Group:
    """``measure`` adds its rows to the world's results."""

    name: str
    measure: Callable[[World], None]
    quick: bool = False


GROUPS = (
    Group("pages", pages.measure_pages, quick=True),
    Group("group", pages.measure_group, quick=True),
    Group("files", files.measure_files, quick=True),
    # These two start this server anew, which ends the one that ran until then.
    Group("accel", files.measure_behind_nginx, quick=True),
    Group("anonymous", pages.measure_anonymous),
)
