"""ElevenLabs: speech and music come as the sound itself; the format stands in the address.

Shapes: https://elevenlabs.io/docs/api-reference/text-to-speech/convert, …/stream and
https://elevenlabs.io/docs/api-reference/music/compose (read 2026-11-29). A voice is asked for by its id; those of the
premade voices are listed at https://elevenlabs.io/docs/api-reference/voices/search and do not change.
"""

from collections.abc import Mapping

from modelport.dialects.media.asked import addressed, asked
from modelport.dialects.media.sounds import RawSound, is_sound, kind_told, post_for_sound, whole_sound
from modelport.dialects.media.usual import Usual
from modelport.dialects.media.wire import Carriage, Order, SoundReader, Ticket, Told
from modelport.dialects.wire import NotExpressible, UpstreamRequest
from modelport.operations.made import Made

SPEECH = "/text-to-speech"
MUSIC = "/music"
FORMAT = "output_format"
USUAL_VOICE = "Rachel"
VOICES: Mapping[str, str] = {
    "Adam": "pNInz6obpgDQGcFmaJgB",
    "Alice": "Xb7hH8MSUJpSbSDYk0k2",
    "Antoni": "ErXwobaYiN019PkySvjV",
    "Aria": "9BWtsMINqrJLrRacOk9x",
    "Arnold": "VR6AewLTigWG4xSOukaG",
    "Bill": "pqHfZKP75CvOlQylNhV4",
    "Brian": "nPczCjzI2devNBz1zQrb",
    "Callum": "N2lVS1w4EtoT3dr4eOWO",
    "Charlie": "IKne3meq5aSn9XLyUdCD",
    "Charlotte": "XB0fDUnXU5powFXDhCwa",
    "Chris": "iP95p4xoKVk53GoZ742B",
    "Clyde": "2EiwWnXFnvU5JabPnv8n",
    "Daniel": "onwK4e9ZLuTAKqWW03F9",
    "Dave": "CYw3kZ02Hs0563khs1Fj",
    "Domi": "AZnzlk1XvdvUeBnXmlld",
    "Dorothy": "ThT5KcBeYPX3keUQqHPh",
    "Drew": "29vD33N1CtxCmqQRPOHJ",
    "Elli": "MF3mGyEYCl7XYWbV9V6O",
    "Emily": "LcfcDJNUP1GQjkzn1xUU",
    "Eric": "cjVigY5qzO86Huf0OWal",
    "Ethan": "g5CIjZEefAph4nQFvHAz",
    "Fin": "D38z5RcWu1voky8WS1ja",
    "Freya": "jsCqWAovK2LkecY7zXl4",
    "George": "JBFqnCBsd6RMkjVDRZzb",
    "Gigi": "jBpfuIE2acCO8z3wKNLl",
    "Giovanni": "zcAOhNBS3c14rBihAFp1",
    "Glinda": "z9fAnlkpzviPz146aGWa",
    "Grace": "oWAxZDx7w5VEj9dCyTzz",
    "Harry": "SOYHLrjzK2X1ezoPC6cr",
    "James": "ZQe5CZNOzWyzPSCn5a3c",
    "Jeremy": "bVMeCyTHy58xNoL34h3p",
    "Jessica": "cgSgspJ2msm6clMCkdW9",
    "Jessie": "t0jbNlBVZ17f02VDIeMI",
    "Joseph": "Zlb1dXrM653N07WRdFW3",
    "Josh": "TxGEqnHWrfWFTfGW9XjX",
    "Laura": "FGY2WhTYpPnrIDTdsKH5",
    "Liam": "TX3LPaxmHKxFdv7VOQHJ",
    "Lily": "pFZP5JQG7iQjIQuC4Bku",
    "Matilda": "XrExE9yKIg1WjnnlVkGX",
    "Michael": "flq6f7yk4E4fJM5XTYuZ",
    "Mimi": "zrHiDhphv9ZnVXBqCLjz",
    "Nicole": "piTKgcLEGmPE4e6mEKli",
    "Patrick": "ODq5zmih8GrVes37Dizd",
    "Paul": "5Q0t7uMcjvnagumLfvZi",
    "Rachel": "21m00Tcm4TlvDq8ikWAM",
    "River": "SAz9YHcvj6GT2YYXdXww",
    "Roger": "CwhRBWXzGAHq8TQ4Fs17",
    "Sam": "yoZ06aMxZJJ28mfd3POQ",
    "Santa Claus": "knrPHWnBmmDHMoiMeP3l",
    "Sarah": "EXAVITQu4vr4xnSDxMaL",
    "Serena": "pMsXgVXv3BLzUgSXRplE",
    "Thomas": "GBv7mTt0atIp3Br8iCZE",
    "Will": "bIHbv24MWmeRgasZH58o",
}
"""The ids of the premade voices."""
ID_LENGTH = 20
_KINDS: Mapping[str, str] = {
    "mp3": "audio/mpeg",
    "pcm": "audio/pcm",
    "opus": "audio/ogg",
    "ulaw": "audio/basic",
    "alaw": "audio/x-alaw-basic",
}


class ElevenLabs(Usual):
    """The wire format of `api.elevenlabs.io`."""

    takes: frozenset[Carriage] = frozenset()

    def ask(self, order: Order, ticket: Ticket) -> UpstreamRequest:
        """Write a call."""
        del ticket
        fields, dropped = asked(order)
        path = MUSIC
        if order.operation == "speech":
            voice = _voice(order, fields.pop("voice", USUAL_VOICE))
            path = f"{SPEECH}/{voice}/stream" if order.call.delivery == "bytes" else f"{SPEECH}/{voice}"
        form = fields.pop(FORMAT, None)
        body = {**fields, "model_id": order.target.offer.upstream}
        return post_for_sound(addressed(path, {} if form is None else {FORMAT: form}), body, dropped)

    def read(self, order: Order, ticket: Ticket, told: Told) -> Made | Ticket:
        """Read a sound."""
        del ticket
        return whole_sound(told, _kind(order))

    def sound(self, order: Order, content_type: str) -> SoundReader | None:
        """Read a sound as it comes."""
        return RawSound(kind_told(content_type, _kind(order))) if is_sound(content_type) else None


def _voice(order: Order, name: object) -> str:
    """Return the id of a voice that is given by its name, or by its id."""
    voice = str(name)
    if voice in VOICES:
        return VOICES[voice]
    if len(voice) == ID_LENGTH and voice.isascii() and voice.isalnum():
        return voice
    raise NotExpressible("voice", order.target.offer.provider.name, "has no premade voice of this name")


def _kind(order: Order) -> str:
    return _KINDS.get(str(order.call.fields.get(FORMAT, "mp3")).partition("_")[0], "audio/mpeg")


CALLED = ElevenLabs()
