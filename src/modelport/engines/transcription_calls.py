"""What the engine of transcription is asked, in OpenAI's shape. Pure."""

from dataclasses import dataclass
from typing import Literal, cast, get_args

from modelport.engines.languages import CODES
from modelport.engines.refusals import wrong
from modelport.engines.uploads import Form, Slice

Shape = Literal["json", "text", "srt", "verbose_json", "vtt"]
Granularity = Literal["word", "segment"]
Task = Literal["transcribe", "translate"]
SHAPES: tuple[Shape, ...] = get_args(Shape)
GRANULARITIES: tuple[Granularity, ...] = get_args(Granularity)
_KNOWN = {
    "chunking_strategy",
    "language",
    "model",
    "prompt",
    "response_format",
    "stream",
    "temperature",
    "timestamp_granularities",
    "timestamp_granularities[]",
    "user",
}
_YES, _NO = ("true", "1"), ("false", "0", "")


@dataclass(frozen=True, slots=True)
class TranscriptionCall:
    """A call that holds, whatever the model."""

    file: Slice
    task: Task
    language: str | None
    prompt: str
    shape: Shape
    temperature: float | None
    granularities: frozenset[Granularity]
    is_streaming: bool

    @property
    def wants_words(self) -> bool:
        """Whether each word needs its time."""
        return "word" in self.granularities


def read_transcription_call(form: Form, task: Task) -> TranscriptionCall:
    """Read a form; raises `Refusal` naming what does not fit."""
    for name, _ in form.fields:
        if name not in _KNOWN:
            raise wrong(f"'{name}' is not known here; known: file, {', '.join(sorted(_KNOWN))}.", name)
    if form.file is None or form.file.size_bytes == 0:
        raise wrong("'file' is missing or empty; send the sound as a file of the form.", "file")
    shape = form.last("response_format") or "json"
    if shape not in SHAPES:
        raise wrong(f"'response_format' is '{shape}'; it can be {', '.join(SHAPES)}.", "response_format")
    call = TranscriptionCall(
        file=form.file,
        task=task,
        language=_language(form),
        prompt=form.last("prompt") or "",
        shape=shape,
        temperature=_temperature(form),
        granularities=_granularities(form, shape),
        is_streaming=_is_streaming(form, shape),
    )
    if task == "translate" and call.language is not None:
        raise wrong("'language' cannot be chosen for a translation, which is always into English.", "language")
    return call


def _language(form: Form) -> str | None:
    given = (form.last("language") or "").strip().lower()
    return CODES.get(given, given.partition("-")[0]) or None


def _temperature(form: Form) -> float | None:
    given = form.last("temperature")
    if not given:
        return None
    try:
        value = float(given)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise wrong(f"'temperature' is '{given}'; it must be a number from 0 to 1.", "temperature")
    return value


def _granularities(form: Form, shape: str) -> frozenset[Granularity]:
    given = form.all("timestamp_granularities")
    for one in given:
        if one not in GRANULARITIES:
            problem = f"'timestamp_granularities' has '{one}'; it can have word and segment."
            raise wrong(problem, "timestamp_granularities")
    if given and shape != "verbose_json":
        raise wrong('\'timestamp_granularities\' needs "response_format": "verbose_json".', "timestamp_granularities")
    return frozenset(cast("tuple[Granularity, ...]", given)) or frozenset({"segment"})


def _is_streaming(form: Form, shape: str) -> bool:
    given = (form.last("stream") or "").lower()
    if given not in (*_YES, *_NO):
        raise wrong(f"'stream' is '{given}'; it can be true or false.", "stream")
    if given in _YES and shape not in ("json", "text"):
        raise wrong(f"'stream' goes with the response formats json and text, not with {shape}.", "stream")
    return given in _YES
