"""An index made of values: what a group or filter is tested on. It records what it was asked."""

from collections.abc import Mapping, Sequence

from repositories.domain.errors import NotFound, RepositoryError
from repositories.domain.index import ByteStream, FileSource, Part
from repositories.domain.names import NormalizedName, normalize
from repositories.domain.page import DistributionFile, ProjectList, ProjectPage


def a_file(filename: str, origin: str = "", sha256: str = "0" * 64, version: str = "1.0") -> DistributionFile:
    project = normalize(filename.split("-")[0])
    return DistributionFile(
        filename=filename, project=project, version=version, hashes={"sha256": sha256}, size=1, origin=origin
    )


class FakeIndex:
    """Projects with file names; ``failure`` is raised by every question that would go upstream."""

    def __init__(
        self,
        name: str,
        projects: Mapping[str, Sequence[str]],
        *,
        owns: bool = False,
        failure: RepositoryError | None = None,
    ) -> None:
        self.name = name
        self.origins = frozenset({name})
        self.projects = {normalize(project): tuple(files) for project, files in projects.items()}
        self.failure = failure
        self.asked: list[NormalizedName] = []
        self._owns = owns

    async def owns(self, project: NormalizedName) -> bool:
        return self._owns and project in self.projects

    async def project_list(self) -> ProjectList:
        if self.failure:
            raise self.failure
        return ProjectList(projects={project: project for project in self.projects})

    async def project_page(self, project: NormalizedName) -> ProjectPage:
        self.asked.append(project)
        if self.failure:
            raise self.failure
        if project not in self.projects:
            raise NotFound(f"{self.name} has no project {project}")
        files = tuple(a_file(filename, self.name, sha256=self.name[0] * 64) for filename in self.projects[project])
        return ProjectPage(project=project, name=project, files=files, versions=("1.0",))

    async def open_file(self, file: DistributionFile, part: Part) -> FileSource:
        return ByteStream.holding(f"{self.name}:{file.filename}".encode())
