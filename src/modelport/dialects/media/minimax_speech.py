"""MiniMax's speech: hexadecimal inside of JSON, whole or as server-sent events.

Shapes: https://platform.minimax.io/docs/api-reference/speech-t2a-http, codes
https://platform.minimax.io/docs/api-reference/errorcode (read 2026-11-29). A refusal comes with status 200 and says so
in `base_resp`. The last event of a stream repeats the whole sound unless that is declined, and is passed over.
"""

from modelport.dialects.media.asked import asked
from modelport.dialects.media.reading_json import Json, members, needed, post, text
from modelport.dialects.media.sounds import KINDS, characters, made_of
from modelport.dialects.media.transcripts import inner
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, SoundReader, Ticket, Told
from modelport.dialects.sse import SseReader
from modelport.dialects.wire import MalformedReply, UpstreamFault, UpstreamRequest
from modelport.operations.made import Made

PATH = "/t2a_v2"
PART, END = 1, 2
"""What a piece of sound says of itself: one of several, or the last."""
FINAL = frozenset({1026, 1027, 1042, 2013, 2037, 2039, 2048, 2054})
"""Codes of requests that no other account would be served either: what is said is refused, or does not fit."""
_TOLD = ("trace_id", "extra_info")


class MiniMaxSpeech(Usual):
    """The wire format of `/t2a_v2`."""

    takes: frozenset[Carriage] = frozenset()

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Write a call."""
        del ticket
        fields, dropped = asked(order)
        sent: dict[str, object] = {"model": order.target.offer.upstream, **fields, "output_format": "hex"}
        sent["stream"] = _is_streamed(order)
        if sent["stream"]:
            sent["stream_options"] = {"exclude_aggregated_audio": True}
        return post(PATH, sent, dropped)

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read a sound."""
        del ticket
        answer = checked(members(told.body, "a sound"))
        data = inner(answer, "data")
        facts = {name: answer[name] for name in _TOLD if answer.get(name)}
        if link := text(data, "subtitle_file"):
            facts["subtitle_file"] = link
        counted = characters(inner(answer, "extra_info").get("usage_characters"))
        return made_of(bytes_of(needed(data, "audio")), _kind(order), counted, facts)

    def sound(self, order: Order, content_type: str) -> SoundReader | None:
        """Read a sound from its events; a refusal comes as plain JSON."""
        return HexSound(_kind(order)) if content_type.startswith("text/event-stream") else None


class HexSound:
    """A sound that comes in events, each with a piece of it as hexadecimal."""

    def __init__(self, content_type: str) -> None:
        self.content_type = content_type
        self._events = SseReader()
        self._has_begun = self._is_over = False

    def feed(self, data: bytes) -> bytes:
        """Return the sound of the events that became whole."""
        heard: list[bytes] = []
        for event in self._events.feed(data):
            answer = checked(members(event.data, "a piece of sound"))
            piece = inner(answer, "data")
            self._is_over = self._is_over or piece.get("status") == END
            if piece.get("status") == PART and (encoded := text(piece, "audio")):
                heard.append(bytes_of(encoded))
        self._has_begun = self._has_begun or bool(heard)
        return b"".join(heard)

    def end(self) -> None:
        """Raise `MalformedReply` where the last piece is missing."""
        if not self._has_begun or not self._is_over:
            raise MalformedReply("the provider's sound ends before its last piece")


def checked(answer: Json) -> Json:
    """Return an answer that is none of a failure; raises `UpstreamFault` for one that is."""
    said = inner(answer, "base_resp")
    code = said.get("status_code", 0)
    if code == 0:
        return answer
    raise UpstreamFault(200, f"{code} {text(said, 'status_msg')}", retryable=code not in FINAL)


def bytes_of(encoded: str) -> bytes:
    """Read hexadecimal; raises `MalformedReply`."""
    try:
        return bytes.fromhex(encoded)
    except ValueError:
        raise MalformedReply("the provider's sound is not hexadecimal") from None


def _is_streamed(order: Order) -> bool:
    """Whether the sound is wanted as it is made; subtitles come with a whole one only."""
    return order.call.delivery == "bytes" and order.call.fields.get("subtitle_enable") is not True


def _kind(order: Order) -> str:
    return KINDS.get(str(inner(order.call.fields, "audio_setting").get("format", "mp3")), "audio/mpeg")


CALLED = MiniMaxSpeech()
