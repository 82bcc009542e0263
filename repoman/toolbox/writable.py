"""Waiting on the event loop until a file descriptor takes bytes again."""

import asyncio


async def writable(descriptor: int) -> None:
    """Return when a write would not block, or would fail."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(descriptor)
