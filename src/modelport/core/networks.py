"""Addresses and networks of callers, in one form each: an IPv4 address that came as IPv6 is IPv4."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_MAPPED = IPv6Network("::ffff:0:0/96")


def address_of(text: str) -> Address | None:
    """Read an address; None when it is none. The zone of a link-local one (`%eth0`) is left out."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


def network_of(text: str) -> Network:
    """Read a range (`10.0.0.0/8`) or an address, which is a range of one; raises `ValueError` when it is neither."""
    if "%" in text:
        raise ValueError(f"'{text}' has a zone, which only this machine knows")
    network = ip_network(text, strict=False)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((int(network.network_address) & 0xFFFF_FFFF, network.prefixlen - 96))
    return network


def is_within(address: Address, networks: tuple[Network, ...]) -> bool:
    """Whether an address lies in one of the networks; one of the other version never does."""
    return any(address in network for network in networks)
