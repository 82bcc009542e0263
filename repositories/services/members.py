"""Members of groups: which repositories, in which order, and never in a circle."""

from collections.abc import Iterable, Sequence

from django.utils.translation import gettext_lazy as _

from repositories.models import Member, Repository
from repositories.recipe import Recipe, recipes
from repositories.services.errors import ServiceErrors


def checked_members(recipe: Recipe, names: Sequence[str], *, group: Repository | None = None) -> list[Repository]:
    """Return the rows of ``names`` in their order; ``group`` is the group itself when it exists already.

    Raises ServiceErrors under "members": not a group, none, twice, unknown, another format, or a circle (with its path).
    """
    if not recipe.has_members:
        if names:
            raise _wrong(_("Only a group has members."))
        return []
    if not names:
        raise _wrong(_("Choose at least one member."))
    rows = {row.name: row for row in Repository.objects.filter(name__in=names)}
    found: list[Repository] = []
    for name in names:
        row = rows.get(name)
        if row is None:
            raise _wrong(_("There is no repository “%(name)s”.") % {"name": name[:80]})
        if row in found:
            raise _wrong(_("“%(name)s” is in the list twice.") % {"name": name})
        member_recipe = recipes().get(row.recipe)
        if member_recipe is None or member_recipe.format != recipe.format:
            raise _wrong(_("“%(name)s” has another format than this group.") % {"name": name})
        found.append(row)
    if group is not None:
        _refuse_circle(group, found)
    return found


def write_members(group: Repository, members: Sequence[Repository]) -> None:
    """Replace the list of ``group``."""
    Member.objects.filter(group=group).delete()
    Member.objects.bulk_create(
        Member(group=group, member=member, position=position) for position, member in enumerate(members)
    )


def member_names(group: Repository) -> list[str]:
    """Names of the members in their order."""
    return list(Member.objects.filter(group=group).order_by("position").values_list("member__name", flat=True))


def groups_of(repository: Repository) -> list[Repository]:
    """The groups that have ``repository`` as a member themselves."""
    return list(Repository.objects.filter(memberships__member=repository).order_by("name"))


def members_below(repository: Repository) -> list[Repository]:
    """Every repository below a group, at any depth, each once and in order; the repository itself when it is no group."""
    rows = {row.pk: row for row in Repository.objects.all()}
    children = _children()
    found: dict[int, Repository] = {}
    seen: set[int] = set()

    def visit(key: int) -> None:
        if key in seen:
            return
        seen.add(key)
        if key not in children:
            found[key] = rows[key]
        for child in children.get(key, ()):
            visit(child)

    visit(repository.pk)
    return list(found.values())


def would_circle(group: Repository) -> set[str]:
    """Names that cannot become members of ``group``: itself and every group it is below."""
    parents: dict[int, list[int]] = {}
    for parent, children in _children().items():
        for child in children:
            parents.setdefault(child, []).append(parent)
    above: set[int] = set()
    waiting = [group.pk]
    while waiting:
        key = waiting.pop()
        if key not in above:
            above.add(key)
            waiting.extend(parents.get(key, ()))
    return set(Repository.objects.filter(pk__in=above).values_list("name", flat=True))


def _children() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for group, member in Member.objects.order_by("position").values_list("group_id", "member_id"):
        children.setdefault(group, []).append(member)
    return children


def _refuse_circle(group: Repository, members: Iterable[Repository]) -> None:
    children = _children()
    names = dict(Repository.objects.values_list("pk", "name"))
    for member in members:
        path = _path(member.pk, group.pk, children)
        if path:
            around = " → ".join([group.name, *(names[key] for key in path)])
            raise _wrong(_("A group cannot contain itself: %(path)s") % {"path": around})


def _path(start: int, goal: int, children: dict[int, list[int]]) -> list[int]:
    """The keys from ``start`` down to ``goal``, empty when it is not below."""
    waiting = [[start]]
    seen: set[int] = set()
    while waiting:
        path = waiting.pop()
        if path[-1] == goal:
            return path
        if path[-1] not in seen:
            seen.add(path[-1])
            waiting.extend([*path, child] for child in children.get(path[-1], ()))
    return []


def _wrong(message: object) -> ServiceErrors:
    return ServiceErrors({"members": message})
