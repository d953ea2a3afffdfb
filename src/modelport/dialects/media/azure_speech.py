"""Azure's speech: SSML in, the sound itself out; and its transcripts, which another host writes.

Shapes: https://learn.microsoft.com/azure/ai-services/speech-service/rest-text-to-speech,
https://learn.microsoft.com/azure/ai-services/speech-service/fast-transcription-create and
https://learn.microsoft.com/azure/ai-services/speech-service/mai-transcribe (read 2026-11-29). A voice names its
language (`en-US-AvaNeural`); times are milliseconds.
"""

import re
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

import msgspec

from modelport.dialects.media.asked import asked
from modelport.dialects.media.multipart import form
from modelport.dialects.media.reading_json import Json, listed, members, text
from modelport.dialects.media.sounds import KINDS, RawSound, is_sound, kind_told, whole_sound
from modelport.dialects.media.transcripts import MILLISECOND, only_transcribed, rows, seconds, taken_sound
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, SoundReader, Ticket, Told
from modelport.dialects.wire import UpstreamRequest
from modelport.operations.made import Made, Segment, Transcript, Word
from modelport.operations.media import Upload

SPEAK = "/v1"
TRANSCRIBE = "/transcriptions:transcribe?api-version=2025-10-15"
USUAL_VOICE = "en-US-AvaNeural"
FORMATS: Mapping[str, str] = {
    "mp3": "audio-24khz-160kbitrate-mono-mp3",
    "wav": "riff-24khz-16bit-mono-pcm",
    "pcm": "raw-24khz-16bit-mono-pcm",
}
_SAID = frozenset({"text", "voice", "response_format"})
_LANGUAGE = re.compile(r"[a-z]{2,3}-[A-Z]{2}")


class AzureSpeech(Usual):
    """The wire format of Azure AI Speech."""

    takes: frozenset[Carriage] = frozenset({"inline"})

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Write a call: SSML for speech, a form for a transcript."""
        del ticket
        return _speech(order) if order.operation == "speech" else _transcript(order)

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read a sound, or a transcript."""
        del ticket
        if order.operation == "speech":
            return whole_sound(told, _kind(order))
        return transcript(members(told.body, "a transcript"))

    def sound(self, order: Order, content_type: str) -> SoundReader | None:
        """Read speech as it comes."""
        if order.operation != "speech" or not is_sound(content_type):
            return None
        return RawSound(kind_told(content_type, _kind(order)))


def _form(order: Order) -> str:
    wanted = str(order.call.fields.get("response_format", "mp3"))
    return wanted if wanted in FORMATS else "mp3"


def _kind(order: Order) -> str:
    return KINDS[_form(order)]


def _speech(order: Order) -> UpstreamRequest:
    fields, dropped = asked(order)
    voice = str(fields.get("voice", USUAL_VOICE))
    found = _LANGUAGE.match(voice)
    language = quoteattr(found[0] if found else "en-US")
    ssml = (
        f'<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang={language}>'
        f"<voice name={quoteattr(voice)}>{escape(str(fields.get('text', '')))}</voice></speak>"
    )
    headers = (
        (b"content-type", b"application/ssml+xml"),
        (b"accept", b"*/*"),
        (b"x-microsoft-outputformat", FORMATS[_form(order)].encode()),
    )
    dropped += [name for name in fields if name not in _SAID]
    return UpstreamRequest(SPEAK, headers, ssml.encode(), True, tuple(dropped))


def _transcript(order: Order) -> UpstreamRequest:
    fields, dropped = asked(order)
    only_transcribed(order, fields)
    sound = taken_sound(fields)
    assert isinstance(sound, Upload), "links are fetched for this format"
    wanted = {"enhancedMode": {"enabled": True, "model": order.target.offer.upstream}}
    headers, body = form([("audio", sound), ("definition", msgspec.json.encode(wanted).decode())])
    return UpstreamRequest(TRANSCRIBE, headers, body, False, (*dropped, *fields))


def transcript(answer: Json) -> Transcript:
    """Read a transcript; raises `MalformedReply`."""
    whole = listed(answer, "combinedPhrases", "phrases")
    phrases = rows(answer.get("phrases"))
    return Transcript(
        text="\n".join(text(one, "text") for one in whole),
        language=next((locale for one in phrases if (locale := text(one, "locale"))), ""),
        duration_s=seconds(answer.get("durationMilliseconds"), MILLISECOND),
        segments=tuple(Segment(start=_times(one)[0], end=_times(one)[1], text=text(one, "text")) for one in phrases),
        words=tuple(
            Word(word=text(word, "text"), start=_times(word)[0], end=_times(word)[1])
            for one in phrases
            for word in rows(one.get("words"))
        ),
        told=answer,
    )


def _times(told: Json) -> tuple[float, float]:
    start = seconds(told.get("offsetMilliseconds"), MILLISECOND) or 0.0
    length = seconds(told.get("durationMilliseconds"), MILLISECOND) or 0.0
    return start, round(start + length, 6)


CALLED = AzureSpeech()
