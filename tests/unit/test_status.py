"""Live and ready: each thing that is wrong is named, and only a broker that is away leaves the server ready."""

import asyncio
import json

import pytest

from blobstores import stores
from blobstores.models import BlobStore
from repoman import status


@pytest.fixture(autouse=True)
def _forget_stores():
    stores.forget()
    yield
    stores.forget()


def ask(path: str, method: str = "GET") -> tuple[int, dict[bytes, bytes], bytes]:
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(status.answer({"method": method, "path": path}, send))
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


def test_live_asks_nothing_of_the_database():
    assert ask("/status")[::2] == (200, b'{"status": "live"}')
    assert ask("/status/")[0] == 200


def test_other_methods_are_not_allowed():
    code, headers, _body = ask("/status", "POST")
    assert (code, headers[b"allow"]) == (405, b"GET, HEAD")


def test_head_has_no_body():
    code, headers, body = ask("/status", "HEAD")
    assert (code, headers[b"content-length"], body) == (200, b"18", b"")


@pytest.mark.django_db(transaction=True)
def test_ready_with_a_store_that_can_be_written(settings, tmp_path):
    settings.CELERY_BROKER_URL = ""
    BlobStore.objects.create(name="default", kind="filesystem", options={"path": str(tmp_path)})
    code, headers, body = ask("/status/ready")
    assert (code, headers[b"cache-control"]) == (200, b"no-store")
    checks = {"database": "ok", "migrations": "ok", "blob_stores": "ok", "broker": "not configured"}
    assert json.loads(body) == {"status": "ready", "checks": checks}
    assert list((tmp_path / "incoming").iterdir()) == []


@pytest.mark.django_db(transaction=True)
def test_store_that_cannot_be_written_is_named_and_its_path_is_not(tmp_path):
    (tmp_path / "file").write_text("")
    BlobStore.objects.create(name="broken", kind="filesystem", options={"path": str(tmp_path / "file" / "x")})
    code, _headers, body = ask("/status/ready")
    assert code == 503
    assert json.loads(body)["checks"]["blob_stores"] == "broken cannot be written"
    assert str(tmp_path).encode() not in body


@pytest.mark.django_db(transaction=True)
def test_without_a_store_it_is_not_ready():
    code, _headers, body = ask("/status/ready")
    assert code == 503
    assert json.loads(body)["checks"]["blob_stores"] == "there is none; run: repoman setup"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "url", ["redis+socket:///nowhere/broker.sock?virtual_host=0", "redis://127.0.0.1:1/0", "nonsense"]
)
def test_broker_that_is_away_does_not_answer(settings, url):
    settings.CELERY_BROKER_URL = url
    assert status.readiness()["broker"] == "does not answer"
