"""Recraft's pictures.

Fields: https://www.recraft.ai/docs/api-reference/endpoints, sizes and styles:
https://www.recraft.ai/docs/api-reference/appendix (read 2026-11-29).
"""

from typing import Any

from tests.fake.media.files import WEBP
from tests.fake.media.seam import MediaAnswer, MediaAsked, Refused, bearer, only
from tests.fake.vendor import words

PREFIX = "/recraft/v1"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><rect width="8" height="8"/></svg>'
_DRAWN = words(
    "prompt text_layout n style_id style substyle model response_format size negative_prompt controls random_seed"
)
_SIZES = words(
    "1024x1024 1365x1024 1024x1365 1536x1024 1024x1536 1820x1024 1024x1820 1024x2048 2048x1024 1434x1024 1024x1434 "
    "1024x1280 1280x1024 1024x1707 1707x1024"
)
_STYLES = words("any realistic_image digital_illustration vector_illustration icon logo_raster")


def error(refused: Refused) -> MediaAnswer:
    """Write a refusal."""
    return MediaAnswer({"code": refused.code or "bad_request", "message": refused.message}, refused.status)


def answer(asked: MediaAsked) -> MediaAnswer | None:
    """Answer a request."""
    if asked.path != "/images/generations":
        return None
    bearer(asked)
    body = asked.json
    only(body, _DRAWN, needs=("prompt",))
    _check(body)
    asked.studio.made["recraft"] += 1
    is_vector = body.get("style") == "vector_illustration"
    data, kind, name = (SVG, "image/svg+xml", "drawn.svg") if is_vector else (WEBP, "image/webp", "drawn.webp")
    drawn = [{"image_id": "one", "url": asked.studio.file(data, kind, name)} for _ in range(body.get("n", 1))]
    return MediaAnswer({"created": 1_790_000_000, "credits": 40 * len(drawn), "data": drawn})


def _check(body: dict[str, Any]) -> None:
    if body.get("model", "recraftv3") not in ("recraftv3", "recraftv2"):
        raise Refused(400, "unsupported model", "invalid_request_parameter")
    if body.get("size", "1024x1024") not in _SIZES:
        raise Refused(400, "unsupported image size", "invalid_request_parameter")
    if body.get("style", "any") not in _STYLES or "/" in body.get("substyle", ""):
        raise Refused(400, "unsupported style", "invalid_request_parameter")
    if len(body["prompt"].encode()) > 1000 or not 1 <= body.get("n", 1) <= 6:
        raise Refused(400, "prompt is too long", "invalid_request_parameter")
    for colour in body.get("controls", {}).get("colors", ()):
        if [type(part) for part in colour["rgb"]] != [int, int, int]:
            raise Refused(400, "invalid color", "invalid_request_parameter")
