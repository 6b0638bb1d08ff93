"""URLs that try to reach what they must not: each is refused for the right reason, with nothing connected.

The reason is read from the log; the caller gets one and the same sentence for all of them.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from lipwright.errors import VideoInaccessible
from lipwright.service.net.fetch import SUGGESTION, Fetcher
from lipwright.service.net.policy import AddressPolicy

#: URL, what its name resolves to, a part of the reason.
ATTACKS: list[tuple[str, tuple[str, ...], str]] = [
    # Not a URL for us at all.
    ("video.mp4", (), "relative"),
    ("/etc/passwd", (), "relative"),
    ("//127.0.0.1/x", (), "relative"),
    ("", (), "relative"),
    ("file:///etc/passwd", (), "scheme is 'file'"),
    ("ftp://a.test/x", ("93.184.216.34",), "scheme is 'ftp'"),
    ("gopher://a.test:70/_x", ("93.184.216.34",), "scheme is 'gopher'"),
    ("data:video/mp4;base64,AAAA", (), "scheme is 'data'"),
    ("http:127.0.0.1/x", (), "no host"),
    ("http:///x", (), "no host"),
    ("http://:80/x", (), "no host"),
    ("http://user:secret@a.test/x", ("93.184.216.34",), "user name"),
    ("http://a.test@127.0.0.1/x", (), "user name"),
    ("http://@127.0.0.1/x", (), "user name"),
    ("http://a.test:80@127.0.0.1:80/x", (), "user name"),
    ("http://a.test\\@127.0.0.1/x", (), "backslash"),
    ("http:\\\\127.0.0.1\\x", (), "backslash"),
    ("http://127.0.0.1\t/x", (), "control character"),
    ("http://a.test/x\r\nHost: b.test", (), "control character"),
    (" http://127.0.0.1/x", (), "space"),
    ("http://127.0.0.1\u200b/x", (), "control character"),
    ("http://a.test/\x00", (), "control character"),
    ("http://a.test/" + "x" * 4096, ("93.184.216.34",), "longer than 4096"),
    ("http://a.test:22/x", ("93.184.216.34",), "port 22"),
    ("https://a.test:6379/x", ("93.184.216.34",), "port 6379"),
    ("http://a.test:0/x", ("93.184.216.34",), "0 is no port"),
    ("http://a.test:65616/x", ("93.184.216.34",), "65616 is no port"),
    ("http://a.test:80:80/x", ("93.184.216.34",), "no host with a port"),
    ("http://a.test:\uff18\uff10/x", ("93.184.216.34",), "no host with a port"),
    ("http://[::1/x", (), "cannot be read"),
    ("http://[::1]evil/x", (), "read|no host with a port"),
    # Loopback, plain and disguised.
    ("http://127.0.0.1/x", (), "loopback"),
    ("https://127.255.255.254:8443/x", (), "loopback"),
    ("http://127.0.0.1./x", (), "loopback"),
    ("http://127。0。0。1/x", (), "loopback"),
    ("http://\uff11\uff12\uff17.0.0.1/x", (), "no host name"),
    ("http://\u2460\u2461\u2466.0.0.1/x", (), "no host name"),
    ("http://2130706433/x", (), "unusual spelling"),
    ("http://0x7f000001/x", (), "unusual spelling"),
    ("http://0x7f.1/x", (), "unusual spelling"),
    ("http://0X7F.0.0.0X1/x", (), "unusual spelling"),
    ("http://0177.0.0.1/x", (), "unusual spelling"),
    ("http://017700000001/x", (), "unusual spelling"),
    ("http://127.1/x", (), "unusual spelling"),
    ("http://127.0.0.01/x", (), "unusual spelling"),
    ("http://127.0.0.1.0x/x", (), "unusual spelling"),
    ("http://127.0.0.%31/x", (), "no host name"),
    ("http://127%2e0%2e0%2e1/x", (), "no host name"),
    ("http://localhost/x", ("127.0.0.1",), "loopback"),
    ("http://LOCALHOST./x", ("127.0.0.1", "::1"), "loopback"),
    ("http://localhost/x", ("::1",), "loopback"),
    ("http://a..test/x", ("127.0.0.1",), "no host name"),
    ("http://a.test,b.test/x", ("127.0.0.1",), "no host name"),
    # Names that lead inside.
    ("http://a.test/x", ("10.1.2.3",), "private"),
    ("http://a.test/x", ("172.31.255.255",), "private"),
    ("http://a.test/x", ("192.168.0.1",), "private"),
    ("http://a.test/x", ("169.254.1.1",), "link-local"),
    ("http://metadata.google.internal/x", ("169.254.169.254",), "metadata"),
    ("http://169.254.169.254/latest/meta-data/", (), "metadata"),
    ("http://a.test/x", ("169.254.170.2",), "metadata"),
    ("http://a.test/x", ("100.100.100.200",), "metadata"),
    ("http://a.test/x", ("168.63.129.16",), "metadata"),
    ("http://[fd00:ec2::254]/x", (), "metadata"),
    ("http://a.test/x", ("100.64.0.1",), "carrier"),
    ("http://0/x", (), "unusual spelling"),
    ("http://0.0.0.0/x", (), "this network"),
    ("http://a.test/x", ("0.1.2.3",), "this network"),
    ("http://a.test/x", ("192.0.0.8",), "protocols"),
    ("http://a.test/x", ("192.0.2.1",), "documentation"),
    ("http://a.test/x", ("198.51.100.1",), "documentation"),
    ("http://a.test/x", ("203.0.113.1",), "documentation"),
    ("http://a.test/x", ("192.88.99.1",), "6to4"),
    ("http://a.test/x", ("198.19.0.1",), "benchmarks"),
    ("http://a.test/x", ("224.0.0.1",), "multicast"),
    ("http://a.test/x", ("240.0.0.1",), "reserved"),
    ("http://a.test/x", ("255.255.255.255",), "reserved"),
    # IPv6.
    ("http://[::]/x", (), "no address"),
    ("http://[::1]/x", (), "loopback"),
    ("http://[0:0:0:0:0:0:0:1]:8080/x", (), "loopback"),
    ("http://[::ffff:127.0.0.1]/x", (), "IPv4 address written as IPv6"),
    ("http://[::ffff:7f00:1]/x", (), "IPv4 address written as IPv6"),
    ("http://[::127.0.0.1]/x", (), "IPv4 address written as IPv6"),
    ("http://[64:ff9b::127.0.0.1]/x", (), "NAT64 for this machine"),
    ("http://[64:ff9b::a9fe:a9fe]/x", (), "NAT64 for a cloud's metadata"),
    ("http://[64:ff9b:1::7f00:1]/x", (), "local NAT64"),
    ("http://[2002:7f00:1::]/x", (), "6to4"),
    ("http://[2001:0:7f00:1::]/x", (), "Teredo"),
    ("http://[2001:db8::1]/x", (), "documentation"),
    ("http://[fc00::1]/x", (), "private"),
    ("http://[fe80::1]/x", (), "link-local"),
    ("http://[fec0::1]/x", (), "site-local"),
    ("http://[ff02::1]/x", (), "multicast"),
    ("http://[100::1]/x", (), "not global unicast"),
    ("http://[5f00::1]/x", (), "not global unicast"),
    ("http://[fe80::1%25eth0]/x", (), "zone id"),
    ("http://[::1%lo]/x", (), "zone id"),
    ("http://[v1.127.0.0.1]/x", (), "IPv6|read"),
    ("http://a.test/x", ("fe80::1%eth0",), "one network interface"),
    ("http://a.test/x", ("2606:2800:220:1::1%2",), "one network interface"),
    # One good address does not excuse a bad one, in either order.
    ("http://a.test/x", ("93.184.216.34", "127.0.0.1"), "loopback"),
    ("http://a.test/x", ("127.0.0.1", "93.184.216.34"), "loopback"),
    ("http://a.test/x", ("2606:2800:220:1::1", "::ffff:10.0.0.1"), "IPv4 address written as IPv6"),
    ("http://a.test/x", ("not an address",), "no IP address"),
    ("http://a.test/x", (), "no address|does not resolve"),
]


class Nothing:
    async def write(self, data: bytes) -> None:
        pytest.fail("a byte arrived")


def check(url: str, answers: tuple[str, ...], reason: str, caplog: Any, names: Any, watch: Any) -> None:
    names.table = {"a.test": [answers], "localhost": [answers], "metadata.google.internal": [answers]}
    fetcher = Fetcher(AddressPolicy(), resolver=names)
    field = "input[0].url"
    requests = (
        lambda: fetcher.head(url, field=field, kind="video"),
        lambda: fetcher.download(url, Nothing(), field=field, kind="video", max_bytes=10),
    )
    for request in requests:
        caplog.clear()
        with caplog.at_level(logging.WARNING), pytest.raises(VideoInaccessible) as caught:
            asyncio.run(request())
        assert caught.value.message == "The provided video URL is inaccessible."
        assert caught.value.suggestion == SUGGESTION
        assert caught.value.field == field
        assert any(part in caplog.text for part in reason.split("|"))
    posted = asyncio.run(fetcher.post(url, b"{}", {}))
    assert (posted.status, posted.note) == (None, "The receiver could not be reached.")
    assert watch.connected == watch.looked_up == []


@pytest.mark.parametrize(("url", "answers", "reason"), ATTACKS, ids=lambda value: ascii(value)[:60])
def test_refused(url: str, answers: tuple[str, ...], reason: str, caplog: Any, names: Any, watch: Any) -> None:
    check(url, answers, reason, caplog, names, watch)


def test_the_table_fails_when_the_guard_lets_one_through(
    caplog: Any, names: Any, watch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lipwright.service.net.policy.why_refused", lambda address: None)
    with pytest.raises(AssertionError):
        check("http://a.test/x", ("10.1.2.3",), "private", caplog, names, watch)
    assert ("10.1.2.3", 80) in watch.connected  # tried, and stopped by the watch


def test_what_is_public_is_let_through(names: Any, watch: Any) -> None:
    """The other side of the table, or refusing everything would pass it; the watch stops the connection."""
    names.table = {"a.test": [("93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822")]}
    with pytest.raises(VideoInaccessible):
        asyncio.run(Fetcher(resolver=names).head("https://A.test/x?y#z", field="f", kind="video"))
    assert watch.connected == [("93.184.216.34", 443), ("2606:2800:220:1::1", 443), ("64:ff9b::5db8:d822", 443)]
