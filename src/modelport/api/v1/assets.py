"""Files by their signed links: whole, in part, or only what is known of them."""

import re
from dataclasses import dataclass

from modelport.api.problems import RangeUnsatisfiable
from modelport.api.request import Answer, Request
from modelport.api.v1.pages import is_match
from modelport.assets.archive import Archive
from modelport.assets.links import Granted

_RANGE = re.compile(rb"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*", re.IGNORECASE)
_GUARDS = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; sandbox"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"accept-ranges", b"bytes"),
)
"""A file came from a model or a stranger: whatever it is, it runs nothing here."""


@dataclass(frozen=True, slots=True)
class AssetRoutes:
    """`/assets/{expiry}-{signature}/{name}`."""

    archive: Archive

    async def show(self, request: Request) -> Answer | None:
        """Send a file, or the part of it that was asked for."""
        granted = self.archive.granted(request.tail)
        size = await self.archive.size(granted.key)
        etag = f'"{granted.key.digest}"'.encode()
        headers = [*_GUARDS, (b"etag", etag), (b"cache-control", self._kept_for(granted))]
        if is_match(request.headers.get(b"if-none-match"), etag):
            return Answer(304, b"", headers)
        part = _asked(request, etag, size)
        start, end = part or (0, size)
        if part is not None:
            headers.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, size)))
        headers += _described(granted)
        headers.append((b"content-length", b"%d" % (end - start)))
        await self._send(request, granted, 200 if part is None else 206, headers, start, end)
        return None

    async def _send(
        self, request: Request, granted: Granted, status: int, headers: list[tuple[bytes, bytes]], start: int, end: int
    ) -> None:
        client = request.client
        await client.start(status, headers)
        if request.method != "HEAD":
            async for piece in self.archive.read(granted.key, start, end):
                await client.send(piece)
                if client.has_left:
                    return
        await client.send(b"")
        await client.finish()

    def _kept_for(self, granted: Granted) -> bytes:
        """A link is a secret between its holder and us: no cache that others share may answer it."""
        left_ms = granted.expires_at_ms - self.archive.clock.now_ms()
        return b"private, max-age=%d, immutable" % max(0, left_ms // 1000)


def _described(granted: Granted) -> list[tuple[bytes, bytes]]:
    kind = granted.key.kind
    shown = "inline" if kind.is_inert else "attachment"
    return [
        (b"content-type", kind.content_type.encode()),
        (b"content-disposition", f'{shown}; filename="{granted.key.name}"'.encode()),
    ]


def _asked(request: Request, etag: bytes, size: int) -> tuple[int, int] | None:
    """Return the part that is asked for, its end excluded; None for the whole. Raises `RangeUnsatisfiable`.

    What is no range of bytes, or more than one, is answered with the whole, as is a range of what has changed since.
    """
    found = _RANGE.fullmatch(request.headers.get(b"range", b""))
    if found is None or not (found[1] or found[2]):
        return None
    if request.headers.get(b"if-range", etag) != etag:
        return None
    first, last = found[1], found[2]
    if not first:
        start, end = max(0, size - int(last)), size
    elif last and int(last) < int(first):
        return None
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
    if start >= size:
        request.client.mark(b"content-range", b"bytes */%d" % size)
        raise RangeUnsatisfiable(size)
    return start, end
