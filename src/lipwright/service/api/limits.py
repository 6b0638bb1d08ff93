"""How often a key may call (contract section 16): a moving window, counted in memory or, for several APIs, in Redis."""

from __future__ import annotations

import math
import time

from limits import parse
from limits.aio.storage import Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.storage import storage_from_string

from lipwright.errors import LipwrightError
from lipwright.service.config import ServiceConfig


class RateLimited(LipwrightError):
    """Rate limit exceeded. Please try again later."""

    code = "rate_limit_exceeded"

    def __init__(self, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after


class RateLimiter:
    """Counts calls of keys."""

    def __init__(self, config: ServiceConfig) -> None:
        store = storage_from_string(f"async+{config.rate_store}")
        assert isinstance(store, Storage)
        self._window = MovingWindowRateLimiter(store)
        self._rates = {"generate": parse(config.rate_generate), "other": parse(config.rate_other)}

    async def check(self, key: str, kind: str) -> None:
        """Count a call of `key`.

        Raises:
            RateLimited: it had as many of this kind as it may.
        """
        rate = self._rates[kind]
        if not await self._window.hit(rate, key, kind):
            reset, _ = await self._window.get_window_stats(rate, key, kind)
            raise RateLimited(max(1, math.ceil(reset - time.time())))
