"""Several repositories behind one address.

Safe by default against dependency confusion: a name that a hosted member has is answered by the members that own it and by
nobody else, and no other member is even asked. Otherwise the first member that has the project wins. A member that cannot
tell (its upstream is down, it is offline) ends the search with an error; only a clear "not here" goes on to the next.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from repoman.toolbox import threads
from repositories.domain.errors import NotFound, Refused
from repositories.domain.index import FileSource, Index, Part
from repositories.domain.merging import merge_lists, merge_pages
from repositories.domain.names import NormalizedName
from repositories.domain.page import DistributionFile, ProjectList, ProjectPage, earliest
from repositories.recipe import Option, Recipe, RepositoryRow, Surroundings


class GroupIndex:
    """An ordered list of indexes that answers as one."""

    def __init__(self, name: str, members: Sequence[Index], *, merge: bool) -> None:
        self.name = name
        self.origins = frozenset[str]().union(*(member.origins for member in members))
        self._members = tuple(members)
        self._merge = merge

    async def owns(self, project: NormalizedName) -> bool:
        for member in self._members:
            if await member.owns(project):
                return True
        return False

    async def project_list(self) -> ProjectList:
        listings = [await member.project_list() for member in self._members]
        return await threads.transfer(merge_lists, listings)

    async def project_page(self, project: NormalizedName) -> ProjectPage:
        if self._merge:
            return self._own(merge_pages(await self._pages(project, self._members)))
        owners = [member for member in self._members if await member.owns(project)]
        return self._own((await self._pages(project, owners or self._members, first_only=True))[0])

    async def _pages(
        self, project: NormalizedName, members: Sequence[Index], *, first_only: bool = False
    ) -> list[ProjectPage]:
        """Pages of the members that have the project, in order; at least one.

        Raises NotFound when none has it, Refused when none has it and a member's rule hides it.
        """
        pages: list[ProjectPage] = []
        passed: list[NotFound | Refused] = []
        for member in members:
            try:
                pages.append(await member.project_page(project))
            except (NotFound, Refused) as error:
                passed.append(error)
                continue
            if first_only:
                break
        # What the members before said ("not here") may end sooner than what the one that answers says.
        holds = earliest(*(error.holds_until for error in passed))
        if not pages:
            refused = next((error for error in passed if isinstance(error, Refused)), None)
            raise refused or NotFound(f"{self.name} has no project {project}", holds_until=holds)
        return [_limited(page, holds) for page in pages]

    def _own(self, page: ProjectPage) -> ProjectPage:
        # A hosted member may take the name at any moment, so clients must ask the group each time.
        return replace(page, freshness=replace(page.freshness, max_age=0))

    async def open_file(self, file: DistributionFile, part: Part) -> FileSource:
        for member in self._members:
            if file.origin in member.origins:
                return await member.open_file(file, part)
        raise NotFound(f"{self.name} has no file {file.filename}")


def _limited(page: ProjectPage, holds: datetime | None) -> ProjectPage:
    return replace(page, freshness=replace(page.freshness, holds_until=earliest(page.freshness.holds_until, holds)))


def _build(row: RepositoryRow, surroundings: Surroundings) -> GroupIndex:
    members = [surroundings.build_member(member) for member in row.members]
    return GroupIndex(row.name, members, merge=row.options["mode"] == "merge")


RECIPE = Recipe(
    key="pypi-group",
    format="pypi",
    type="group",
    label="pypi (group)",
    description=_("One address for several repositories: the one to give to your teams."),
    options=(
        Option(
            key="mode",
            label=_("When several members have a project"),
            kind="choice",
            default="first",
            help=_(
                "“The first member wins” protects your own names: what a hosted member has is never completed from "
                "elsewhere. Merging lists the files of all members, so that anybody who can publish a name at an "
                "upstream can add files to yours."
            ),
            choices=(("first", _("The first member wins")), ("merge", _("Merge all members (unsafe)"))),
            section="group",
        ),
    ),
    build=_build,
)
