"""Gemini's pictures, and Imagen's.

Fields: https://ai.google.dev/api/generate-content, https://ai.google.dev/gemini-api/docs/image-generation (read
2026-11-29). A picture comes as a part; a model that searches and is asked for pictures alone gives none.
"""

import base64
import re
from typing import Any

from tests.fake.media.files import png
from tests.fake.media.seam import MediaAnswer, MediaAsked, Refused, bearer, only
from tests.fake.vendor import words

PREFIX = "/google/v1beta"
BLOCKED = "forbidden"
"""A prompt with this word in it is refused."""
_CALL = re.compile(r"/models/([a-z0-9.-]+):(generateContent|predict)")
_BODY = words("contents generationConfig safetySettings tools systemInstruction")
_CONFIG = words("responseModalities imageConfig seed temperature topP topK candidateCount")
_RATIOS = words("1:1 2:3 3:2 3:4 4:3 4:5 5:4 9:16 16:9 21:9")
_SIZES = words("1K 2K 4K")
_KINDS = words("image/png image/jpeg image/webp image/heic image/heif")
_THRESHOLDS = words("BLOCK_LOW_AND_ABOVE BLOCK_MEDIUM_AND_ABOVE BLOCK_ONLY_HIGH BLOCK_NONE OFF")
_PREDICTED = words("sampleCount aspectRatio personGeneration safetySetting enhancePrompt addWatermark seed")
_MOST_SEED = 2**31 - 1


def error(refused: Refused) -> MediaAnswer:
    """Write a refusal."""
    told = {"code": refused.status, "message": refused.message, "status": refused.code or "INVALID_ARGUMENT"}
    return MediaAnswer({"error": told}, refused.status)


def answer(asked: MediaAsked) -> MediaAnswer | None:
    """Answer a request for pictures; other models of Gemini, and those who answer in words, are played elsewhere."""
    found = _CALL.fullmatch(asked.path)
    if found is None or "imag" not in found[1]:
        return None
    if found[2] == "generateContent" and "responseModalities" not in asked.json.get("generationConfig", {}):
        return None
    bearer(asked, "", "x-goog-api-key")
    body = asked.json
    if found[2] == "predict":
        return _predicted(asked, body)
    only(body, _BODY, needs=("contents",))
    text = _text(body["contents"])
    config = body.get("generationConfig", {})
    _check(found[1], config)
    for setting in body.get("safetySettings", ()):
        if setting["threshold"] not in _THRESHOLDS or not setting["category"].startswith("HARM_CATEGORY_"):
            raise Refused(400, f"Invalid value at 'safety_settings': {setting}")
    asked.studio.made["google"] += 1
    return MediaAnswer(_drawn(text, config, is_searching=_is_searching(body)))


def _predicted(asked: MediaAsked, body: dict[str, Any]) -> MediaAnswer:
    only(body, words("instances parameters"), needs=("instances",))
    [instance] = body["instances"]
    only(instance, words("prompt"), needs=("prompt",))
    given = body.get("parameters", {})
    only(given, _PREDICTED)
    if not 1 <= given.get("sampleCount", 1) <= 4 or given.get("aspectRatio", "1:1") not in _RATIOS:
        raise Refused(400, "sampleCount or aspectRatio is out of range")
    if "seed" in given and given.get("addWatermark", True):
        raise Refused(400, "Seed is not supported when watermark is enabled.")
    if BLOCKED in instance["prompt"]:
        return MediaAnswer({"predictions": [{"raiFilteredReason": "It violates our guidelines."}]})
    asked.studio.made["google"] += 1
    drawn = {"mimeType": "image/png", "bytesBase64Encoded": base64.b64encode(png(64, 64)).decode()}
    return MediaAnswer({"predictions": [drawn] * int(given.get("sampleCount", 1))})


def _text(contents: Any) -> str:
    [turn] = contents
    texts: list[str] = []
    for part in turn["parts"]:
        only(part, words("text inlineData"))
        if "inlineData" in part:
            if part["inlineData"]["mimeType"] not in _KINDS:
                raise Refused(400, f"Unsupported MIME type: {part['inlineData']['mimeType']}")
            base64.b64decode(part["inlineData"]["data"], validate=True)
        else:
            texts.append(part["text"])
    if not any(texts):
        raise Refused(400, "contents.parts must not be empty.")
    return " ".join(texts)


def _check(model: str, config: dict[str, Any]) -> None:
    only(config, _CONFIG)
    image = config.get("imageConfig", {})
    only(image, words("aspectRatio imageSize"))
    if image.get("aspectRatio", "1:1") not in _RATIOS:
        raise Refused(400, f"aspect_ratio must be one of {sorted(_RATIOS)}.")
    if "imageSize" in image and (model.startswith("gemini-2.5") or image["imageSize"] not in _SIZES):
        raise Refused(400, "image_size is not supported by this model.")
    seed = config.get("seed", 0)
    if not isinstance(seed, int) or not -_MOST_SEED - 1 <= seed <= _MOST_SEED:
        raise Refused(400, "Invalid value at 'generation_config.seed' (TYPE_INT32)")
    if config.get("candidateCount", 1) != 1:
        raise Refused(400, "Multiple candidates is not enabled for this model")
    if "IMAGE" not in config.get("responseModalities", ()):
        raise Refused(400, "The requested combination of response modalities is not supported.")


def _is_searching(body: dict[str, Any]) -> bool:
    for tool in body.get("tools", ()):
        only(tool, words("google_search"))
    return bool(body.get("tools"))


def _drawn(text: str, config: dict[str, Any], *, is_searching: bool) -> dict[str, Any]:
    usage = {"promptTokenCount": 12, "candidatesTokenCount": 1290, "totalTokenCount": 1302}
    if BLOCKED in text:
        return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": usage}
    if is_searching and "TEXT" not in config["responseModalities"]:
        return {"candidates": [{"content": {"role": "model"}, "finishReason": "STOP"}], "usageMetadata": usage}
    data = base64.b64encode(png(64, 64)).decode()
    parts = [{"inlineData": {"mimeType": "image/png", "data": data}}]
    told = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
    return {"candidates": [told], "usageMetadata": usage, "modelVersion": "gemini", "responseId": "one"}
