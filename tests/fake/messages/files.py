"""What Anthropic refuses of images and documents."""

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from tests.fake.messages.types import Base64Document, Base64Image, DocumentBlock, ImageBlock, UrlSource


def file_problems(where: str, block: Any) -> Iterator[str]:
    """Say what is wrong with an image or document."""
    if isinstance(block, ImageBlock):
        source = block.source
        if isinstance(source, Base64Image) and not decoded(source.data):
            yield f"{where}.image.source.base64: invalid base64 data"
        yield from _url(f"{where}.image.source", source)
    elif isinstance(block, DocumentBlock):
        source = block.source
        if isinstance(source, Base64Document):
            data = decoded(source.data)
            if not data:
                yield f"{where}.document.source.base64: invalid base64 data"
            elif not data.startswith(b"%PDF"):
                yield f"{where}.document.source.base64.data: The PDF specified was not valid."
        yield from _url(f"{where}.document.source", source)


def _url(where: str, source: Any) -> Iterator[str]:
    if isinstance(source, UrlSource) and not source.url.startswith("https://"):
        yield f"{where}.url.url: Only HTTPS URLs are supported."


def decoded(data: str) -> bytes | None:
    """Decode base64; None when it is not, or holds nothing."""
    try:
        return base64.b64decode(data, validate=True) or None
    except (binascii.Error, ValueError):
        return None
