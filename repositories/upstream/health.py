"""How an upstream is doing, kept in the database for all processes, and the automatic block.

An upstream that fails several times in a row is left alone for a while, longer each time. When the time is over one
request goes through as a probe; its outcome ends the block or doubles it. Only the remote URL's own host counts: a
file host that fails says nothing about the index.
"""

import random
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from repositories.domain.errors import RepositoryError, UpstreamBlocked
from repositories.models import UpstreamHealth
from repositories.upstream.failures import failure_of
from repositories.vanishing import unless_deleted

Status = Literal["ready", "available", "unavailable", "auto-blocked", "blocked"]
STATUSES: tuple[Status, ...] = ("ready", "available", "unavailable", "auto-blocked", "blocked")

FAILURES_BEFORE_BLOCK = 3
FIRST_BLOCK = 20.0  # seconds
LONGEST_BLOCK = 600.0
_REFRESHED = timedelta(minutes=1)  # a success is written down at most this often
_WELL = 1.0  # seconds for which a process believes that an upstream that was well still is
_COUNTED = frozenset(("timeout", "connection", "dns", "refused", "tls", "certificate"))


@dataclass(frozen=True, slots=True)
class HealthStatus:
    """What the console shows. ``reason`` is the last failure's sentence."""

    status: Status
    reason: str = ""
    blocked_until: datetime | None = None
    checked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to ask the upstream; ``probing`` when this request decides about the end of a block."""

    probing: bool = False


def status(repository_id: int, *, blocked: bool) -> HealthStatus:
    """``blocked`` is the repository's own option."""
    row = UpstreamHealth.objects.filter(repository_id=repository_id).first()
    if row is None:
        return HealthStatus("blocked" if blocked else "ready")
    word: Status = next((known for known in STATUSES if known == row.status), "ready")
    return HealthStatus("blocked" if blocked else word, row.reason, row.blocked_until, row.checked_at)


def permit(repository_id: int, *, blocked: bool, auto_block: bool, probe_seconds: float, now: datetime) -> Permit:
    """Leave to ask the upstream.

    Raises UpstreamBlocked when it is blocked by hand, or automatically and the time is not over or somebody else probes.
    """
    if blocked:
        raise UpstreamBlocked("Outbound requests of this repository are blocked by an administrator")
    if not auto_block:
        return Permit()
    row = UpstreamHealth.objects.filter(repository_id=repository_id, blocked_until__isnull=False).first()
    if row is None or row.blocked_until is None:
        return Permit()
    if row.blocked_until <= now:
        claimed = UpstreamHealth.objects.filter(pk=row.pk, blocked_until=row.blocked_until).update(
            blocked_until=now + timedelta(seconds=probe_seconds)
        )
        if claimed:
            return Permit(probing=True)
    wait = max(1, int((row.blocked_until - now).total_seconds()) + 1)
    raise UpstreamBlocked(f"The upstream is blocked automatically for a while. {row.reason}".strip(), retry_after=wait)


def counts(error: RepositoryError) -> bool:
    """Whether an error speaks against the upstream's main host."""
    cause = failure_of(error)
    if cause is None or not cause.main:
        return False
    if cause.kind == "status":
        return cause.status in (401, 407) or (cause.status or 0) >= 500
    return cause.kind in _COUNTED


def record(
    repository_id: int,
    error: RepositoryError | None,
    *,
    subject: str,
    permit: Permit,
    auto_block: bool,
    now: datetime,
) -> None:
    """Write down how a request went; ``error`` None for one that went well, ``subject`` what was asked for."""
    if error is not None and counts(error):
        _well_until.pop(repository_id, None)
        if permit.probing or not _repeats(repository_id, error, subject):
            with unless_deleted(repository_id):
                _failed(repository_id, error, permit, auto_block, now)
    elif error is None or _answered(error):
        _subjects.pop(repository_id, None)
        _succeeded(repository_id, now)


# When each upstream is looked up again (monotonic); one that has failed in this process is not in it.
_well_until: dict[int, float] = {}


def is_well(repository_id: int) -> bool:
    """Whether it was well a moment ago: then there is leave to ask it, and nothing to write down when that goes well.

    Without it each of the hundreds of questions of an installer would read the same row twice. What other processes write
    down is seen a second later.
    """
    return _well_until.get(repository_id, 0.0) > time.monotonic()


def forget() -> None:
    """Forget what this process remembers."""
    _well_until.clear()
    _subjects.clear()


# What failed last, by repository; enough to know in each process for itself.
_subjects: dict[int, str] = {}


def _repeats(repository_id: int, error: RepositoryError, subject: str) -> bool:
    """Whether an upstream that is there has failed on the same thing again.

    Clients repeat a request that failed with 5xx several times at once; one page that an upstream cannot make must not
    close the whole upstream to everybody.
    """
    cause = failure_of(error)
    before = _subjects.get(repository_id)
    _subjects[repository_id] = subject
    return cause is not None and (cause.status or 0) >= 500 and before == subject


def _answered(error: RepositoryError) -> bool:
    cause = failure_of(error)
    return cause is None or (cause.main and cause.kind != "address")


def _succeeded(repository_id: int, now: datetime) -> None:
    row = UpstreamHealth.objects.filter(repository_id=repository_id).first()
    fresh = row is not None and row.checked_at is not None and row.checked_at > now - _REFRESHED
    if row is not None and fresh and row.status == "available" and not row.failures:
        _well_until[repository_id] = time.monotonic() + _WELL
        return
    with unless_deleted(repository_id):
        UpstreamHealth.objects.update_or_create(
            repository_id=repository_id,
            defaults={"status": "available", "reason": "", "failures": 0, "blocked_until": None, "checked_at": now},
        )


def _failed(repository_id: int, error: RepositoryError, permit: Permit, auto_block: bool, now: datetime) -> None:
    UpstreamHealth.objects.get_or_create(repository_id=repository_id)
    row = UpstreamHealth.objects.select_for_update().get(repository_id=repository_id)
    if row.blocked_until is not None and row.blocked_until > now and not permit.probing:
        return  # was on its way when the block began
    row.failures += 1
    row.reason = error.detail[:500]
    row.checked_at = now
    row.status, row.blocked_until = "unavailable", None
    if auto_block and row.failures >= FAILURES_BEFORE_BLOCK:
        row.status = "auto-blocked"
        row.blocked_until = now + timedelta(seconds=block_seconds(row.failures - FAILURES_BEFORE_BLOCK))
    row.save()


def block_seconds(times: int) -> float:
    """How long to block after ``times`` earlier blocks in a row: doubling, with a jitter of a fifth."""
    return float(min(FIRST_BLOCK * 2 ** min(times, 10), LONGEST_BLOCK) * random.uniform(0.8, 1.2))  # noqa: S311
