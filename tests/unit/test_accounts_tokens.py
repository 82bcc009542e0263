"""User tokens: the shape of codes, and what issuing, revealing, resetting and the switch do."""

import hashlib
import re

import pytest
from django.test import override_settings

from accounts import tokens as codes
from accounts.models import AccountSettings, User, UserToken
from accounts.services import tokens, users

pytestmark = pytest.mark.django_db


@pytest.fixture
def kim() -> User:
    return users.create_user(username="kim", password="correct horse battery")


def test_codes_are_usable_raw_in_urls_and_never_begin_with_a_dash() -> None:
    for _ in range(500):
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{7}", codes.make_name_code())
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{43}", codes.make_pass_code())


def test_codes_use_the_whole_alphabet_and_do_not_repeat() -> None:
    made = {codes.make_pass_code() for _ in range(500)}
    assert len(made) == 500
    assert set("".join(made)) == set(codes.ALPHABET)


def test_only_the_hash_of_the_pass_code_is_kept(kim: User) -> None:
    issued = tokens.issue(kim)
    row = UserToken.objects.get(user=kim)
    assert row.name_code == issued.name_code
    assert row.pass_code_sha256 == hashlib.sha256(issued.pass_code.encode()).hexdigest()
    assert row.sealed_pass_code == ""
    assert codes.hash_pass_code(issued.pass_code) == row.pass_code_sha256
    assert tokens.reveal(kim) is None


def test_the_pass_code_is_not_in_the_representation(kim: User) -> None:
    issued = tokens.issue(kim)
    assert issued.pass_code not in repr(issued)


def test_issuing_again_replaces_the_token(kim: User) -> None:
    first, second = tokens.issue(kim), tokens.issue(kim)
    assert first.name_code != second.name_code
    assert [row.name_code for row in UserToken.objects.all()] == [second.name_code]


def test_with_show_again_the_pass_code_is_sealed_and_revealed(kim: User) -> None:
    tokens.set_show_token_again(allowed=True)
    issued = tokens.issue(kim)
    sealed = UserToken.objects.get(user=kim).sealed_pass_code
    assert sealed
    assert issued.pass_code not in sealed
    assert tokens.reveal(kim) == issued


def test_a_token_made_before_show_again_cannot_be_revealed(kim: User) -> None:
    tokens.issue(kim)
    tokens.set_show_token_again(allowed=True)
    assert tokens.reveal(kim) is None


def test_switching_off_wipes_sealed_copies_and_tokens_go_on(kim: User) -> None:
    tokens.set_show_token_again(allowed=True)
    issued = tokens.issue(kim)
    tokens.set_show_token_again(allowed=False)
    row = UserToken.objects.get(user=kim)
    assert row.sealed_pass_code == ""
    assert row.pass_code_sha256 == codes.hash_pass_code(issued.pass_code)
    tokens.set_show_token_again(allowed=True)
    assert tokens.reveal(kim) is None
    assert AccountSettings.objects.count() == 1


def test_a_copy_sealed_under_another_master_secret_is_not_revealed(kim: User) -> None:
    tokens.set_show_token_again(allowed=True)
    tokens.issue(kim)
    with override_settings(SECRET_KEY="another secret of more than thirty-two characters"):
        assert tokens.reveal(kim) is None


def test_reset_takes_the_token_back(kim: User) -> None:
    tokens.issue(kim)
    tokens.reset(kim)
    assert not UserToken.objects.filter(user=kim).exists()
