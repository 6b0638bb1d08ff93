"""Which IP addresses the service may connect to on a stranger's word: only those the whole Internet can reach.

The rule is a list of ours and not `ipaddress.is_global`: that property changed its mind between Python releases, calls
multicast global, and knows nothing of the addresses at which clouds hand out credentials, some of which are public.
IPv6 is the other way round, everything outside global unicast (2000::/3) is refused, so that a form nobody thought of
is refused too. The one exception is NAT64: where a network has IPv6 only, that is what public names resolve to.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

#: Where clouds answer a machine's questions about itself, credentials included. Only an exception for exactly this
#: address lets one through; a wider one that happens to hold it does not.
METADATA: frozenset[IPAddress] = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, Google, DigitalOcean, Oracle, ...
        "169.254.170.2",  # AWS containers
        "169.254.170.23",  # AWS Kubernetes pods
        "168.63.129.16",  # Azure's host, an address of the public space
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "fd00:ec2::254",  # AWS
        "fd00:ec2::23",  # AWS Kubernetes pods
        "fd20:ce::254",  # Google
    )
)

_IPV4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(network), name)
    for network, name in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "a private network"),
        ("100.64.0.0/10", "a carrier's shared network"),
        ("127.0.0.0/8", "this machine (loopback)"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "a private network"),
        ("192.0.0.0/24", "reserved for protocols"),
        ("192.0.2.0/24", "reserved for documentation"),
        ("192.31.196.0/24", "reserved for AS112"),
        ("192.52.193.0/24", "reserved for AMT"),
        ("192.88.99.0/24", "a 6to4 relay"),
        ("192.168.0.0/16", "a private network"),
        ("192.175.48.0/24", "reserved for AS112"),
        ("198.18.0.0/15", "reserved for benchmarks"),
        ("198.51.100.0/24", "reserved for documentation"),
        ("203.0.113.0/24", "reserved for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)

#: Told before "not global unicast", because they say more.
_IPV6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(network), name)
    for network, name in (
        ("::/128", "no address"),
        ("::1/128", "this machine (loopback)"),
        ("::ffff:0:0/96", "an IPv4 address written as IPv6"),
        ("::/96", "an IPv4 address written as IPv6"),
        ("64:ff9b:1::/48", "a local NAT64 network"),
        ("2001::/23", "reserved for protocols (Teredo, ORCHID and others)"),
        ("2001:db8::/32", "reserved for documentation"),
        ("2002::/16", "6to4"),
        ("2620:4f:8000::/48", "reserved for AS112"),
        ("3fff::/20", "reserved for documentation"),
        ("fc00::/7", "a private network"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


def why_refused(address: IPAddress) -> str | None:
    """What `address` is that the service must not connect to it; None if anybody on the Internet could."""
    if address in METADATA:
        return "a cloud's metadata service"
    if isinstance(address, IPv4Address):
        return next((name for network, name in _IPV4 if address in network), None)
    if address.scope_id is not None:
        return "an address of one network interface"
    if address in _NAT64:
        inside = why_refused(IPv4Address(address.packed[-4:]))
        return f"NAT64 for {inside}" if inside else None
    for network, name in _IPV6:
        if address in network:
            return name
    return None if address in _GLOBAL_UNICAST else "not global unicast"
