"""The rules alone: what an exception excuses, and the forms that hypothesis thinks of."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipwright.errors import RequestError
from lipwright.service.net.addresses import METADATA, why_refused
from lipwright.service.net.fetch import Fetcher
from lipwright.service.net.policy import AddressPolicy, Refused

PUBLIC = "93.184.216.34"


def reaches(policy: AddressPolicy, url: str, *addresses: str) -> bool:
    try:
        target = policy.target(url)
        policy.admit(target, addresses or (str(target.literal),))
    except Refused:
        return False
    return True


@pytest.mark.parametrize(
    ("allow", "url", "addresses", "fine"),
    [
        # A network excuses addresses, however they were named, on every port.
        ("127.0.0.0/8", "http://127.0.0.1:9000/", (), True),
        ("127.0.0.0/8", "http://localhost:9000/", ("127.0.0.1",), True),
        ("127.0.0.0/8", "http://localhost/", ("127.0.0.1", "::1"), False),
        ("127.0.0.0/8", "http://a.test:9000/", (PUBLIC,), False),
        ("127.0.0.0/8", "http://2130706433/", (), False),
        # With a port, on that port.
        ("127.0.0.1:9000", "http://127.0.0.1:9000/", (), True),
        ("127.0.0.1:9000", "http://127.0.0.2:9000/", (), False),
        ("127.0.0.1:9000", "http://127.0.0.1:8080/", (), False),
        ("10.0.0.0/8:9000", "http://a.test:9000/", ("10.1.1.1",), True),
        ("[::1]:9000", "http://[::1]:9000/", (), True),
        ("[::1]:9000", "http://[::1]/", (), False),
        ("::1", "http://[::1]/", (), True),
        # A name excuses whatever it resolves to.
        ("media.internal", "http://Media.Internal.:9000/", ("10.0.0.1",), True),
        ("media.internal:9000", "http://media.internal:9000/", ("10.0.0.1",), True),
        ("media.internal:9000", "http://media.internal/", ("10.0.0.1",), False),
        ("media.internal", "http://x.media.internal/", ("10.0.0.1",), False),
        ("media.internal", "http://a.test/", ("10.0.0.1",), False),
        # Metadata services only by their own address.
        ("0.0.0.0/0", "http://169.254.169.254/", (), False),
        ("169.254.0.0/16", "http://a.test/", ("169.254.169.254",), False),
        ("media.internal", "http://media.internal/", ("169.254.169.254",), False),
        ("fc00::/7", "http://[fd00:ec2::254]/", (), False),
        ("169.254.169.254", "http://169.254.169.254/", (), True),
    ],
)
def test_exceptions(allow: str, url: str, addresses: tuple[str, ...], fine: bool) -> None:
    assert reaches(AddressPolicy(allow=(allow,)), url, *addresses) is fine


def test_what_is_denied_stays_so() -> None:
    policy = AddressPolicy(allow=("10.0.0.0/8", "a.test"), deny=("10.0.0.1", "b.test", "93.184.216.0/24:443"))
    assert reaches(policy, "http://a.test/", "10.0.0.2")
    assert not reaches(policy, "http://a.test/", "10.0.0.1")
    assert not reaches(policy, "http://b.test/", "1.1.1.1")
    assert not reaches(policy, "https://c.test/", PUBLIC)
    assert reaches(policy, "http://c.test/", PUBLIC)


@pytest.mark.parametrize(
    "entry", ["", "10.0.0.1/8", "http://a.test", "a b", "10.0.0.0/33", "a.test:99999", "127.1", "*"]
)
def test_an_exception_that_says_nothing_is_an_error(entry: str) -> None:
    with pytest.raises(RequestError, match=r"allow holds .*; allowed are a host name, an IP address or a network"):
        AddressPolicy(allow=(entry,))


def test_a_url_is_read_once_and_kept() -> None:
    target = AddressPolicy().target("HTTPS://B\u00fccher.Example:8443/a%2Fb;c?d=e&f#g")
    assert (target.scheme, target.host, target.port) == ("https", "xn--bcher-kva.example", 8443)
    assert target.url == "https://xn--bcher-kva.example:8443/a%2Fb;c?d=e&f"
    assert target.shown == "https://xn--bcher-kva.example:8443/a%2Fb;c"
    assert AddressPolicy().target("http://a.test:080?x").url == "http://a.test/?x"
    assert AddressPolicy().target("http://[2606:4700::1111]:8080/").authority == "[2606:4700::1111]:8080"


def test_addresses_keep_their_order_and_come_once() -> None:
    policy = AddressPolicy()
    found = policy.admit(policy.target("http://a.test/"), ("2606:4700::1111", PUBLIC, PUBLIC))
    assert found == (ip_address("2606:4700::1111"), ip_address(PUBLIC))


@given(st.ip_addresses(v=4))
def test_no_ipv4_that_python_calls_local_is_public_to_us(address: IPv4Address) -> None:
    if why_refused(address) is None:
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_reserved
        assert address not in METADATA


@given(st.ip_addresses(v=6))
def test_no_ipv6_that_python_calls_local_is_public_to_us(address: IPv6Address) -> None:
    if why_refused(address) is None:
        assert address.is_global
        assert not address.is_multicast
        assert address.ipv4_mapped is None
        assert address.teredo is None
        assert address.sixtofour is None


@given(st.ip_addresses(v=4))
def test_an_ipv4_gains_nothing_by_being_written_as_ipv6(address: IPv4Address) -> None:
    number = int(address)
    for prefix in ("::", "::ffff:0:0", "64:ff9b:1::", "2002::"):
        shift = 80 if prefix == "2002::" else 0
        assert why_refused(IPv6Address(int(IPv6Address(prefix)) | number << shift))
    assert bool(why_refused(IPv6Address(int(IPv6Address("64:ff9b::")) | number))) is bool(why_refused(address))


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    for url in (text, f"http://{text}", f"http://a.test/{text}"):
        try:
            target = AddressPolicy().target(url)
        except Refused:
            continue
        assert AddressPolicy().target(target.url) == target


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("https://a.test/hook", True),
        ("https://a.test:8443/hook?x=1", True),
        ("http://a.test/hook", False),
        ("http://media.internal:9000/hook", True),
        ("http://127.0.0.1:9000/hook", True),
        ("https://127.0.0.2/hook", False),
        ("https://user:pass@a.test/", False),
        ("https://a.test:22/", False),
        ("hook", False),
    ],
)
def test_a_webhook_url_is_judged_by_its_text(url: str, fine: bool) -> None:
    fetcher = Fetcher(AddressPolicy(allow=("media.internal", "127.0.0.1:9000")))
    if fine:
        fetcher.check_webhook_url(url)
        return
    with pytest.raises(RequestError, match=r"^webhookUrl .*https") as caught:
        fetcher.check_webhook_url(url)
    assert caught.value.field == "webhookUrl"
