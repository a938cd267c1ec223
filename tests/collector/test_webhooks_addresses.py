"""Which addresses and URLs a webhook may go to."""

from ipaddress import ip_address

import pytest

from milepost_collector.webhooks.address import (
    Target,
    UrlError,
    is_public,
    parse_networks,
    refusal,
)
from milepost_collector.webhooks.url import parse_url

PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.254",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.1.2.3",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a00:1::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff02::1",
    "5f00::1",
]

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "192.167.255.255",
    "2606:4700::1111",
    "2a00:1450:4001:80b::200e",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
]


@pytest.mark.parametrize("text", PRIVATE)
def test_address_that_is_not_of_the_whole_internet_is_refused(text: str) -> None:
    """Private, local, shared, documentation, multicast, and IPv6 forms that lead to such."""
    assert not is_public(ip_address(text))
    target = Target("https://x/", "https", "x", 443)
    assert refusal(target, [ip_address("8.8.8.8"), ip_address(text)], ()) == (
        f"https://x/ leads to {ip_address(text)}, which is not public and not in "
        "[webhooks] allow_private"
    )


@pytest.mark.parametrize("text", PUBLIC)
def test_address_of_the_whole_internet_is_allowed_with_tls_alone(text: str) -> None:
    """A public address may be sent to by https, and not without TLS."""
    assert is_public(ip_address(text))
    assert refusal(Target("https://x/", "https", "x", 443), [ip_address(text)], ()) is None
    found = refusal(Target("http://x/", "http", "x", 80), [ip_address(text)], ())
    assert found is not None
    assert f"leads to {ip_address(text)} without TLS" in found


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("127.0.0.1", "127.0.0.0/8"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("10.9.8.7", "10.0.0.0/8"),
        ("::1", "::1/128"),
        ("fd00::5", "fd00::/8"),
        ("8.8.8.8", "8.8.8.0/24"),
        ("64:ff9b::10.0.0.1", "10.0.0.0/8"),
    ],
)
def test_address_in_an_allowed_network_is_allowed_also_without_tls(
    address: str, network: str
) -> None:
    """What the configuration names may be sent to; what it does not name still may not."""
    allowed = parse_networks([network])
    target = Target("http://x/", "http", "x", 80)
    assert refusal(target, [ip_address(address)], allowed) is None
    assert refusal(target, [ip_address(address), ip_address("192.168.0.1")], allowed) is not None


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://example.org", "example.org", 443),
        ("https://example.org:8443/a?b=c", "example.org", 8443),
        ("http://[::1]:8080/x", "::1", 8080),
        ("HTTPS://Example.ORG/x", "example.org", 443),
        ("https://bücher.example/x", "bücher.example", 443),
        ("http://127.0.0.1:65535/", "127.0.0.1", 65535),
    ],
)
def test_url_is_read(url: str, host: str, port: int) -> None:
    """Scheme, host and port of a URL, also an odd port."""
    target = parse_url(url)
    assert (target.url, target.host, target.port) == (url, host, port)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("ftp://example.org/", "is neither http nor https"),
        ("file:///etc/passwd", "is neither http nor https"),
        ("example.org/x", "is neither http nor https"),
        ("//example.org/x", "is neither http nor https"),
        ("", "is neither http nor https"),
        ("https://", "names no host"),
        ("https:///x", "names no host"),
        ("https://user:secret@example.org/", "URL of host example.org holds a user or password"),
        ("https://user@example.org/", "holds a user or password"),
        ("https://example.org:70000/", "has port 70000"),
        ("https://example.org:0/", "has port 0"),
        ("https://example.org:x/", "cannot be read"),
        ("https://[::1/", "cannot be read"),
        ("https://example.org/a b", "holds a space"),
        ("https://example.org/\x00", "cannot be read"),
        ("https://exa\nmple.org/", "cannot be read"),
        ("https://example.org/#top", "has a fragment"),
        ("https://example.org/" + "x" * 2000, "is longer than 2000 characters"),
    ],
)
def test_url_that_cannot_be_is_refused(url: str, error: str) -> None:
    """A URL that is wrong or tells a password is refused in one line that does not repeat it."""
    with pytest.raises(UrlError) as raised:
        parse_url(url)
    assert error in str(raised.value)
    assert "secret" not in str(raised.value)
    assert "\n" not in str(raised.value)
