"""The company's own packages: uploads are taken, checked and kept."""

import json
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from blobstores.kind import BlobMissing, StoreFailure
from blobstores.stores import BlobStore, OpenedFile
from repoman.toolbox import threads
from repositories import queries
from repositories.domain.errors import Forbidden, NotFound, StorageFailed
from repositories.domain.index import ByteStream, FileSource, LocalFile, Part
from repositories.domain.names import NormalizedName
from repositories.domain.page import FOREVER, DistributionFile, Freshness, ProjectList, ProjectPage
from repositories.domain.uploading import Upload, check
from repositories.recipe import Option, Recipe, RepositoryRow, Surroundings
from repositories.services.uploads import keep_upload


class HostedIndex:
    """A hosted repository, live. It is `Index` and `Writable`."""

    def __init__(self, row: RepositoryRow, blob_store: BlobStore) -> None:
        self.name = row.name
        self.origins = frozenset({row.name})
        self._id = row.id
        self._options: Mapping[str, Any] = row.options
        self._blob_store = blob_store

    async def owns(self, project: NormalizedName) -> bool:
        return await threads.database(queries.hosted_owns, self._id, project)

    async def project_list(self) -> ProjectList:
        projects = await threads.database(queries.hosted_projects, self._id)
        return ProjectList(projects=projects, freshness=Freshness(holds_until=FOREVER))

    async def project_page(self, project: NormalizedName) -> ProjectPage:
        page = await threads.database(queries.hosted_page, self._id, self.name, project)
        if page is None:
            raise NotFound(f"{self.name} has no project {project}", holds_until=FOREVER)
        if self._options["deployment_policy"] == "allow":
            page = page.with_files(tuple(file.changed(replaceable=True) for file in page.files))
        return page

    async def open_file(self, file: DistributionFile, part: Part) -> FileSource:
        if part is Part.PROVENANCE:
            return await self._provenance(file)
        digest = file.location.blob if part is Part.FILE else file.location.metadata_blob
        if not digest:
            raise NotFound(f"{file.filename} has no metadata file")
        try:
            opened = await self._blob_store.open(digest)
        except BlobMissing as error:
            raise StorageFailed(f"The bytes of {file.filename} are missing from the blob store") from error
        except StoreFailure as error:
            raise StorageFailed("The blob store cannot be read right now") from error
        if isinstance(opened, OpenedFile):
            return LocalFile(opened.path, opened.size, holds_until=FOREVER)
        return ByteStream(opened.size, opened.chunks)

    async def _provenance(self, file: DistributionFile) -> FileSource:
        provenance = await threads.database(queries.hosted_provenance, self._id, file.filename)
        if provenance is None:
            raise NotFound(f"No provenance available for {file.filename}")
        return ByteStream.holding(json.dumps(provenance).encode())

    async def accept(self, upload: Upload) -> None:
        policy = self._options["deployment_policy"]
        if policy == "read_only":
            raise Forbidden(f"{self.name} is read-only")
        check(upload)
        await threads.database(
            keep_upload,
            repository_id=self._id,
            blob_store=self._blob_store,
            upload=upload,
            replace=policy == "allow",
        )


def _build(row: RepositoryRow, surroundings: Surroundings) -> HostedIndex:
    return HostedIndex(row, surroundings.blob_store)


RECIPE = Recipe(
    key="pypi-hosted",
    format="pypi",
    type="hosted",
    label="pypi (hosted)",
    description=_("Keeps your own packages: people and build jobs upload to it."),
    options=(
        Option(
            key="deployment_policy",
            label=_("Deployment policy"),
            kind="choice",
            default="allow_once",
            help=_(
                "Whether a file that is already there may be replaced. The very same file is always accepted again."
            ),
            choices=(
                ("allow", _("Allow redeploy")),
                ("allow_once", _("Disable redeploy")),
                ("read_only", _("Read-only")),
            ),
            section="hosted",
        ),
        Option(
            key="upload_by",
            label=_("Who may upload"),
            kind="choice",
            default="users",
            choices=(("users", _("Everybody who can sign in")), ("administrators", _("Administrators only"))),
            section="hosted",
        ),
    ),
    build=_build,
)
