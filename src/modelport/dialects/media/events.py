"""What is told in events to callers who asked for them: pictures that are not finished, words as they are heard.

Pictures: https://platform.openai.com/docs/api-reference/images-streaming; words:
https://platform.openai.com/docs/api-reference/audio/transcript-text-delta-event (read 2026-11-29).
"""

import base64
from collections.abc import Mapping, Sequence

import msgspec

from modelport.dialects.media.answers import Given, Json, meta_of
from modelport.dialects.media.captions import brief
from modelport.dialects.sse import event_of
from modelport.operations.made import Draft, File, Made, Pictures, Piece, Transcript
from modelport.operations.media import MediaCall

WAITING = b": it goes on\n\n"
"""A comment, which every reader of events passes over."""
_encode = msgspec.json.Encoder().encode
_ASKED = ("background", "quality")
_FORMATS: Mapping[str, str] = {"image/png": "png", "image/jpeg": "jpeg", "image/webp": "webp"}


def piece_told(piece: Piece, call: MediaCall, created: int, *, is_edit: bool) -> bytes:
    """Tell a piece of what is being made."""
    if isinstance(piece, Draft):
        told = _picture(piece.file, call, created) | {"partial_image_index": piece.number}
        return _of_picture("partial_image", told, is_edit=is_edit)
    return event_of(_encode({"type": "transcript.text.delta", "delta": piece.text}))


def end_told(
    made: Made, given: Sequence[Given], call: MediaCall, created: int, charged: int, *, is_edit: bool, is_untold: bool
) -> bytes:
    """Tell what was made, and what it cost; `is_untold` says that no piece of it was."""
    if isinstance(made, Transcript):
        first = _parts_told(made) if is_untold else b""
        return first + event_of(_encode({"type": "transcript.text.done", **brief(made, charged)}))
    facts: Json = made.facts if isinstance(made, Pictures) else {}
    events: list[bytes] = []
    for number, one in enumerate(given, 1):
        told = _picture(one.file, call, created) | {name: facts[name] for name in _ECHOED if name in facts}
        if call.delivery == "url":
            told["url"] = one.link
        if revised := one.file.facts.get("revised_prompt"):
            told["revised_prompt"] = revised
        told["usage"] = facts.get("usage") if number == len(given) else None
        if number == len(given):
            told["meta"] = meta_of(charged)
        events.append(_of_picture("completed", told, is_edit=is_edit))
    return b"".join(events)


_ECHOED = ("background", "output_format", "quality", "size")


def _parts_told(made: Transcript) -> bytes:
    """Tell a transcript of which nothing was told before, part by part where it has parts."""
    parts = [one.text for one in made.segments]
    if "".join(parts).strip() != made.text.strip():
        parts = [made.text]
    elif parts:
        parts[0] = parts[0].lstrip()
    return b"".join(event_of(_encode({"type": "transcript.text.delta", "delta": part})) for part in parts if part)


def failure_told(body: bytes) -> bytes:
    """Tell that nothing more comes, and why."""
    return event_of(body, b"error")


def _picture(file: File, call: MediaCall, created: int) -> dict[str, object]:
    width, height = file.facts.get("width"), file.facts.get("height")
    told: dict[str, object] = {name: call.fields.get(name) or "auto" for name in _ASKED}
    return told | {
        "b64_json": base64.b64encode(file.data).decode(),
        "created_at": created,
        "output_format": _FORMATS.get(file.content_type, file.content_type.rpartition("/")[2]),
        "size": f"{width}x{height}" if width and height else str(call.fields.get("size") or "auto"),
    }


def _of_picture(what: str, told: Json, *, is_edit: bool) -> bytes:
    kind = f"{'image_edit' if is_edit else 'image_generation'}.{what}"
    return event_of(_encode({"type": kind, **told}), kind.encode())
