"""Inworld's speech: base64 inside of JSON, whole or as lines of JSON.

Shapes: https://docs.inworld.ai/api-reference/ttsAPI/texttospeech/synthesize-speech, …/synthesize-speech-stream (read
2026-11-29). Each piece of a streamed WAV has a head of its own, so that only MP3 is streamed.
"""

from collections.abc import Mapping

from modelport.dialects.media.asked import asked
from modelport.dialects.media.reading_json import members, needed, post, text, unpacked
from modelport.dialects.media.sounds import KINDS, characters, made_of
from modelport.dialects.media.transcripts import inner
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, SoundReader, Ticket, Told
from modelport.dialects.wire import MalformedReply, UpstreamRequest
from modelport.operations.made import Made

PATH = "/tts/v1/voice"
STREAM = f"{PATH}:stream"
MAX_LINE_BYTES = 8 * 1024 * 1024
_NAMES: Mapping[str, str] = {"voice": "voiceId"}
_ENCODINGS: Mapping[str, str] = {"wav": "LINEAR16", "mp3": "MP3"}


class Inworld(Usual):
    """The wire format of `api.inworld.ai`."""

    takes: frozenset[Carriage] = frozenset()

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Write a call."""
        del ticket
        fields, dropped = asked(order)
        fields.pop("format", None)
        sent = {_NAMES.get(name, name): value for name, value in fields.items()}
        config = {"audioEncoding": _ENCODINGS.get(_form(order), "MP3")}
        body = {**sent, "modelId": order.target.offer.upstream, "audioConfig": config}
        return post(STREAM if _is_streamed(order) else PATH, body, dropped)

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read a sound."""
        del ticket
        answer = members(told.body, "a sound")
        counted = characters(inner(answer, "usage").get("processedCharactersCount"))
        return made_of(unpacked(needed(answer, "audioContent"), "sound"), _kind(order), counted)

    def sound(self, order: Order, content_type: str) -> SoundReader | None:
        """Read a sound from its lines."""
        del content_type
        return LinedSound(_kind(order)) if _is_streamed(order) else None


class LinedSound:
    """A sound that comes in lines of JSON, each with a piece of it as base64."""

    def __init__(self, content_type: str) -> None:
        self.content_type = content_type
        self._rest = b""
        self._has_begun = False

    def feed(self, data: bytes) -> bytes:
        """Return the sound of the lines that became whole."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            self._rest = b""
            raise MalformedReply(f"a line of the provider's sound exceeds {MAX_LINE_BYTES} bytes")
        return self._heard(lines)

    def end(self) -> None:
        """Raise `MalformedReply` where nothing came, or the last line is cut."""
        if self._rest.strip() or not self._has_begun:
            raise MalformedReply("the provider's sound is cut short")

    def _heard(self, lines: list[bytes]) -> bytes:
        heard = b"".join(_piece(line) for line in lines if line.strip())
        self._has_begun = self._has_begun or bool(heard)
        return heard


def _piece(line: bytes) -> bytes:
    encoded = text(inner(members(line, "a piece of sound"), "result"), "audioContent")
    return unpacked(encoded, "sound") if encoded else b""


def _form(order: Order) -> str:
    return str(order.call.fields.get("format", "mp3"))


def _kind(order: Order) -> str:
    return KINDS.get(_form(order), "audio/mpeg")


def _is_streamed(order: Order) -> bool:
    return order.call.delivery == "bytes" and _form(order) == "mp3"


CALLED = Inworld()
