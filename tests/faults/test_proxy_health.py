"""Blocking by hand and by itself, and what the console is told about an upstream."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from repositories.domain.errors import NotFound, UpstreamBlocked, UpstreamError
from repositories.models import UpstreamHealth
from repositories.upstream import health
from tests.distributions import wheel
from tests.simulators import upstream as faults

DEMO = wheel("demo", "1.0")


@pytest.fixture(autouse=True)
def demo(upstream) -> None:
    upstream.add(DEMO.filename, DEMO.content)


@pytest.fixture
def later():
    with time_machine.travel(datetime(2026, 11, 1, tzinfo=UTC), tick=True) as clock:
        yield lambda seconds: clock.shift(timedelta(seconds=seconds))


def fail(proxy, times: int = 1) -> None:
    for number in range(times):
        with pytest.raises(UpstreamError):
            proxy.page(f"never-seen-{number}")


def status(proxy, *, blocked: bool = False) -> str:
    return health.status(proxy.id, blocked=blocked).status


def test_an_upstream_that_was_never_asked_is_ready(proxy) -> None:
    assert status(proxy) == "ready"


def test_an_upstream_that_answers_is_available_also_when_it_does_not_have_it(proxy) -> None:
    with pytest.raises(NotFound):
        proxy.page("missing")
    assert status(proxy) == "available"


def test_blocked_by_hand_nothing_goes_out_and_what_is_kept_is_served(proxy, upstream, later) -> None:
    proxy.read(DEMO.filename)
    later(3600)
    asked = len(upstream.asked)
    proxy.set(blocked=True)
    page = proxy.page()
    assert page.freshness.stale
    assert proxy.read(DEMO.filename) == DEMO.content
    with pytest.raises(UpstreamBlocked, match="blocked by an administrator"):
        proxy.page("unknown")
    assert len(upstream.asked) == asked
    assert status(proxy, blocked=True) == "blocked"


@pytest.mark.parametrize("code", [401, 407, 500, 502, 503])
def test_three_failures_in_a_row_block(proxy, upstream, later, code) -> None:
    upstream.fault("/", faults.status(code))
    fail(proxy, 2)
    assert status(proxy) == "unavailable"
    fail(proxy, 1)
    assert status(proxy) == "auto-blocked"
    asked = len(upstream.asked)
    with pytest.raises(UpstreamBlocked) as caught:
        proxy.page()
    assert 1 <= caught.value.retry_after <= 25
    assert len(upstream.asked) == asked


def test_one_page_that_upstream_cannot_make_does_not_block_the_others(proxy, upstream, later) -> None:
    """pip repeats a request that failed with 5xx five times."""
    upstream.fault("/simple/broken/", faults.status(500))
    for _ in range(6):
        with pytest.raises(UpstreamError):
            proxy.page("broken")
    assert status(proxy) == "unavailable"
    assert proxy.filenames() == [DEMO.filename]
    assert status(proxy) == "available"


def test_credentials_that_are_refused_block_also_for_one_page(proxy, upstream, later) -> None:
    upstream.fault("/", faults.status(401))
    for _ in range(3):
        with pytest.raises(UpstreamError):
            proxy.page("one")
    assert status(proxy) == "auto-blocked"


@pytest.mark.parametrize("code", [403, 429, 418])
def test_answers_that_do_not_mean_the_upstream_is_down_never_block(proxy, upstream, later, code) -> None:
    upstream.fault("/", faults.status(code))
    fail(proxy, 6)
    assert status(proxy) == "available"


def test_a_silent_upstream_blocks(proxy, upstream, later) -> None:
    proxy.set(timeout=1)
    upstream.fault("/", faults.hang())
    fail(proxy, 3)
    assert status(proxy) == "auto-blocked"


def test_when_the_time_is_over_one_request_probes_and_ends_the_block(proxy, upstream, later) -> None:
    upstream.fault("/", faults.status(500))
    fail(proxy, 3)
    upstream.heal()
    later(30)
    assert proxy.filenames() == [DEMO.filename]
    assert status(proxy) == "available"
    assert UpstreamHealth.objects.get().failures == 0


def test_a_probe_that_fails_blocks_for_longer(proxy, upstream, later) -> None:
    upstream.fault("/", faults.status(500))
    fail(proxy, 3)
    first = UpstreamHealth.objects.get().blocked_until
    later(30)
    fail(proxy, 1)
    row = UpstreamHealth.objects.get()
    assert row.status == "auto-blocked"
    assert row.blocked_until - datetime.now(UTC) > timedelta(seconds=30)
    assert row.blocked_until > first


def test_only_one_request_probes(proxy, upstream, later) -> None:
    upstream.fault("/", faults.status(500))
    fail(proxy, 3)
    later(30)
    options = {"blocked": False, "auto_block": True, "probe_seconds": 4, "now": datetime.now(UTC)}
    assert health.permit(proxy.id, **options).probing
    with pytest.raises(UpstreamBlocked):
        health.permit(proxy.id, **options)


def test_the_block_grows_and_has_an_end() -> None:
    assert 16 <= health.block_seconds(0) <= 24
    assert 64 <= health.block_seconds(2) <= 96
    assert 480 <= health.block_seconds(50) <= 720


def test_failures_during_a_block_do_not_make_it_longer(proxy, upstream, later) -> None:
    error = UpstreamError("it failed")
    error.__cause__ = health.failure_of(_failing(proxy, upstream))
    for number in range(50):
        health.record(
            proxy.id, error, subject=str(number), permit=health.Permit(), auto_block=True, now=datetime.now(UTC)
        )
    assert UpstreamHealth.objects.get().failures == 3


def _failing(proxy, upstream) -> UpstreamError:
    upstream.fault("/", faults.status(500))
    try:
        proxy.page("never-seen")
    except UpstreamError as error:
        return error
    raise AssertionError("did not fail")


def test_without_auto_block_every_request_goes_out(proxy, upstream, later) -> None:
    proxy.set(auto_block=False)
    upstream.fault("/", faults.status(500))
    fail(proxy, 5)
    asked = len(upstream.asked)
    fail(proxy, 1)
    assert len(upstream.asked) == asked + 1
    assert status(proxy) == "unavailable"


def test_a_file_host_that_fails_says_nothing_about_the_index(proxy, upstream, other_host, loopback_allowed) -> None:
    upstream.files_url = f"{other_host.url}/files"
    other_host.fault("/", faults.status(500))
    for _ in range(5):
        with pytest.raises(UpstreamError):
            proxy.read(DEMO.filename)
    assert status(proxy) == "available"


def test_a_kept_page_outlives_an_automatic_block(proxy, upstream, later) -> None:
    proxy.page()
    later(3600)
    upstream.fault("/", faults.status(500))
    fail(proxy, 3)
    assert proxy.page().freshness.stale
    assert "blocked automatically" in proxy.page().freshness.reason
