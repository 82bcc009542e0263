"""The database's pulse: a value that is the same as before only if nothing at all has been committed in between.

What a process keeps in memory about the database is right as long as the pulse has not moved. The value comes from the
database itself, so there is no notice that a writer could fail to give (it may be killed right after its commit), no
message on its way and no time to live (`docs/decisions/0008-answers-kept-in-memory.md`):

- SQLite: ``PRAGMA data_version`` of one connection that never writes. It reads a counter in the memory that SQLite shares
  between the processes of one machine, without a look at the database's pages: some 3 µs, on the event loop.
- PostgreSQL: ``pg_current_snapshot()``, the set of transactions that are visible. One round trip, in a thread.
"""

import itertools
import sqlite3
import threading
from collections.abc import Iterator

from django.db import connection

Beat = int | str


class Pulse:
    """The pulse of Django's default database, for one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cursor: sqlite3.Cursor | None = None
        self._unique: Iterator[int] = itertools.count(-1, -1)

    def glance(self) -> Beat | None:
        """The pulse without waiting for anything, None where the database must be asked for it."""
        with self._lock:
            cursor = self._cursor or self._opened()
            if cursor is None:
                return None
            try:
                # Read to the end: a statement left open keeps its read transaction, and the log could not shrink.
                ((beat,),) = cursor.execute("PRAGMA data_version").fetchall()
            except sqlite3.OperationalError:  # busy: the log is being recovered
                return next(self._unique)
        return int(beat)

    def look(self) -> Beat:
        """The pulse as the database tells it (one query). For a database that cannot tell it never stands still."""
        if connection.vendor != "postgresql":
            return next(self._unique)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_snapshot()::text")
            return str(cursor.fetchone()[0])

    def forget(self) -> None:
        """Let go of the connection; the next glance makes a new one."""
        with self._lock:
            if self._cursor is not None:
                self._cursor.connection.close()
                self._cursor = None

    def _opened(self) -> sqlite3.Cursor | None:
        if connection.vendor != "sqlite":
            return None
        # No waiting (timeout 0): the event loop may ask. The connection is its own, so that it sees all others' writes.
        name = str(connection.settings_dict["NAME"])
        self._cursor = sqlite3.connect(name, timeout=0, isolation_level=None, check_same_thread=False).cursor()
        return self._cursor


pulse = Pulse()
