"""What the engine of speech is asked, in OpenAI's shape. Pure."""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import msgspec

from modelport.engines.refusals import Refusal, wrong

MOST_LETTERS = 4096
"""OpenAI's bound, too."""
Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
DEFAULT_VOICE = "af_heart"
OPENAI_VOICES = {
    "alloy": "af_alloy",
    "ash": "am_michael",
    "ballad": "bm_george",
    "cedar": "am_puck",
    "coral": "af_bella",
    "echo": "am_echo",
    "fable": "bm_fable",
    "marin": "af_kore",
    "nova": "af_nova",
    "onyx": "am_onyx",
    "sage": "af_sarah",
    "shimmer": "af_sky",
    "verse": "am_fenrir",
}
"""OpenAI's names, and the voices of Kokoro that answer to them."""


@dataclass(frozen=True, slots=True)
class SpeechCall:
    """A call that holds, whatever the model."""

    text: str
    voice: str
    format: Format
    speed: float
    is_events: bool
    """Whether the sound comes inside of server-sent events."""
    is_streaming: bool
    """Whether the caller said that it reads the sound as it comes."""


class _Voice(msgspec.Struct):
    id: str


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    input: str
    model: str = ""
    voice: str | _Voice | None = None
    response_format: Format | None = None
    speed: Annotated[float, msgspec.Meta(ge=0.25, le=4.0)] | None = None
    stream_format: Literal["audio", "sse"] | None = None
    instructions: str | None = None
    """Read and not followed: there is no way to instruct such a model."""
    user: str | None = None


def read_speech_call(body: bytes) -> SpeechCall:
    """Read a call; raises `Refusal` naming what does not fit."""
    try:
        asked = msgspec.json.decode(body, type=_Asked)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise wrong(f"The body is not a call for speech: {problem}.") from problem
    if not asked.input.strip():
        raise wrong("'input' is empty; send a text.", "input")
    if len(asked.input) > MOST_LETTERS:
        raise too_long(len(asked.input))
    voice = asked.voice.id if isinstance(asked.voice, _Voice) else asked.voice or DEFAULT_VOICE
    named = voice.strip().lower()
    return SpeechCall(
        text=asked.input,
        voice=OPENAI_VOICES.get(named, named),
        format=asked.response_format or "mp3",
        speed=1.0 if asked.speed is None else asked.speed,
        is_events=asked.stream_format == "sse",
        is_streaming=asked.stream_format is not None,
    )


def too_long(letters: int) -> Refusal:
    """Refuse a text of so many letters."""
    return wrong(
        f"'input' has {letters:,} characters, and at most {MOST_LETTERS:,} are spoken at once: send it in parts.",
        "input",
        "text_too_long",
    )


def unknown_voice(voice: str, known: tuple[str, ...]) -> Refusal:
    """Refuse a voice that is not there."""
    return wrong(
        f"There is no voice '{voice}'. Those there are: {', '.join(known)}, and those of OpenAI: "
        f"{', '.join(OPENAI_VOICES)}.",
        "voice",
        "unknown_voice",
    )


def foreign(word: str) -> Refusal:
    """Refuse a text that the model cannot read aloud."""
    problem = f"This model speaks English only, and '{word}' is not in Latin letters."
    return wrong(problem, "input", "unsupported_language")


def silent() -> Refusal:
    """Refuse a text with nothing in it that makes a sound."""
    return wrong("'input' has no word that could be spoken.", "input")


FORMATS: tuple[Format, ...] = get_args(Format)
