"""A proxy of this server that asks this server: two hops say the same as one."""

import json
import urllib.request

import pytest

from tests import live
from tests.distributions import sdist, wheel
from tests.simulators import upstream as faults
from tests.simulators.upstream import JSON, SimulatedUpstream

WHEEL = wheel("demo-app", "1.0", requires_python=">=3.9")
SDIST = sdist("demo-app", "2.0")
MAKE = """
from repositories.services.repositories import create_repository
for name, remote in {remotes!r}.items():
    create_repository(
        name=name, recipe="pypi-proxy", blob_store="default",
        options={{"remote_url": remote, "username": {name_code!r}, "password": {pass_code!r}}},
    )
"""
FARTHER = ("at-root", "at-simple", "of-group")


@pytest.fixture(scope="module")
def upstream():
    simulated = SimulatedUpstream()
    simulated.add(
        WHEEL.filename, WHEEL.content, metadata=WHEEL.metadata, upload_time="2026-03-01T12:34:56.123456Z",
        requires_python=">=3.9", x_novelty={"a": [1]},
    )  # fmt: skip
    simulated.add(SDIST.filename, SDIST.content, upload_time="2026-04-01T00:00:00Z", yanked="broken")
    simulated.projects["demo-app"] = {"project-status": {"status": "deprecated", "reason": "use another"}}
    yield simulated
    simulated.stop()


@pytest.fixture(scope="module")
def server(upstream, tmp_path_factory):
    with live.running(tmp_path_factory.mktemp("hops"), REPOMAN_ANONYMOUS_READ="on") as running:
        running.set_upstream(upstream.url)
        token = running.user_token()
        remotes = {
            "at-root": f"{running.base}/repository/pypi-proxy",
            "at-simple": f"{running.base}/repository/pypi-proxy/simple/",
            "of-group": f"{running.base}/repository/pypi-public/",
        }
        running.python(MAKE.format(remotes=remotes, name_code=token.name_code, pass_code=token.pass_code))
        yield running


def page(server, repository: str) -> dict:
    status, headers, body = server.get(f"/repository/{repository}/simple/demo-app/", {"Accept": JSON})
    assert (status, headers["content-type"]) == (200, JSON)
    return json.loads(body)


@pytest.mark.parametrize("farther", FARTHER)
def test_pages_are_equal(server, farther) -> None:
    near, far = page(server, "pypi-proxy"), page(server, farther)
    assert far == near
    assert near["project-status"] == {"status": "deprecated", "reason": "use another"}
    assert [file["upload-time"] for file in near["files"]] == ["2026-03-01T12:34:56.123456Z", "2026-04-01T00:00:00Z"]
    assert [file["yanked"] for file in near["files"]] == [False, "broken"]


@pytest.mark.parametrize("farther", FARTHER)
def test_files_and_metadata_are_equal(server, farther) -> None:
    folder = f"/repository/{farther}/packages/demo-app"
    assert server.get(f"{folder}/1.0/{WHEEL.filename}")[2] == WHEEL.content
    assert server.get(f"{folder}/1.0/{WHEEL.filename}.metadata")[2] == WHEEL.metadata
    assert server.get(f"{folder}/2.0/{SDIST.filename}")[2] == SDIST.content


@pytest.mark.parametrize("farther", FARTHER)
def test_what_is_not_there_is_not_there_at_any_distance(server, farther) -> None:
    assert server.get(f"/repository/{farther}/simple/missing/")[0] == 404


def test_what_cannot_be_told_is_an_error_at_any_distance(server, upstream) -> None:
    upstream.fault("/simple/unsure/", faults.status(500))
    statuses = {name: server.get(f"/repository/{name}/simple/unsure/")[0] for name in ("pypi-proxy", *FARTHER)}
    upstream.heal()
    assert statuses == dict.fromkeys(("pypi-proxy", *FARTHER), 502)


def test_a_head_of_a_file_that_is_not_kept_fetches_nothing(server, upstream) -> None:
    built = wheel("headed", "1.0")
    upstream.add(built.filename, built.content)
    address = f"{server.base}/repository/at-root/packages/headed/1.0/{built.filename}"
    with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=30) as answer:
        assert answer.headers["Content-Length"] == str(len(built.content))
    assert upstream.count(f"/files/{built.filename}") == 0
