"""The console's pages by Django's test client: no browser, no server, no static files to collect."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.models import Role, User
from blobstores.models import BlobStore
from repositories.dataplane.knowledge import knowledge


@pytest.fixture(autouse=True)
def plain_static_files(settings: Any) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)  # whitenoise warns when it is missing


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """Rows that the process keeps belong to the database of another test."""
    knowledge.forget()


@pytest.fixture
def store(db: None) -> BlobStore:
    return BlobStore.objects.get_or_create(name="default")[0]


def _client(username: str, role: str) -> Client:
    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.create(username=username, role=role))
    return client


@pytest.fixture
def administrator(store: BlobStore) -> Client:
    return _client("admin", Role.ADMINISTRATOR)


@pytest.fixture
def user(store: BlobStore) -> Client:
    return _client("kim", Role.USER)


@pytest.fixture
def stranger(store: BlobStore) -> Client:
    return Client(headers={"host": "localhost"})
