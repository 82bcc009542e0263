"""The test run never touches the data folder of whoever runs it."""

import tempfile
from pathlib import Path

import pytest
from django.conf import settings

from accounts.models import User


def test_settings_use_the_folder_of_this_test_run():
    assert settings.DATA_DIR.parent == Path(tempfile.gettempdir())
    assert settings.DATA_DIR.name.startswith("repoman-test-")
    assert (settings.DATA_DIR / "secret.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.django_db
def test_database_is_migrated():
    assert User.objects.count() == 0
