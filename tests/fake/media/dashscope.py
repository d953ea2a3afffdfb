"""Alibaba's pictures, and the way to its speech.

Fields by model: https://www.alibabacloud.com/help/en/model-studio/qwen-image-generation-and-editing-api-reference,
https://www.alibabacloud.com/help/en/model-studio/wan-image-generation-and-editing-api-reference,
https://www.alibabacloud.com/help/en/model-studio/text-to-image-v2-api-reference (read 2026-11-29).
"""

import re
from typing import Any
from uuid import uuid4

from tests.fake.media import dashscope_speech
from tests.fake.media.files import png
from tests.fake.media.seam import MediaAnswer, MediaAsked, Refused, bearer, only, reachable
from tests.fake.vendor import words

PREFIX = "/dashscope/api/v1"
BLOCKED = "forbidden"
"""A prompt with this word in it is refused."""
_NOW = "/services/aigc/multimodal-generation/generation"
_LATER = "/services/aigc/text2image/image-synthesis"
_QWEN = words("size n negative_prompt prompt_extend watermark seed")
_PARAMETERS: dict[str, frozenset[str]] = {
    "qwen-image": _QWEN,
    "qwen-image-2.0": _QWEN,
    "qwen-image-2.0-pro": _QWEN,
    "qwen-image-3.0": _QWEN,
    "qwen-image-edit": words("negative_prompt watermark seed"),
    "z-image-turbo": words("size prompt_extend seed"),
    "wan2.6-image": _QWEN | words("enable_interleave"),
    "wan2.6-t2i": _QWEN,
    "wan2.7-image": words("size n watermark seed enable_sequential thinking_mode color_palette bbox_list"),
    "wan2.7-image-pro": words("size n watermark seed enable_sequential thinking_mode color_palette bbox_list"),
}
_TASKED = words("wan2.2-t2i-flash wan2.2-t2i-plus wan2.5-t2i-preview")
_FIXED = words("1664*928 1472*1104 1328*1328 1104*1472 928*1664")
_NEED_PICTURES = words("qwen-image-edit wan2.6-image")
_TAKE_NONE = words("qwen-image z-image-turbo wan2.6-t2i")


def error(refused: Refused) -> MediaAnswer:
    """Write a refusal."""
    told = {"code": refused.code or "InvalidParameter", "message": refused.message, "request_id": "one"}
    return MediaAnswer(told, refused.status)


def answer(asked: MediaAsked) -> MediaAnswer | None:
    """Answer a request."""
    bearer(asked)
    if asked.path.startswith("/tasks/"):
        return _told(asked)
    if asked.path == _NOW and asked.json.get("model") == dashscope_speech.MODEL:
        return dashscope_speech.spoken(asked)
    if asked.path == _NOW and asked.json.get("model") in _PARAMETERS:
        return _now(asked)
    return _later(asked) if asked.path == _LATER else None


def _now(asked: MediaAsked) -> MediaAnswer:
    body = asked.json
    only(body, words("model input parameters"), needs=("model", "input"))
    model, given = body["model"], body.get("parameters", {})
    only(given, _PARAMETERS[model])
    [turn] = body["input"]["messages"]
    pictures = [reachable(part["image"]) for part in turn["content"] if "image" in part]
    texts = [part["text"] for part in turn["content"] if "text" in part]
    if len(texts) != 1 or (model in _NEED_PICTURES) > bool(pictures) or (pictures and model in _TAKE_NONE):
        raise Refused(400, "url error, please check the content of messages")
    _check(model, given, texts[0])
    asked.studio.made["dashscope"] += 1
    links = [asked.studio.file(png(64, 64), "image/png", "drawn.png") for _ in range(given.get("n", 1))]
    choices = [
        {"finish_reason": "stop", "message": {"role": "assistant", "content": [{"image": link}]}} for link in links
    ]
    return MediaAnswer({"output": {"choices": choices}, "usage": {"image_count": len(links)}, "request_id": "one"})


def _later(asked: MediaAsked) -> MediaAnswer:
    body = asked.json
    if asked.headers.get("x-dashscope-async") != "enable":
        raise Refused(403, "current user api does not support synchronous calls.", "AccessDenied")
    only(body, words("model input parameters"), needs=("model", "input"))
    if body["model"] not in _TASKED:
        raise Refused(404, "Model not exist.", "ModelNotFound")
    only(body["input"], words("prompt negative_prompt"), needs=("prompt",))
    given = body.get("parameters", {})
    only(given, words("size n prompt_extend watermark seed"))
    _check(body["model"], given, body["input"]["prompt"])
    job = str(uuid4())
    asked.studio.made["dashscope"] += 1
    asked.studio.jobs[job] = {"body": body, "polls": asked.studio.polls}
    return MediaAnswer({"output": {"task_status": "PENDING", "task_id": job}, "request_id": "one"})


def _check(model: str, given: dict[str, Any], prompt: str) -> None:
    found = re.fullmatch(r"(\d+)\*(\d+)", given.get("size", "1328*1328"))
    if found is None or (model == "qwen-image" and found[0] not in _FIXED):
        raise Refused(400, f"size is not one of those that are allowed: {given['size']}")
    width, height = int(found[1]), int(found[2])
    least = 768 * 768 if model.startswith(("wan2.5", "wan2.6", "wan2.7")) else 512 * 512
    if not least <= width * height <= 2048 * 2048 or (model.startswith("wan2.2") and max(width, height) > 1440):
        raise Refused(400, f"The size of {width}*{height} is out of bounds")
    if not 1 <= given.get("n", 1) <= (1 if model == "qwen-image" else 4 if model.startswith("wan") else 6):
        raise Refused(400, "num_images_per_prompt must be 1")
    if BLOCKED in prompt:
        raise Refused(400, "Input data may contain inappropriate content.", "DataInspectionFailed")


def _told(asked: MediaAsked) -> MediaAnswer | None:
    name = asked.path.removeprefix("/tasks/")
    found = asked.studio.jobs.get(name)
    if found is None:
        return MediaAnswer({"output": {"task_id": name, "task_status": "UNKNOWN"}, "request_id": "one"})
    if "parameters" not in found["body"]:
        return None
    if found["polls"] > 0:
        found["polls"] -= 1
        return MediaAnswer({"output": {"task_id": name, "task_status": "RUNNING"}, "request_id": "one"})
    count = found["body"]["parameters"].get("n", 4)
    results = [{"url": asked.studio.file(png(64, 64), "image/png", "drawn.png")} for _ in range(count)]
    output = {"task_id": name, "task_status": "SUCCEEDED", "results": results}
    return MediaAnswer({"output": output, "usage": {"image_count": count}, "request_id": "one"})
