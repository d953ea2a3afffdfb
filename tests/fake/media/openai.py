"""OpenAI's pictures, speech, transcripts and moderation.

Fields: the official SDK's request types; https://platform.openai.com/docs/api-reference/images and `/audio` (read
2026-11-29). Picture models refuse `response_format`, DALL·E takes one picture (`dall-e-3`) or ten. Moderation takes one
picture, https://github.com/antiwork/gumroad/pull/4709, and gives 0 for what it does not look for in pictures,
https://developers.openai.com/api/docs/guides/moderation.
"""

import base64
import re
from typing import Any

from tests.fake.media.files import JPEG, SOUNDS, WEBP, png
from tests.fake.media.seam import FilePart, MediaAnswer, MediaAsked, Refused, bearer, only, reachable
from tests.fake.vendor import words

PREFIX = "/openai/v1"
_DRAWN = words(
    "model prompt background moderation n output_compression output_format partial_images quality size stream user"
)
_DALLE = words("model prompt n quality response_format size style user")
_EDITED = _DRAWN | {"image", "image[]", "mask", "input_fidelity"}
_SPOKEN = words("model input voice instructions response_format speed stream_format")
_HEARD = words(
    "file model language prompt response_format temperature timestamp_granularities[] include[] stream "
    "chunking_strategy"
)
VOICES = words("alloy ash ballad coral echo fable nova onyx sage shimmer verse marin cedar")
SAID = "Hello there."


def error(refused: Refused) -> MediaAnswer:
    """Write a refusal."""
    told = {"message": refused.message, "type": "invalid_request_error", "param": None, "code": refused.code or None}
    return MediaAnswer({"error": told}, refused.status)


def answer(asked: MediaAsked) -> MediaAnswer | None:
    """Answer a request."""
    serve = {
        "/images/generations": _draw,
        "/images/edits": _edit,
        "/audio/speech": _speak,
        "/audio/transcriptions": _hear,
        "/audio/translations": _hear,
        "/moderations": _moderate,
    }.get(asked.path)
    if serve is None:
        return None
    bearer(asked)
    if asked.method != "POST":
        raise Refused(405, f"Not allowed to {asked.method} on {asked.path}.")
    return serve(asked)


def _draw(asked: MediaAsked) -> MediaAnswer:
    body = asked.json
    model = str(body.get("model"))
    is_dalle = model.startswith("dall-e")
    only(body, _DALLE if is_dalle else _DRAWN, needs=("model", "prompt"))
    if body.get("n", 1) > 1 and model == "dall-e-3":
        raise Refused(400, "You must provide n=1 for this model.")
    return _pictures(asked, body, is_dalle=is_dalle)


def _edit(asked: MediaAsked) -> MediaAnswer:
    form = asked.form
    only(form, _EDITED, needs=("model", "prompt"))
    images = [*form.get("image", ()), *form.get("image[]", ())]
    if not images or not all(isinstance(one, FilePart) and one.data for one in images):
        raise Refused(400, "Missing required parameter: 'image'.")
    for one in images:
        if isinstance(one, FilePart) and one.content_type not in ("image/png", "image/jpeg", "image/webp"):
            raise Refused(400, f"Invalid file 'image': unsupported mimetype ('{one.content_type}').")
    return _pictures(asked, {name: values[-1] for name, values in form.items()}, is_dalle=False)


def _pictures(asked: MediaAsked, body: dict[str, Any], *, is_dalle: bool) -> MediaAnswer:
    size = str(body.get("size", "1024x1024"))
    if not re.fullmatch(r"\d+x\d+", size):
        raise Refused(400, f"Invalid value: '{size}'.")
    width, height = (int(side) for side in size.split("x"))
    form = str(body.get("output_format", "png"))
    data = {"png": lambda: png(width, height), "jpeg": lambda: JPEG, "webp": lambda: WEBP}[form]()
    asked.studio.made["openai"] += 1
    drawn: list[dict[str, Any]] = []
    for _ in range(int(body.get("n", 1))):
        if is_dalle and body.get("response_format", "url") == "url":
            drawn.append({"url": asked.studio.file(data, "image/png", "drawn.png")})
        else:
            drawn.append({"b64_json": base64.b64encode(data).decode()})
    if is_dalle:
        return MediaAnswer({"created": 1_790_000_000, "data": drawn})
    usage = {"input_tokens": 10, "output_tokens": 1000, "total_tokens": 1010}
    echo = {"size": size, "quality": body.get("quality", "high"), "output_format": form}
    return MediaAnswer({"created": 1_790_000_000, "data": drawn, "usage": usage, **echo})


