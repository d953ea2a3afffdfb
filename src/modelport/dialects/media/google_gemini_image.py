"""Gemini's pictures: `generateContent` that answers with parts of a picture.

Shapes: https://ai.google.dev/gemini-api/docs/image-generation and https://ai.google.dev/api/generate-content (read
2026-11-29). A request makes one picture. Asked for pictures alone, a model that searches gives none.
"""

from collections.abc import Mapping, Sequence

import msgspec

from modelport.dialects.google_gemini.meters import meters
from modelport.dialects.media.reading_json import (
    Json,
    inside,
    members,
    packed,
    post,
    several,
    text,
    unpacked,
)
from modelport.dialects.media.taking import Taking
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, Ticket, Told
from modelport.dialects.wire import MalformedReply, UpstreamFault, UpstreamRequest
from modelport.operations.made import File, Made, Pictures
from modelport.operations.media import Upload
from modelport.operations.usage import Usage

CATEGORIES = (
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
)
SEEDS = 2**31
"""Gemini's seeds are as many; a larger one is folded into them, so that it repeats as well."""


class GoogleGeminiImage(Usual):
    """The wire format of `:generateContent` for pictures."""

    takes: frozenset[Carriage] = frozenset({"inline"})

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Write a call as one turn: the text, then the pictures."""
        del ticket
        taking = Taking(order)
        taking.one()
        body: dict[str, object] = {"contents": [{"role": "user", "parts": _parts(taking)}]}
        if taking.take("enable_web_search") is True:
            body["tools"] = [{"google_search": {}}]
        if threshold := taking.text("safety_setting"):
            body["safetySettings"] = [{"category": one, "threshold": threshold.upper()} for one in CATEGORIES]
        if taking.text("person_generation") == "dont_allow":
            raise taking.refusal("person_generation", "cannot be told to draw nobody")
        taking.means("add_watermark", True)
        body["generationConfig"] = _config(taking, is_searching="tools" in body)
        return post(f"/models/{order.target.offer.upstream}:generateContent", body, taking.dropped)

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read the pictures."""
        del order, ticket
        answer = members(told.body, "an answer of generateContent")
        parts = [part for one in several(answer, "candidates") for part in several(inside(one, "content"), "parts")]
        files = tuple(_file(found) for part in parts if not part.get("thought") and (found := _inline(part)))
        if not files:
            raise _refusal(answer, parts)
        usage = meters(msgspec.json.encode(answer.get("usageMetadata")))
        return Pictures(files=files, facts={} if usage is None else {"usage": _counted(usage)}, usage=usage)


def _parts(taking: Taking) -> list[dict[str, object]]:
    parts: list[dict[str, object]] = [{"text": taking.text("prompt")}]
    for picture in taking.pictures():
        if isinstance(picture, Upload):
            kind = picture.content_type or "application/octet-stream"
            parts.append({"inlineData": {"mimeType": kind, "data": packed(picture)}})
    return parts


def _config(taking: Taking, *, is_searching: bool) -> dict[str, object]:
    config: dict[str, object] = {"responseModalities": ["TEXT", "IMAGE"] if is_searching else ["IMAGE"]}
    image: dict[str, object] = {}
    taking.move(image, {"aspect_ratio": "aspectRatio", "resolution": "imageSize"})
    if image:
        config["imageConfig"] = image
    if (seed := taking.number("seed")) is not None:
        config["seed"] = int(seed) % SEEDS
    return config


def _inline(part: Json) -> Json:
    return inside(part, "inlineData") or inside(part, "inline_data")


def _file(found: Json) -> File:
    kind = text(found, "mimeType") or text(found, "mime_type")
    return File(data=unpacked(text(found, "data"), "picture"), content_type=kind)


def _counted(usage: Usage) -> Mapping[str, int]:
    given, made = usage.input_tokens, usage.output_tokens
    return {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}


def _refusal(answer: Json, parts: Sequence[Json]) -> Exception:
    """Say why there is no picture: a block of the prompt, the end of a candidate, or what the model said instead."""
    feedback = inside(answer, "promptFeedback")
    why = [text(feedback, "blockReason"), text(feedback, "blockReasonMessage")]
    for one in several(answer, "candidates"):
        why += [text(one, "finishReason"), text(one, "finishMessage")]
    why += [text(part, "text") for part in parts]
    told = ": ".join(reason for reason in why if reason)
    if not told:
        return MalformedReply("the provider's answer has no picture")
    return UpstreamFault(400, f"no picture was made: {told[:500]}", retryable=False)


CALLED = GoogleGeminiImage()
