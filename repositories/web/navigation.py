"""What this room adds to the console: menu entries, and the addresses the token page offers."""

from collections.abc import Sequence
from typing import cast

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.identity import Identity
from accounts.permissions import Action, Target, may
from repoman.addresses import Address, register_address_source
from repoman.navigation import Entry, register
from repositories.models import Repository
from repositories.recipe import recipes

_ADMINISTER = Action.ADMINISTER

ENTRIES = (
    Entry(label=_("Overview"), icon="home", url_name="overview", group="browse", order=10, shortcut="h"),
    Entry(label=_("Browse"), icon="folder", url_name="browse", group="browse", order=20, shortcut="b"),
    Entry(
        label=_("Repositories"),
        icon="archive-box",
        url_name="repositories",
        group="administration",
        permission=_ADMINISTER,
        order=10,
        shortcut="r",
    ),
    Entry(
        label=_("Routing rules"),
        icon="shield-check",
        url_name="routing-rules",
        group="administration",
        permission=_ADMINISTER,
        order=30,
    ),
    Entry(
        label=_("Certificates"),
        icon="document-check",
        url_name="certificates",
        group="administration",
        permission=_ADMINISTER,
        order=40,
    ),
)


def enter() -> None:
    """Register everything; called once when the application is ready."""
    for entry in ENTRIES:
        register(entry)
    register_address_source(readable_addresses)


def readable_repositories(identity: Identity) -> list[Repository]:
    """The repositories ``identity`` may look into, by name."""
    return [row for row in Repository.objects.order_by("name") if may_browse(identity, row)]


def may_browse(identity: Identity, repository: Repository) -> bool:
    target = Target(kind="repository", name=repository.name)
    return may(identity, Action.BROWSE, target, anonymous_read=settings.REPOMAN.anonymous_read)


def readable_addresses(base: str, identity: Identity) -> Sequence[Address]:
    """What ``identity`` may read and is online, as clients name it; the oldest first, so that a new repository does not
    become everybody's default."""
    found = []
    for row in sorted(readable_repositories(identity), key=lambda row: row.pk):
        recipe = recipes().get(row.recipe)
        if recipe is not None and row.online:
            found.append(Address(name=row.name, type=recipe.type, url=f"{base}/repository/{row.name}"))
    return cast(Sequence[Address], found)
