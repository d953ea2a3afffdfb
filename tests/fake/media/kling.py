"""Kling's pictures.

Fields: https://app.klingai.com/global/dev/document-api/apiReference/model/OmniImage, …/model/imageGeneration and
…/model/multiImageToImage; tokens and codes: …/commonInfo (read 2026-11-29). A key of the fake signs for itself: the
access key and the secret key are the same.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import msgspec

from tests.fake.media.files import png
from tests.fake.media.seam import MediaAnswer, MediaAsked, Refused, only, reachable
from tests.fake.vendor import words

PREFIX = "/kling/v1"
BLOCKED = "forbidden"
"""A prompt with this word in it does not pass the risk control."""
_SHARED = words("model_name prompt n aspect_ratio callback_url external_task_id watermark_info")
_KNOWN: Mapping[str, frozenset[str]] = {
    "/images/omni-image": _SHARED | words("resolution image_list element_list result_type series_amount"),
    "/images/generations": _SHARED | words("resolution negative_prompt image image_reference image_fidelity"),
    "/images/multi-image2image": _SHARED | words("subject_image_list scene_image style_image"),
}
_MODELS: Mapping[str, frozenset[str]] = {
    "/images/omni-image": words("kling-image-o1 kling-v3-omni"),
    "/images/generations": words("kling-v1 kling-v1-5 kling-v2 kling-v2-new kling-v2-1 kling-v3"),
    "/images/multi-image2image": words("kling-v2 kling-v2-1"),
}
_RATIOS = words("16:9 9:16 1:1 4:3 3:4 3:2 2:3 21:9")
_CODES = {400: 1201, 401: 1000, 404: 1203}


def error(refused: Refused) -> MediaAnswer:
    """Write a refusal."""
    code = int(refused.code) if refused.code else _CODES[refused.status]
    return MediaAnswer({"code": code, "message": refused.message, "request_id": "r1"}, refused.status)


def answer(asked: MediaAsked) -> MediaAnswer | None:
    """Answer a request."""
    path = next((path for path in _KNOWN if asked.path == path or asked.path.startswith(path + "/")), None)
    if path is None:
        return None
    _check_token(asked)
    if asked.method == "GET":
        return _told(asked, asked.path.removeprefix(path + "/"), path)
    body = asked.json
    only(body, _KNOWN[path], needs=("prompt",))
    _check(path, body)
    job = str(uuid4().int)[:18]
    asked.studio.made["kling"] += 1
    asked.studio.jobs[job] = {"body": body, "polls": asked.studio.polls, "path": path}
    return _task(job, {"task_status": "submitted"})


def _check_token(asked: MediaAsked) -> None:
    word, _, token = asked.headers.get("authorization", "").partition(" ")
    said, _, signature = token.rpartition(".")
    head, _, body = said.partition(".")
    try:
        kind, claims = msgspec.json.decode(_unpacked(head)), msgspec.json.decode(_unpacked(body))
    except (ValueError, msgspec.DecodeError):
        raise Refused(401, "Authorization is invalid", "1002") from None
    if word != "Bearer" or kind != {"alg": "HS256", "typ": "JWT"} or not claims["iss"].startswith("sk-fake"):
        raise Refused(401, "Authentication failed")
    if not hmac.compare_digest(
        hmac.digest(claims["iss"].encode(), said.encode(), hashlib.sha256), _unpacked(signature)
    ):
        raise Refused(401, "Authentication failed")
    if claims["nbf"] > time.time():
        raise Refused(401, "Authorization is not yet valid", "1003")
    if not time.time() < claims["exp"] <= time.time() + 1800:
        raise Refused(401, "Authorization has expired", "1004")


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _check(path: str, body: dict[str, Any]) -> None:
    model = body.get("model_name", "kling-image-o1" if path == "/images/omni-image" else "kling-v1")
    if model not in _MODELS[path]:
        raise Refused(404, f"model {model} is not supported")
    if len(body["prompt"]) > 2500 or not 1 <= body.get("n", 1) <= 9:
        raise Refused(400, "prompt or n is out of range")
    if body.get("aspect_ratio", "16:9") not in _RATIOS or body.get("resolution", "1k") not in ("1k", "2k"):
        raise Refused(400, "aspect_ratio or resolution is not valid")
    if "negative_prompt" in body and "image" in body:
        raise Refused(400, "negative_prompt is not supported with an image")
    pictures = [one["image"] for one in body.get("image_list", [])]
    subjects = [one["subject_image"] for one in body.get("subject_image_list", [])]
    if len(pictures) > 10 or len(subjects) > 4 or (path.endswith("multi-image2image") and not subjects):
        raise Refused(400, "the number of images is not valid")
    for one in (*pictures, *subjects, *([body["image"]] if "image" in body else [])):
        if one.startswith("data:"):
            raise Refused(400, "the image is base64 with a prefix")
        if one.startswith("http"):
            reachable(one)
        else:
            base64.b64decode(one, validate=True)


def _task(job: str, more: Mapping[str, Any]) -> MediaAnswer:
    times = {"created_at": 1_790_000_000_000, "updated_at": 1_790_000_000_000}
    return MediaAnswer({"code": 0, "message": "SUCCEED", "request_id": "r1", "data": {"task_id": job, **more, **times}})


def _told(asked: MediaAsked, job: str, path: str) -> MediaAnswer:
    found = asked.studio.jobs.get(job)
    if found is None or found["path"] != path:
        raise Refused(404, "task not found")
    if found["polls"] > 0:
        found["polls"] -= 1
        return _task(job, {"task_status": "processing"})
    if BLOCKED in found["body"]["prompt"]:
        return _task(job, {"task_status": "failed", "task_status_msg": "Failure to pass the risk control system"})
    count = found["body"].get("n", 1)
    images = [{"index": at, "url": asked.studio.file(png(64, 64), "image/png", "drawn")} for at in range(count)]
    return _task(job, {"task_status": "succeed", "task_result": {"images": images}})
