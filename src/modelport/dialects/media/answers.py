"""Answers to calls for media as callers read them."""

import base64
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw, Struct

from modelport.dialects.chat_body import cost_block
from modelport.operations.made import File, Pages, Pictures, Sound, Transcript, Verdicts
from modelport.operations.media import Delivery

Json = Mapping[str, object]
_encode = msgspec.json.Encoder().encode


class Given(Struct, frozen=True):
    """A file as it is handed over."""

    file: File
    """With its bytes."""
    link: str = ""
    """Where it is kept for a while; empty where it goes inside of the answer."""


def meta_of(charged: int) -> Json:
    """Print what a call cost."""
    return {"usage": Raw(cost_block(charged)[len(b'{"usage":') : -1])}


def pictures(made: Pictures, given: Sequence[Given], delivery: Delivery, created: int, charged: int) -> bytes:
    """Write pictures: `data` as OpenAI has it, and `images` as older clients read it.

    What comes inside has no `url` at all: some clients take a picture that names one for a link, null or not.
    """
    data: list[Json] = []
    images: list[Json] = []
    for one in given:
        told = {name: value for name, value in one.file.facts.items() if name not in _OF_IMAGES}
        sized = {name: one.file.facts[name] for name in _OF_IMAGES if name in one.file.facts}
        about = {"content_type": one.file.content_type, "file_size": len(one.file.data), **sized}
        if delivery == "base64":
            inside: Json = {"b64_json": base64.b64encode(one.file.data).decode()}
            data.append({**inside, **told})
            images.append({**inside, **about})
        else:
            data.append({"url": one.link, "b64_json": None, **told})
            images.append({"url": one.link, **about})
    return _encode({"created": created, "data": data, "images": images, **made.facts, "meta": meta_of(charged)})


_OF_IMAGES = frozenset({"width", "height", "file_name"})


def sound(made: Sound, link: str, charged: int) -> bytes:
    """Write a link to a sound, under both names that clients look for."""
    return _encode({"audio": {"url": link}, "audio_url": link, **made.facts, "meta": meta_of(charged)})


def pages(made: Pages, charged: int) -> bytes:
    """Write what stands on pages."""
    used: dict[str, object] = {"pages_processed": len(made.pages)}
    if made.size_bytes is not None:
        used["doc_size_bytes"] = made.size_bytes
    return _encode(
        {
            "pages": made.pages,
            "model": made.model,
            "document_annotation": made.annotation,
            "usage_info": used,
            "meta": meta_of(charged),
        }
    )


def verdicts(made: Verdicts, charged: int) -> bytes:
    """Write what was found harmful."""
    return _encode({"id": made.id, "model": made.model, "results": made.results, "meta": meta_of(charged)})


def result_of(made: Transcript) -> Json:
    """Lay a transcript out as the result of a job: `text`, Deepgram's `results`, and all that its provider told."""
    words = [{"word": one.word, "start": one.start, "end": one.end} for one in made.words]
    alternative: Json = {"transcript": made.text, "confidence": 0.0, "words": words}
    told: dict[str, object] = {"results": {"channels": [{"alternatives": [alternative]}]}, **made.told}
    told.setdefault("text", made.text)
    if made.duration_s is not None:
        told.setdefault("metadata", {"duration": made.duration_s, "channels": 1})
    return told


def transcribed(made: Transcript, charged: int) -> bytes:
    """Write a transcript at once, as `/v1/stt` does."""
    return _encode({**result_of(made), "meta": meta_of(charged)})
