"""What a vendor can fetch: it is somewhere else, and sees only what everybody sees."""

import ipaddress
from urllib.parse import urlsplit


def is_out_of_reach(url: str) -> bool:
    """Say whether an address of the web leads to where only the machine or network of its sender gets."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return False
    host = parts.hostname or ""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host
