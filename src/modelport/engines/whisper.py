"""Whisper on CTranslate2. Only its child process imports it."""

import importlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol, cast

from modelport.engines.hearing import Piece
from modelport.engines.transcription_calls import TranscriptionCall
from modelport.engines.transcripts import Segment, Word

ENGLISH = "en"
_TAIL_LETTERS = 200
"""What was heard last helps to spell what comes."""


class _NativeWord(Protocol):
    word: str
    start: float
    end: float


class _NativeSegment(Protocol):
    start: float
    end: float
    text: str
    tokens: Sequence[int]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float
    words: Sequence[_NativeWord] | None


class _Info(Protocol):
    language: str


class _Model(Protocol):
    supported_languages: Sequence[str]

    def transcribe(self, audio: object, **options: object) -> tuple[Iterable[_NativeSegment], _Info]: ...


class Whisper:
    """A loaded model."""

    def __init__(self, weights: Path, threads: int) -> None:
        native = importlib.import_module("faster_whisper")
        made = native.WhisperModel(str(weights.parent), device="cpu", compute_type="int8", cpu_threads=threads)
        self._model = cast("_Model", made)
        self.languages = tuple(self._model.supported_languages)

    def hear(
        self, piece: Piece, call: TranscriptionCall, language: str | None, before: str
    ) -> tuple[str, list[Segment]]:
        """Return the language and what was said; `before` is the end of what was said until then."""
        prompt = f"{call.prompt} {before[-_TAIL_LETTERS:]}".strip()
        found, info = self._model.transcribe(
            piece.samples,
            language=language,
            task=call.task,
            beam_size=1,
            initial_prompt=prompt or None,
            condition_on_previous_text=False,
            word_timestamps=call.wants_words,
            vad_filter=True,
            **({"temperature": call.temperature} if call.temperature else {}),  # 0 is as much as need be, as at OpenAI
        )
        return info.language, [_segment(one, piece.start_s) for one in found]


def _segment(one: _NativeSegment, after_s: float) -> Segment:
    words = (Word(word.word.strip(), _time(word.start, after_s), _time(word.end, after_s)) for word in one.words or ())
    return Segment(
        start=_time(one.start, after_s),
        end=_time(one.end, after_s),
        text=one.text,
        tokens=tuple(one.tokens),
        temperature=one.temperature,
        avg_logprob=one.avg_logprob,
        compression_ratio=one.compression_ratio,
        no_speech_prob=one.no_speech_prob,
        words=tuple(words),
    )


def _time(at_s: float, after_s: float) -> float:
    return round(float(at_s) + after_s, 3)
