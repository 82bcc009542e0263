"""Creating, changing and deleting repositories; one transaction each."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from blobstores.models import BlobStore
from repositories.domain.names import is_repository_name
from repositories.models import Member, Repository, RoutingRule, UpstreamHealth, UpstreamPage
from repositories.recipe import OptionErrors, Recipe, recipes
from repositories.services.configuration import configuration_changed
from repositories.services.errors import ServiceErrors
from repositories.services.members import checked_members, groups_of, members_below, write_members
from repositories.services.options import checked_options

# A page checked at this time is due whatever the maximum age is.
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
# Paths of the console stand where a repository's name does.
RESERVED_NAMES = frozenset({"new"})


def create_repository(
    *,
    name: str,
    recipe: str,
    blob_store: str,
    options: Mapping[str, Any],
    members: Sequence[str] = (),
    routing_rule: str | None = None,
    online: bool = True,
) -> Repository:
    """Make a repository; ``members`` and ``routing_rule`` are names.

    Raises ServiceErrors by field: "name", "recipe", "blob_store", "members", "routing_rule" or an option's key.
    """
    found = recipes().get(recipe)
    if found is None:
        raise ServiceErrors({"recipe": _("There is no such type of repository.")})
    with transaction.atomic():
        configuration_changed()
        errors: dict[str, Any] = _name_errors(name)
        store = BlobStore.objects.filter(name=blob_store).first()
        if store is None:
            errors["blob_store"] = _("There is no such blob store.")
        rule = _rule(routing_rule, errors)
        checked, rows = _options_and_members(found, options, members, None, errors)
        if errors or store is None:
            raise ServiceErrors(errors)
        try:
            with transaction.atomic():
                repository = Repository.objects.create(
                    name=name, recipe=recipe, blob_store=store, options=checked, routing_rule=rule, online=online
                )
        except IntegrityError:
            raise ServiceErrors({"name": _("A repository with this name exists already.")}) from None
        write_members(repository, rows)
    return repository


def update_repository(
    repository: Repository,
    *,
    options: Mapping[str, Any],
    members: Sequence[str] = (),
    routing_rule: str | None = None,
    online: bool = True,
) -> Repository:
    """Change everything that can be changed: not the name, the type or the blob store.

    Options left out keep their value; an empty secret keeps the stored one, None removes it.
    Raises ServiceErrors by field.
    """
    found = recipes().get(repository.recipe)
    if found is None:
        raise ServiceErrors({"recipe": _("There is no such type of repository.")})
    with transaction.atomic():
        configuration_changed()
        row = Repository.objects.select_for_update().get(pk=repository.pk)
        errors: dict[str, Any] = {}
        rule = _rule(routing_rule, errors)
        checked, rows = _options_and_members(found, options, members, row, errors)
        if errors:
            raise ServiceErrors(errors)
        _forget_upstream(found, row, checked)
        row.options, row.routing_rule, row.online = checked, rule, online
        row.save(update_fields=["options", "routing_rule", "online", "updated_at"])
        write_members(row, rows)
        _content_changed(row)
    repository.refresh_from_db()
    return repository


def delete_repository(repository: Repository, *, detach: bool = False) -> None:
    """Delete a repository with everything in it; the bytes are swept later.

    Raises ServiceErrors under "groups" while groups have it as a member and ``detach`` is not set, and under "members"
    when taking it out would leave a group empty.
    """
    with transaction.atomic():
        configuration_changed()
        groups = groups_of(repository)
        names = ", ".join(group.name for group in groups)
        if groups and not detach:
            message = _("It is a member of: %(groups)s. Take it out of these groups first, or let it be taken out.")
            raise ServiceErrors({"groups": message % {"groups": names}})
        emptied = [group.name for group in groups if group.memberships.count() == 1]
        if emptied:
            message = _("It is the only member of: %(groups)s. Delete that group, or give it another member, first.")
            raise ServiceErrors({"groups": message % {"groups": ", ".join(emptied)}})
        Member.objects.filter(member=repository).delete()
        Repository.objects.filter(pk__in=[group.pk for group in groups]).update(generation=F("generation") + 1)
        repository.delete()


def set_online(repository: Repository, online: bool) -> None:
    """Take a repository into or out of service."""
    with transaction.atomic():
        configuration_changed()
        repository.online = online
        repository.save(update_fields=["online", "updated_at"])
        _content_changed(repository)


def invalidate_cache(repository: Repository) -> int:
    """Make every page kept from an upstream due, and forget what was not found; files stay, they never change.

    For a group: of all proxies below it. Returns the number of proxies.
    """
    with transaction.atomic():
        configuration_changed()
        proxies = [row for row in members_below(repository) if _type(row) == "proxy"]
        pages = UpstreamPage.objects.filter(repository__in=proxies)
        pages.filter(absent=True).delete()
        pages.update(checked_at=LONG_AGO)
        for row in {row.pk: row for row in [*proxies, repository]}.values():
            _content_changed(row)
    return len(proxies)


def _forget_upstream(recipe: Recipe, row: Repository, after: Mapping[str, Any]) -> None:
    """Forget how the upstream was doing when its settings change, and what it alone said when it is another one.

    Project pages stay: they say which index they came from (`services/upstream_pages.py`).
    """
    if row.options == after:
        return
    UpstreamHealth.objects.filter(repository=row).delete()
    addresses = [option.key for option in recipe.options if option.kind == "url"]
    if any(row.options.get(key) != after[key] for key in addresses):
        UpstreamPage.objects.filter(Q(absent=True) | Q(project=""), repository=row).delete()


def _type(repository: Repository) -> str:
    recipe = recipes().get(repository.recipe)
    return recipe.type if recipe else ""


def _content_changed(repository: Repository) -> None:
    Repository.objects.filter(pk=repository.pk).update(generation=F("generation") + 1)


def _name_errors(name: str) -> dict[str, Any]:
    if not name:
        return {"name": _("Give it a name.")}
    if not is_repository_name(name):
        return {
            "name": _(
                "Use only letters a to z, digits, “-”, “_” and “.”, at most 128, and begin with a letter or digit."
            )
        }
    if name.lower() in RESERVED_NAMES:
        return {"name": _("This name is reserved. Choose another one.")}
    same = Repository.objects.filter(name__iexact=name).values_list("name", flat=True).first()
    if same == name:
        return {"name": _("A repository with this name exists already.")}
    if same is not None:
        return {"name": _("There is “%(name)s” already; two names must differ in more than case.") % {"name": same}}
    return {}


def _rule(name: str | None, errors: dict[str, Any]) -> RoutingRule | None:
    if not name:
        return None
    rule = RoutingRule.objects.filter(name=name).first()
    if rule is None:
        errors["routing_rule"] = _("There is no such routing rule.")
    return rule


def _options_and_members(
    recipe: Recipe, options: Mapping[str, Any], members: Sequence[str], row: Repository | None, errors: dict[str, Any]
) -> tuple[dict[str, Any], list[Repository]]:
    checked: dict[str, Any] = {}
    rows: list[Repository] = []
    try:
        checked = dict(checked_options(recipe, options, stored=row.options if row else None))
    except OptionErrors as wrong:
        errors.update(wrong.errors)
    try:
        rows = checked_members(recipe, members, group=row)
    except ServiceErrors as wrong:
        errors.update(wrong.errors)
    return checked, rows
