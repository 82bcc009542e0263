"""Two web processes over one data folder: what is written through one, the other answers with on the very next request."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.distributions import Built, wheel
from tests.live import LiveServer, Token, free_port, running, wait_until

PAGE = "/repository/pypi-hosted/simple/demo/"
GROUP = "/repository/pypi-public/simple/demo/"


@dataclass
class Pair:
    """Two servers that share a data folder, and a token for both."""

    first: LiveServer
    second: LiveServer
    token: Token

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": self.token.header, "Accept": "text/html"}

    def page(self, server: LiveServer, path: str = PAGE) -> str:
        status, _, body = server.get(path, self.headers)
        return body.decode() if status == 200 else str(status)

    def upload(self, server: LiveServer, built: Built) -> None:
        server.upload(built, self.token)

    def warm(self, path: str = PAGE) -> None:
        """Until both have the page in memory and have seen that the token's use was written down."""
        for _ in range(3):
            for server in (self.first, self.second):
                self.page(server, path)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("pair")
    with running(folder) as first:
        port = free_port()
        with (folder / "second.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "repoman.serve.web", "--port", str(port)],
                cwd=folder,
                env=first.environment,
                stdout=log,
                stderr=log,
                text=True,
            )
        second = replace(first, base=f"http://127.0.0.1:{port}", process=process)
        try:
            wait_until(lambda: answers(second), 40, "the second process does not answer")
            made = Pair(first, second, first.user_token())
            made.upload(first, wheel("demo", "1.0"))
            yield made
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def answers(server: LiveServer) -> bool:
    try:
        return server.get("/status")[0] == 200
    except OSError:
        return False


@pytest.mark.parametrize("path", [PAGE, GROUP])
def test_an_upload_to_one_is_on_the_next_page_of_the_other(pair: Pair, path: str) -> None:
    pair.warm(path)
    start = 1 if path == PAGE else 100
    for number in range(start, start + 10):
        built = wheel("demo", f"2.{number}")
        to, other = (pair.first, pair.second) if number % 2 else (pair.second, pair.first)
        pair.upload(to, built)
        assert built.filename in pair.page(other, path)
        assert built.filename in pair.page(to, path)


def test_a_write_by_a_process_that_is_killed_right_after_its_commit_is_seen(pair: Pair) -> None:
    """Nobody is left who could tell the others: the database itself says so."""
    pair.warm()
    code = """
import os, signal
import django
django.setup()
from django.db import transaction
from repositories.models import Distribution, Project
from repositories.services.generations import hosted_changed
row = Distribution.objects.filter(project__name="demo").first()
with transaction.atomic():
    Distribution.objects.filter(pk=row.pk).update(yanked=True, yanked_reason="killed after the commit")
    hosted_changed(row.repository_id, "demo", names=False)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).resolve().parents[2],
        env={**pair.first.environment, "DJANGO_SETTINGS_MODULE": "repoman.settings"},
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL
    for server in (pair.first, pair.second):
        assert "killed after the commit" in pair.page(server)


def test_a_changed_rule_holds_in_both_at_once(pair: Pair) -> None:
    pair.warm()
    pair.first.python("""
from repositories.models import Repository
from repositories.services.repositories import update_repository
from repositories.services.routing_rules import create_routing_rule
create_routing_rule(name="no-demo", mode="block", patterns=["demo"])
row = Repository.objects.get(name="pypi-hosted")
update_repository(row, options=row.options, routing_rule="no-demo")
""")
    assert [pair.page(server) for server in (pair.first, pair.second)] == ["403", "403"]
    pair.first.python("""
from repositories.models import Repository
from repositories.services.repositories import update_repository
row = Repository.objects.get(name="pypi-hosted")
update_repository(row, options=row.options, routing_rule=None)
""")
    assert all("demo-1.0" in pair.page(server) for server in (pair.first, pair.second))


def test_a_token_that_was_reset_is_refused_by_both_at_once(pair: Pair) -> None:
    robot = pair.first.user_token("robot")
    theirs = replace(pair, token=robot)
    theirs.warm()
    assert "demo-1.0" in theirs.page(pair.second)
    pair.first.python("""
from accounts.models import User
from accounts.services import tokens
tokens.reset(User.objects.get(username="robot"))
""")
    assert [theirs.page(server) for server in (pair.first, pair.second)] == ["401", "401"]
    assert all("demo-1.0" in pair.page(server) for server in (pair.first, pair.second)), "other tokens go on"
