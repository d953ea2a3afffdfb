"""AssemblyAI: a sound is uploaded where it is no link, a transcript is asked for, then asked after.

Shapes: https://www.assemblyai.com/docs/api-reference/transcripts/submit, …/get and
https://www.assemblyai.com/docs/api-reference/files/upload (read 2026-11-29). The model goes into `speech_models`;
`word_boost` is refused by current models, which take its words as `keyterms_prompt`. Times are milliseconds, the
length of the whole is seconds.
"""

from collections.abc import Mapping

from modelport.dialects.media.asked import asked
from modelport.dialects.media.reading_json import Json, get, id_in, members, needed, post, text
from modelport.dialects.media.transcripts import (
    MILLISECOND,
    only_transcribed,
    rows,
    seconds,
    segments_of,
    taken_sound,
    words_of,
)
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, Ticket, Told
from modelport.dialects.wire import MalformedReply, UpstreamFault, UpstreamRequest
from modelport.operations.made import Made, Transcript
from modelport.operations.media import Upload

UPLOAD = "/upload"
TRANSCRIPT = "/transcript"
SUBMIT, POLL = "submit", "poll"
SOON_S, LATER_S = 1.0, 3.0
_NAMES: Mapping[str, str] = {"word_boost": "keyterms_prompt"}
_GONE = frozenset({"boost_param"})
_WAITING = frozenset({"queued", "processing"})


class AssemblyAi(Usual):
    """The wire format of `api.assemblyai.com`."""

    takes: frozenset[Carriage] = frozenset({"inline", "link"})

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Upload a sound, ask for its transcript, or ask after that."""
        if ticket.stage == POLL:
            return get(f"{TRANSCRIPT}/{ticket.facts['id']}")
        fields, dropped = asked(order)
        only_transcribed(order, fields)
        sound = taken_sound(fields)
        if isinstance(sound, Upload) and ticket.stage != SUBMIT:
            headers = ((b"content-type", b"application/octet-stream"), (b"accept", b"application/json"))
            return UpstreamRequest(UPLOAD, headers, sound.data, False)
        link = ticket.facts["url"] if ticket.stage == SUBMIT else sound
        sent = {_NAMES.get(name, name): value for name, value in fields.items() if name not in _GONE}
        if "custom_spelling" in sent:
            sent["custom_spelling"] = _spelling(sent["custom_spelling"])
        dropped += [name for name in fields if name in _GONE]
        return post(TRANSCRIPT, {"audio_url": link, "speech_models": [order.target.offer.upstream], **sent}, dropped)

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read where the upload is, which transcript it is, or how far that is."""
        answer = _members(told.body)
        if ticket.stage != POLL:
            if not ticket.stage and "upload_url" in answer:
                return Ticket(SUBMIT, {"url": needed(answer, "upload_url")})
            return Ticket(POLL, {"id": id_in(answer, "id")}, SOON_S, is_taken=True)
        status = text(answer, "status")
        if status in _WAITING:
            return Ticket(POLL, ticket.facts, LATER_S, is_taken=True)
        if status == "completed":
            return _transcript(answer)
        if status == "error":
            raise UpstreamFault(200, text(answer, "error") or "the transcript failed", retryable=False)
        raise MalformedReply("the provider's answer has no known 'status'")


def _members(body: bytes) -> Json:
    """Read an answer; a transcript that failed says why, and asking again changes nothing."""
    try:
        return members(body, "an answer about a transcript")
    except UpstreamFault as problem:
        raise UpstreamFault(200, problem.message, retryable=False) from None


def _spelling(given: object) -> list[object]:
    """Write replacements: what is replaced is a list there."""
    return [{**one, "from": [one.get("from")]} for one in rows(given)]


def _transcript(answer: Json) -> Transcript:
    said = answer.get("text")
    return Transcript(
        text=said if isinstance(said, str) else "",
        language=text(answer, "language_code"),
        duration_s=seconds(answer.get("audio_duration")),
        segments=segments_of(answer.get("utterances"), "text", MILLISECOND),
        words=words_of(answer, ("text",), MILLISECOND),
        told=answer,
    )


CALLED = AssemblyAi()
