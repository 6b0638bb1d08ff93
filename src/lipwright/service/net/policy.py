"""Where the service may send a request when somebody else chose the address: rules only, no I/O.

A URL is judged twice. `target` reads the text, once and strictly, into a `Target`; from then on nobody parses it again,
so there are no two parsers to disagree about what the host is. `admit` judges the addresses the host's name resolved
to: all of them, because a name with one good and one bad address is how a second answer is smuggled in. What `admit`
returns is what the connection is made to (`connect.py`).

Host names are accepted as plain DNS names, IPv4 as four decimal numbers, IPv6 in brackets. The other spellings that
some systems understand (2130706433, 0x7f.1, 127.1, full-width digits, zone ids) are refused, whatever they mean.

`allow` are an operator's exceptions: a host name, an address, a network, each with or without a port. Without a port
an exception holds for every port; with one, for that port only. `deny` refuses what is public but the operator's own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urljoin, urlsplit

import httpx

from lipwright.errors import RequestError
from lipwright.service.net.addresses import METADATA, IPAddress, IPNetwork, why_refused

MAX_URL = 4096
DEFAULT_PORTS = {"http": 80, "https": 443}

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_ENTRY = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>[0-9]{1,5}))?")


class Refused(Exception):
    """The policy forbids this. Never leaves this package: callers learn only that the URL is inaccessible."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a URL says, read once. `host` has no brackets; `path` holds the query and never the fragment."""

    scheme: str
    host: str
    port: int
    path: str
    literal: IPAddress | None = None

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS.get(self.scheme) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def shown(self) -> str:
        """For logs: without the query, which may hold a signature that opens the file to anyone."""
        return f"{self.scheme}://{self.authority}{self.path.partition('?')[0]}"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of `allow` or `deny`: a name or a network, on one port or on all (None)."""

    what: str | IPNetwork
    port: int | None

    def names(self, host: str, port: int) -> bool:
        return self.what == host and self.port in (None, port)

    def holds(self, address: IPAddress, port: int) -> bool:
        return not isinstance(self.what, str) and address in self.what and self.port in (None, port)

    @property
    def exact(self) -> bool:
        """Whether it names one single address."""
        return not isinstance(self.what, str) and self.what.num_addresses == 1


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """The rules; see the top of this module."""

    schemes: tuple[str, ...] = ("http", "https")
    ports: tuple[int, ...] = (80, 443, 8080, 8443)
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    _allow: tuple[_Entry, ...] = field(init=False, repr=False, compare=False)
    _deny: tuple[_Entry, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        unknown = [scheme for scheme in self.schemes if scheme not in DEFAULT_PORTS]
        if unknown:
            raise RequestError(f"schemes holds {unknown[0]!r}; allowed are http and https.", field="schemes")
        object.__setattr__(self, "_allow", tuple(_entry("allow", text) for text in self.allow))
        object.__setattr__(self, "_deny", tuple(_entry("deny", text) for text in self.deny))

    def target(self, url: str) -> Target:
        """What `url` says; `Refused` if its text alone forbids a request."""
        target = _read(url)
        if target.scheme not in self.schemes:
            raise Refused(f"the scheme {target.scheme} is not one of {', '.join(self.schemes)}")
        if target.port not in self.ports and not self._may_excuse(target):
            raise Refused(f"port {target.port} is not one of {', '.join(map(str, self.ports))}")
        if target.literal is not None:
            self.admit(target, (str(target.literal),))
        return target

    def redirected(self, target: Target, location: str | None) -> Target:
        """Where `target` sends us with `location`, judged like any other URL."""
        if not location:
            raise Refused("it redirects to nowhere")
        try:
            url = urljoin(target.url, location)
        except ValueError as error:
            raise Refused(f"it redirects to what cannot be read ({error})") from None
        return self.target(url)

    def admit(self, target: Target, addresses: Sequence[str]) -> tuple[IPAddress, ...]:
        """The addresses to connect to for `target`, whose name resolved to `addresses`; `Refused` if one is bad."""
        if not addresses:
            raise Refused(f"{target.host} has no address")
        found = []
        for text in addresses:
            try:
                address = ip_address(text)
            except ValueError:
                raise Refused(f"{target.host} resolves to {text!r}, which is no IP address") from None
            if reason := self._why_not(target, address):
                at = "" if target.literal == address else f"{target.host} resolves to "
                raise Refused(f"{at}{address} is not allowed ({reason})")
            found.append(address)
        return tuple(dict.fromkeys(found))

    def allows_host(self, target: Target) -> bool:
        """Whether `target` is one of the operator's exceptions by its text alone."""
        if any(entry.names(target.host, target.port) for entry in self._allow):
            return True
        literal = target.literal
        return literal is not None and any(entry.holds(literal, target.port) for entry in self._allow)

    def _why_not(self, target: Target, address: IPAddress) -> str | None:
        """Why `address` is refused: the operator's own refusals first, then their exceptions, then the rules."""
        port = target.port
        if any(e.names(target.host, port) or e.holds(address, port) for e in self._deny):
            return "refused by the operator"
        holding = [entry for entry in self._allow if entry.holds(address, port)]
        if address in METADATA and not any(entry.exact for entry in holding):
            return why_refused(address)
        if holding or any(entry.names(target.host, port) for entry in self._allow):
            return None
        if port not in self.ports:
            return f"port {port}"
        return why_refused(address)

    def _may_excuse(self, target: Target) -> bool:
        """Whether an exception may hold for the port of `target`, as far as its text tells."""
        if target.literal is not None or self.allows_host(target):
            return self.allows_host(target)
        return any(not isinstance(entry.what, str) and entry.port in (None, target.port) for entry in self._allow)


