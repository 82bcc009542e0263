"""Write transactions that wait for each other in memory instead of at the database's lock."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

_turn = threading.Lock()


@contextmanager
def write() -> Iterator[None]:
    """`transaction.atomic` for something that is going to write.

    SQLite has one lock for all writers, and who finds it taken sleeps up to a tenth of a second before looking again: forty
    small writes of eight threads at once took seconds. In this process they take turns at a lock that wakes the next one.
    Databases that lock rows need no turns.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        with transaction.atomic():
            yield
    else:
        with _turn, transaction.atomic():
            yield
