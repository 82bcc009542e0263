"""The server's ASGI application: /repository/… goes to the data plane, all else to Django.

The data plane is a bare ASGI callable, because a request costs it a tenth of what it costs Django; Django runs in threads
behind `wsgi_bridge.py`.
"""

import asyncio
import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "repoman.settings")
django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402 - Django must be set up first
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402

from repoman import status  # noqa: E402
from repoman.exchange import Exchange  # noqa: E402
from repoman.peers import Proxies  # noqa: E402
from repoman.toolbox import threads  # noqa: E402
from repoman.toolbox.pulse import pulse  # noqa: E402
from repoman.wsgi_bridge import Receive, Scope, Send, WSGIBridge  # noqa: E402
from repositories.dataplane import app as data_plane  # noqa: E402
from repositories.recipe import filter_kinds, recipes  # noqa: E402
from repositories.upstream import downloads  # noqa: E402

# They are found by name and imported when first asked for: not while somebody waits for the first page.
recipes(), filter_kinds()
_proxies = Proxies(settings.REPOMAN.trusted_proxies)
_console = WSGIBridge(WSGIHandler())


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one connection of the server."""
    if scope["type"] == "lifespan":
        return await _lifespan(receive, send)
    if scope["type"] != "http":
        return None
    path: str = scope["path"]
    if path.startswith("/repository/"):
        return await _data_plane(scope, receive, send)
    scope = _proxies.seen_through(scope)
    if path in status.PATHS:
        return await status.answer(scope, send)
    return await _console(scope, receive, send)


async def _data_plane(scope: Scope, receive: Receive, send: Send) -> None:
    if await data_plane.at_once(_proxies.seen_through(scope), send):
        return
    exchange = Exchange(scope, receive, send)
    try:
        await data_plane.long_way(_proxies.seen_through(exchange.scope), receive, exchange.send)
    except Exception:
        exchange.failed()
        raise


async def _lifespan(receive: Receive, send: Send) -> None:
    message: dict[str, Any] = await receive()
    threads.serve_from(asyncio.get_running_loop())
    while message["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
        message = await receive()
    # Requests in flight have ended by now; downloads that no client follows any more must not hold the process.
    downloads.stop()
    pulse.forget()
    await send({"type": "lifespan.shutdown.complete"})
