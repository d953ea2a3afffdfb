"""A page as it leaves: its bytes, plain and packed, and the tag by which a browser asks for it again."""

import gzip
import hashlib
from dataclasses import dataclass

HTML = "text/html; charset=utf-8"
_LEVEL = 3


@dataclass(frozen=True, slots=True)
class Page:
    """One answer for a browser."""

    body: bytes
    packed: bytes
    etag: str
    kind: str = HTML
    status: int = 200
    is_lasting: bool = False
    """Whether its address changes with its content, so that it never has to be asked for again."""


def page(body: bytes, kind: str = HTML, status: int = 200, *, is_lasting: bool = False) -> Page:
    """Pack a page and tag it; the tag is weak, for it stands for both forms."""
    etag = f'W/"{hashlib.sha256(body).hexdigest()[:24]}"'
    return Page(body, gzip.compress(body, _LEVEL, mtime=0), etag, kind, status, is_lasting)
