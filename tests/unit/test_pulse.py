"""The database's pulse: it moves with every commit of anybody and stands still otherwise."""

import sqlite3
from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from blobstores.models import BlobStore
from repoman.toolbox.pulse import Pulse


@pytest.fixture
def pulse(transactional_db: None) -> Iterator[Pulse]:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL's pulse is asked for by a query")
    made = Pulse()
    yield made
    made.forget()


def write(name: str) -> None:
    BlobStore.objects.create(name=name, kind="memory", options={})


def test_it_stands_still_while_nothing_is_committed(pulse: Pulse) -> None:
    first = pulse.glance()
    assert first is not None
    assert list(BlobStore.objects.all()) == []
    assert pulse.glance() == first


def test_every_commit_moves_it(pulse: Pulse) -> None:
    seen = {pulse.glance()}
    for number in range(5):
        write(str(number))
        seen.add(pulse.glance())
    assert len(seen) == 6


def test_what_is_not_committed_does_not_move_it(pulse: Pulse) -> None:
    first = pulse.glance()
    with transaction.atomic():
        write("a")
        assert pulse.glance() == first
        transaction.set_rollback(True)
    assert pulse.glance() == first


def test_another_process_is_seen_even_when_it_is_gone_at_once(pulse: Pulse) -> None:
    """No notice is given that could be lost: a writer without any code of ours, which ends without closing anything."""
    first = pulse.glance()
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    other.execute(
        "INSERT INTO blobstores_blobstore (name, kind, options, created_at) VALUES ('x', 'memory', '{}', '2026-01-01')"
    )
    assert pulse.glance() != first


def test_it_holds_no_transaction_open(pulse: Pulse) -> None:
    """Else the write-ahead log could never be emptied."""
    pulse.glance()
    write("a")
    pulse.glance()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert cursor.fetchone()[0] == 0, "somebody is still reading"


def test_a_database_that_cannot_tell_never_stands_still(pulse: Pulse) -> None:
    assert pulse.look() != pulse.look()
