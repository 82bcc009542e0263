"""Django's registration of the accounts app, and its entries in the console's menu."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from accounts.permissions import Action
from repoman.navigation import Entry, register


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the menu entries."""
        register(
            Entry(label=_("User token"), icon="key", url_name="user-token", group="browse", order=900, shortcut="k")
        )
        register(
            Entry(
                label=_("Users"),
                icon="users",
                url_name="users",
                group="administration",
                permission=Action.ADMINISTER,
                order=500,
                shortcut="u",
            )
        )
        register(
            Entry(
                label=_("Token settings"),
                icon="finger-print",
                url_name="token-settings",
                group="administration",
                permission=Action.ADMINISTER,
                order=510,
            )
        )
