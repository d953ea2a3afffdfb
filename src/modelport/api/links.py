"""The one place that builds absolute links."""

import re
from collections.abc import Mapping
from typing import Any

from modelport.api.peers import Peers
from modelport.core.networks import Network

_HOST = re.compile(rb"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")


class Links:
    """Builds links below the public address: the configured one, else scheme and host of the request."""

    def __init__(self, public_url: str | None = None, trusted_proxies: tuple[Network, ...] = ()) -> None:
        self.public_url = public_url.rstrip("/") if public_url else None
        self._peers = Peers(trusted_proxies)

    def root(self, scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> str:
        """Return the public address without a trailing slash; forwarded headers count only from a trusted proxy."""
        if self.public_url is not None:
            return self.public_url
        scheme = str(scope.get("scheme", "http"))
        host = headers.get(b"host", b"")
        if self._peers.is_trusted(scope.get("client")):
            forwarded = _last(headers.get(b"x-forwarded-proto")).lower()
            scheme = forwarded.decode() if forwarded in (b"http", b"https") else scheme
            host = _last(headers.get(b"x-forwarded-host")) or host
        if not _HOST.fullmatch(host):
            host = _own_address(scope.get("server"))
        return f"{scheme}://{host.decode('ascii')}"


def _last(value: bytes | None) -> bytes:
    """Return what the nearest proxy said: it appends to the list."""
    return (value or b"").rpartition(b",")[2].strip()


def _own_address(server: tuple[str, int | None] | None) -> bytes:
    if not server:
        return b"localhost"
    host, port = server
    name = f"[{host}]" if ":" in host else host
    return f"{name}:{port}".encode()
