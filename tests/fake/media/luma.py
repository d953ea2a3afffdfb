"""Luma's pictures.

Fields: https://docs.agents.lumalabs.ai/api/resources/generations/methods/create (read 2026-11-29).
"""

import base64
from typing import Any
from uuid import uuid4

from tests.fake.media.files import JPEG, png
from tests.fake.media.seam import MediaAnswer, MediaAsked, Refused, bearer, only, reachable
from tests.fake.vendor import words

PREFIX = "/luma-agents/v1"
BLOCKED = "forbidden"
"""A prompt with this word in it is moderated."""
_MADE = words("prompt model type aspect_ratio style output_format web_search image_ref source user_id")
_RATIOS = words("3:1 2:1 16:9 3:2 1:1 2:3 9:16 1:2 1:3")
_TALL = words("2:3 9:16 1:2 1:3")


def error(refused: Refused) -> MediaAnswer:
    """Write a refusal."""
    return MediaAnswer(
        {"error": {"code": refused.code or "invalid_request", "message": refused.message}}, refused.status
    )


def answer(asked: MediaAsked) -> MediaAnswer | None:
    """Answer a request."""
    if not asked.path.startswith("/generations"):
        return None
    bearer(asked)
    if asked.method == "GET":
        return _told(asked)
    body = asked.json
    only(body, _MADE, needs=("prompt",))
    _check(body)
    job = str(uuid4())
    asked.studio.made["luma-agents"] += 1
    asked.studio.jobs[job] = {"body": body, "polls": asked.studio.polls}
    return MediaAnswer({**_generation(job, body), "state": "queued"}, 201)


def _check(body: dict[str, Any]) -> None:
    if body.get("model", "uni-1") not in ("uni-1", "uni-1-max") or not 1 <= len(body["prompt"]) <= 6000:
        raise Refused(400, "model or prompt is not valid")
    ratio = body.get("aspect_ratio", "9:16")
    if ratio not in _RATIOS or (body.get("style") == "manga" and ratio not in _TALL):
        raise Refused(400, "aspect_ratio is not valid with this style")
    is_edit = body.get("type", "image") == "image_edit"
    if is_edit != ("source" in body):
        raise Refused(400, "source is required for image_edit and for nothing else")
    references = [*body.get("image_ref", []), *([body["source"]] if is_edit else [])]
    if len(references) > 9:
        raise Refused(400, "too many references")
    for one in references:
        if "url" in one:
            reachable(one["url"])
        else:
            base64.b64decode(one["data"], validate=True)


def _generation(job: str, body: dict[str, Any]) -> dict[str, Any]:
    kind = {"model": body.get("model", "uni-1"), "type": body.get("type", "image")}
    return {"id": job, "created_at": "2026-11-29T00:00:00Z", **kind, "failure_code": None, "failure_reason": None}


def _told(asked: MediaAsked) -> MediaAnswer:
    name = asked.path.removeprefix("/generations/")
    found = asked.studio.jobs.get(name)
    if found is None:
        raise Refused(404, "generation not found", "not_found")
    whole = _generation(name, found["body"])
    if found["polls"] > 0:
        found["polls"] -= 1
        return MediaAnswer({**whole, "state": "processing"})
    if BLOCKED in found["body"]["prompt"]:
        why = {"failure_code": "content_moderated", "failure_reason": "The prompt was moderated."}
        return MediaAnswer({**whole, "state": "failed", **why})
    is_jpeg = found["body"].get("output_format") == "jpeg"
    data, kind = (JPEG, "image/jpeg") if is_jpeg else (png(64, 64), "image/png")
    return MediaAnswer(
        {**whole, "state": "completed", "output": [{"type": "image", "url": asked.studio.file(data, kind, "drawn")}]}
    )
