"""Guessing passwords: free tries, growing pauses with a longest one, and no effect on anybody else."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from accounts.models import PasswordAttempts
from accounts.services import attempts

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> "time_machine.Coordinates":
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def test_pauses_grow_to_the_longest() -> None:
    seconds = [attempts.pause_after(count).total_seconds() for count in (5, 6, 7, 8, 9, 10, 1000)]
    assert seconds == [30, 60, 120, 240, 300, 300, 300]


def test_five_tries_then_a_pause(clock: "time_machine.Coordinates") -> None:
    left = [attempts.begin("sign-in:kim", "192.0.2.1").left for _ in range(5)]
    assert left == [4, 3, 2, 1, 0]
    with pytest.raises(attempts.TooManyAttempts) as refused:
        attempts.begin("sign-in:kim", "192.0.2.1")
    assert refused.value.until == START + timedelta(seconds=30)
    assert refused.value.seconds == 30


def test_tries_during_a_pause_do_not_make_it_longer(clock: "time_machine.Coordinates") -> None:
    for _ in range(5):
        attempts.begin("sign-in:kim", "192.0.2.1")
    for _ in range(50):
        with pytest.raises(attempts.TooManyAttempts):
            attempts.begin("sign-in:kim", "192.0.2.1")
    clock.shift(31)
    attempts.begin("sign-in:kim", "192.0.2.1")
    with pytest.raises(attempts.TooManyAttempts) as refused:
        attempts.begin("sign-in:kim", "192.0.2.1")
    assert refused.value.seconds == 60


def test_the_pause_is_for_one_account_from_one_address(clock: "time_machine.Coordinates") -> None:
    for _ in range(5):
        attempts.begin("sign-in:kim", "192.0.2.1")
    assert attempts.begin("sign-in:kim", "192.0.2.2").left == 4
    assert attempts.begin("sign-in:lee", "192.0.2.1").left == 4


def test_spelling_a_name_with_other_case_does_not_give_more_tries(clock: "time_machine.Coordinates") -> None:
    for name in ("kim", "KIM", "Kim", "kIm", "kiM"):
        attempts.begin(f"sign-in:{name}", "192.0.2.1")
    with pytest.raises(attempts.TooManyAttempts):
        attempts.begin("sign-in:kim", "192.0.2.1")


def test_a_right_password_forgets_the_tries_before(clock: "time_machine.Coordinates") -> None:
    for _ in range(3):
        attempts.begin("sign-in:kim", "192.0.2.1")
    attempts.succeeded(attempts.begin("sign-in:kim", "192.0.2.1"))
    assert attempts.begin("sign-in:kim", "192.0.2.1").left == 4


def test_old_tries_are_forgotten_and_their_rows_removed(clock: "time_machine.Coordinates") -> None:
    for _ in range(5):
        attempts.begin("sign-in:kim", "192.0.2.1")
    clock.shift(3601)
    assert attempts.begin("sign-in:lee", "192.0.2.1").left == 4
    assert PasswordAttempts.objects.count() == 1


def test_the_table_holds_neither_names_nor_addresses(clock: "time_machine.Coordinates") -> None:
    attempts.begin("sign-in:kim", "192.0.2.1")
    [row] = PasswordAttempts.objects.values_list("key", flat=True)
    assert len(row) == 64
    assert "kim" not in row
