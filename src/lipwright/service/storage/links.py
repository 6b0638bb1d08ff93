"""Links to objects: for a browser that plays a result, for a client that uploads a video.

A bucket signs links itself, and the bytes go past this service. Folders and memory have nobody who would, so the links
of those lead to our own `/files/...` route and carry a signature: HMAC-SHA256 over everything the link allows (method,
key, expiry, file name, content type, size). Nothing is kept on the server, so a link works on every replica that has
the secret, and nothing about it can be changed without it.

The same URL without a query is the *reference* of an object: it opens nothing, but names an upload for ever. A request
that mentions a reference, or a link, of this installation means the object and is not fetched over the network. Whether
the caller may use that object is for the caller of `key_of` to check: a reference can be guessed, and is not a proof.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from urllib.parse import SplitResult, quote, unquote, urlencode, urlsplit

from lipwright.service.config import SHORTEST_SECRET
from lipwright.service.storage.keys import checked
from lipwright.service.storage.objects import Objects

Method = Literal["GET", "PUT"]

ROUTE = "/files/"
_LONGEST_PRESIGNED = timedelta(days=7)  # the limit of S3, GCS and Azure
_PORTS = {"http": 80, "https": 443}
_NUMBER = re.compile(r"0|[1-9][0-9]{0,14}")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\#]")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a link allows; `method` GET includes HEAD."""

    method: Method
    key: str
    expires: int
    filename: str | None = None
    content_type: str | None = None
    max_bytes: int | None = None


class Links:
    """Makes and checks the links to `objects`.

    Args:
        objects: the store.
        secret: what signs the links; the same on every machine that serves them.
        public_url: where users reach this service, for example `https://lips.example.org/api`.
        clock: the time in seconds since 1970.

    Raises:
        ValueError: if the secret is short, or the URL is not a plain http(s) one.
    """

    def __init__(
        self, objects: Objects, secret: bytes, public_url: str, clock: Callable[[], float] = time.time
    ) -> None:
        if len(secret) < SHORTEST_SECRET:
            raise ValueError(f"The secret of links must have at least {SHORTEST_SECRET} bytes, not {len(secret)}.")
        self._objects = objects
        self._secret = hashlib.sha256(b"lipwright links\0" + secret).digest()
        self._clock = clock
        self.public_url = public_url.rstrip("/")
        home = _plain(self.public_url)
        if home is None or "?" in self.public_url:
            raise ValueError(f"The public URL {public_url!r} must be http(s)://host[:port][/path] and nothing else.")
        self._origin, self._path = _origin(home), home.path + ROUTE

    def download(
        self, key: str, expires_in: timedelta, filename: str | None = None, content_type: str | None = None
    ) -> str:
        """A link to read the object. A bucket's own links know no `filename` and no `content_type`."""
        return self._link("GET", key, expires_in, filename=filename, content_type=content_type)

    def upload(self, key: str, content_type: str, max_bytes: int, expires_in: timedelta) -> str:
        """A link to write the object with one PUT. A bucket's own links do not enforce type and size: check after."""
        return self._link("PUT", key, expires_in, content_type=content_type, max_bytes=max_bytes)

    def permit(self, key: str, expires: int) -> dict[str, str]:
        """A query with which an address of ours that leads to the object can be used until `expires`; see `verify`."""
        return {"expires": str(expires), "signature": self._sign(Grant("GET", key, expires))}

    def verify(self, method: str, key: str, query: Mapping[str, str], now: float | None = None) -> Grant | None:
        """What the link with this method, key and query allows; None if that is nothing (any more)."""
        if (means := _MEANS.get(method)) is None:
            return None
        expires, size = query.get("expires", ""), query.get("max_bytes")
        if not _NUMBER.fullmatch(expires) or (size is not None and not _NUMBER.fullmatch(size)):
            return None
        grant = Grant(
            means,
            key,
            int(expires),
            filename=query.get("filename"),
            content_type=query.get("content_type"),
            max_bytes=None if size is None else int(size),
        )
        try:
            expected = self._sign(grant)
        except ValueError:
            return None
        if not hmac.compare_digest(expected.encode(), query.get("signature", "").encode(errors="replace")):
            return None
        return grant if (self._clock() if now is None else now) < grant.expires else None

    def reference(self, key: str) -> str:
        """The name of the object as a URL; it allows nothing."""
        return self.public_url + ROUTE + quote(checked(key), safe="/")

    def key_of(self, url: str) -> str | None:
        """The key of the object that `url`, a reference or link of this installation, names; None for other URLs.

        It does not look at the signature, and does not say that the object exists.
        """
        split = _plain(url)
        if split is None or _origin(split) != self._origin or not split.path.startswith(self._path):
            return None
        try:
            # Each part is decoded on its own: an encoded slash must not make two of one.
            parts = [unquote(part, errors="strict") for part in split.path.removeprefix(self._path).split("/")]
            return None if any("/" in part for part in parts) else checked("/".join(parts))
        except ValueError:
            return None

    def _link(
        self,
        method: Method,
        key: str,
        expires_in: timedelta,
        *,
        filename: str | None = None,
        content_type: str | None = None,
        max_bytes: int | None = None,
    ) -> str:
        checked(key)
        if presigned := self._objects.presign(method, key, min(expires_in, _LONGEST_PRESIGNED)):
            return presigned
        expires = int(self._clock() + expires_in.total_seconds())
        grant = Grant(method, key, expires, filename, content_type, max_bytes)
        fields = {"expires": expires, "filename": filename, "content_type": content_type, "max_bytes": max_bytes}
        query = {name: value for name, value in fields.items() if value is not None}
        return f"{self.reference(key)}?{urlencode({**query, 'signature': self._sign(grant)}, quote_via=quote)}"

    def _sign(self, grant: Grant) -> str:
        # JSON keeps the fields apart, whatever is in them, and tells an absent one from an empty one.
        fields = [
            grant.method,
            checked(grant.key),
            grant.expires,
            grant.filename,
            grant.content_type,
            grant.max_bytes,
        ]
        return hmac.new(self._secret, json.dumps(fields).encode(), hashlib.sha256).hexdigest()


_MEANS: Mapping[str, Method] = {"GET": "GET", "HEAD": "GET", "PUT": "PUT"}


def _plain(url: str) -> SplitResult | None:
    """The parts of an http(s) URL that every reader reads in the same way; None for any other."""
    if _UNSAFE.search(url):
        return None
    try:
        split = urlsplit(url)
        known = split.scheme in _PORTS and bool(split.hostname) and split.port != 0
    except ValueError:
        return None
    # Beyond ASCII, lower case can turn one host name into another (the Kelvin sign becomes a k).
    return split if known and split.netloc.isascii() and "@" not in split.netloc else None


def _origin(split: SplitResult) -> tuple[str, str | None, int]:
    return split.scheme, split.hostname, split.port or _PORTS[split.scheme]
