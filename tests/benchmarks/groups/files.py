"""Files: 10 KB and 100 MB wheels, ranges, metadata; and the same from behind an nginx that sends the files itself."""

from dataclasses import dataclass, replace

from tests.benchmarks import measure
from tests.benchmarks.corpus import CorpusFile
from tests.benchmarks.load import Target
from tests.benchmarks.measure import Runner
from tests.benchmarks.processes import CouldNotRun
from tests.benchmarks.results import Unit
from tests.benchmarks.servers import nginx, repoman
from tests.benchmarks.servers.peer import Peer
from tests.benchmarks.servers.repoman import Repoman
from tests.benchmarks.targets import ASKED
from tests.benchmarks.world import World, file_target

ACCEL_PREFIX = "/_files/"  # where the front nginx keeps this server's blobs, for itself alone
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Cell:
    """A download. ``part`` is "", "range" (1 MB out of the middle) or "metadata"."""

    name: str
    project: str
    unit: Unit
    connections: int
    part: str = ""
    peers: bool = False

    @property
    def key(self) -> str:
        return f"file.{self.name}.{self.connections}"

    def what(self, behind: str = "") -> str:
        text = {"": f"{self.name.upper()[:-2]} {self.name.upper()[-2:]} wheel", "range": "1 MB range of a 100 MB wheel"}
        many = f"{self.connections} connection{'s' if self.connections > 1 else ''}"
        return f"{text.get(self.part, '.metadata of a wheel')}, {many}{behind}"


CELLS = (
    Cell("10kb", "ten-kb", "req/s", 1),
    Cell("10kb", "ten-kb", "req/s", 8),
    Cell("10kb", "ten-kb", "req/s", 16, peers=True),
    Cell("metadata", "ten-kb", "req/s", 16, part="metadata", peers=True),
    Cell("100mb", "hundred-mb", "MB/s", 1, peers=True),
    Cell("100mb", "hundred-mb", "MB/s", 8, peers=True),
    Cell("100mb", "hundred-mb", "MB/s", 16),
    Cell("range", "hundred-mb", "MB/s", 16, part="range"),
)
QUICK = ("file.10kb.16", "file.100mb.1", "file.100mb.8")
BEHIND_NGINX = ("file.10kb.16", "file.100mb.1", "file.100mb.8", "file.range.16")


def measure_files(world: World) -> None:
    for cell in CELLS:
        if world.quick and cell.key not in QUICK:
            continue
        row = world.results.row(cell.key, "files", cell.what(), cell.unit, asked=ASKED.get(cell.key, ()))
        with world.attempt(cell.what(), required=True):
            measure.in_turn(row, _static(world, cell), _own(world, world.ours, cell), cell.connections, world.pace)
        for peer in world.peers if cell.peers else ():
            with world.attempt(f"{peer.name}: {cell.what()}"):
                measure.alone(row, peer.name, _of_peer(world, peer, cell), cell.connections, world.pace)


def measure_behind_nginx(world: World) -> None:
    """Files that nginx sends after this server has said which (X-Accel-Redirect)."""
    if not repoman.accelerates():
        world.missing("files behind nginx (X-Accel-Redirect)", "this version has no setting REPOMAN_ACCEL_PREFIX yet")
        return
    root = repoman.blobs(world.folder / "repoman")
    with (
        world.second_start(REPOMAN_ACCEL_PREFIX=ACCEL_PREFIX, REPOMAN_TRUSTED_PROXIES="127.0.0.1") as ours,
        nginx.front(world.folder / "nginx-front", behind=ours.port, prefix=ACCEL_PREFIX, root=root) as front,
    ):
        for cell in CELLS:
            if cell.key not in BEHIND_NGINX:
                continue
            key, what = cell.key.replace("file.", "accel."), cell.what(", behind nginx")
            row = world.results.row(key, "accel", what, cell.unit, asked=ASKED.get(key, ()))
            with world.attempt(what, required=True):
                own = _own(world, ours, cell)
                # Charged to the front nginx and this server together would be right; the front does nearly all of it.
                runner = replace(own, target=replace(own.target, port=front.port), pid=front.pid)
                measure.in_turn(row, _static(world, cell), runner, cell.connections, world.pace)


def _file(world: World, cell: Cell) -> CorpusFile:
    (file,) = world.corpus.of(cell.project)
    return file


def _runner(file: CorpusFile, cell: Cell, target: Target, pid: int) -> Runner:
    """What is asked and must come, from where the whole wheel is."""
    if cell.part == "metadata":
        return Runner(replace(target, path=target.path + ".metadata"), pid, content=file.metadata)
    if cell.part == "range":
        start = file.size // 2
        headers = {**target.headers, "Range": f"bytes={start}-{start + MEGABYTE - 1}"}
        with file.path.open("rb") as wheel:
            wheel.seek(start)
            return Runner(replace(target, headers=headers), pid, status=206, content=wheel.read(MEGABYTE))
    return Runner(target, pid, content=file.path.read_bytes())


def _static(world: World, cell: Cell) -> Runner:
    file = _file(world, cell)
    return _runner(file, cell, Target(world.reference.port, f"/files/{file.filename}"), world.reference.pid)


def _own(world: World, ours: Repoman, cell: Cell) -> Runner:
    file = _file(world, cell)
    return _runner(
        file, cell, file_target(ours.port, ours.page(cell.project), ours.credentials, file.filename), ours.pid
    )


def _of_peer(world: World, peer: Peer, cell: Cell) -> Runner:
    if cell.part == "metadata" and not peer.metadata:
        raise CouldNotRun("it serves no metadata")
    file = _file(world, cell)
    return _runner(file, cell, file_target(peer.port, peer.page(cell.project), peer.headers, file.filename), peer.pid)
