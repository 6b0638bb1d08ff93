"""Download one file over HTTPS, resuming where an earlier attempt stopped.

Bytes go to a `.partial` file beside the target and the target appears only when all of them have arrived, so a
broken connection costs at most the rest of the file. The caller checks the hash; here only the length is.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from lipwright.errors import ModelFileError
from lipwright.progress import Progress

ATTEMPTS = 4
TIMEOUT = httpx.Timeout(30.0, connect=10.0)


class Unreachable(ModelFileError):
    """The address could not be reached at all."""


def download(
    client: httpx.Client,
    url: str,
    target: Path,
    size: int,
    progress: Progress,
    received: Callable[[int], None] | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Path:
    """Fetch `url`, which must be `size` bytes long, to `target`.

    `received` is told the number of bytes on disk so far. A connection that breaks is taken up again up to three
    times, with pauses of 1, 2 and 4 s. `Unreachable` if no connection could be made, `ModelFileError` for any other
    refusal; a partial file stays for the next run unless the server's file is not the expected one.
    """
    _require_safe(url)
    partial = target.with_name(target.name + ".partial")
    target.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(ATTEMPTS):
        if attempt:
            pause(2.0 ** (attempt - 1))
        progress.check()
        try:
            if _continue(client, url, partial, size, progress, received):
                partial.replace(target)
                return target
            problem = "the connection broke off"
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Unreachable(f"{url} could not be reached: {error}.") from error
        except httpx.HTTPError as error:
            problem = str(error) or type(error).__name__
    raise ModelFileError(f"{url} could not be fetched: {problem}.")


def _continue(
    client: httpx.Client,
    url: str,
    partial: Path,
    size: int,
    progress: Progress,
    received: Callable[[int], None] | None,
) -> bool:
    """Ask for the bytes that are still missing; whether all are there now."""
    have = partial.stat().st_size if partial.exists() else 0
    if have >= size:
        partial.unlink()
        have = 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    with client.stream("GET", url, headers=headers, timeout=TIMEOUT, follow_redirects=True) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            partial.unlink(missing_ok=True)
            return False
        if response.status_code >= 500:
            raise httpx.HTTPStatusError(f"HTTP {response.status_code}", request=response.request, response=response)
        if response.status_code not in (200, 206):
            raise ModelFileError(f"{url} could not be fetched: HTTP {response.status_code}.")
        resumed = response.status_code == 206 and response.headers.get("content-range", "").startswith(f"bytes {have}-")
        if response.status_code == 206 and not resumed:
            partial.unlink(missing_ok=True)
            return False
        have = have if resumed else 0
        with partial.open("ab" if resumed else "wb") as out:
            for chunk in response.iter_bytes():
                progress.check()
                have += len(chunk)
                if have > size:
                    break
                out.write(chunk)
                if received is not None:
                    received(have)
    if have > size:
        partial.unlink()
        raise ModelFileError(f"{url} is not the expected file: it is longer than {size} bytes.")
    return have == size


def _require_safe(url: str) -> None:
    """Plain HTTP is for this machine only; everything else comes over HTTPS."""
    parsed = httpx.URL(url)
    if parsed.scheme == "https":
        return
    try:
        loopback = ipaddress.ip_address(parsed.host).is_loopback
    except ValueError:
        loopback = parsed.host == "localhost"
    if parsed.scheme != "http" or not loopback:
        raise ModelFileError(f"{url} is not an https address.")
