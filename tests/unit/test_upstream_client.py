"""The client alone: connections, retries, what it tells about failures."""

import threading

import pytest

from repositories.domain.errors import UpstreamError
from repositories.upstream import client
from repositories.upstream.client import PAGE_PACE, Upstream
from repositories.upstream.failures import failure_of
from repositories.upstream.pages import index_roots, source_of
from repositories.upstream.verification import strongest
from tests.simulators import upstream as faults
from tests.simulators.upstream import Exchange, SimulatedUpstream


@pytest.fixture
def simulated():
    upstream = SimulatedUpstream()
    upstream.add("demo-1.0.tar.gz", b"demo")
    yield upstream
    upstream.stop()


def fetch(upstream: Upstream, path: str) -> bytes:
    with client.get(upstream, upstream.remote_url + path, {}) as answer:
        return answer.body(1_000_000, PAGE_PACE)


def test_requests_in_a_row_share_a_connection_also_after_errors_redirects_and_304(simulated) -> None:
    connections: set[object] = set()

    def noted(then):
        def fault(exchange: Exchange) -> None:
            connections.add(exchange.client_address)
            then(exchange)

        return fault

    for answer in (
        faults.body(b"x"),
        faults.status(404),
        faults.redirect("/last"),
        faults.body(b"y"),
        faults.body(b"z"),
    ):
        simulated.fault("/", noted(answer), times=1)
    upstream = Upstream(remote_url=simulated.url)
    assert fetch(upstream, "/a") == b"x"
    with pytest.raises(Exception, match="does not have it"):
        fetch(upstream, "/b")
    assert fetch(upstream, "/c") == b"y"
    assert fetch(upstream, "/d") == b"z"
    assert len(connections) == 1


def test_a_connection_that_breaks_before_an_answer_is_tried_again(simulated) -> None:
    simulated.fault("/", faults.drop(), times=2)
    assert fetch(Upstream(remote_url=simulated.url, retries=2), "/files/demo-1.0.tar.gz") == b"demo"
    assert len(simulated.asked) == 3


def test_no_more_retries_than_set(simulated) -> None:
    simulated.fault("/", faults.drop())
    with pytest.raises(UpstreamError) as caught:
        fetch(Upstream(remote_url=simulated.url, retries=1), "/x")
    assert len(simulated.asked) == 2
    failure = failure_of(caught.value)
    assert failure is not None
    assert (failure.kind, failure.main) == ("connection", True)


@pytest.mark.parametrize("fault", [faults.status(500), faults.status(503), faults.hang()])
def test_answers_and_silence_are_not_tried_again(simulated, fault) -> None:
    simulated.fault("/", fault)
    with pytest.raises(UpstreamError):
        fetch(Upstream(remote_url=simulated.url, retries=5, timeout=0.5), "/x")
    assert len(simulated.asked) == 1


def test_ten_redirects_are_followed_and_eleven_are_not(simulated) -> None:
    for number in range(11):
        simulated.fault(f"/r/{number}/", faults.redirect(f"/r/{number + 1}/"))
    simulated.fault("/r/11/", faults.body(b"end"))
    upstream = Upstream(remote_url=simulated.url)
    assert fetch(upstream, "/r/1/") == b"end"
    with pytest.raises(UpstreamError, match="more than 10 times"):
        fetch(upstream, "/r/0/")


@pytest.mark.parametrize(
    ("value", "seconds"), [("7", 7), ("0", 1), ("999999999999", 3600), ("soon", None), ("", None), ("-5", None)]
)
def test_retry_after(simulated, value: str, seconds: int | None) -> None:
    simulated.fault("/", faults.status(503, Retry_After=value))
    with pytest.raises(UpstreamError) as caught:
        fetch(Upstream(remote_url=simulated.url), "/x")
    assert caught.value.retry_after == seconds


def test_threads_do_not_share_deadlines(simulated) -> None:
    """A request with a short timeout must not end another thread's long one."""
    simulated.fault("/slow", faults.slowly(0.6))
    simulated.fault("/hang", faults.hang())
    result: list[object] = []

    def patient() -> None:
        with pytest.raises(Exception, match="does not have it"):
            fetch(Upstream(remote_url=simulated.url, timeout=5), "/slow")
        result.append("answered")

    thread = threading.Thread(target=patient)
    thread.start()
    with pytest.raises(UpstreamError):
        fetch(Upstream(remote_url=simulated.url, timeout=0.2), "/hang")
    thread.join()
    assert result == ["answered"]


@pytest.mark.parametrize(
    ("remote", "roots"),
    [
        ("https://x.example", ["https://x.example/simple/", "https://x.example/"]),
        ("https://x.example/simple", ["https://x.example/simple/"]),
        ("https://x.example/a/simple/", ["https://x.example/a/simple/"]),
        ("https://x.example/whl/cu126", ["https://x.example/whl/cu126/", "https://x.example/whl/cu126/simple/"]),
    ],
)
def test_what_a_remote_url_can_mean(remote: str, roots: list[str]) -> None:
    assert index_roots(remote) == roots
    assert source_of(remote) == source_of(remote.rstrip("/") + "/")


@pytest.mark.parametrize(
    ("hashes", "algorithm"),
    [({"md5": "x", "sha256": "y"}, "sha256"), ({"sha512": "x", "sha256": "y"}, "sha512"), ({"sha1": "x", "md5": "y"}, "sha1"),
     ({}, None), ({"sha256": ""}, None), ({"crc32": "x"}, None)],
)  # fmt: skip
def test_the_strongest_digest(hashes: dict, algorithm: str | None) -> None:
    assert strongest(hashes) == algorithm
