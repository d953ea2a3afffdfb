"""Cross-origin headers of every API answer, ready-made."""

import re
from collections.abc import Mapping

Headers = tuple[tuple[bytes, bytes], ...]

METHODS = b"GET, POST, PUT, PATCH, DELETE"
EXPOSED = (
    b"x-inference-id, x-client-request-id, x-aimlapi-credits-used, x-aimlapi-usd-spent, "
    b"retry-after, etag, x-modelport-dropped-params, x-modelport-rate-limit, deprecation, sunset, "
    b"accept-ranges, content-range, content-disposition"
)
_MAX_AGE_S = b"86400"
_NAMES = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, \t-]{1,4096}")


class Cors:
    """Knows which pages may read our answers: all by default, else one origin."""

    def __init__(self, origin: str = "*", *, is_loopback: bool = False) -> None:
        self.is_loopback = is_loopback
        allow = (b"access-control-allow-origin", origin.encode("latin-1"))
        vary = () if origin == "*" else ((b"vary", b"origin"),)
        self.headers: Headers = (allow, (b"access-control-expose-headers", EXPOSED), *vary)
        """To be added to every answer."""

    def preflight(self, asked: Mapping[bytes, bytes]) -> Headers:
        """Answer what a browser asks before the request itself: its headers are mirrored. `headers` goes with it."""
        headers = [
            (b"access-control-allow-methods", METHODS),
            (b"access-control-max-age", _MAX_AGE_S),
            (b"vary", b"access-control-request-headers"),
        ]
        wanted = asked.get(b"access-control-request-headers")
        if wanted and _NAMES.fullmatch(wanted):
            headers.append((b"access-control-allow-headers", wanted))
        if self.is_loopback and asked.get(b"access-control-request-private-network", b"").lower() == b"true":
            headers.append((b"access-control-allow-private-network", b"true"))
        return tuple(headers)
