"""Where requests go: base URLs, targets of connections, request lines that nobody can bend."""

import ipaddress
import re
from dataclasses import dataclass

from modelport.core.errors import Secret
from modelport.serving.ports import UpstreamProblem

_BASE_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?(?P<path>/[^?#]*)?",
    re.IGNORECASE,
)
_PATH = re.compile(r"/[A-Za-z0-9/._~!$&'()*+,;=:@%-]*(?:\?[A-Za-z0-9/?._~!$&'()*+,;=:@%-]*)?")
_DOT_SEGMENT = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}


class UnsafeRequest(UpstreamProblem):
    """A request that would not mean the same to everybody who reads it; it is not sent."""

    was_sent = False


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy."""

    host: str
    port: int
    authorization: Secret | None = None
    """The value of `proxy-authorization`."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a connection leads to."""

    host: str = ""
    port: int = 0
    is_tls: bool = False
    unix_path: str | None = None
    proxy: Proxy | None = None
    addresses: tuple[str, ...] = ()
    """IP addresses that were checked beforehand; when empty the name is looked up."""

    @property
    def authority(self) -> str:
        """The value of `host`: the port is left out when it is the scheme's own."""
        if self.unix_path is not None:
            return "localhost"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """A provider's base URL, taken apart."""

    host: str
    port: int
    is_tls: bool
    path: str
    """Without a slash at the end."""


def parse_base_url(url: str) -> BaseUrl:
    """Take apart `https://host[:port][/path]`; raises `ValueError` for anything else, credentials included."""
    found = _BASE_URL.fullmatch(url)
    if found is None:
        raise ValueError(f"{_shown(url)} is not a base URL such as https://api.example.com/v1")
    path = (found["path"] or "").rstrip("/")
    if path:
        check_path(path, "a base URL")
    scheme = found["scheme"].lower()
    port = int(found["port"] or _DEFAULT_PORTS[scheme])
    if not 0 < port < 65536:
        raise ValueError(f"{url} has a port outside 1–65535")
    host = found["host"].lower()
    if host.startswith("["):
        host = str(ipaddress.IPv6Address(host[1:-1]))
    return BaseUrl(host, port, scheme == "https", path)


def check_path(path: str, whose: str) -> str:
    """Return a path (with a query, perhaps) that can only be read one way; raises `UnsafeRequest`."""
    if _PATH.fullmatch(path) is None or _DOT_SEGMENT.search(path.partition("?")[0]) is not None:
        raise UnsafeRequest(
            f"The path of a request to {whose} has a character or a dot segment that could change where it goes; "
            "it was not sent. Check the upstream name of the model."
        )
    return path


def request_path(target: Target, path: str) -> str:
    """Write the request line's target: a path, or the whole address for a proxy that reads plain HTTP."""
    if target.proxy is not None and not target.is_tls:
        return f"http://{target.authority}{path}"
    return path


def _shown(url: str) -> str:
    return repr(url) if "@" not in url else "an address with credentials in it"
