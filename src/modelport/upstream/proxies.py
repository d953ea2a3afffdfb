"""Which requests go through a proxy, by the customs of HTTP_PROXY, HTTPS_PROXY and NO_PROXY."""

import base64
import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import unquote

from modelport.core.errors import Secret
from modelport.upstream.address import Proxy

_PROXY_URL = re.compile(
    r"(?:http://)?(?:(?P<user>[^:@/\s]*)(?::(?P<password>[^@/\s]*))?@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?/?",
    re.IGNORECASE,
)
_DEFAULT_PORT = 80


@dataclass(frozen=True, slots=True)
class Proxies:
    """The operator's proxies; loopback addresses are never sent through one."""

    http: Proxy | None = None
    https: Proxy | None = None
    exceptions: tuple[str, ...] = ()

    def for_host(self, host: str, port: int, *, is_tls: bool) -> Proxy | None:
        """Return the proxy for a host, None when it is reached directly."""
        proxy = self.https if is_tls else self.http
        if proxy is None or _is_loopback(host):
            return None
        return None if any(_matches(entry, host, port) for entry in self.exceptions) else proxy


def parse_proxies(http: str | None, https: str | None, no_proxy: str | None) -> Proxies:
    """Read the three values as the environment or the settings give them; raises `ValueError`, without credentials."""
    entries = tuple(entry.strip().lower() for entry in (no_proxy or "").split(",") if entry.strip())
    return Proxies(_proxy(http, "http_proxy"), _proxy(https, "https_proxy"), entries)


def _proxy(url: str | None, setting: str) -> Proxy | None:
    if not url:
        return None
    found = _PROXY_URL.fullmatch(url)
    port = int(found["port"] or _DEFAULT_PORT) if found is not None else 0
    if found is None or not 0 < port < 65536:
        raise ValueError(
            f"`{setting}` is not an address such as http://proxy.example.com:3128 (TLS to a proxy is not spoken)"
        )
    return Proxy(found["host"].strip("[]").lower(), port, _authorization(found["user"], found["password"]))


def _authorization(user: str | None, password: str | None) -> Secret | None:
    if not user:
        return None
    pair = f"{unquote(user)}:{unquote(password or '')}".encode()
    return Secret(f"Basic {base64.b64encode(pair).decode('ascii')}")


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def _matches(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    name, _, wanted_port = entry.rpartition(":")
    if name and wanted_port.isdigit() and (":" not in name or name.endswith("]")):
        if int(wanted_port) != port:
            return False
        entry = name.strip("[]")
    address = _address(host)
    if address is not None:
        return _covers(entry, address)
    suffix = entry.removeprefix("*").lstrip(".")
    return host == suffix or host.endswith(f".{suffix}")


def _covers(entry: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return address in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
