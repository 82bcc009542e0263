"""The first start: what it makes, that it can be repeated, and what it leaves alone."""

import pytest

from accounts.models import User
from blobstores.models import BlobStore
from repoman import first_start
from repoman.configuration import OFFICIAL_INDEX, Configuration, ConfigurationError
from repositories.models import Repository

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.REPOMAN = Configuration.from_environment({"REPOMAN_DATA_DIR": str(tmp_path)})
    return tmp_path


def test_makes_blob_store_administrator_and_three_repositories(folder):
    first_start.set_up()
    assert list(BlobStore.objects.values_list("name", "kind")) == [("default", "filesystem")]
    proxy, hosted, group = (Repository.objects.get(name=f"pypi-{name}") for name in ("proxy", "hosted", "public"))
    assert proxy.options["remote_url"] == OFFICIAL_INDEX
    assert [row.recipe for row in (proxy, hosted, group)] == ["pypi-proxy", "pypi-hosted", "pypi-group"]
    assert [place.member for place in group.memberships.all()] == [hosted, proxy]
    user = User.objects.get()
    assert (user.username, user.is_administrator) == ("admin", True)
    file = folder / "admin.password"
    assert user.check_password(file.read_text().strip())
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.glob("admin*")] == ["admin.password"]


def test_repeating_changes_nothing(folder):
    first_start.set_up()
    (folder / "admin.password").unlink()  # as when the password was changed
    before = User.objects.get().password, list(Repository.objects.values_list("pk", "name"))
    first_start.set_up()
    assert (User.objects.get().password, list(Repository.objects.values_list("pk", "name"))) == before
    assert not (folder / "admin.password").exists()


def test_repository_that_was_deleted_does_not_come_back():
    first_start.set_up()
    Repository.objects.filter(name="pypi-public").delete()
    first_start.set_up()
    assert sorted(Repository.objects.values_list("name", flat=True)) == ["pypi-hosted", "pypi-proxy"]


def test_given_password_is_used_and_not_written_down(folder, settings):
    settings.REPOMAN = Configuration.from_environment({"REPOMAN_ADMIN_PASSWORD": "correct horse battery"})
    first_start.set_up()
    assert User.objects.get().check_password("correct horse battery")
    assert not (folder / "admin.password").exists()


def test_given_password_that_is_too_short_makes_nothing(settings):
    settings.REPOMAN = Configuration.from_environment({"REPOMAN_ADMIN_PASSWORD": "short"})
    with pytest.raises(ConfigurationError, match="10 characters or more"):
        first_start.set_up()
    assert not User.objects.exists()


def test_a_first_password_that_was_changed_elsewhere_does_not_stay_in_its_file(folder):
    first_start.set_up()
    user = User.objects.get()
    first_start.set_up()
    assert (folder / "admin.password").exists()
    user.set_password("changed on the command line")
    user.save()
    first_start.set_up()
    assert not (folder / "admin.password").exists()
