"""Stable Diffusion at its maker.

Fields: https://platform.stability.ai/docs/api-reference (`/v2beta/stable-image/generate/sd3`; read 2026-11-29).
"""

import base64

from tests.fake.media.files import JPEG, png
from tests.fake.media.seam import MediaAnswer, MediaAsked, Refused, bearer, only
from tests.fake.vendor import words

PREFIX = "/stability/v2beta"
BLOCKED = "forbidden"
"""A prompt with this word in it is refused."""
_DRAWN = words(
    "prompt mode image strength aspect_ratio model negative_prompt seed output_format style_preset cfg_scale"
)
_MODELS = words("sd3.5-large sd3.5-large-turbo sd3.5-medium sd3.5-flash sd3-large sd3-medium")
_SHAPES = words("16:9 1:1 21:9 2:3 3:2 4:5 5:4 9:16 9:21")


def error(refused: Refused) -> MediaAnswer:
    """Write a refusal."""
    told = {"id": "one", "name": refused.code or "bad_request", "errors": [refused.message]}
    return MediaAnswer(told, refused.status)


def answer(asked: MediaAsked) -> MediaAnswer | None:
    """Answer a request."""
    if asked.path != "/stable-image/generate/sd3":
        return None
    bearer(asked)
    form = {name: str(values[-1]) for name, values in asked.form.items()}
    only(form, _DRAWN, needs=("prompt",))
    if asked.headers.get("accept") != "application/json":
        raise Refused(400, "accept: must be one of application/json, image/*")
    if form.get("model", "sd3.5-large") not in _MODELS or form.get("aspect_ratio", "1:1") not in _SHAPES:
        raise Refused(400, "model or aspect_ratio: must be one of those that are known")
    if not 0 <= int(form.get("seed", "0")) <= 4_294_967_294 or not 1 <= float(form.get("cfg_scale", "4")) <= 10:
        raise Refused(400, "seed or cfg_scale: out of bounds")
    if BLOCKED in form["prompt"]:
        raise Refused(403, "Your request was flagged by our content moderation system.", "content_moderation")
    kind = form.get("output_format", "png")
    if kind not in ("png", "jpeg"):
        raise Refused(400, "output_format: must be one of png, jpeg")
    asked.studio.made["stability"] += 1
    data = png(64, 64) if kind == "png" else JPEG
    return MediaAnswer({"image": base64.b64encode(data).decode(), "finish_reason": "SUCCESS", "seed": 343940597})
