"""pip and uv bringing the install set: from nginx, through this server, through the other proxies; warm and cold."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.clients import pip_download, uv_install
from tests.benchmarks.results import Row, Sample
from tests.benchmarks.servers import repoman
from tests.benchmarks.servers.repoman import PROXY
from tests.benchmarks.targets import ASKED
from tests.benchmarks.world import World

Client = Callable[[str, Sequence[str], Path], float]

CLIENTS: dict[str, Client] = {"uv": uv_install, "pip": pip_download}
COMMANDS = {"uv": "uv pip install", "pip": "pip download"}


def measure_clients(world: World) -> None:
    for name in CLIENTS:
        if name == "uv" or not world.quick:
            _warm(world, name)
    for name in CLIENTS:
        if name == "uv" or not world.quick:
            _cold(world, name)


def _warm(world: World, name: str) -> None:
    """The second time and later: everything is kept here already."""
    row = _row(world, name, "warm", "nginx")
    rounds = 2 if world.quick else 3
    with world.attempt(row.what, required=True):
        places = {row.base: f"{world.upstream_url}/simple/", row.ours: world.ours.server.index(PROXY, world.ours.token)}
        for index in places.values():
            _run(world, name, index)
        for number in range(rounds):
            for server in places if number % 2 == 0 else reversed(places):
                row.add(server, Sample(_run(world, name, places[server])))
    for peer in world.peers:
        if peer.proxies:
            with world.attempt(f"{peer.name}: {row.what}"):
                if peer.caches:
                    _run(world, name, peer.index)
                row.add(peer.name, Sample(_run(world, name, peer.index)))


def _cold(world: World, name: str) -> None:
    """The first time: a new data folder for each run, against straight from the upstream."""
    row = _row(world, name, "cold", "upstream")
    rounds = 2 if world.quick or name == "pip" else 3
    with world.attempt(row.what, required=True):
        for _ in range(rounds):
            row.add(row.base, Sample(_run(world, name, f"{world.upstream_url}/simple/")))
            with repoman.running(world.scratch("cold")) as ours:
                ours.server.set_upstream(world.upstream_url)
                row.add(row.ours, Sample(_run(world, name, ours.server.index(PROXY, ours.token))))
    for peer in world.peers:
        if peer.proxies and peer.caches and not (world.quick or name == "pip"):
            with (
                world.attempt(f"{peer.name}: {row.what}"),
                world.installed[peer.name].running(world.scratch("cold")) as fresh,
            ):
                row.add(peer.name, Sample(_run(world, name, fresh.index)))


def _row(world: World, name: str, state: str, base: str) -> Row:
    key = f"client.{name}.{state}"
    what = f"{COMMANDS[name]} of {len(world.install.files)} packages ({world.install.megabytes:.0f} MB), {state}"
    return world.results.row(key, "clients", what, "s", base=base, asked=ASKED.get(key, ()))


def _run(world: World, name: str, index: str) -> float:
    return CLIENTS[name](index, world.install.requirements, world.scratch(name))
