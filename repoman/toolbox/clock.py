"""The one place that asks what time it is, so that a rule gets its time as a value and a test can set it."""

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)
