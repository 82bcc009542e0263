"""A server in this process: repositories, a user, an administrator, and clients that speak ASGI."""

import hashlib
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import authentication
from accounts.models import Role, User, UserToken
from blobstores import stores
from blobstores.models import BlobStore
from repoman.toolbox import threads
from repositories.dataplane.knowledge import knowledge
from repositories.services.repositories import create_repository
from tests.asgi_client import Client, Response, basic
from tests.distributions import Built, upload_form

PASS_CODE = "pyWx4T1bXidYbrVvlUOlIVwDGGL3-Ic9bACISKKhbdE"


@pytest.fixture
def server(transactional_db: None, tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Blob store, `pypi-hosted` and the group `pypi-all` on an empty database."""
    monkeypatch.setattr(authentication, "_verified", authentication.VerifiedHeaders())
    monkeypatch.setattr(authentication, "_noted", {})
    stores.forget()
    knowledge.forget()
    BlobStore.objects.create(name="default", kind="filesystem", options={"path": str(tmp_path / "blobs")})
    create_repository(name="pypi-hosted", recipe="pypi-hosted", blob_store="default", options={})
    create_repository(name="pypi-all", recipe="pypi-group", blob_store="default", options={}, members=["pypi-hosted"])
    yield
    stores.forget()
    knowledge.forget()


def person(name: str, role: str = Role.USER) -> Client:
    user = User.objects.create(username=name, role=role, password=make_password(None))
    pass_code = (name + PASS_CODE)[:44]
    digest = hashlib.sha256(pass_code.encode()).hexdigest()
    UserToken.objects.create(user=user, name_code=name[:8], pass_code_sha256=digest)
    return Client(basic(name[:8], pass_code))


@pytest.fixture
def dana(server: None) -> Client:
    """A user with a token."""
    return person("dana")


@pytest.fixture
def admin(server: None) -> Client:
    return person("admin", Role.ADMINISTRATOR)


@pytest.fixture
def stranger(server: None) -> Client:
    return Client()


@pytest.fixture
def upload(dana: Client) -> Callable[..., Response]:
    """Upload a built distribution as twine does."""

    def send(built: Built, *, repository: str = "pypi-hosted", path: str = "/", drop: tuple[str, ...] = (), by: Client = dana,
             accept: str = "*/*", **changed: str) -> Response:  # fmt: skip
        content_type, body = upload_form(built, drop=drop, **changed)
        return by.post(f"/repository/{repository}{path}", body, content_type=content_type, accept=accept)

    return send


@pytest.fixture
def pool_queries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The SQL of every query that runs in the database pool's threads, in order."""
    queries: list[str] = []
    call = threads._with_connection_care

    def recorded(function, /, *args, **kwargs):
        with CaptureQueriesContext(connection) as captured:
            result = call(function, *args, **kwargs)
        queries.extend(query["sql"] for query in captured.captured_queries if "PRAGMA" not in query["sql"])
        return result

    monkeypatch.setattr(threads, "_with_connection_care", recorded)
    return queries
