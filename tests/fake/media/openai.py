"""OpenAI's pictures, speech, transcripts and moderation.

Fields: the official SDK's request types; https://platform.openai.com/docs/api-reference/images and `/audio` (read
2026-11-29), `/images-streaming`, and https://platform.openai.com/docs/guides/speech-to-text (read 2026-11-29). Picture
models refuse `response_format`, DALL·E takes one picture (`dall-e-3`) or ten and tells nothing in events; nor does
Whisper, which passes over `stream`. Moderation takes one picture, https://github.com/antiwork/gumroad/pull/4709, and
gives 0 for what it does not look for in pictures, https://developers.openai.com/api/docs/guides/moderation.
"""

import base64
import re
from typing import Any

from tests.fake.media.files import JPEG, SOUNDS, WEBP, png
from tests.fake.media.seam import FilePart, MediaAnswer, MediaAsked, Refused, bearer, events, only, reachable
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
    usage: dict[str, Any] = {"input_tokens": 10, "output_tokens": 1000, "total_tokens": 1010}
    echo = {"size": size, "quality": body.get("quality", "high"), "output_format": form}
    if (drafts := _drafts(body)) is not None:
        about = "image_edit" if asked.path == "/images/edits" else "image_generation"
        told = {"created_at": 1_790_000_000, "background": body.get("background", "auto"), **echo}
        return _told(about, drafts, {**told, "b64_json": base64.b64encode(data).decode()}, usage)
    return MediaAnswer({"created": 1_790_000_000, "data": drawn, "usage": usage, **echo})


def _drafts(body: dict[str, Any]) -> int | None:
    """Return how many unfinished pictures are wanted; None where no stream is."""
    count = body.get("partial_images", 0)
    if not re.fullmatch("[0-3]", str(count)):
        raise Refused(400, f"Invalid 'partial_images': expected a value from 0 to 3, but got {count} instead.")
    if body.get("stream", False) not in (True, "true"):
        if "partial_images" in body:
            raise Refused(400, "The 'partial_images' parameter is only supported when 'stream' is true.")
        return None
    if int(body.get("n", 1)) > 1:
        raise Refused(400, "Streaming is only supported with 'n' equal to 1.")
    return int(count)


def _told(about: str, drafts: int, told: dict[str, Any], usage: dict[str, int]) -> MediaAnswer:
    details = {"text_tokens": usage["input_tokens"], "image_tokens": 0}
    output = usage["output_tokens"] + DRAFT_TOKENS * drafts
    used = {"input_tokens": usage["input_tokens"], "output_tokens": output, "input_tokens_details": details}
    used["total_tokens"] = usage["input_tokens"] + output
    begun = [{"type": f"{about}.partial_image", "partial_image_index": number, **told} for number in range(drafts)]
    return events(*begun, {"type": f"{about}.completed", **told, "usage": used}, are_named=True)


DRAFT_TOKENS = 100
"""What an unfinished picture costs: https://platform.openai.com/docs/guides/image-generation (read 2026-11-29)."""


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
    if form.get("stream", ["false"])[-1] == "true" and model != "whisper-1":
        usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 5, "total_tokens": 19}
        deltas = [{"type": "transcript.text.delta", "delta": delta} for delta in ("Hello", " there.")]
        return events(*deltas, {"type": "transcript.text.done", "text": SAID, "usage": usage}, are_named=False)
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
