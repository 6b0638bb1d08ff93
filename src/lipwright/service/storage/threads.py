"""Blocking file work for the event loop, such that what follows can rely on it being over.

`asyncio.to_thread` returns at once when it is cancelled, while its thread works on: closing the file then closes it
under a running write, and its number may already belong to another file. This one waits for the thread first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """The result of `function`, called in a thread; when cancelled, after the thread is done."""
    call = asyncio.ensure_future(asyncio.to_thread(function, *arguments, **named))
    try:
        return await asyncio.shield(call)
    except asyncio.CancelledError:
        await asyncio.wait({call})
        if not call.cancelled():
            call.exception()  # looked at, so that asyncio does not report it as lost
        raise
