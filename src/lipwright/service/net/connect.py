"""One HTTP exchange with a checked address.

The name is resolved here, once; the policy judges every address; then the URL's host is replaced by a judged address
before httpx sees it (the name stays in the Host header and in the TLS handshake, where the certificate is checked
against it). So there is no second look-up that could answer differently. Each exchange has a client of its own, which
`httpx-secure` lets open a socket to that one address and port and to no other: a second lock, at the socket, should the
first one ever be bypassed. Its own resolving is not used, because it finds out where a name leads by connecting there,
forbidden addresses included. No proxies or passwords from the environment, no cookies, no kept connections.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cache, partial
from typing import Protocol

import httpx
from httpx_secure import httpx_ssrf_protection

from lipwright.service.net.addresses import IPAddress
from lipwright.service.net.policy import AddressPolicy, Target

#: How many of a name's addresses are tried before giving up.
MAX_TRIED = 4


class Unreachable(Exception):
    """The other side did not answer as it should. Like `Refused`, it never leaves this package."""


class Resolver(Protocol):
    """Finds the addresses of a name; raises OSError when there are none."""

    async def __call__(self, host: str, port: int) -> Sequence[str]: ...


_LOOKUPS = ThreadPoolExecutor(16, "lipwright-names")
"""Threads of their own: a name whose servers are silent takes half a minute, in which handlers would get none."""


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """What the machine's own resolver says, in its order of preference."""
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_LOOKUPS, look_up)
    return [str(entry[4][0]) for entry in found]


class Connector:
    """Opens exchanges under one policy."""

    def __init__(self, policy: AddressPolicy, resolver: Resolver, tls: ssl.SSLContext | None = None) -> None:
        self.policy = policy
        self._resolver = resolver
        self._tls = tls or _public_certificates()

    @asynccontextmanager
    async def answer(
        self,
        method: str,
        target: Target,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        connect_seconds: float,
    ) -> AsyncIterator[httpx.Response]:
        """The answer to one request, its body not yet read; redirects are not followed.

        Only connecting is timed here, so that the next address gets its turn; the caller times the whole.
        """
        addresses = await self._addresses(target)
        failures = []
        for address in addresses[:MAX_TRIED]:
            async with self._client(address, target.port) as client:
                request = client.build_request(
                    method,
                    f"{target.scheme}://{_bracketed(address)}:{target.port}{target.path}",
                    headers={"Host": target.authority, **headers},
                    content=body,
                    timeout=httpx.Timeout(None, connect=connect_seconds),
                    extensions={"sni_hostname": target.host},
                )
                try:
                    response = await client.send(request, stream=True)
                except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                    failures.append(f"{address}: {_said(error)}")
                    continue
                except (httpx.HTTPError, httpx.InvalidURL) as error:
                    raise Unreachable(f"{address}: {_said(error)}") from error
                try:
                    yield response
                finally:
                    await response.aclose()
                return
        raise Unreachable("; ".join(failures))

    async def _addresses(self, target: Target) -> Sequence[IPAddress]:
        if target.literal is not None:
            return self.policy.admit(target, (str(target.literal),))
        try:
            found = await self._resolver(target.host, target.port)
        except (OSError, UnicodeError) as error:
            raise Unreachable(f"{target.host} does not resolve ({error})") from error
        return self.policy.admit(target, found)

    def _client(self, address: IPAddress, port: int) -> httpx.AsyncClient:
        """A client that can connect to `address` and `port` only."""

        def is_it(_host: str, ip: IPAddress, ip_port: int) -> bool:
            return ip == address and ip_port == port

        client = httpx.AsyncClient(
            verify=self._tls, trust_env=False, follow_redirects=False, limits=httpx.Limits(max_keepalive_connections=0)
        )
        return httpx_ssrf_protection(client, check_globally_reachable=False, custom_validator=is_it)


async def body_of(response: httpx.Response, *, within: float, until: float) -> AsyncGenerator[bytes, None]:
    """The body as it comes over the wire; `Unreachable` if a piece takes longer than `within` seconds.

    `until` is the time of the event loop at which all has to be over. Waits are timed here and not by httpx, which
    times single reads: a server that sends its chunk headers letter by letter passes those without ever sending data.
    """
    loop = asyncio.get_running_loop()
    pieces = response.aiter_raw()
    while True:
        try:
            async with asyncio.timeout_at(min(until, loop.time() + within)):
                piece = await anext(pieces, None)
        except TimeoutError:
            raise Unreachable("it stopped sending") from None
        except httpx.HTTPError as error:
            raise Unreachable(_said(error)) from error
        if piece is None:
            return
        yield piece


@cache
def _public_certificates() -> ssl.SSLContext:
    """Loaded once; it takes longer than many a request."""
    return httpx.create_ssl_context(trust_env=False)


def _bracketed(address: IPAddress) -> str:
    return f"[{address}]" if address.version == 6 else str(address)


def _said(error: Exception) -> str:
    return f"{type(error).__name__} {error}".strip()
