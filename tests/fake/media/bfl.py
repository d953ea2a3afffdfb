"""FLUX at its maker.

Fields by model: https://docs.bfl.ai/api-reference (read 2026-11-29). A task is taken, then asked after by its id.
"""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from tests.fake.media.files import JPEG, png
from tests.fake.media.seam import MediaAnswer, MediaAsked, Refused, bearer, only, reachable
from tests.fake.vendor import words

PREFIX = "/bfl/v1"
BLOCKED = "forbidden"
"""A prompt with this word in it is moderated."""
_ALL = words("prompt seed safety_tolerance output_format prompt_upsampling webhook_url webhook_secret")
_SIDES = words("width height")
_IMAGES = words("input_image input_image_2 input_image_3 input_image_4")
_MORE_IMAGES = _IMAGES | words("input_image_5 input_image_6 input_image_7 input_image_8")
MODELS: Mapping[str, frozenset[str]] = {
    "flux-pro": _ALL | _SIDES | words("steps guidance interval image_prompt"),
    "flux-dev": _ALL | _SIDES | words("steps guidance image_prompt"),
    "flux-pro-1.1": _ALL | _SIDES | words("image_prompt"),
    "flux-pro-1.1-ultra": _ALL | words("aspect_ratio raw image_prompt image_prompt_strength"),
    "flux-kontext-pro": _ALL | _IMAGES | words("aspect_ratio"),
    "flux-kontext-max": _ALL | _IMAGES | words("aspect_ratio"),
    "flux-2-pro": _ALL | _SIDES | _MORE_IMAGES,
    "flux-2-max": _ALL | _SIDES | _MORE_IMAGES,
}
_MOST_PIXELS = 4_194_304


def error(refused: Refused) -> MediaAnswer:
    """Write a refusal."""
    return MediaAnswer({"detail": refused.message}, refused.status)


def answer(asked: MediaAsked) -> MediaAnswer | None:
    """Answer a request."""
    bearer(asked, "", "x-key")
    if asked.path == "/get_result":
        return _told(asked)
    known = MODELS.get(asked.path.removeprefix("/"))
    if known is None:
        return None
    if asked.method != "POST":
        raise Refused(405, "Method Not Allowed")
    body = asked.json
    _check(asked.path.removeprefix("/"), body, known)
    job = str(uuid4())
    asked.studio.made["bfl"] += 1
    asked.studio.jobs[job] = {"body": body, "polls": asked.studio.polls}
    place = f"https://api.us1.bfl.ai/v1/get_result?id={job}"
    return MediaAnswer({"id": job, "polling_url": place, "cost": 4.0})


def _check(model: str, body: dict[str, Any], known: frozenset[str]) -> None:
    only(body, known, needs=("prompt",))
    if not 0 <= body.get("safety_tolerance", 2) <= (5 if model.startswith("flux-2") else 6):
        raise Refused(422, "safety_tolerance: Input should be less than or equal to the maximum")
    if body.get("output_format", "jpeg") not in ("jpeg", "png"):
        raise Refused(422, "output_format: Input should be 'jpeg' or 'png'")
    _sides(model, body)
    if not 1.5 <= body.get("guidance", 3.0) <= 5.0:
        raise Refused(422, "guidance: Input should be between 1.5 and 5")
    if not 1 <= body.get("steps", 28) <= 50:
        raise Refused(422, "steps: Input should be between 1 and 50")
    for name in body.keys() & _MORE_IMAGES:
        if body[name].startswith("http"):
            reachable(body[name])
        else:
            base64.b64decode(body[name], validate=True)


def _sides(model: str, body: dict[str, Any]) -> None:
    width, height = body.get("width", 1024), body.get("height", 768)
    if model.startswith("flux-2"):
        is_good = width % 16 == height % 16 == 0 and min(width, height) >= 64 and width * height <= _MOST_PIXELS
    else:
        is_good = width % 32 == height % 32 == 0 and min(width, height) >= 256 and max(width, height) <= 1440
    if not is_good:
        raise Refused(422, f"{width}x{height} is no size of this model")


def _told(asked: MediaAsked) -> MediaAnswer:
    name = parse_qs(asked.query).get("id", [""])[0]
    found = asked.studio.jobs.get(name)
    if found is None:
        return MediaAnswer({"id": name, "status": "Task not found", "result": None})
    if found["polls"] > 0:
        found["polls"] -= 1
        return MediaAnswer({"id": name, "status": "Pending", "result": None, "progress": 0.5})
    body = found["body"]
    if BLOCKED in body["prompt"]:
        details = {"Moderation Reasons": ["Derivative Works Filter"]}
        return MediaAnswer({"id": name, "status": "Content Moderated", "result": None, "details": details})
    is_png = body.get("output_format") == "png"
    data = png(body.get("width", 1024), body.get("height", 768)) if is_png else JPEG
    kind = "image/png" if is_png else "image/jpeg"
    link = asked.studio.file(data, kind, "sample.png" if is_png else "sample.jpeg")
    result = {
        "sample": link,
        "prompt": body["prompt"],
        "seed": body.get("seed", 41),
        "start_time": 1.0,
        "end_time": 2.0,
    }
    return MediaAnswer({"id": name, "status": "Ready", "result": result})
