"""What a new installation starts with: a blob store, an administrator and three repositories. Idempotent.

Each part is made only while nothing of its kind exists, so what an administrator has deleted or renamed later does
not come back.
"""

import os
import secrets
from pathlib import Path

from django.conf import settings
from django.db import transaction

from accounts.models import Role, User
from accounts.services.users import FIRST_PASSWORD_FILE
from blobstores.models import BlobStore
from repoman.configuration import OFFICIAL_INDEX, ConfigurationError
from repositories.models import Repository
from repositories.services.repositories import create_repository

ADMINISTRATOR = "admin"
_MINIMUM = 10  # characters, as the console asks for


def set_up() -> None:
    """Make what is missing.

    Raises ConfigurationError when REPOMAN_ADMIN_PASSWORD is too short to be one.
    """
    if not BlobStore.objects.exists():
        BlobStore.objects.create(name="default", kind="filesystem")
    if not User.objects.exists():
        _make_administrator(settings.DATA_DIR / FIRST_PASSWORD_FILE)
    _drop_old_password(settings.DATA_DIR / FIRST_PASSWORD_FILE)
    if not Repository.objects.exists():
        with transaction.atomic():
            _make_repositories()


def _make_administrator(file: Path) -> None:
    """Make the first user; a password made at random is written down before anything refers to it."""
    password = settings.REPOMAN.admin_password
    if not password:
        password = secrets.token_urlsafe(18)
        _write_private(file, password + "\n")
    elif len(password) < _MINIMUM:
        raise ConfigurationError(f"REPOMAN_ADMIN_PASSWORD is too short; it must have {_MINIMUM} characters or more")
    User.objects.create_user(ADMINISTRATOR, password=password, role=Role.ADMINISTRATOR)


def _drop_old_password(file: Path) -> None:
    """Remove the file when its password is no longer the administrator's, as after `repoman changepassword`."""
    user = User.objects.filter(username=ADMINISTRATOR).first()
    if file.exists() and (user is None or not user.check_password(file.read_text().strip())):
        file.unlink()


def _write_private(path: Path, text: str) -> None:
    scratch = path.with_name(path.name + ".new")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(scratch, path)


def _make_repositories() -> None:
    create_repository(
        name="pypi-proxy", recipe="pypi-proxy", blob_store="default", options={"remote_url": OFFICIAL_INDEX}
    )
    create_repository(name="pypi-hosted", recipe="pypi-hosted", blob_store="default", options={})
    create_repository(
        name="pypi-public",
        recipe="pypi-group",
        blob_store="default",
        options={},
        members=("pypi-hosted", "pypi-proxy"),
    )
