"""pip and uv bringing the install set: from nginx, through this server, through the other proxies; warm and cold."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.clients import pip_download, uv_install
from tests.benchmarks.results import Row, Sample
from tests.benchmarks.servers import repoman
from tests.benchmarks.servers.peer import Peer
from tests.benchmarks.servers.repoman import PROXY
from tests.benchmarks.targets import ASKED
from tests.benchmarks.world import MEMORY, World

Client = Callable[[str, Sequence[str], Path], float]

CLIENTS: dict[str, Client] = {"uv": uv_install, "pip": pip_download}
COMMANDS = {"uv": "uv pip install", "pip": "pip download"}


def measure_clients(world: World) -> None:
    where = "memory" if world.clients_folder == MEMORY else "the disk"
    world.results.notes.append(f"pip and uv write what they install to {where}.")
    for name in ("uv",) if world.quick else CLIENTS:
        cold, warm = _row(world, name, "cold", "upstream"), _row(world, name, "warm", "nginx")
        with world.attempt(warm.what, required=True):
            _warm(world, name, warm)
        with world.attempt(cold.what, required=True):
            _cold(world, name, cold)
        for peer in world.peers:
            if peer.proxies:
                _of_peer(world, peer, name, cold, warm)


def _warm(world: World, name: str, row: Row) -> None:
    """The second time and later: everything is kept here already."""
    places = {row.base: f"{world.upstream_url}/simple/", row.ours: world.ours.server.index(PROXY, world.ours.token)}
    _run(world, name, places[row.ours])
    for number in range(2 if world.quick else 3):
        for server in places if number % 2 == 0 else reversed(places):
            row.add(server, Sample(_run(world, name, places[server])))


def _cold(world: World, name: str, row: Row) -> None:
    """The first time: a new data folder for each run, against straight from the upstream."""
    for _ in range(1 if world.quick else 2 if name == "pip" else 3):
        row.add(row.base, Sample(_run(world, name, f"{world.upstream_url}/simple/")))
        with repoman.running(world.scratch("cold")) as ours:
            ours.server.set_upstream(world.upstream_url)
            row.add(row.ours, Sample(_run(world, name, ours.server.index(PROXY, ours.token))))


def _of_peer(world: World, peer: Peer, name: str, cold: Row, warm: Row) -> None:
    """A new one, cold, and then the same one again; a cold run that fails still leaves it warm for the second."""
    with world.attempt(f"{peer.name}: {warm.what}"):
        if not peer.caches:
            warm.add(peer.name, Sample(_run(world, name, peer.index)))
            return
        with world.installed[peer.name].running(world.scratch("cold")) as fresh:
            with world.attempt(f"{peer.name}: {cold.what}"):
                cold.add(peer.name, Sample(_run(world, name, fresh.index)))
            warm.add(peer.name, Sample(_run(world, name, fresh.index)))


def _row(world: World, name: str, state: str, base: str) -> Row:
    key = f"client.{name}.{state}"
    what = f"{COMMANDS[name]} of {len(world.install.files)} packages ({world.install.megabytes:.0f} MB), {state}"
    return world.results.row(key, "clients", what, "s", base=base, asked=ASKED.get(key, ()))


def _run(world: World, name: str, index: str) -> float:
    with tempfile.TemporaryDirectory(prefix=f"repoman-bench-{name}-", dir=world.clients_folder) as folder:
        return CLIENTS[name](index, world.install.requirements, Path(folder))
