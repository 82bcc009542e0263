"""People and repositories for the tests of the accounts pages."""

from typing import Any

import pytest

from accounts.models import Role, User
from accounts.services import users
from repoman import addresses
from repoman.addresses import Address

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def quick(settings: Any) -> None:
    """Static files without a manifest, and a hash of passwords that costs nothing."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture(autouse=True)
def repositories(monkeypatch: pytest.MonkeyPatch) -> None:
    def source(base: str, identity: object) -> list[Address]:
        return [
            Address(name="pypi-hosted", type="hosted", url=f"{base}/repository/pypi-hosted"),
            Address(name="pypi-public", type="group", url=f"{base}/repository/pypi-public"),
        ]

    monkeypatch.setattr(addresses, "_sources", [source])


@pytest.fixture
def kim() -> User:
    return users.create_user(username="kim", password=PASSWORD)


@pytest.fixture
def admin() -> User:
    return users.create_user(username="admin", password=PASSWORD, role=Role.ADMINISTRATOR)
