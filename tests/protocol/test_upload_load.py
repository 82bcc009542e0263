"""Many uploads at once, large ones, ones that end in the middle; and what one upload costs."""

import asyncio
import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from blobstores.kind import BlobWriter, Digests
from blobstores.kinds.filesystem import FilesystemStore
from blobstores.models import Blob
from repoman.toolbox import threads
from repositories.dataplane.app import application
from repositories.models import Distribution, Project, Repository
from tests.asgi_client import Client, Response
from tests.distributions import Built, upload_form, wheel

MANY = 100
UPLOAD_PATH = "/repository/pypi-hosted/"
Uploader = Callable[..., Response]


def upload_at_once(client: Client, wheels: Sequence[Built]) -> list[Response]:
    """All on one event loop, as the server has them."""

    async def send_all() -> list[Response]:
        forms = [upload_form(built) for built in wheels]
        return await asyncio.gather(
            *(client.ask("POST", UPLOAD_PATH, {"content-type": kind}, body) for kind, body in forms)
        )

    return asyncio.run(send_all())


def page(client: Client, project: str) -> list[dict[str, Any]]:
    answer = client.get(f"{UPLOAD_PATH}simple/{project}/", accept="application/vnd.pypi.simple.v1+json")
    assert answer.status == 200
    files: list[dict[str, Any]] = json.loads(answer.body)["files"]
    return files


def incoming(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "blobs" / "incoming").iterdir())


def at_commit(monkeypatch: pytest.MonkeyPatch, happening: Callable[[], object]) -> None:
    """Let something happen when the bytes of an upload are committed, which is between look and transaction."""
    commit = FilesystemStore.commit

    def observed(self: FilesystemStore, writers: Sequence[BlobWriter]) -> list[Digests]:
        happening()
        return commit(self, writers)

    monkeypatch.setattr(FilesystemStore, "commit", observed)


def test_a_hundred_wheels_at_once_are_all_there(dana: Client, tmp_path: Path) -> None:
    wheels = [wheel("acme-tool", f"1.{number}", payload=bytes([number])) for number in range(MANY)]
    assert [answer.status for answer in upload_at_once(dana, wheels)] == [200] * MANY
    listed = {file["filename"]: file["hashes"]["sha256"] for file in page(dana, "acme-tool")}
    assert listed == {built.filename: built.sha256 for built in wheels}
    assert Repository.objects.get(name="pypi-hosted").generation == MANY
    assert incoming(tmp_path) == []


def test_a_hundred_new_projects_at_once_are_all_there(dana: Client) -> None:
    wheels = [wheel(f"tool-{number}", "1.0") for number in range(MANY)]
    assert [answer.status for answer in upload_at_once(dana, wheels)] == [200] * MANY
    assert set(Project.objects.values_list("name", flat=True)) == {built.name for built in wheels}
    assert Distribution.objects.count() == MANY


def test_of_a_hundred_rivals_for_one_name_one_wins_and_the_others_hear_who(dana: Client, tmp_path: Path) -> None:
    rivals = [wheel("acme-tool", "1.0", payload=bytes([number])) for number in range(MANY)]
    answers = upload_at_once(dana, rivals)
    winners = [built for built, answer in zip(rivals, answers, strict=True) if answer.status == 200]
    assert len(winners) == 1
    (file,) = page(dana, "acme-tool")
    assert file["hashes"]["sha256"] == winners[0].sha256
    assert dana.get(f"{UPLOAD_PATH}packages/acme-tool/1.0/{winners[0].filename}").body == winners[0].content
    blake2b = hashlib.blake2b(winners[0].content, digest_size=32).hexdigest()
    refused = [answer for answer in answers if answer.status != 200]
    assert {answer.status for answer in refused} == {400}
    assert {answer.text for answer in refused} == {
        f"File already exists ('{winners[0].filename}', with blake2_256 hash '{blake2b}'). "
        "Other content under the same name is not allowed here; use a new version.\n"
    }
    assert Repository.objects.get(name="pypi-hosted").generation == 1
    assert incoming(tmp_path) == []


def test_a_hundred_times_the_same_file_is_one_file(dana: Client, tmp_path: Path) -> None:
    built = wheel("acme-tool", "1.0")
    assert [answer.status for answer in upload_at_once(dana, [built] * MANY)] == [200] * MANY
    assert [file["filename"] for file in page(dana, "acme-tool")] == [built.filename]
    assert Repository.objects.get(name="pypi-hosted").generation == 1
    assert Blob.objects.count() == 2
    assert incoming(tmp_path) == []


