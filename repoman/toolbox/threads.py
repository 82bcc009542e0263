"""The single bridge between async and sync code.

Index and blob stores are async, services and database reads are sync. A call crosses here and nowhere
else, in a pool of its own with a fixed size, so that slow database work can never take threads from
downloads or from the console.
"""

import asyncio
import contextvars
import functools
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import close_old_connections

P = ParamSpec("P")
T = TypeVar("T")

DATABASE_THREADS: int = settings.REPOMAN.database_threads
TRANSFER_THREADS: int = settings.REPOMAN.transfer_threads

_index_loop: asyncio.AbstractEventLoop | None = None
_database_pool = ThreadPoolExecutor(DATABASE_THREADS, thread_name_prefix="database")
_transfer_pool = ThreadPoolExecutor(TRANSFER_THREADS, thread_name_prefix="transfer")
_question_pool = ThreadPoolExecutor(TRANSFER_THREADS, thread_name_prefix="question")


async def database(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a sync function that uses the database in the database pool.

    Connections that are too old or broken are dropped before and after, as Django does around a request.
    """
    return await _run(_database_pool, functools.partial(_with_connection_care, function, *args, **kwargs))


async def transfer(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a sync function that does network or file work (no database) in the transfer pool."""
    return await _run(_transfer_pool, functools.partial(function, *args, **kwargs))


async def question(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a short request to another server, which may hang, in a pool of its own: files kept here do not wait for it."""
    return await _run(_question_pool, functools.partial(function, *args, **kwargs))


def serve_from(loop: asyncio.AbstractEventLoop) -> None:
    """Name the loop that indexes live on; called once by the server when it starts."""
    global _index_loop
    _index_loop = loop


def wait_for(question: Coroutine[object, object, T]) -> T:
    """Ask an index from sync code (a console view, a task) and wait for the answer.

    In a web process the question runs on the server's loop, because downloads under way are shared there.
    """
    if _index_loop is not None and _index_loop.is_running():
        return asyncio.run_coroutine_threadsafe(question, _index_loop).result()
    return asyncio.run(question)


async def _run(pool: ThreadPoolExecutor, call: Callable[[], T]) -> T:
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(pool, context.run, call)


def _with_connection_care(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    close_old_connections()
    try:
        return function(*args, **kwargs)
    finally:
        close_old_connections()
