"""OpenAI's speech and transcripts.

Shapes: https://platform.openai.com/docs/api-reference/audio (read 2026-11-29). Speech comes as the sound itself, as it
is made. Whisper tells words, segments and duration (`verbose_json`); the `gpt-4o` transcribers take `json` alone, and
tell what they hear while they hear it, as the engine of this machine does and OpenAI's Whisper does not.
"""

from collections.abc import Mapping, Sequence
from typing import cast

from modelport.dialects.media.event_reading import EventReader, is_of_events
from modelport.dialects.media.multipart import FormField, form
from modelport.dialects.media.reading_json import Json, members, post, text
from modelport.dialects.media.sounds import KINDS, RawSound, kind_told, made_of
from modelport.dialects.media.transcripts import inner
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, PieceReader, SoundReader, Ticket, Told
from modelport.dialects.wire import MalformedReply, UpstreamRequest
from modelport.operations.made import Heard, Made, Segment, Transcript, Word
from modelport.operations.media import Upload
from modelport.operations.usage import Usage

SPEECH = "/audio/speech"
TRANSCRIPTS = "/audio/transcriptions"
TRANSLATIONS = "/audio/translations"
_SPOKEN: Mapping[str, str] = {"text": "input", "style": "instructions"}
_HEARD = ("language", "prompt", "temperature")
_SOURCES = ("file", "audio", "url")
BRIEF = "verbose_json"
"""In the `drop` of an offer: its transcripts come as text alone, and as it is heard if that is wanted."""
STREAM = "stream"
"""In the `drop` of an offer: its transcripts come whole."""


class OpenAiAudio(Usual):
    """The wire format of `/audio`."""

    takes: frozenset[Carriage] = frozenset({"inline"})

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Write a call: JSON for speech, a form for a transcript."""
        del ticket
        return _speech(order) if order.operation == "speech" else _transcript(order)

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read a sound, or a transcript."""
        del ticket
        if order.operation != "speech":
            return transcript(members(told.body, "a transcript"))
        return made_of(told.body, kind_of(order, told.content_type))

    def sound(self, order: Order, content_type: str) -> SoundReader | None:
        """Read speech as it comes."""
        return RawSound(kind_of(order, content_type)) if order.operation == "speech" else None

    def pieces(self, order: Order, content_type: str) -> PieceReader | None:
        """Read what is heard as it is heard."""
        return Hearing() if order.operation != "speech" and is_of_events(content_type) else None


class Hearing:
    """Reads the events of a transcript."""

    def __init__(self) -> None:
        self._events = EventReader()
        self._done: Json | None = None

    def feed(self, data: bytes) -> Sequence[Heard]:
        """Return what was heard; the end is kept for `end`."""
        heard: list[Heard] = []
        for event in self._events.feed(data):
            kind = text(event, "type")
            if kind == "transcript.text.delta" and (said := text(event, "delta")):
                heard.append(Heard(said))
            elif kind == "transcript.text.done":
                self._done = {name: value for name, value in event.items() if name != "type"}
        return heard

    def end(self) -> Transcript:
        """Return the transcript; raises `MalformedReply` where it did not come to its end."""
        if self._done is None:
            raise MalformedReply("the provider ended the stream before the transcript was complete")
        return transcript(self._done)


def kind_of(order: Order, told: str) -> str:
    """Say what a sound is: as its provider does where that is a sound, else as it was asked for."""
    return kind_told(told, KINDS.get(str(order.call.fields.get("response_format", "mp3")), "audio/mpeg"))


def _speech(order: Order) -> UpstreamRequest:
    quirks = order.target.offer.quirks
    fields: dict[str, object] = {"model": order.target.offer.upstream}
    dropped: list[str] = []
    for name, value in order.call.fields.items():
        if name in quirks.drop:
            dropped.append(name)
        elif name != STREAM:
            fields[quirks.rename.get(name, _SPOKEN.get(name, name))] = value
    request = post(SPEECH, fields, dropped)
    return UpstreamRequest(request.path, request.headers, request.body, True, request.dropped)


def _transcript(order: Order) -> UpstreamRequest:
    fields, quirks = order.call.fields, order.target.offer.quirks
    sound = next((value for name in _SOURCES if isinstance(value := fields.get(name), Upload)), None)
    assert sound is not None, "links are fetched for this format"
    is_brief = BRIEF in quirks.drop
    is_told = (
        order.call.is_streamed and (is_brief or order.target.offer.provider.is_local) and STREAM not in quirks.drop
    )
    is_brief = is_brief or is_told
    parts: list[FormField] = [
        ("file", sound),
        ("model", order.target.offer.upstream),
        ("response_format", "json" if is_brief else BRIEF),
    ]
    if not is_brief:
        parts += [("timestamp_granularities[]", "segment"), ("timestamp_granularities[]", "word")]
    if is_told:
        parts.append((STREAM, "true"))
    parts += [(name, str(fields[name])) for name in _HEARD if fields.get(name) is not None and name not in quirks.drop]
    left = (*_SOURCES, *_HEARD, "translate")
    headers, body = form(parts)
    path = TRANSLATIONS if fields.get("translate") is True else TRANSCRIPTS
    return UpstreamRequest(path, headers, body, False, tuple(name for name in fields if name not in left))


def transcript(answer: Json) -> Transcript:
    """Read a transcript, brief or not; raises `MalformedReply`."""
    said = answer.get("text")
    if not isinstance(said, str):
        raise MalformedReply("the provider's answer has no 'text'")
    duration = _number(answer.get("duration"))
    if duration is None:
        duration = _number(inner(answer, "usage").get("seconds"))
    return Transcript(
        text=said,
        language=text(answer, "language"),
        duration_s=duration,
        segments=tuple(_segments(answer.get("segments"))),
        words=tuple(_words(answer.get("words"))),
        told=answer,
        usage=_tokens(inner(answer, "usage")),
    )


def _tokens(told: Json) -> Usage | None:
    """Read what was used where it is told in tokens."""
    given, taken = told.get("input_tokens"), told.get("output_tokens")
    if told.get("type") != "tokens" or not isinstance(given, int) or not isinstance(taken, int):
        return None
    details = cast("Json", told.get("input_token_details") or {})
    heard = details.get("audio_tokens")
    audio = min(heard, given) if isinstance(heard, int) and heard > 0 else 0
    found = {"input": given - audio, "audio_input": audio, "output": taken}
    return Usage({meter: units for meter, units in found.items() if units}, "provider")


def _segments(found: object) -> list[Segment]:
    rows = cast("list[object]", found) if isinstance(found, list) else []
    told = [cast("Json", row) for row in rows if isinstance(row, dict)]
    return [
        Segment(start=_number(one.get("start")) or 0.0, end=_number(one.get("end")) or 0.0, text=text(one, "text"))
        for one in told
    ]


def _words(found: object) -> list[Word]:
    rows = cast("list[object]", found) if isinstance(found, list) else []
    told = [cast("Json", row) for row in rows if isinstance(row, dict)]
    return [
        Word(word=text(one, "word"), start=_number(one.get("start")) or 0.0, end=_number(one.get("end")) or 0.0)
        for one in told
    ]


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


CALLED = OpenAiAudio()
