"""What running costs: seconds to the first page, and memory when idle and after everything else was measured."""

import time

from tests.benchmarks.corpus import SMALL
from tests.benchmarks.processes import pss_megabytes, wait_for_page
from tests.benchmarks.results import Sample
from tests.benchmarks.servers import nginx, repoman
from tests.benchmarks.servers.repoman import HOSTED
from tests.benchmarks.targets import ASKED
from tests.benchmarks.world import World


def measure_start(world: World) -> None:
    """On the used data folder, stopped before: nobody waits for a first start twice. Afterwards this server is gone."""
    row = world.results.row("start", "start", "start to the first project page", "s")
    folder, ours = world.scratch("start"), world.ours
    ours.stop()
    with world.attempt(row.what, required=True):
        for number in range(2 if world.quick else 3):
            began = time.monotonic()
            with nginx.static(folder / f"nginx-{number}", world.folder / "reference") as static:
                wait_for_page(f"http://127.0.0.1:{static.port}/simple/{SMALL}/", None, seconds=10)
                row.add(row.base, Sample(time.monotonic() - began))
            row.add(row.ours, Sample(repoman.seconds_to_page(world.folder / "repoman", ours.token, HOSTED, SMALL)))
    for name, peer in world.installed.items():
        with world.attempt(f"{name}: {row.what}"):
            for number in range(2 if world.quick else 3):
                began = time.monotonic()
                with peer.running(folder / name):
                    if number:  # the first start makes what the others find
                        row.add(name, Sample(time.monotonic() - began))


def measure_idle(world: World) -> None:
    """Memory of servers that have just started: this one before its first request, the others before their first load."""
    row = world.results.row("memory.idle", "memory", "idle", "MB", asked=ASKED["memory.idle"])
    row.add(row.ours, Sample(world.idle_megabytes))
    row.add(row.base, Sample(pss_megabytes(world.reference.pid)))
    for peer in world.peers:
        row.add(peer.name, Sample(pss_megabytes(peer.pid)))


def measure_loaded(world: World) -> None:
    """Memory of the servers that answered the whole run."""
    row = world.results.row("memory.loaded", "memory", "after the whole run", "MB", asked=ASKED["memory.loaded"])
    row.add(row.ours, Sample(pss_megabytes(world.ours.pid)))
    row.add(row.base, Sample(pss_megabytes(world.reference.pid)))
    for peer in world.peers:
        row.add(peer.name, Sample(pss_megabytes(peer.pid)))
