"""Which addresses a webhook may go to: public ones, and those that the configuration allows.

A webhook is a request that somebody else directs. From inside our network it must not reach what
only we can reach: the machine itself, its neighbours, a cloud's metadata service (OWASP, server-
side request forgery). Addresses are judged, never names: a name may mean another one tomorrow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# IANA IPv4 Special-Purpose Address Registry (RFC 6890), with multicast and class E.
_SPECIAL_4 = [
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]

# Only these are given to anybody to be reached from everywhere (RFC 4291, 2.4), less what the IANA
# IPv6 Special-Purpose Address Registry takes out of them.
_PUBLIC_6 = IPv6Network("2000::/3")
_SPECIAL_6 = [IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "3fff::/20")]

_MAPPED = IPv6Network("::ffff:0:0/96")  # RFC 4291, 2.5.5.2
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052, 2.1
_6TO4 = IPv6Network("2002::/16")  # RFC 3056


class UrlError(ValueError):
    """A webhook cannot go to this URL; the message says which and why."""


class ForbiddenError(Exception):
    """A webhook may not go to this URL; the message says which and to what address it leads."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a webhook goes.

    Attributes:
        url: As it was given.
        scheme: `http` or `https`.
        host: Name or address, without brackets.
        port: TCP port.
    """

    url: str
    scheme: str
    host: str
    port: int


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Read networks in CIDR form, or single addresses.

    Raises:
        ValueError: One cannot be read; the message names it.
    """
    return tuple(ip_network(text) for text in texts)


def refusal(target: Target, addresses: Sequence[Address], allowed: Sequence[Network]) -> str | None:
    """Say why a webhook may not go to a host that has these addresses; None: it may.

    One bad address among good ones is enough: nobody has both for a good reason. Without TLS it may
    go only where the configuration allows a network, since everybody on the way reads positions.

    Args:
        target: The URL.
        addresses: All that its host means now.
        allowed: `[webhooks] allow_private`.
    """
    for address in addresses:
        if _is_within(address, allowed):
            continue
        if not is_public(address):
            return (
                f"{target.url} leads to {address}, which is not public and not in "
                "[webhooks] allow_private"
            )
        if target.scheme == "http":
            return (
                f"{target.url} leads to {address} without TLS: https is needed outside "
                "[webhooks] allow_private"
            )
    return None


def is_public(address: Address) -> bool:
    """Whether an address is one of the whole Internet; of one that holds another, that one too."""
    inner = _inner(address)
    if isinstance(inner, IPv4Address):
        return not any(inner in network for network in _SPECIAL_4)
    return inner in _PUBLIC_6 and not any(inner in network for network in _SPECIAL_6)


def _is_within(address: Address, networks: Sequence[Network]) -> bool:
    inner = _inner(address)
    return any(
        each in network
        for network in networks
        for each in (address, inner)
        if each.version == network.version
    )


def _inner(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address leads to, or the address itself."""
    if isinstance(address, IPv6Address):
        if address in _MAPPED or address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
        if address in _6TO4:
            return IPv4Address(int(address) >> 80 & 0xFFFF_FFFF)
    return address


def literal_address(host: str) -> Address | None:
    """Return the address that a host is written as; None where it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None
