"""Answers that are not sent again to who has them already."""

import hashlib

from modelport.api.request import Answer, Headers, Request
from modelport.catalogue.listing import Rendered


def rendered(body: bytes) -> Rendered:
    """Give a JSON body its entity tag."""
    return Rendered(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def tagged(request: Request, rendered: Rendered, more: Headers = ()) -> Answer:
    """Answer JSON with its entity tag, or 304 where the caller has it."""
    etag = rendered.etag.encode()
    headers = ((b"etag", etag), (b"cache-control", b"no-cache"), *more)
    asked = request.headers.get(b"if-none-match")
    if asked is not None and _matches(asked, etag):
        return Answer(304, b"", headers)
    return Answer(200, rendered.body, ((b"content-type", b"application/json"), *headers))


def _matches(asked: bytes, etag: bytes) -> bool:
    tags = [tag.strip().removeprefix(b"W/") for tag in asked.split(b",")]
    return etag in tags or b"*" in tags