def test_a_hundred_uploads_share_the_threads_there_are(dana: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[set[str]] = []
    at_commit(monkeypatch, lambda: alive.append({thread.name for thread in threading.enumerate()}))
    upload_at_once(dana, [wheel("acme-tool", f"1.{number}") for number in range(MANY)])
    names = set().union(*alive)
    for prefix, limit in (("database", threads.DATABASE_THREADS), ("transfer", threads.TRANSFER_THREADS), ("sync", 16)):
        assert 0 < len([name for name in names if name.startswith(f"{prefix}_")]) <= limit
    assert not [name for name in names if name.startswith("asyncio_")]


def test_bytes_go_to_the_disk_outside_of_any_transaction(
    upload: Uploader, monkeypatch: pytest.MonkeyPatch, pool_queries: list[str]
) -> None:
    seen: list[bool] = []
    at_commit(monkeypatch, lambda: seen.append(connection.in_atomic_block))
    assert upload(wheel("acme-tool", "1.0")).status == 200
    assert seen == [False]


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_what_an_upload_costs_in_queries(upload: Uploader, pool_queries: list[str], version: str) -> None:
    upload(wheel("acme-tool", "0.1"))
    name = "acme-tool" if version == "2.0" else "other-tool"
    pool_queries.clear()
    assert upload(wheel(name, version)).status == 200
    look = next(number for number, sql in enumerate(pool_queries) if "LEFT JOIN blobstores_blob" in sql)
    # blobs, [project,] file; the repository's and the project's row are stamped
    inserts = ["INSERT"] * (2 if name == "acme-tool" else 3)
    expected = ["SELECT", "BEGIN", *inserts, "UPDATE", "UPDATE", "COMMIT"]
    assert [sql.split()[0] for sql in pool_queries[look:]] == expected, pool_queries


def test_an_upload_that_is_there_already_costs_one_look_and_no_transaction(
    upload: Uploader, pool_queries: list[str]
) -> None:
    upload(wheel("acme-tool", "1.0"))
    pool_queries.clear()
    assert upload(wheel("acme-tool", "1.0")).status == 200
    assert upload(wheel("acme-tool", "1.0", payload=b"other")).status == 400
    assert not [sql for sql in pool_queries if sql.split()[0] != "SELECT"]


@pytest.mark.parametrize("status", ["archived", "quarantined"])
def test_a_project_that_closes_during_an_upload_takes_it_no_more(
    upload: Uploader, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    upload(wheel("acme-tool", "1.0"))
    at_commit(monkeypatch, lambda: Project.objects.update(status=status))
    answer = upload(wheel("acme-tool", "2.0", summary="New"))
    assert (answer.status, answer.text) == (403, f"Project acme-tool is {status}; it takes no uploads\n")
    assert Distribution.objects.get().version == "1.0"
    assert Project.objects.get().summary == "A test"
    assert Repository.objects.get(name="pypi-hosted").generation == 1


def test_a_project_that_is_deleted_during_an_upload_is_made_again(
    upload: Uploader, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(wheel("acme-tool", "1.0"))
    at_commit(monkeypatch, lambda: Project.objects.all().delete())
    assert upload(wheel("acme-tool", "2.0")).status == 200
    assert [file.version for file in Distribution.objects.all()] == ["2.0"]


def test_only_another_spelling_or_a_new_project_changes_the_list_of_names(
    upload: Uploader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def names_generation() -> int:
        return Repository.objects.get(name="pypi-hosted").names_generation

    upload(wheel("acme-tool", "1.0"))
    assert names_generation() == 1
    upload(wheel("acme-tool", "1.1"))
    assert names_generation() == 1
    upload(wheel("Acme.Tool", "1.2"))
    assert names_generation() == 2
    # Seen as it will be, but spelled otherwise by the time of the transaction: the list changes all the same.
    at_commit(monkeypatch, lambda: Project.objects.update(display_name="ACME_tool"))
    upload(wheel("Acme.Tool", "1.3"))
    assert names_generation() == 3
    assert Project.objects.get().display_name == "Acme.Tool"
    assert Distribution.objects.count() == 4


def test_a_rival_that_comes_between_look_and_transaction_wins(
    upload: Uploader, dana: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (wheel("acme-tool", "1.0", payload=payload) for payload in (b"first", b"second"))
    waiting = [lambda: upload_at_once(dana, [first])]
    at_commit(monkeypatch, lambda: waiting and threads_apart(waiting.pop()))
    answer = upload(second)
    assert answer.status == 400
    assert hashlib.blake2b(first.content, digest_size=32).hexdigest() in answer.text
    assert page(dana, "acme-tool")[0]["hashes"]["sha256"] == first.sha256


def threads_apart(work: Callable[[], object]) -> None:
    """Run in a thread of its own, so that it has a connection and an event loop of its own."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()


def test_a_large_upload_is_hashed_and_kept_as_it_is(upload: Uploader, dana: Client) -> None:
    # Larger than a batch, so that the loop receives while threads hash; no two blocks are alike.
    payload = b"".join(number.to_bytes(8, "big") for number in range(700_000))
    built = wheel("acme-tool", "1.0", payload=payload)
    md5 = hashlib.md5(built.content).hexdigest()
    blake2b = hashlib.blake2b(built.content, digest_size=32).hexdigest()
    assert upload(built, md5_digest=md5, blake2_256_digest=blake2b).status == 200
    assert page(dana, "acme-tool")[0]["hashes"]["sha256"] == built.sha256
    assert dana.get(f"{UPLOAD_PATH}packages/acme-tool/1.0/{built.filename}").body == built.content


@pytest.mark.parametrize("received", [1, 3, 40])
def test_an_upload_that_ends_in_the_middle_leaves_nothing(dana: Client, tmp_path: Path, received: int) -> None:
    content_type, body = upload_form(wheel("acme-tool", "1.0", payload=bytes(4_000_000)))
    pieces = [body[start : start + 100_000] for start in range(0, 100_000 * received, 100_000)]
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        if pieces:
            return {"type": "http.request", "body": pieces.pop(0), "more_body": True}
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        statuses.append(message.get("status", 0))

    scope = {
        "type": "http",
        "method": "POST",
        "path": UPLOAD_PATH,
        "raw_path": UPLOAD_PATH.encode(),
        "headers": [
            (b"content-type", content_type.encode()),
            (b"authorization", (dana.authorization or "").encode()),
        ],
    }
    asyncio.run(application(scope, receive, send))
    assert statuses[0] == 400
    assert incoming(tmp_path) == []
    assert not Distribution.objects.exists()
