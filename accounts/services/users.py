"""Changes to users. There is always one active administrator left."""

from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import Role, User

FIRST_PASSWORD_FILE = "admin.password"  # noqa: S105 - a file's name


class LastAdministrator(Exception):
    """The change would leave nobody who can administer the server."""

    message = _("This is the last active administrator. Make somebody else an administrator first.")


@transaction.atomic
def create_user(
    *,
    username: str,
    password: str,
    role: str = Role.USER,
    email: str = "",
    first_name: str = "",
    last_name: str = "",
) -> User:
    """Create an active user with a password.

    Raises IntegrityError when the name is taken. Whether the password is good enough is the caller's to check.
    """
    return User.objects.create_user(
        username=username, password=password, role=role, email=email, first_name=first_name, last_name=last_name
    )


def change_password(user: User, new: str) -> None:
    """Set a new password. Every session of the user ends, as sessions carry a hash of the password.

    The file with the first administrator's password goes once that password is no longer valid.
    """
    first = _first_password()
    was_first = bool(first) and user.check_password(first)
    user.set_password(new)
    user.save(update_fields=["password"])
    if was_first and new != first:
        _first_password_path().unlink(missing_ok=True)


def _first_password_path() -> Path:
    return Path(settings.DATA_DIR) / FIRST_PASSWORD_FILE


def _first_password() -> str:
    try:
        return _first_password_path().read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


@transaction.atomic
def update_profile(user: User, *, email: str, first_name: str, last_name: str) -> None:
    """Change what a user is called and where mail goes."""
    user.email, user.first_name, user.last_name = email, first_name, last_name
    user.save(update_fields=["email", "first_name", "last_name"])


@transaction.atomic
def set_role(user: User, role: str) -> None:
    """Give a user a role; it counts from the next request on.

    Raises LastAdministrator when nobody active would be left to administer.
    """
    if role != Role.ADMINISTRATOR:
        _keep_one_administrator(user)
    user.role = role
    user.save(update_fields=["role"])


@transaction.atomic
def deactivate(user: User) -> None:
    """Shut a user out: sessions, password and token stop working, nothing is deleted.

    Raises LastAdministrator when nobody active would be left to administer.
    """
    _keep_one_administrator(user)
    user.is_active = False
    user.save(update_fields=["is_active"])


@transaction.atomic
def activate(user: User) -> None:
    """Let a user in again."""
    user.is_active = True
    user.save(update_fields=["is_active"])


def _keep_one_administrator(leaving: User) -> None:
    # Locked, so that two administrators demoting each other at the same time cannot both succeed.
    left = User.objects.select_for_update().filter(role=Role.ADMINISTRATOR, is_active=True)
    ids = set(left.values_list("pk", flat=True))
    if ids and ids <= {leaving.pk}:
        raise LastAdministrator
