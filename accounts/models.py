"""Rows of the accounts: users, their user token, and what was guessed at passwords."""

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """The two roles there are. Rights are always asked through `permissions.may`, never by comparing these."""

    ADMINISTRATOR = "administrator", _("Administrator")
    USER = "user", _("User")


class Theme(models.TextChoices):
    """How the console looks to this user."""

    SYSTEM = "system", _("As the system")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


class User(AbstractUser):
    """A person, or a machine with a password of its own.

    ``groups``, ``user_permissions``, ``is_staff`` of Django are not used; ``role`` decides.
    """

    role = models.CharField(_("role"), max_length=32, choices=Role.choices, default=Role.USER)
    language = models.CharField(_("language"), max_length=8, blank=True, default="")
    theme = models.CharField(_("theme"), max_length=8, choices=Theme.choices, default=Theme.SYSTEM)

    class Meta:
        ordering: ClassVar[list[str]] = ["username"]

    @property
    def is_administrator(self) -> bool:
        return self.role == Role.ADMINISTRATOR


class UserToken(models.Model):
    """The user token: a name code and a pass code that stand for a user at the repositories.

    Only a hash of the pass code is kept (sha256 is enough for 264 random bits). ``sealed_pass_code`` is empty unless
    an administrator has switched on showing it again; then it holds the pass code sealed under a key outside the database.
    """

    user = models.OneToOneField(User, models.CASCADE, related_name="token")
    name_code = models.CharField(max_length=8, unique=True)
    pass_code_sha256 = models.CharField(max_length=64, unique=True)
    sealed_pass_code = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name_code


class AccountSettings(models.Model):
    """The one row of switches an administrator sets for all accounts."""

    show_token_again = models.BooleanField(_("user tokens can be shown again"), default=False)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(pk=1), name="account_settings_once")
        ]

    def __str__(self) -> str:
        return "account settings"

    @classmethod
    def load(cls) -> "AccountSettings":
        return cls.objects.get_or_create(pk=1)[0]


class PasswordAttempts(models.Model):
    """How often a password was tried in a row without success, for one account from one address.

    ``key`` is a hash of both, so that the table tells nobody's name or address.
    """

    key = models.CharField(max_length=64, unique=True)
    count = models.PositiveIntegerField(default=0)
    blocked_until = models.DateTimeField(null=True, blank=True)
    last_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.key[:8]
