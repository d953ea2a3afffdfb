"""Where a request came from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.api.peers import Peers
from modelport.core.networks import network_of

PROXIES = Peers((network_of("10.0.0.0/8"), network_of("fd00::/8")))
CALLER = "203.0.113.9"


def seen(peers: Peers, client: str | None, *forwarded: str) -> str | None:
    headers = [(b"host", b"here"), *((b"x-forwarded-for", value.encode("latin-1")) for value in forwarded)]
    scope = {"client": None if client is None else (client, 5000), "headers": headers}
    address = peers.address(scope)
    return None if address is None else str(address)


def test_without_proxies_it_is_the_connection_whatever_is_claimed() -> None:
    assert seen(Peers(), CALLER, "192.0.2.1") == CALLER
    assert seen(PROXIES, CALLER, "192.0.2.1") == CALLER


def test_a_mapped_address_is_the_one_that_it_stands_for() -> None:
    assert seen(Peers(), f"::ffff:{CALLER}") == CALLER
    assert seen(PROXIES, "::ffff:10.0.0.1", f"::ffff:{CALLER}") == CALLER


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ((CALLER,), CALLER),
        (("192.0.2.1, " + CALLER,), CALLER),
        (("192.0.2.1", CALLER), CALLER),
        ((CALLER, "10.9.9.9"), CALLER),
        ((f"192.0.2.1, {CALLER}, 10.9.9.9,10.8.8.8",), CALLER),
        ((f"{CALLER}:4711",), CALLER),
        (("[2001:db8::7]:4711",), "2001:db8::7"),
        (("2001:db8::7",), "2001:db8::7"),
        (("10.9.9.9",), "10.9.9.9"),
        ((), "10.0.0.1"),
    ],
)
def test_behind_proxies_it_is_the_rightmost_hop_that_is_not_trusted(forwarded: tuple[str, ...], address: str) -> None:
    assert seen(PROXIES, "10.0.0.1", *forwarded) == address


@pytest.mark.parametrize("hop", ["unknown", "", "_hidden", "\xff", "192.0.2.1;x", "192.0.2.1:x", "[192.0.2.1"])
def test_a_hop_that_cannot_be_read_is_nowhere_and_what_is_left_of_it_is_not_believed(hop: str) -> None:
    assert seen(PROXIES, "10.0.0.1", f"198.51.100.1, {hop}") is None


def test_a_unix_socket_has_no_address() -> None:
    assert seen(PROXIES, None, CALLER) is None
    assert seen(PROXIES, "", CALLER) is None


@given(st.lists(st.ip_addresses(v=4).map(str), max_size=5), st.ip_addresses(v=4).map(str))
def test_nothing_that_a_caller_claims_changes_where_it_came_from(claims: list[str], caller: str) -> None:
    if PROXIES.is_trusted((caller, 0)):
        return
    assert seen(PROXIES, "10.0.0.1", ", ".join([*claims, caller])) == caller
