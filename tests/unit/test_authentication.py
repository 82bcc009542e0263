"""From an Authorization header to an identity; threats T4 and T17."""

import base64
import hashlib

import pytest
from django.contrib.auth.hashers import make_password

from accounts import authentication
from accounts.authentication import CredentialsRefused, GuessLimit, authenticate, parse_basic
from accounts.identity import ANONYMOUS
from accounts.models import Role, User, UserToken

NAME_CODE, PASS_CODE = "6_rkVRLF", "pyWx4T1bXidYbrVvlUOlIVwDGGL3-Ic9bACISKKhbdEe"

pytestmark = pytest.mark.django_db


def header(user: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())


@pytest.fixture(autouse=True)
def fresh_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "_verified", authentication.VerifiedHeaders())
    monkeypatch.setattr(authentication, "_guesses", GuessLimit())
    monkeypatch.setattr(authentication, "_noted", {})


@pytest.fixture
def user() -> User:
    return User.objects.create(username="dana", password=make_password("correct horse"))


@pytest.fixture
def token(user: User) -> UserToken:
    digest = hashlib.sha256(PASS_CODE.encode()).hexdigest()
    return UserToken.objects.create(user=user, name_code=NAME_CODE, pass_code_sha256=digest)


def test_no_header_is_nobody() -> None:
    assert authenticate(None, "192.0.2.1") is ANONYMOUS


@pytest.mark.parametrize(
    ("name", "password"),
    [
        (NAME_CODE, PASS_CODE),
        ("__token__", PASS_CODE),
        ("__token__", f"{NAME_CODE}:{PASS_CODE}"),
        ("dana", "correct horse"),
    ],
)
def test_each_way_of_signing_in(user: User, token: UserToken, name: str, password: str) -> None:
    identity = authenticate(header(name, password), "192.0.2.1")
    assert (identity.user_id, identity.username, identity.administrator) == (user.pk, "dana", False)


@pytest.mark.parametrize(
    ("name", "password"),
    [
        (NAME_CODE, PASS_CODE[:-1]),
        (NAME_CODE, "correct horse"),
        ("dana", PASS_CODE),
        ("dana", ""),
        ("nobody", "correct horse"),
        ("__token__", NAME_CODE),
        ("", ""),
        ("dana", "x" * 5000),
        ("da\x00na", "x"),
    ],
)
def test_wrong_credentials_are_refused(token: UserToken, name: str, password: str) -> None:
    with pytest.raises(CredentialsRefused):
        authenticate(header(name, password), "192.0.2.1")


@pytest.mark.parametrize("raw", [b"Basic", b"Basic ", b"Basic !!!", b"Basic " + base64.b64encode(b"nocolon"), b"Bearer abc",
                                 b"Digest x", b"Basic " + base64.b64encode(b"\xff:\xff"), b"B" * 9000])  # fmt: skip
def test_damaged_headers_are_refused(raw: bytes) -> None:
    with pytest.raises(CredentialsRefused):
        authenticate(raw, "192.0.2.1")


def test_a_password_may_hold_colons() -> None:
    assert parse_basic(header("dana", "a:b:c")) == ("dana", "a:b:c")


def test_the_price_of_a_password_is_paid_once(
    user: User, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries
) -> None:
    authenticate(header("dana", "correct horse"), "192.0.2.1")
    monkeypatch.setattr(authentication, "check_password", None)
    with django_assert_num_queries(1):
        assert authenticate(header("dana", "correct horse"), "192.0.2.1").username == "dana"


def test_a_token_costs_one_query_a_request(token: UserToken, django_assert_num_queries) -> None:
    authenticate(header(NAME_CODE, PASS_CODE), "192.0.2.1")
    with django_assert_num_queries(1):
        authenticate(header(NAME_CODE, PASS_CODE), "192.0.2.1")


def test_a_reset_token_is_refused_at_once(token: UserToken) -> None:
    authenticate(header(NAME_CODE, PASS_CODE), "192.0.2.1")
    UserToken.objects.filter(pk=token.pk).update(pass_code_sha256="0" * 64)
    with pytest.raises(CredentialsRefused):
        authenticate(header(NAME_CODE, PASS_CODE), "192.0.2.1")


def test_a_deactivated_user_and_a_changed_password_are_refused_at_once(user: User, token: UserToken) -> None:
    for credentials in (header(NAME_CODE, PASS_CODE), header("dana", "correct horse")):
        authenticate(credentials, "192.0.2.1")
    User.objects.filter(pk=user.pk).update(password=make_password("another one"))
    with pytest.raises(CredentialsRefused):
        authenticate(header("dana", "correct horse"), "192.0.2.1")
    User.objects.filter(pk=user.pk).update(is_active=False)
    with pytest.raises(CredentialsRefused):
        authenticate(header(NAME_CODE, PASS_CODE), "192.0.2.1")


def test_a_change_of_role_holds_at_once(user: User, token: UserToken) -> None:
    assert not authenticate(header(NAME_CODE, PASS_CODE), "192.0.2.1").administrator
    User.objects.filter(pk=user.pk).update(role=Role.ADMINISTRATOR)
    assert authenticate(header(NAME_CODE, PASS_CODE), "192.0.2.1").administrator


def test_the_pass_code_is_not_in_the_database(token: UserToken) -> None:
    authenticate(header(NAME_CODE, PASS_CODE), "192.0.2.1")
    token.refresh_from_db()
    assert PASS_CODE not in str(vars(token))
    assert token.last_used_at is not None


def test_guessing_passwords_is_slowed_down_and_tokens_are_not(
    user: User, token: UserToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    limit = GuessLimit(free=3, window=60, ticks=lambda: now[0])
    monkeypatch.setattr(authentication, "_guesses", limit)
    for attempt in range(3):
        with pytest.raises(CredentialsRefused, match="not valid"):
            authenticate(header("dana", f"guess {attempt}"), "192.0.2.1")
    with pytest.raises(CredentialsRefused, match="Too many"):
        authenticate(header("dana", "correct horse"), "192.0.2.1")
    assert authenticate(header(NAME_CODE, PASS_CODE), "192.0.2.1").username == "dana"
    assert authenticate(header("dana", "correct horse"), "192.0.2.2").username == "dana"
    now[0] = 61.0
    assert authenticate(header("dana", "correct horse"), "192.0.2.1").username == "dana"
