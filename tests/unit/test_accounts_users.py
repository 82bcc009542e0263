"""Changes to users: passwords, the first password's file, and the last administrator."""

from pathlib import Path
from typing import Any

import pytest

from accounts.models import Role, User
from accounts.services import users

pytestmark = pytest.mark.django_db
FIRST = "the very first password"


@pytest.fixture
def admin() -> User:
    return users.create_user(username="admin", password=FIRST, role=Role.ADMINISTRATOR)


@pytest.fixture
def first_password_file(settings: Any, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    file = tmp_path / "admin.password"
    file.write_text(FIRST + "\n")
    return file


def test_a_new_user_is_active_and_the_password_is_hashed_with_argon2() -> None:
    user = users.create_user(username="kim", password="correct horse battery", email="kim@packages.example")
    assert user.is_active
    assert user.role == Role.USER
    assert user.password.startswith("argon2$")


def test_changing_the_first_password_removes_its_file(admin: User, first_password_file: Path) -> None:
    users.change_password(admin, "another good password")
    assert not first_password_file.exists()
    assert admin.check_password("another good password")


def test_changing_somebody_elses_password_keeps_the_file(admin: User, first_password_file: Path) -> None:
    kim = users.create_user(username="kim", password="correct horse battery")
    users.change_password(kim, "another good password")
    assert first_password_file.exists()


def test_changing_a_password_without_a_file_works(admin: User, settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    users.change_password(admin, "another good password")
    assert User.objects.get(pk=admin.pk).check_password("another good password")


def test_the_last_administrator_can_be_neither_demoted_nor_shut_out(admin: User) -> None:
    with pytest.raises(users.LastAdministrator):
        users.set_role(admin, Role.USER)
    with pytest.raises(users.LastAdministrator):
        users.deactivate(admin)
    admin.refresh_from_db()
    assert (admin.role, admin.is_active) == (Role.ADMINISTRATOR, True)


def test_an_inactive_administrator_does_not_count_as_another(admin: User) -> None:
    second = users.create_user(username="second", password=FIRST, role=Role.ADMINISTRATOR)
    users.deactivate(second)
    with pytest.raises(users.LastAdministrator):
        users.set_role(admin, Role.USER)
    users.activate(second)
    users.set_role(admin, Role.USER)
    assert User.objects.get(pk=admin.pk).role == Role.USER


def test_an_ordinary_user_can_be_shut_out_while_there_is_one_administrator(admin: User) -> None:
    kim = users.create_user(username="kim", password="correct horse battery")
    users.deactivate(kim)
    assert not User.objects.get(pk=kim.pk).is_active
