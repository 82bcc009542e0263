"""Everything a run measures with: the corpus, the reference nginx, the upstream, this server, and the other servers."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from tests.benchmarks import corpus, installset, load, upstream
from tests.benchmarks.corpus import HUGE, SIZED, SMALL, Corpus
from tests.benchmarks.installset import InstallSet
from tests.benchmarks.load import Target
from tests.benchmarks.measure import Pace
from tests.benchmarks.processes import CouldNotRun
from tests.benchmarks.results import Missing, Results
from tests.benchmarks.servers import nginx, repoman
from tests.benchmarks.servers.nginx import Nginx
from tests.benchmarks.servers.peer import Peer
from tests.benchmarks.servers.repoman import Repoman
from tests.benchmarks.simple_pages import write_root
from tests.live import free_port

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
    peers: list[Peer] = field(default_factory=list)
    accelerated: Nginx | None = None

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


def file_target(port: int, page: str, headers: dict[str, str], filename: str) -> Target:
    """Where a server's own JSON page says that a file is. Raises CouldNotRun."""
    answer = load.ask(Target(port, page, {**headers_for("json", "identity"), **headers}))
    if answer.status != 200:
        raise CouldNotRun(f"its page was answered {answer.status}")
    link = repoman.links_of(answer.body)[filename]
    return Target(port, urlsplit(urljoin(f"http://127.0.0.1:{port}{page}", link)).path, headers)


@contextmanager
def built(*, quick: bool, seed: int, cache: Path, peers: bool, results: Results) -> Iterator[World]:
    """Make the fixed set, start nginx twice and this server, and take all down at the end. Raises CouldNotRun."""
    folder = Path(tempfile.mkdtemp(prefix="repoman-bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        made = corpus.make(folder / "corpus", seed=seed)
        install = installset.prepare(cache, folder / "generated", seed, results)
        port = free_port()
        offered = [*upstream.of_corpus(made), *install.files]
        upstream.write(folder / "upstream", port, offered, installset.padding())
        above = stack.enter_context(nginx.static(folder / "nginx-upstream", folder / "upstream", port))
        ours = stack.enter_context(repoman.running(folder / "repoman"))
        repoman.set_up(ours, made.files, f"http://127.0.0.1:{port}")
        write_reference(ours, folder / "reference", made)
        reference = stack.enter_context(nginx.static(folder / "nginx-reference", folder / "reference"))
        pace = Pace(rounds=3, peer_rounds=1) if quick else Pace()
        yield World(folder, pace, quick, results, made, install, above, reference, ours)
