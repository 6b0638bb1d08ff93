"""How often a key may call (contract section 16), counted in memory or, for several API processes, in the database.

In memory a window moves with the clock: never more calls than the rate in any minute. In the database windows stand
side by side (see `lipwright.service.storage.rates`), which one statement per call can count: a key may spend the end of
one and the beginning of the next in a row.
"""

from __future__ import annotations

import asyncio
import math
import time
import weakref
from typing import Protocol

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from lipwright.errors import LipwrightError
from lipwright.service.config import ServiceConfig
from lipwright.service.storage import rates
from lipwright.service.storage.database import Database

_CONNECTIONS = 4


class RateLimited(LipwrightError):
    """Rate limit exceeded. Please try again later."""

    code = "rate_limit_exceeded"

    def __init__(self, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after


class _Counter(Protocol):
    async def wait(self, rate: RateLimitItem, key: str, kind: str) -> float | None:
        """Count a call; None if it may go on, else in how many seconds another may."""


class RateLimiter:
    """Counts calls of keys."""

    def __init__(self, config: ServiceConfig) -> None:
        self._counter: _Counter = _InDatabase(config.database) if config.rate_store == "database" else _InMemory()
        self._rates = {"generate": parse(config.rate_generate), "other": parse(config.rate_other)}

    async def check(self, key: str, kind: str) -> None:
        """Count a call of `key`.

        Raises:
            RateLimited: it had as many of this kind as it may.
        """
        seconds = await self._counter.wait(self._rates[kind], key, kind)
        if seconds is not None:
            raise RateLimited(max(1, math.ceil(seconds)))


class _InMemory:
    """A moving window in this process."""

    def __init__(self) -> None:
        self._window = MovingWindowRateLimiter(MemoryStorage())

    async def wait(self, rate: RateLimitItem, key: str, kind: str) -> float | None:
        if await self._window.hit(rate, key, kind):
            return None
        reset, _ = await self._window.get_window_stats(rate, key, kind)
        return reset - time.time()


class _InDatabase:
    """Windows in the database, over few connections of its own: counting never waits for a handler's queries."""

    def __init__(self, url: str) -> None:
        self._database = Database(url, pool=_CONNECTIONS)
        weakref.finalize(self, self._database.close)

    async def wait(self, rate: RateLimitItem, key: str, kind: str) -> float | None:
        counted = await asyncio.to_thread(rates.count, self._database, key, kind, float(rate.get_expiry()), rate.amount)
        return None if counted.allowed else counted.seconds_left
