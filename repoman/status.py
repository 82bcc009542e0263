"""Whether the server is alive (`/status`) and ready for work (`/status/ready`), as small JSON for monitors.

Answers name what is wrong and nothing else: no paths, no addresses, no versions.
"""

import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from blobstores import stores
from blobstores.models import BlobStore
from repoman.toolbox import threads

Send = Callable[[dict[str, Any]], Awaitable[None]]

OK = "ok"
PATHS = frozenset({"/status", "/status/", "/status/ready", "/status/ready/"})
_FATAL = frozenset({"database", "migrations", "blob_stores"})


async def answer(scope: dict[str, Any], send: Send) -> None:
    """Answer a request for one of PATHS."""
    if scope["method"] not in ("GET", "HEAD"):
        return await _send_json(scope, send, 405, {"status": "method not allowed"}, [(b"allow", b"GET, HEAD")])
    if scope["path"].rstrip("/") == "/status":
        return await _send_json(scope, send, 200, {"status": "live"})
    checks = await threads.database(readiness)
    ready = all(checks[name] == OK for name in _FATAL)
    document = {"status": "ready" if ready else "not ready", "checks": checks}
    return await _send_json(scope, send, 200 if ready else 503, document)


def readiness() -> dict[str, str]:
    """Every check by its name: "ok" or what is wrong. Only a broker that is away leaves the server ready."""
    try:
        connection.ensure_connection()
        unapplied = _unapplied_migrations()
        blob_stores = _blob_stores() if not unapplied else "the database is not migrated"
    except DatabaseError:
        away = "the database does not answer"
        return {"database": away, "migrations": away, "blob_stores": away, "broker": _broker()}
    migrations = f"{unapplied} to apply; run: repoman setup" if unapplied else OK
    return {"database": OK, "migrations": migrations, "blob_stores": blob_stores, "broker": _broker()}


_migrated = False


def _unapplied_migrations() -> int:
    """How many migrations are missing; once there are none, this process does not look again."""
    global _migrated
    if _migrated:
        return 0
    executor = MigrationExecutor(connection)
    unapplied = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    _migrated = unapplied == 0
    return unapplied


def _blob_stores() -> str:
    """Write and take back a few bytes in every blob store."""
    names = list(BlobStore.objects.values_list("name", flat=True))
    for name in names:
        try:
            writer = stores.store(name).writer()
            try:
                writer.write(uuid.uuid4().bytes)
            finally:
                writer.abort()
        except Exception:
            return f"{name} cannot be written"
    return OK if names else "there is none; run: repoman setup"


def _broker() -> str:
    url = settings.CELERY_BROKER_URL
    if not url:
        return "not configured"
    import redis  # only here: nothing else in a web process needs it

    url = url.partition("?")[0].replace("redis+socket://", "unix://", 1)
    try:
        with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
            client.ping()
    except (redis.RedisError, ValueError):
        return "does not answer"
    return OK


async def _send_json(
    scope: dict[str, Any],
    send: Send,
    status: int,
    document: dict[str, Any],
    more: list[tuple[bytes, bytes]] | None = None,
) -> None:
    body = json.dumps(document).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *(more or []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
