"""What was heard, in the shapes that callers ask for. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from modelport.engines.languages import NAMES
from modelport.engines.transcription_calls import TranscriptionCall


@dataclass(frozen=True, slots=True)
class Word:
    """A word and its time."""

    word: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Segment:
    """Some words that were said in one go."""

    start: float
    end: float
    text: str
    tokens: tuple[int, ...]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """All that was heard."""

    language: str
    duration_s: float
    segments: Sequence[Segment]

    @property
    def text(self) -> str:
        """Join it."""
        return "".join(one.text for one in self.segments).strip()


class _Usage(msgspec.Struct):
    seconds: float
    type: Literal["duration"] = "duration"


class _Plain(msgspec.Struct):
    text: str
    usage: _Usage


class _Numbered(msgspec.Struct):
    id: int
    seek: int
    start: float
    end: float
    text: str
    tokens: tuple[int, ...]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


class _Verbose(msgspec.Struct, omit_defaults=True):
    task: str
    language: str
    duration: float
    text: str
    usage: _Usage
    segments: list[_Numbered] | None = None
    words: list[Word] | None = None


class _Delta(msgspec.Struct, tag="transcript.text.delta"):
    delta: str


class _Done(msgspec.Struct, tag="transcript.text.done"):
    text: str
    usage: _Usage


def written(call: TranscriptionCall, heard: Transcript) -> tuple[str, bytes]:
    """Write the whole answer, with its media type."""
    usage = _Usage(heard.duration_s)
    if call.shape == "json":
        return "application/json", msgspec.json.encode(_Plain(heard.text, usage))
    if call.shape == "verbose_json":
        return "application/json", msgspec.json.encode(_verbose(call, heard, usage))
    text = {"text": lambda: heard.text + "\n", "srt": lambda: _srt(heard), "vtt": lambda: _vtt(heard)}[call.shape]()
    return "text/plain; charset=utf-8", text.encode()


def delta(text: str) -> bytes:
    """Write what was heard since the last event."""
    return msgspec.json.encode(_Delta(text))


def done(heard: Transcript) -> bytes:
    """Write the last event."""
    return msgspec.json.encode(_Done(heard.text, _Usage(heard.duration_s)))


def _verbose(call: TranscriptionCall, heard: Transcript, usage: _Usage) -> _Verbose:
    segments = [
        _Numbered(
            place,
            0,
            one.start,
            one.end,
            one.text,
            one.tokens,
            one.temperature,
            one.avg_logprob,
            one.compression_ratio,
            one.no_speech_prob,
        )
        for place, one in enumerate(heard.segments)
    ]
    words = [word for one in heard.segments for word in one.words]
    return _Verbose(
        task=call.task,
        language=NAMES.get(heard.language, heard.language),
        duration=heard.duration_s,
        text=heard.text,
        usage=usage,
        segments=segments if "segment" in call.granularities else None,
        words=words if call.wants_words else None,
    )


def _srt(heard: Transcript) -> str:
    blocks = (
        f"{place}\n{_clock(one.start, ',')} --> {_clock(one.end, ',')}\n{one.text.strip()}\n"
        for place, one in enumerate(heard.segments, start=1)
    )
    return "\n".join(blocks)


def _vtt(heard: Transcript) -> str:
    blocks = (f"{_clock(one.start, '.')} --> {_clock(one.end, '.')}\n{one.text.strip()}\n" for one in heard.segments)
    return "\n".join(("WEBVTT\n", *blocks))


def _clock(at_s: float, point: str) -> str:
    """Write a time: `00:01:02,500`."""
    thousandths = round(at_s * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{point}{rest % 1000:03}"
