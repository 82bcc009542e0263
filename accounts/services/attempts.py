"""Slowing down whoever guesses passwords on the console.

Counted for one account from one address, in the database, so that it holds for all processes and after a restart. Each
try is counted before the password is looked at: guesses sent side by side cannot pass the limit. Tries during a pause
are refused and not counted, and a pause has a longest length, so nobody is shut out for ever; tokens are not
touched by it.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import PasswordAttempts
from repoman.toolbox import clock

FREE_TRIES = 5
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=5)
FORGET_AFTER = timedelta(hours=1)


class TooManyAttempts(Exception):
    """Tried too often; ``until`` is when the next try is taken."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until

    @property
    def seconds(self) -> int:
        """Seconds left to wait, at least one."""
        return max(1, round((self.until - clock.now()).total_seconds()))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One counted try; ``left`` is how many more there are before the next pause."""

    key: str
    left: int


@transaction.atomic
def begin(account: str, address: str) -> Attempt:
    """Count a try before the password is checked.

    Raises TooManyAttempts during a pause.
    """
    moment = clock.now()
    PasswordAttempts.objects.filter(last_at__lt=moment - FORGET_AFTER).delete()
    key = hashlib.sha256(f"{account.casefold()}\0{address}".encode()).hexdigest()
    PasswordAttempts.objects.get_or_create(key=key, defaults={"last_at": moment})
    row = PasswordAttempts.objects.select_for_update().get(key=key)
    if row.blocked_until is not None and row.blocked_until > moment:
        raise TooManyAttempts(row.blocked_until)
    row.count += 1
    row.last_at = moment
    row.blocked_until = moment + pause_after(row.count) if row.count >= FREE_TRIES else None
    row.save()
    return Attempt(key, max(0, FREE_TRIES - row.count))


def succeeded(attempt: Attempt) -> None:
    """Forget the tries before a right password."""
    PasswordAttempts.objects.filter(key=attempt.key).delete()


def pause_after(count: int) -> timedelta:
    """Return the pause that follows try number ``count``: it doubles up to the longest."""
    over = min(max(0, count - FREE_TRIES), 10)
    return min(FIRST_PAUSE * int(2**over), LONGEST_PAUSE)
