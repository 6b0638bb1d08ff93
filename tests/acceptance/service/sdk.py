"""The official Python SDK as a test uses it: one way to call its synchronous and its asynchronous client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
from sync import AsyncSync, Sync

SECONDS = 60.0


def creating(**given: Any) -> Callable[[Any], Any]:
    """`generations.create` with these arguments, to be used with a client."""
    return lambda client: client.generations.create(**given)


@dataclass(frozen=True)
class Sdk:
    """`Sync` or `AsyncSync` for the server at `url`.

    The HTTP client is what the SDK would make for itself; it is given so that it can be closed.
    """

    url: str
    key: str
    kind: str

    def __call__(self, use: Callable[[Any], Any]) -> Any:
        """What `use(client)` gives, awaited where the client is asynchronous."""
        if self.kind == "Sync":
            with httpx.Client(timeout=SECONDS, follow_redirects=True) as http:
                return use(Sync(base_url=self.url, api_key=self.key, httpx_client=http))
        return asyncio.run(self._asynchronously(use))

    async def _asynchronously(self, use: Callable[[Any], Awaitable[Any]]) -> Any:
        async with httpx.AsyncClient(timeout=SECONDS, follow_redirects=True) as http:
            return await use(AsyncSync(base_url=self.url, api_key=self.key, httpx_client=http))

    def at(self, url: str, key: str | None = None) -> Sdk:
        """The same client for another address or key."""
        return Sdk(url, key or self.key, self.kind)

    def with_key(self, key: str) -> Sdk:
        """The same client with another key."""
        return Sdk(self.url, key, self.kind)
