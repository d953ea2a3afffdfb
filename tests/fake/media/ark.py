"""Seedream on BytePlus ModelArk.

Fields and sizes by model: https://docs.byteplus.com/en/docs/ModelArk/1541523 (read 2026-11-29).
"""

import re
from typing import Any

from tests.fake.media.files import JPEG
from tests.fake.media.seam import MediaAnswer, MediaAsked, Refused, bearer, only, reachable
from tests.fake.vendor import words

PREFIX = "/ark/api/v3"
BLOCKED = "forbidden"
"""A prompt with this word in it is refused."""
_DRAWN = words(
    "model prompt image size seed sequential_image_generation sequential_image_generation_options stream "
    "guidance_scale watermark response_format optimize_prompt_options output_format tools"
)
_SIZES = {
    "seedream-3-0-t2i-250415": (frozenset(), 512 * 512, 2048 * 2048),
    "seedream-4-0-250828": (words("1K 2K 4K"), 1280 * 720, 4096 * 4096),
    "seedream-4-5-251128": (words("2K 4K"), 2560 * 1440, 4096 * 4096),
    "seedream-5-0-260128": (words("2K 3K 4K"), 2560 * 1440, 4096 * 4096),
    "seedream-5-0-pro-260628": (words("1K 1.5K 2K"), 1280 * 720, 4_194_304),
}
"""By model: the words for sizes, the least and the most pixels."""


def error(refused: Refused) -> MediaAnswer:
    """Write a refusal."""
    told = {"code": refused.code or "InvalidParameter", "message": refused.message, "param": "", "type": "BadRequest"}
    return MediaAnswer({"error": told}, refused.status)


def answer(asked: MediaAsked) -> MediaAnswer | None:
    """Answer a request."""
    if asked.path != "/images/generations":
        return None
    bearer(asked)
    body = asked.json
    only(body, _DRAWN, needs=("model", "prompt"))
    if body["model"] not in _SIZES:
        raise Refused(404, f"The model or endpoint {body['model']} does not exist", "InvalidEndpointOrModel.NotFound")
    size = _sized(body)
    _pictured(body)
    if "guidance_scale" in body and not body["model"].startswith("seedream-3"):
        raise Refused(400, "The parameter `guidance_scale` is not supported by this model")
    if not -1 <= body.get("seed", -1) <= 2**31 - 1:
        raise Refused(400, "The parameter `seed` must be between -1 and 2147483647")
    if BLOCKED in body["prompt"]:
        raise Refused(400, "The input text may contain sensitive information.", "InputTextSensitiveContentDetected")
    asked.studio.made["ark"] += 1
    usage = {"generated_images": 1, "output_tokens": 4096, "total_tokens": 4096}
    drawn = {"url": asked.studio.file(JPEG, "image/jpeg", "drawn.jpeg"), "size": size}
    return MediaAnswer({"model": body["model"], "created": 1_790_000_000, "data": [drawn], "usage": usage})


def _sized(body: dict[str, Any]) -> str:
    known, least, most = _SIZES[body["model"]]
    size = body.get("size", "2048x2048")
    if size in known:
        return "2048x2048"
    found = re.fullmatch(r"(\d+)x(\d+)", size)
    if found is None or not least <= int(found[1]) * int(found[2]) <= most:
        raise Refused(400, f"The parameter `size` specified in the request is not valid: {size}")
    return size


def _pictured(body: dict[str, Any]) -> None:
    pictures = body.get("image", [])
    for one in [pictures] if isinstance(pictures, str) else pictures:
        reachable(one)
    if body["model"].startswith("seedream-3") and pictures:
        raise Refused(400, "The parameter `image` is not supported by this model")
    if body.get("response_format", "url") != "url":
        raise Refused(400, "this fake gives links")
