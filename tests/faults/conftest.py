"""A proxy in this process and the simulated upstream it asks."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from blobstores import stores
from blobstores.models import BlobStore
from repositories.dataplane import indexes
from repositories.domain.errors import NotFound
from repositories.domain.index import ByteStream, FileSource, LocalFile, Part, find_file
from repositories.domain.names import normalize
from repositories.domain.page import DistributionFile, ProjectList, ProjectPage
from repositories.models import Repository
from repositories.recipe import Surroundings
from repositories.recipes import pypi_proxy
from repositories.services import upstream_pages
from repositories.services.repositories import create_repository
from repositories.upstream import health, pages
from tests.simulators.upstream import SimulatedUpstream


async def read(source: FileSource, start: int = 0) -> bytes:
    """All bytes of an opened file."""
    if isinstance(source, LocalFile):
        return source.path.read_bytes()[start:]
    assert isinstance(source, ByteStream)
    return b"".join([chunk async for chunk in source.chunks(start)])


class Proxy:
    """One proxy repository, asked from sync tests. ``index`` is built anew each time, as the data plane does."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def id(self) -> int:
        return Repository.objects.get(name=self.name).pk

    @property
    def index(self) -> pypi_proxy.ProxyIndex:
        indexes.forget()
        row = indexes.find_row(self.name)
        assert row is not None
        return pypi_proxy.ProxyIndex(
            row, Surroundings(blob_store=stores.store("default"), build_member=lambda row: None)
        )

    def set(self, **options: Any) -> None:
        repository = Repository.objects.get(name=self.name)
        repository.options = {**repository.options, **options}
        repository.save()

    def page(self, project: str = "demo") -> ProjectPage:
        return asyncio.run(self.index.project_page(normalize(project)))

    def listing(self) -> ProjectList:
        return asyncio.run(self.index.project_list())

    def filenames(self, project: str = "demo") -> list[str]:
        return [file.filename for file in self.page(project).files]

    def file(self, filename: str) -> DistributionFile:
        return next(file for file in self.page(filename.split("-")[0]).files if file.filename == filename)

    def read(self, filename: str, part: Part = Part.FILE, start: int = 0) -> bytes:
        """As a client does that knows only the file's address."""
        index = self.index

        async def ask() -> bytes:
            file = await find_file(index, normalize(filename.split("-")[0]), filename)
            return await read(await index.open_file(file, part), start)

        return asyncio.run(ask())

    def is_absent(self, project: str = "demo") -> bool:
        try:
            self.page(project)
        except NotFound:
            return True
        return False


@pytest.fixture
def upstream() -> Iterator[SimulatedUpstream]:
    simulated = SimulatedUpstream()
    yield simulated
    simulated.stop()


@pytest.fixture
def other_host() -> Iterator[SimulatedUpstream]:
    """A second server: same address, another port, hence another origin."""
    simulated = SimulatedUpstream()
    yield simulated
    simulated.stop()


@pytest.fixture
def loopback_allowed(settings: Any) -> None:
    """As an administrator does whose mirror has its files on another private server."""
    settings.REPOMAN = replace(settings.REPOMAN, private_networks_raw="127.0.0.0/8")


@pytest.fixture
def make_proxy(transactional_db: None, tmp_path: Any) -> Iterator[Callable[..., Proxy]]:
    stores.forget()
    indexes.forget()
    pages.roots.forget()
    upstream_pages.memory.clear()
    health.forget()
    BlobStore.objects.create(name="default", kind="filesystem", options={"path": str(tmp_path / "blobs")})

    def make(remote_url: str, name: str = "pypi-proxy", **options: Any) -> Proxy:
        options = {"timeout": 2, "retries": 0, **options}
        create_repository(
            name=name, recipe="pypi-proxy", blob_store="default", options={"remote_url": remote_url, **options}
        )
        return Proxy(name)

    yield make
    stores.forget()
    indexes.forget()


@pytest.fixture
def proxy(make_proxy: Callable[..., Proxy], upstream: SimulatedUpstream) -> Proxy:
    """A proxy of the simulated upstream's site root."""
    return make_proxy(upstream.url)


@pytest.fixture
def kept_blobs(tmp_path: Any) -> Callable[[], list[str]]:
    """The names of all blobs and temporary files that lie in the blob store."""

    def names() -> list[str]:
        folder = tmp_path / "blobs"
        return sorted(path.name for path in folder.rglob("*") if path.is_file())

    return names
