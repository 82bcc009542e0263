"""The groups in their order, with which of them a quick run has."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.groups import files, growth, installing, pages, running, uploading
from tests.benchmarks.world import World


@dataclass(frozen=True)
class Group:
    """``measure`` adds its rows to the world's results."""

    name: str
    measure: Callable[[World], None]
    quick: bool = False


GROUPS = (
    Group("idle", running.measure_idle, quick=True),
    Group("pages", pages.measure_pages, quick=True),
    Group("group", pages.measure_group, quick=True),
    Group("files", files.measure_files, quick=True),
    Group("clients", installing.measure_clients, quick=True),
    Group("uploads", uploading.measure_uploads, quick=True),
    Group("memory", running.measure_loaded, quick=True),
    Group("growth", growth.measure_growth),
    # These start this server anew, which ends the one that ran until then.
    Group("start", running.measure_start, quick=True),
    Group("accel", files.measure_behind_nginx, quick=True),
    Group("anonymous", pages.measure_anonymous),
)
