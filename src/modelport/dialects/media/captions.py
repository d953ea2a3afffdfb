"""Transcripts in the forms of OpenAI's `/v1/audio/transcriptions`.

Shapes: https://platform.openai.com/docs/api-reference/audio/createTranscription (read 2026-11-29).
"""

import math
from collections.abc import Mapping
from typing import cast

import msgspec

from modelport.dialects.media.answers import meta_of
from modelport.operations.made import Segment, Transcript
from modelport.operations.media import CaptionForm

JSON, TEXT = b"application/json", b"text/plain; charset=utf-8"
CAPTION_TYPES: Mapping[CaptionForm, bytes] = {
    "json": JSON,
    "verbose_json": JSON,
    "text": TEXT,
    "srt": b"application/x-subrip; charset=utf-8",
    "vtt": b"text/vtt; charset=utf-8",
}
_encode = msgspec.json.Encoder().encode


def captioned(made: Transcript, form: CaptionForm, charged: int, *, task: str = "transcribe") -> bytes:
    """Write a transcript in a form."""
    if form == "text":
        return made.text.strip().encode() + b"\n"
    if form == "srt":
        return "".join(_cue(number, one, ",") for number, one in enumerate(_cues(made), 1)).encode()
    if form == "vtt":
        return ("WEBVTT\n\n" + "".join(_cue(None, one, ".") for one in _cues(made))).encode()
    answer = brief(made, charged)
    if form == "verbose_json":
        answer |= {
            "task": task,
            "language": made.language,
            "duration": made.duration_s,
            "segments": [{"id": number, **_told(one)} for number, one in enumerate(_cues(made))],
        }
        if made.words:
            answer["words"] = [{"word": one.word, "start": one.start, "end": one.end} for one in made.words]
    return _encode(answer)


def brief(made: Transcript, charged: int) -> dict[str, object]:
    """Tell what was said, what it used, and what it cost."""
    answer: dict[str, object] = {"text": made.text, "meta": meta_of(charged)}
    used = made.told.get("usage")
    if isinstance(used, dict) and cast("Mapping[str, object]", used).get("type") == "tokens":
        answer["usage"] = cast("object", used)
    elif made.duration_s is not None:
        answer["usage"] = {"type": "duration", "seconds": math.ceil(made.duration_s)}
    return answer


def _told(one: Segment) -> dict[str, object]:
    return {"start": one.start, "end": one.end, "text": one.text}


def _cues(made: Transcript) -> list[Segment]:
    """Return the parts of a transcript; one for all of it where its provider tells none."""
    if made.segments or not made.text:
        return list(made.segments)
    end = made.words[-1].end if made.words else made.duration_s or 0.0
    return [Segment(start=0.0, end=end, text=made.text)]


def _cue(number: int | None, one: Segment, comma: str) -> str:
    head = "" if number is None else f"{number}\n"
    return f"{head}{_clock(one.start, comma)} --> {_clock(one.end, comma)}\n{one.text.strip()}\n\n"


def _clock(seconds: float, comma: str) -> str:
    milliseconds = max(0, round(seconds * 1000))
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    whole, part = divmod(rest, 1000)
    return f"{hours:02d}:{minutes:02d}:{whole:02d}{comma}{part:03d}"
