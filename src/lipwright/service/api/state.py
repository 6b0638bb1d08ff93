"""What handlers are given: the parts of the installation, and who calls."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from typing import Annotated, cast

from fastapi import Depends, Request

from lipwright.errors import LipwrightError
from lipwright.service.answers import Answers
from lipwright.service.api.limits import RateLimiter
from lipwright.service.services import Services
from lipwright.service.storage import access
from lipwright.service.storage.access import Caller

_KNOWN_FOR = 5.0
"""Seconds for which a key that was found good is not looked up again."""

_KNOWN_MOST = 10_000


class Unauthorized(LipwrightError):
    """The API key is missing or not valid."""

    code = "unauthorized"


class Keys:
    """Looks keys up, and remembers for seconds what it found: clients poll, and every call carries the key."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: OrderedDict[str, tuple[float, Caller]] = OrderedDict()

    def known(self, key: str) -> Caller | None:
        """Who `key` belongs to, if that was looked up a moment ago."""
        known = self._known.get(access.digest(key))
        return known[1] if known is not None and time.monotonic() - known[0] < _KNOWN_FOR else None

    def caller(self, key: str) -> Caller | None:
        """Who `key` belongs to, None if nobody."""
        digest, at = access.digest(key), time.monotonic()
        with self._services.database.reading() as session:
            found = access.authenticate(session, key)
        if found is not None:
            self._known[digest] = (at, found)
            while len(self._known) > _KNOWN_MOST:
                with contextlib.suppress(KeyError):
                    self._known.popitem(last=False)
        return found


async def services_of(request: Request) -> Services:
    """The parts of the installation. Not waiting for anything, and yet async: FastAPI runs what is not in a thread."""
    return cast(Services, request.app.state.services)


async def answers_of(request: Request) -> Answers:
    """Makes answers."""
    return cast(Answers, request.app.state.answers)


async def caller_of(request: Request) -> Caller:
    """Who calls, within the rate they may.

    Raises:
        Unauthorized: no key, or one that is not valid (contract section 1). RateLimited.
    """
    key = request.headers.get("x-api-key", "")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not key and scheme.lower() == "bearer":
        key = token.strip()
    if not key:
        raise Unauthorized("Either Cookie or x-api-key header must be provided")
    keys = cast(Keys, request.app.state.keys)
    caller = keys.known(key) or await asyncio.to_thread(keys.caller, key)
    if caller is None:
        raise Unauthorized("Unauthorized")
    request.state.caller = caller
    limiter = cast(RateLimiter, request.app.state.limiter)
    await limiter.check(caller.key, "generate" if _creates(request) else "other")
    return caller


def _creates(request: Request) -> bool:
    return request.method == "POST" and request.url.path.rstrip("/").endswith("/v2/generate")


TheServices = Annotated[Services, Depends(services_of)]
TheAnswers = Annotated[Answers, Depends(answers_of)]
TheCaller = Annotated[Caller, Depends(caller_of)]
