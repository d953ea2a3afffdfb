"""Which addresses callers may point at, however they are spelled."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.core.errors import Problem
from modelport.egress.guard import MAX_URL_LENGTH, AddressRefused, Destination, Guard, parse_ranges

GUARD = Guard()

NOT_PUBLIC = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 168.63.129.16
169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1
198.19.255.255 198.51.100.1 203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::7f00:1
::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 64:ff9b::7f00:1 64:ff9b::10.0.0.1
64:ff9b:1::8.8.8.8 100::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:db8::1
2002:7f00:1:: 2002:808:808::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1 4000::1
""".split()  # noqa: SIM905 — sixty lines otherwise
PUBLIC = """
8.8.8.8 1.1.1.1 172.32.0.1 100.128.0.1 93.184.215.14 2606:4700::1111 2a00:1450::1 ::ffff:8.8.8.8
64:ff9b::808:808
""".split()  # noqa: SIM905


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_for_everybody_is_refused(address: str) -> None:
    assert not GUARD.allowed(ipaddress.ip_address(address))
    with pytest.raises(AddressRefused, match=r"files\.example.*egress\.allow"):
        GUARD.check("files.example", address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    GUARD.check("files.example", address)


@given(st.ip_addresses())
def test_nothing_that_python_calls_private_is_allowed(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if GUARD.allowed(address) and not (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped):
        assert not (address.is_private or address.is_loopback or address.is_link_local or address.is_multicast)


def test_the_operator_allows_ranges_in_each_spelling_of_their_addresses() -> None:
    guard = Guard(parse_ranges(("10.1.0.0/16", " fd00:1::/32 ", "192.168.0.7")))
    for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd00:1::9", "192.168.0.7"):
        guard.check("files.example", address)
    for address in ("10.2.0.1", "fd00:2::9", "192.168.0.8", "127.0.0.1"):
        with pytest.raises(AddressRefused):
            guard.check("files.example", address)


def test_a_range_that_cannot_be_read_names_the_setting() -> None:
    with pytest.raises(ValueError, match=r"`egress\.allow`.*10\.0\.0\.1/8"):
        parse_ranges(("10.0.0.1/8",))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a.example", Destination("http", "a.example", 80, "/", False)),
        ("HTTPS://A.Example./x/y?z=1#part", Destination("https", "a.example", 443, "/x/y?z=1", False)),
        ("https://a.example:443?q", Destination("https", "a.example", 443, "/?q", False)),
        ("https://a.example:/", Destination("https", "a.example", 443, "/", False)),
        (
            "https://bücher.example/ü?ü=[1]",
            Destination("https", "xn--bcher-kva.example", 443, "/%C3%BC?%C3%BC=%5B1%5D", False),
        ),
        ("https://8.8.8.8/", Destination("https", "8.8.8.8", 443, "/", True)),
        ("https://[2606:4700:0:0::1111]/", Destination("https", "2606:4700::1111", 443, "/", True)),
        ("https://１２７.0.0.1/", Destination("https", "127.0.0.1", 443, "/", True)),
        ("https://127。0。0。1/", Destination("https", "127.0.0.1", 443, "/", True)),
        ("https://a.example/%41?b=%2F", Destination("https", "a.example", 443, "/%41?b=%2F", False)),
        ("https://a.example/@b.example", Destination("https", "a.example", 443, "/@b.example", False)),
    ],
)
def test_a_url_has_one_reading(url: str, expected: Destination) -> None:
    assert GUARD.destination(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.example",
        "//a.example/",
        "ftp://a.example/",
        "file:///etc/passwd",
        "gopher://a.example/",
        "javascript:alert(1)",
        "http:a.example",
        "http:///x",
        "https://",
        "https://user@a.example/",
        "https://user:pass@a.example/",
        "https://user:pass@a.example/ x",
        "https://a.example@127.0.0.1/",
        "https://a.example\\@127.0.0.1/",
        "https://a.example\t/",
        "https://a.example/\r\nhost: b",
        "https://a.example/a b",
        "https://a.example:22/",
        "https://a.example:8080/",
        "https://a.example:99999/",
        "https://a.example:4 3/",
        "https://a.example:443:443/",
        "https://a..example/",
        "https://.example/",
        "https://-a.example/",
        "https://a%2eexample/",
        "https://a.example../",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://[127.0.0.1]/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://017700000001/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://127.0.0.1.1/",
        "https://127.0.0.0x1/",
        "https://a.example.0x/",
        f"https://a.example/{'a' * MAX_URL_LENGTH}",
        f"https://{'a' * 64}.example/",
        f"https://{'a.' * 127}example/",
    ],
)
def test_a_url_that_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        GUARD.destination(url)
    assert "pass@" not in caught.value.message


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_text_is_read_safely_or_refused(authority: str, path: str) -> None:
    try:
        destination = GUARD.destination(f"https://{authority}/{path}")
    except AddressRefused:
        return
    assert destination.path.startswith("/")
    assert destination.path.isascii()
    assert destination.host.isascii()
    assert not set(destination.host + destination.path) & set(" \r\n\t\0\\#")
    assert not set(destination.host) & set("/?@")


def test_ports_are_the_operators_choice() -> None:
    assert Guard(ports=frozenset({8443})).destination("https://a.example:8443/").port == 8443
    with pytest.raises(AddressRefused, match=r"port 443.*egress\.ports"):
        Guard(ports=frozenset({8443})).destination("https://a.example/")


def test_a_refusal_is_a_problem_that_names_the_host() -> None:
    with pytest.raises(Problem) as caught:
        GUARD.check("files.example", "10.0.0.1")
    assert isinstance(caught.value, AddressRefused)
    assert caught.value.host == "files.example"
    assert "10.0.0.1" not in caught.value.message
