"""Decides which addresses that come from callers may be called: public ones, and what the operator allows."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from modelport.core.errors import Problem

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_URL_LENGTH = 8192
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?:#.*)?", re.IGNORECASE
)
_AUTHORITY = re.compile(r"(?P<host>\[[^\[\]]*\]|[^\[\]:]*)(?::(?P<port>[0-9]{1,5})?)?")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_PORTS = {"http": 80, "https": 443}
_PATH_SAFE = "/%:@!$&'()*+,;=~"

# What is not for everybody, from the special-purpose registries (read 2026-11-22:
# https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry).
_REFUSED_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's own service address, public only by its number
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
)
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class AddressRefused(Problem):
    """An address that a caller gave and that this server does not call."""

    def __init__(self, host: str, reason: str, advice: str = "Use a public http or https address.") -> None:
        super().__init__(f"The address {host!r} is refused: {reason}. {advice}")
        self.host = host


@dataclass(frozen=True, slots=True)
class Destination:
    """A caller's URL, taken apart and written in one way only."""

    scheme: Literal["http", "https"]
    host: str
    """A lower-case ASCII name without a dot at the end, or an IP address in its usual form, no brackets."""
    port: int
    path: str
    """Path and query, percent-encoded; starts with a slash."""
    is_address: bool


@dataclass(frozen=True, slots=True)
class Guard:
    """The operator's rule for addresses that come from callers. Pure: it looks nothing up."""

    allow: tuple[IpNetwork, ...] = ()
    """`egress.allow`: ranges that may be called although they are not public."""
    ports: frozenset[int] = frozenset({80, 443})
    """`egress.ports`."""
    trust_proxy: bool = False
    """`egress.trust_proxy`: whether the proxy is trusted to refuse what this guard would."""

    def destination(self, url: str) -> Destination:
        """Take a URL apart; raises `AddressRefused` unless it is plain http or https to a well-formed host and port."""
        if len(url) > MAX_URL_LENGTH:
            raise AddressRefused("…", f"it is longer than {MAX_URL_LENGTH} characters")
        found = None if _FORBIDDEN.search(url) else _URL.fullmatch(url)
        if found is None:
            raise AddressRefused("…" if "@" in url else url.partition("?")[0][:64], "it is not an http or https URL")
        authority = found["authority"]
        if "@" in authority:
            raise AddressRefused(authority.rpartition("@")[2], "it has a user name or password in it")
        scheme: Literal["http", "https"] = "https" if found["scheme"].lower() == "https" else "http"
        parts = _AUTHORITY.fullmatch(authority)
        if parts is None:
            raise AddressRefused(authority[:64], "its host cannot be read")
        host, is_address = _canonical_host(parts["host"])
        port = int(parts["port"] or _PORTS[scheme])
        if port not in self.ports:
            raise AddressRefused(host, f"port {port} is not allowed", "The operator allows ports with `egress.ports`.")
        path = _encoded(found["path"] or "/") + _encoded(found["query"] or "", "?")
        return Destination(scheme, host, port, path, is_address)

    def allowed(self, address: IpAddress) -> bool:
        """Tell whether an address may be called: it is public, or the operator allows it."""
        address = _embedded(address)
        return any(address in network for network in self.allow) or _is_public(address)

    def check(self, host: str, address: str) -> None:
        """Raise `AddressRefused` unless `address`, one of those that `host` has, may be called."""
        try:
            is_allowed = "%" not in address and self.allowed(ipaddress.ip_address(address))
        except ValueError:
            is_allowed = False
        if not is_allowed:
            raise AddressRefused(
                host, "it leads to an address that is not public", "The operator allows ranges with `egress.allow`."
            )

    def check_proxied(self, destination: Destination) -> None:
        """Raise `AddressRefused` unless what a proxy would connect to may be called."""
        if not self.trust_proxy:
            raise AddressRefused(
                destination.host,
                "this server calls out through a proxy, behind which it cannot see where a name leads",
                "The operator may leave that to the proxy with `egress.trust_proxy`.",
            )
        if destination.is_address:
            self.check(destination.host, destination.host)


def parse_ranges(texts: tuple[str, ...]) -> tuple[IpNetwork, ...]:
    """Read `egress.allow`: addresses and CIDR ranges; raises `ValueError` naming the one that is wrong."""
    ranges: list[IpNetwork] = []
    for text in texts:
        try:
            ranges.append(ipaddress.ip_network(text.strip()))
        except ValueError as error:
            raise ValueError(f"`egress.allow`: {error}; write it as 10.1.0.0/16 or fd00:1::/32") from error
    return tuple(ranges)


def _is_public(address: IpAddress) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _REFUSED_V4)
    return address in _GLOBAL_V6 and not any(address in network for network in _REFUSED_V6)


def _embedded(address: IpAddress) -> IpAddress:
    """Return the IPv4 address that a mapped or NAT64 address stands for, so that it is judged as what is reached."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _canonical_host(text: str) -> tuple[str, bool]:
    """Return a host in its one spelling, and whether it is an IP address; raises `AddressRefused`."""
    if text.startswith("["):
        try:
            if "%" in text:
                raise ValueError(text)
            return str(ipaddress.IPv6Address(text[1:-1])), True
        except ValueError as error:
            raise AddressRefused(text[:64], "it is not an IPv6 address") from error
    try:
        name = text.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError as error:
        raise AddressRefused(text[:64], "its host is not a name") from error
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressRefused(text[:64], "its host is not a name")
    if _NUMBER.fullmatch(labels[-1]) is None:
        return name, False
    try:
        return str(ipaddress.IPv4Address(name)), True
    except ValueError as error:
        raise AddressRefused(text[:64], "it is an unusual spelling of an IP address") from error


def _encoded(text: str, also_safe: str = "") -> str:
    return quote(text, safe=_PATH_SAFE + also_safe, errors="replace")