def _read(url: str) -> Target:
    """The parts of an absolute URL; `Refused` for all that is not plainly one."""
    if len(url) > MAX_URL:
        raise Refused(f"it is longer than {MAX_URL} characters")
    if any(c == "\\" or unicodedata.category(c)[0] in "CZ" for c in url):
        raise Refused("it holds a space, a backslash or a control character")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise Refused(f"it cannot be read ({error})") from None
    scheme = parts.scheme
    if scheme not in DEFAULT_PORTS:
        raise Refused(f"the scheme is {scheme!r}" if scheme else "it is relative")
    if "@" in parts.netloc:
        raise Refused("it holds a user name or a password")
    match = re.fullmatch(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{0,5}))?", parts.netloc, re.ASCII)
    if match is None:
        raise Refused(f"{parts.netloc!r} is no host with a port")
    host, literal = _host(match[1])
    port = int(match[2]) if match[2] else DEFAULT_PORTS[scheme]
    if not 0 < port < 65536:
        raise Refused(f"{port} is no port")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(scheme, host, port, path, literal)


def _host(text: str) -> tuple[str, IPAddress | None]:
    """The host as ASCII, and the address if it is written as one."""
    if not text:
        raise Refused("it has no host")
    if text.startswith("["):
        if "%" in text:
            raise Refused("the host has a zone id")
        try:
            address = IPv6Address(text[1:-1])
        except AddressValueError:
            raise Refused(f"{text} is no IPv6 address") from None
        return str(address), address
    host = text.lower() if text.isascii() else _ascii(text)
    host = host.removesuffix(".")
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Refused(f"{text!r} is no host name")
    if _NUMERIC_LABEL.fullmatch(labels[-1]):
        try:
            return host, IPv4Address(host)
        except AddressValueError:
            raise Refused(f"{text!r} is an address in an unusual spelling") from None
    return host, None


def _ascii(text: str) -> str:
    """The ASCII form of an international host name."""
    try:
        return httpx.URL(f"http://{text}/").raw_host.decode("ascii")
    except (httpx.InvalidURL, UnicodeError):
        raise Refused(f"{text!r} is no host name") from None


def _entry(field_name: str, text: str) -> _Entry:
    """One entry of `allow` or `deny`."""
    wrong = RequestError(
        f"{field_name} holds {text!r}; allowed are a host name, an IP address or a network such as 10.0.0.0/8, "
        "each with or without :port.",
        field=field_name,
    )
    given = text.strip().lower()
    match = _ENTRY.fullmatch(given)
    what, port = (match["v6"] or match["name"], match["port"]) if match else (given, None)
    if port and int(port) > 65535:
        raise wrong
    number = int(port) if port else None
    try:
        return _Entry(ip_network(what), number)
    except ValueError:
        pass
    try:
        host, literal = _host(what)
    except Refused:
        raise wrong from None
    if literal is not None:
        raise wrong
    return _Entry(host, number)