def _speak(asked: MediaAsked) -> MediaAnswer:
    body = asked.json
    only(body, _SPOKEN, needs=("model", "input", "voice"))
    if body["voice"] not in VOICES:
        raise Refused(400, f"Invalid value: '{body['voice']}'.")
    if len(body["input"]) > 4096:
        raise Refused(400, "Invalid 'input': string too long.")
    asked.studio.made["openai"] += 1
    data, kind = SOUNDS[body.get("response_format", "mp3")]
    return MediaAnswer(data, content_type=kind)


def _hear(asked: MediaAsked) -> MediaAnswer:
    form = asked.form
    only(form, _HEARD, needs=("model", "file"))
    [file] = form["file"]
    if not isinstance(file, FilePart) or not file.data:
        raise Refused(400, "Invalid file format.")
    model, how = str(form["model"][-1]), str(form.get("response_format", ["json"])[-1])
    if model.startswith("gpt-4o") and how not in ("json", "text"):
        raise Refused(400, f"response_format '{how}' is not compatible with model '{model}'. Use 'json' or 'text'.")
    asked.studio.made["openai"] += 1
    if how == "json":
        usage = {"type": "duration", "seconds": 2}
        return MediaAnswer({"text": SAID, "usage": usage})
    words_said = [{"word": "Hello", "start": 0.0, "end": 0.5}, {"word": "there.", "start": 0.6, "end": 1.2}]
    segment = {"id": 0, "start": 0.0, "end": 1.2, "text": SAID}
    told = {"task": "transcribe", "language": "english", "duration": 1.5, "text": SAID}
    return MediaAnswer({**told, "segments": [segment], "words": words_said})


_JUDGES = words("omni-moderation-latest omni-moderation-2024-09-26")
_TEXT_ONLY = words("harassment harassment/threatening hate hate/threatening illicit illicit/violent sexual/minors")
_SEEN = words("self-harm self-harm/instructions self-harm/intent sexual violence violence/graphic")
HARMFUL = "HARMFUL"
"""A text with this in it is violent here."""


def _moderate(asked: MediaAsked) -> MediaAnswer:
    body = asked.json
    only(body, words("model input"), needs=("input",))
    model = str(body.get("model", "omni-moderation-latest"))
    if model not in _JUDGES:
        raise Refused(404, f"The model '{model}' does not exist or you do not have access to it.", "model_not_found")
    given = body["input"]
    if isinstance(given, str):
        results = [_verdict(given, ["text"])]
    elif all(isinstance(one, str) for one in given):
        results = [_verdict(one, ["text"]) for one in given]
    else:
        results = [_of_parts(given)]
    asked.studio.made["openai"] += 1
    return MediaAnswer(
        {"id": f"modr-{asked.studio.made['openai']}", "model": "omni-moderation-2024-09-26", "results": results}
    )


def _of_parts(parts: list[dict[str, Any]]) -> dict[str, Any]:
    for index, part in enumerate(parts):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind not in ("text", "image_url"):
            raise Refused(400, f"Invalid value for 'input[{index}].type'.")
        only(part, frozenset({"type", str(kind)}), needs=(str(kind),))
    images = [reachable(part["image_url"]["url"]) for part in parts if part["type"] == "image_url"]
    if len(images) > 1:
        raise Refused(400, f"Number of images ({len(images)}) exceeds maximum of 1", "too_many_images")
    texts = [part["text"] for part in parts if part["type"] == "text"]
    return _verdict("\n".join(texts), [*(["text"] if texts else []), *(["image"] if images else [])])


def _verdict(text: str, kinds: list[str]) -> dict[str, Any]:
    names = sorted(_TEXT_ONLY | _SEEN)
    violent = HARMFUL in text
    return {
        "flagged": violent,
        "categories": {name: violent and name == "violence" for name in names},
        "category_scores": {
            name: 0.9 if violent and name == "violence" else 0.0001 if "text" in kinds else 0.0 for name in names
        },
        "category_applied_input_types": {
            name: [kind for kind in kinds if kind == "text" or name in _SEEN] for name in names
        },
    }
