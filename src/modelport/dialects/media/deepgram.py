"""Deepgram: speech at `/speak`, transcripts at `/listen`; everything but text and sound stands in the address.

Shapes: https://developers.deepgram.com/reference/text-to-speech/speak-request,
https://developers.deepgram.com/reference/speech-to-text/listen-pre-recorded, errors
https://developers.deepgram.com/docs/errors (read 2026-11-29). A voice is part of the model's name there
(`aura-2-thalia-en`); an answer of speech counts its characters in `dg-char-count`.
"""

from collections.abc import Mapping

from modelport.dialects.media.asked import addressed, asked
from modelport.dialects.media.reading_json import Json, listed, members, post, text
from modelport.dialects.media.sounds import (
    KINDS,
    RawSound,
    characters,
    is_sound,
    kind_told,
    post_for_sound,
    whole_sound,
)
from modelport.dialects.media.transcripts import (
    inner,
    only_transcribed,
    seconds,
    segments_of,
    taken_sound,
    words_of,
)
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, SoundReader, Ticket, Told
from modelport.dialects.wire import MalformedReply, UpstreamRequest
from modelport.operations.made import Made, Transcript
from modelport.operations.media import Upload

SPEAK = "/speak"
LISTEN = "/listen"
SPANISH = frozenset({"celeste", "estrella", "nestor"})
"""Voices of Spanish; all others that can be named are of English."""
_NAMES: Mapping[str, str] = {"multi_channel": "multichannel", "detect_topics": "topics"}
"""Older names of what is asked."""
_GONE = frozenset({"diarize_version"})
"""What `/listen` no longer has."""
_KINDS: Mapping[str, str] = {"linear16": "audio/wav", "mulaw": "audio/wav", "alaw": "audio/wav"}
"""What encodings are in a WAV container, where they are put unless something else is asked for."""
_BARE: Mapping[str, str] = {"linear16": "audio/pcm", "mulaw": "audio/basic", "alaw": "audio/x-alaw-basic"}


class Deepgram(Usual):
    """The wire format of `api.deepgram.com`."""

    takes: frozenset[Carriage] = frozenset({"inline", "link"})

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Write a call: a text, or a sound as its bytes or its link."""
        del ticket
        return _speech(order) if order.operation == "speech" else _transcript(order)

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read a sound, or a transcript."""
        del ticket
        if order.operation != "speech":
            return transcript(order, members(told.body, "a transcript"))
        counted = told.header(b"dg-char-count") or b""
        return whole_sound(told, _kind(order), characters(int(counted) if counted.isdigit() else None))

    def sound(self, order: Order, content_type: str) -> SoundReader | None:
        """Read speech as it comes."""
        if order.operation != "speech" or not is_sound(content_type):
            return None
        return RawSound(kind_told(content_type, _kind(order)))


def _kind(order: Order) -> str:
    encoding = str(order.call.fields.get("encoding", "mp3"))
    if order.call.fields.get("container") == "none" and encoding in _BARE:
        return _BARE[encoding]
    return KINDS.get(encoding) or _KINDS.get(encoding, "audio/mpeg")


def _speech(order: Order) -> UpstreamRequest:
    fields, dropped = asked(order)
    said, voice = fields.pop("text", ""), fields.pop("voice", None)
    model = order.target.offer.upstream
    if voice is not None:
        model = f"{model}-{voice}-{'es' if voice in SPANISH else 'en'}"
    return post_for_sound(addressed(SPEAK, {"model": model, **fields}), {"text": said}, dropped)


def _transcript(order: Order) -> UpstreamRequest:
    fields, dropped = asked(order)
    only_transcribed(order, fields)
    sound = taken_sound(fields)
    dropped += [name for name in fields if name in _GONE]
    wanted: dict[str, object] = {"model": order.target.offer.upstream}
    for name, value in fields.items():
        own = _NAMES.get(name, name)
        if name not in _GONE and (own not in wanted or value is not False):
            wanted[own] = value
    path = addressed(LISTEN, wanted)
    if not isinstance(sound, Upload):
        return post(path, {"url": sound}, dropped)
    kind = sound.content_type or "application/octet-stream"
    headers = ((b"content-type", kind.encode("latin-1", "replace")), (b"accept", b"application/json"))
    return UpstreamRequest(path, headers, sound.data, False, tuple(dropped))


def transcript(order: Order, answer: Json) -> Transcript:
    """Read a transcript, that of each channel if there are several; raises `MalformedReply`."""
    results = inner(answer, "results")
    channels = listed(results, "channels", "channels")
    heard = [one[0] for channel in channels if (one := listed(channel, "alternatives", "alternatives"))]
    if not heard or not all(isinstance(one.get("transcript"), str) for one in heard):
        raise MalformedReply("the provider's answer has no 'transcript'")
    language = text(channels[0], "detected_language") or order.call.fields.get("language")
    return Transcript(
        text="\n".join(said for one in heard if (said := text(one, "transcript"))),
        language=language if isinstance(language, str) else "",
        duration_s=seconds(inner(answer, "metadata").get("duration")),
        segments=segments_of(results.get("utterances"), "transcript"),
        words=tuple(word for one in heard for word in words_of(one, ("punctuated_word", "word"))),
        told=answer,
    )


CALLED = Deepgram()
