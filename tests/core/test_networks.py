"""Addresses in one form each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.core.networks import address_of, is_within, network_of


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::FFFF:C000:207", "192.0.2.7"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_an_address_has_one_form(text: str, address: str) -> None:
    assert str(address_of(text)) == address


@pytest.mark.parametrize("text", ["", "localhost", "192.0.2", "192.0.2.256", "010.0.0.1", "1", "unix:", "[::1]", "::g"])
def test_what_is_no_address_is_none(text: str) -> None:
    assert address_of(text) is None


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::ffff:0:0/95", "::fffe:0:0/95"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::1", "::1/128"),
    ],
)
def test_a_range_has_one_form(text: str, network: str) -> None:
    assert str(network_of(text)) == network


@given(st.ip_addresses(), st.ip_addresses(), st.integers(0, 32))
def test_only_addresses_of_the_same_version_lie_in_a_range(one: object, other: object, length: int) -> None:
    address, network = address_of(str(one)), network_of(f"{other}/{length}")
    assert address is not None
    inside = address.version == network.version and network_of(f"{address}/{network.prefixlen}") == network
    assert is_within(address, (network,)) == inside
