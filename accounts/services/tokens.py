"""Making, showing and taking back user tokens."""

from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError, transaction

from accounts import tokens
from accounts.models import AccountSettings, User, UserToken
from repoman.toolbox import clock, secrets

SEAL_PURPOSE = "user-token"
NAME_CODE_TRIES = 5


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token's codes in the clear; ``pass_code`` stays out of its representation and so out of logs."""

    name_code: str
    pass_code: str = field(repr=False)
    created_at: datetime


def issue(user: User) -> IssuedToken:
    """Make the user's token, in place of the one there was, which stops working at once."""
    for attempt in range(NAME_CODE_TRIES):
        try:
            with transaction.atomic():
                return _issue(user)
        except IntegrityError:
            # Another user's name code is the same; with 48 random bits that is a fault if it goes on.
            if attempt == NAME_CODE_TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _issue(user: User) -> IssuedToken:
    settings = _locked_settings()
    issued = IssuedToken(tokens.make_name_code(), tokens.make_pass_code(), clock.now())
    sealed = secrets.seal(issued.pass_code, purpose=SEAL_PURPOSE) if settings.show_token_again else ""
    UserToken.objects.filter(user=user).delete()
    row = UserToken.objects.create(
        user=user,
        name_code=issued.name_code,
        pass_code_sha256=tokens.hash_pass_code(issued.pass_code),
        sealed_pass_code=sealed,
    )
    return IssuedToken(issued.name_code, issued.pass_code, row.created_at)


def reset(user: User) -> None:
    """Take the user's token back; the next access makes another."""
    UserToken.objects.filter(user=user).delete()


def reveal(user: User) -> IssuedToken | None:
    """Return the user's token again, or None when it was made without keeping a sealed copy (or cannot be unsealed)."""
    row = UserToken.objects.filter(user=user).first()
    if row is None or not row.sealed_pass_code or not AccountSettings.load().show_token_again:
        return None
    try:
        pass_code = secrets.unseal(row.sealed_pass_code, purpose=SEAL_PURPOSE)
    except secrets.SecretUnreadable:
        return None
    return IssuedToken(row.name_code, pass_code, row.created_at)


@transaction.atomic
def set_show_token_again(*, allowed: bool) -> None:
    """Switch showing tokens again on or off; off destroys every sealed copy. Tokens keep working either way."""
    settings = _locked_settings()
    settings.show_token_again = allowed
    settings.save(update_fields=["show_token_again"])
    if not allowed:
        UserToken.objects.exclude(sealed_pass_code="").update(sealed_pass_code="")


def _locked_settings() -> AccountSettings:
    # Locked, so that a token made meanwhile leaves no sealed copy behind after the switch went off.
    AccountSettings.load()
    return AccountSettings.objects.select_for_update().get(pk=1)
