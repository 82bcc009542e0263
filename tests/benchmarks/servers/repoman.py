"""This server, as `repoman serve` starts it with its defaults, filled through its own upload."""

import http.client
import signal
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from repoman.configuration import Configuration
from tests import distributions, live
from tests.benchmarks.corpus import HUGE, CorpusFile
from tests.benchmarks.fill_database import fill
from tests.benchmarks.processes import CouldNotRun, stop_tree, wait_for_page

HOSTED = "bench"
GROUP = "bench-group"
MEMBERS = 10
PROXY = "pypi-proxy"

_REPOSITORIES = f"""
from repositories.services.repositories import create_repository
def make(name, recipe, members=()):
    create_repository(name=name, recipe=recipe, blob_store="default", options={{}}, members=members)
make({HOSTED!r}, "pypi-hosted")
others = ["member-%d" % number for number in range(1, {MEMBERS})]
for name in others:
    make(name, "pypi-hosted")
make({GROUP!r}, "pypi-group", [*others, {HOSTED!r}])
"""


@dataclass(frozen=True)
class Repoman:
    """A running server and the token of its administrator."""

    server: live.LiveServer
    token: live.Token

    @property
    def pid(self) -> int:
        return self.server.process.pid

    @property
    def port(self) -> int:
        return int(self.server.base.rpartition(":")[2])

    @property
    def credentials(self) -> dict[str, str]:
        """The header that a client with this token sends."""
        pair = f"{self.token.name_code}:{self.token.pass_code}".encode()
        return {"Authorization": "Basic " + b64encode(pair).decode()}

    def page(self, project: str, repository: str = HOSTED) -> str:
        return f"/repository/{repository}/simple/{project}/"

    def stop(self) -> None:
        stop_tree(self.server.process, signal.SIGINT)

    def add_hosted(self, name: str) -> None:
        """Make one more hosted repository."""
        self.server.python(
            "from repositories.services.repositories import create_repository\n"
            f'create_repository(name={name!r}, recipe="pypi-hosted", blob_store="default", options={{}})'
        )


@contextmanager
def running(folder: Path, *, token: live.Token | None = None, **settings: str) -> Iterator[Repoman]:
    """Start it on ``folder``/data; with ``token`` on a folder that has one already. Raises CouldNotRun."""
    server = live.spawn(folder, **settings)
    try:
        try:
            live.wait_announced(server)
        except AssertionError as error:
            raise CouldNotRun(f"it did not start: {str(error).strip().splitlines()[-1][:160]}") from error
        yield Repoman(server, token or server.user_token())
    finally:
        stop_tree(server.process, signal.SIGINT)
        assert server.process.stdout is not None
        server.process.stdout.close()


def seconds_to_page(folder: Path, token: live.Token, repository: str, project: str) -> float:
    """Start it on a used folder, ask until the page comes, stop it; the seconds from start to page. Raises CouldNotRun."""
    began = time.monotonic()
    server = live.spawn(folder)
    try:
        there = Repoman(server, token)
        url = f"{server.base}{there.page(project, repository)}"
        wait_for_page(url, None, seconds=live.START_SECONDS, headers=there.credentials)
        return time.monotonic() - began
    finally:
        stop_tree(server.process, signal.SIGINT)
        assert server.process.stdout is not None
        server.process.stdout.close()


def set_up(repoman: Repoman, files: Sequence[CorpusFile], upstream: str) -> None:
    """Make the repositories of the benchmark, fill the hosted one, and point the proxy at ``upstream``.

    The 2,000 versions of one project are written past the upload, which would take half a minute; the uploads come after them.
    """
    repoman.server.python(_REPOSITORIES)
    repoman.server.set_upstream(upstream)
    many = [file for file in files if file.project == HUGE]
    listed = [(file.project, file.version, file.filename, str(file.path), file.metadata.decode()) for file in many]
    fill(repoman.server.environment, repoman.server.data.parent, HOSTED, listed)
    upload(repoman, HOSTED, [file for file in files if file.project != HUGE])


def upload(repoman: Repoman, repository: str, files: Sequence[CorpusFile]) -> None:
    """Upload over four kept connections. Raises CouldNotRun for the first that is refused."""
    shares = [files[start::4] for start in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda share: _upload_share(repoman, repository, share), shares))


def _upload_share(repoman: Repoman, repository: str, files: Sequence[CorpusFile]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", repoman.port, timeout=120)
    for file in files:
        content_type, body = distributions.upload_form(file.built())
        headers = {**repoman.credentials, "Content-Type": content_type}
        connection.request("POST", f"/repository/{repository}/", body=body, headers=headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise CouldNotRun(f"upload of {file.filename} was answered {answer.status}: {text[:100]!r}")
    connection.close()


def accelerates() -> bool:
    """Whether this version can leave files to the nginx before it (setting REPOMAN_ACCEL_PREFIX)."""
    return hasattr(Configuration(), "accel_prefix")


def blobs(folder: Path) -> Path:
    """Where the default blob store of a server in ``folder`` keeps its files."""
    return folder / "data" / "blobs"
