"""Everything a run measures with: the corpus, the reference nginx, the upstream, this server, and the other servers."""

import html
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from tests.benchmarks import corpus, installset, load, upstream
from tests.benchmarks.corpus import HUGE, SIZED, SMALL, Corpus
from tests.benchmarks.installset import InstallSet
from tests.benchmarks.load import Target
from tests.benchmarks.measure import Pace
from tests.benchmarks.processes import CouldNotRun, pss_megabytes
from tests.benchmarks.results import Missing, Results
from tests.benchmarks.servers import devpi, nginx, proxpi, pypiserver, repoman, simple_repository
from tests.benchmarks.servers.nginx import Nginx
from tests.benchmarks.servers.peer import Installed, Peer, install
from tests.benchmarks.servers.repoman import Repoman
from tests.benchmarks.simple_pages import write_root
from tests.live import free_port

SETTLING = 4  # seconds between the start and the look at the memory of an idle server
# Thousands of small files make the disk the slowest and the most restless part of an installation.
MEMORY = Path("/dev/shm")
ACCEPT = {"html": "text/html", "json": "application/vnd.pypi.simple.v1+json"}


@dataclass
class World:
    """``peers`` are those that started; the folders below ``folder`` go when the run ends."""

    folder: Path
    pace: Pace
    quick: bool
    results: Results
    corpus: Corpus
    install: InstallSet
    upstream: Nginx
    reference: Nginx
    ours: Repoman
    idle_megabytes: float
    clients_folder: Path
    peers: list[Peer] = field(default_factory=list)
    installed: dict[str, Installed] = field(default_factory=dict)

    @property
    def upstream_url(self) -> str:
        return f"http://127.0.0.1:{self.upstream.port}"

    def missing(self, what: str, reason: object, *, required: bool = False) -> None:
        self.results.missing.append(Missing(what, str(reason), required))

    @contextmanager
    def attempt(self, what: str, *, required: bool = False) -> Iterator[None]:
        """Note what could not be measured and go on."""
        try:
            yield
        except CouldNotRun as reason:
            self.missing(what, reason, required=required)

    @contextmanager
    def second_start(self, **settings: str) -> Iterator[Repoman]:
        """This server stopped and started on the same data with other settings; afterwards it is gone for good."""
        self.ours.stop()
        with repoman.running(self.folder / "repoman", token=self.ours.token, **settings) as ours:
            yield ours

    def scratch(self, name: str) -> Path:
        """A new folder of this run."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))


def headers_for(kind: str, coding: str) -> dict[str, str]:
    """What a client that wants this kind of page in this coding sends."""
    return {"Accept": ACCEPT[kind], "Accept-Encoding": coding}


def write_reference(ours: Repoman, root: Path, files: Corpus) -> None:
    """Lay out for nginx the very bytes that this server answers: pages as identity and gzip, files, metadata."""
    (root / "files").mkdir(parents=True)
    for project in (SMALL, HUGE):
        folder = root / "simple" / project
        folder.mkdir(parents=True)
        for kind in ACCEPT:
            for coding, ending in (("identity", ""), ("gzip", ".gz")):
                answer = load.ask(
                    Target(ours.port, ours.page(project), {**headers_for(kind, coding), **ours.credentials})
                )
                if answer.status != 200 or answer.headers.get("content-encoding", "identity") != coding:
                    raise CouldNotRun(f"{project} in {kind}, {coding}, was answered {answer.status}")
                (folder / f"index.{kind}{ending}").write_bytes(answer.body)
    for project in SIZED:
        (file,) = files.of(project)
        (root / "files" / file.filename).symlink_to(file.path)
        (root / "files" / f"{file.filename}.metadata").write_bytes(file.metadata)
    write_root(root / "simple", files.projects)


def file_target(port: int, page: str, headers: Mapping[str, str], filename: str) -> Target:
    """Where a server's own page says that a file is. Raises CouldNotRun."""
    answer = load.ask(Target(port, page, {**headers_for("html", "identity"), **headers}))
    if answer.status != 200:
        raise CouldNotRun(f"its page was answered {answer.status}")
    link = re.search(rb'href="([^"#]*' + re.escape(filename.encode()) + rb')["#]', answer.plain)
    if link is None:
        raise CouldNotRun(f"its page does not list {filename}")
    whole = urljoin(f"http://127.0.0.1:{port}{page}", html.unescape(link[1].decode()))
    return Target(port, urlsplit(whole).path, headers)


def start_peers(world: World, stack: ExitStack, cache: Path) -> None:
    """Install and start the other servers; a quick run has the fastest of them alone."""
    for kind in (proxpi.KIND,) if world.quick else (proxpi.KIND, simple_repository.KIND, pypiserver.KIND, devpi.KIND):
        with world.attempt(kind.package):
            installed = Installed(kind, install(kind, cache), world.corpus.folder, world.upstream_url)
            world.peers.append(stack.enter_context(installed.running(world.folder / kind.package)))
            world.installed[kind.package] = installed


@contextmanager
def built(*, quick: bool, seed: int, cache: Path, peers: bool, disk: bool, results: Results) -> Iterator[World]:
    """Make the fixed set, start nginx twice and this server, and take all down at the end. Raises CouldNotRun."""
    folder = Path(tempfile.mkdtemp(prefix="repoman-bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        made = corpus.make(folder / "corpus", seed=seed)
        chosen = installset.prepare(cache, folder / "generated", seed, results)
        port = free_port()
        offered = [*upstream.of_corpus(made), *chosen.files]
        upstream.write(folder / "upstream", port, offered, installset.padding())
        above = stack.enter_context(nginx.static(folder / "nginx-upstream", folder / "upstream", port))
        ours = stack.enter_context(repoman.running(folder / "repoman"))
        time.sleep(SETTLING)
        idle = pss_megabytes(ours.pid)
        repoman.set_up(ours, made.files, f"http://127.0.0.1:{port}")
        write_reference(ours, folder / "reference", made)
        reference = stack.enter_context(nginx.static(folder / "nginx-reference", folder / "reference"))
        pace = Pace(asked_rounds=3, peer_rounds=1) if quick else Pace()
        world = World(
            folder,
            pace,
            quick,
            results,
            made,
            chosen,
            above,
            reference,
            ours,
            idle,
            folder if disk or not MEMORY.is_dir() else MEMORY,
        )
        if peers:
            start_peers(world, stack, cache)
        yield world
