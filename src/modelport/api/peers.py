"""Where a request came from, through the proxies that the operator trusts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelport.core.networks import Address, Network, address_of, is_within

_FORWARDED_FOR = b"x-forwarded-for"


@dataclass(frozen=True, slots=True)
class Peers:
    """Says who is at the other end: the connection's address, or what a trusted proxy forwards for."""

    trusted_proxies: tuple[Network, ...] = ()

    def is_trusted(self, client: tuple[str, int] | None) -> bool:
        """Whether a connection comes from a trusted proxy."""
        if not self.trusted_proxies or not client:
            return False
        address = address_of(client[0])
        return address is not None and is_within(address, self.trusted_proxies)

    def address(self, scope: Mapping[str, Any]) -> Address | None:
        """Return the nearest address that is no trusted proxy; None where it cannot be known.

        Each proxy appends the address that it was called from, so that the list is believed from its right end on, and
        no further than to the first hop that is not trusted: what stands left of that is what the caller claims.
        """
        client: tuple[str, int] | None = scope.get("client")
        nearest = address_of(client[0]) if client else None
        if nearest is None or not is_within(nearest, self.trusted_proxies):
            return nearest
        lines = [value for name, value in scope["headers"] if name == _FORWARDED_FOR]
        for hop in reversed(b",".join(lines).split(b",")) if lines else ():
            nearest = _hop(hop.strip())
            if nearest is None or not is_within(nearest, self.trusted_proxies):
                break
        return nearest


def _hop(text: bytes) -> Address | None:
    """Read a hop: an address, which some proxies follow by a port (`192.0.2.1:5000`, `[2001:db8::1]:5000`)."""
    hop = text.decode("latin-1")
    if hop.startswith("["):
        host, bracket, _ = hop[1:].partition("]")
        return address_of(host) if bracket else None
    host, colon, port = hop.rpartition(":")
    return address_of(host if colon and ":" not in host and port.isdecimal() else hop)
