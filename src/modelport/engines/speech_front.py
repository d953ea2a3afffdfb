"""The address of the engine of speech: an ASGI application that keeps the OpenAI contract."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec

from modelport.engines.asgi import Message, Receive, Send, event_of, read_body, send_pieces, serve, unless_left
from modelport.engines.encoding import KINDS, encoder, wav_header
from modelport.engines.speech_calls import (
    MOST_LETTERS,
    SpeechCall,
    foreign,
    read_speech_call,
    silent,
    too_long,
    unknown_voice,
)
from modelport.engines.spoken import foreign_word

if TYPE_CHECKING:
    from modelport.engines.encoding import Samples

BODY_BYTES = 256 * 1024
MOST_SPOKEN_LETTERS = 4 * MOST_LETTERS
"""Of the text in words: a row of figures is many of them."""
_PATHS = ("/audio/speech", "/v1/audio/speech")
_FRAME_S = 0.025
"""What the model makes at once."""
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Piece:
    """Sounds of one breath, and the pause after them."""

    sounds: str
    pause_s: float


class Speaker(Protocol):
    """A model that speaks."""

    rate: int
    voices: tuple[str, ...]

    def words(self, text: str) -> str:
        """Write a text the way it is read aloud."""
        ...

    def pieces(self, text: str) -> Sequence[Piece]:
        """Turn words into what is spoken in one breath each."""
        ...

    def speak(self, piece: Piece, voice: str, speed: float) -> "Samples":
        """Speak one piece."""
        ...


class _Delta(msgspec.Struct, tag="speech.audio.delta"):
    audio: str


class _Usage(msgspec.Struct):
    input_tokens: int
    output_tokens: int
    total_tokens: int
    characters: int
    seconds: float


class _Done(msgspec.Struct, tag="speech.audio.done"):
    usage: _Usage


@dataclass(frozen=True, slots=True)
class SpeechFront:
    """Serves `/health` and speech."""

    model: Speaker
    worker: Executor
    """Does what takes long; calls share it, a piece each at a time."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await serve(dict.fromkeys(_PATHS, self._answer), scope, receive, send)

    async def _answer(self, _: Message, receive: Receive, send: Send) -> None:
        call = read_speech_call(await read_body(receive, BODY_BYTES))
        if call.voice not in self.model.voices:
            raise unknown_voice(call.voice, self.model.voices)
        await unless_left(self._speak(call, send), receive)

    async def _speak(self, call: SpeechCall, send: Send) -> None:
        pieces = await self._work(lambda: self._pieces(call.text))
        if call.is_events:
            await send_pieces(send, "text/event-stream", self._events(call, pieces))
        elif call.format == "wav" and not call.is_streaming:
            await send_pieces(send, KINDS["wav"], self._whole_wav(call, pieces))
        else:
            await send_pieces(send, KINDS[call.format], self._encoded(call, pieces, []))

    def _pieces(self, text: str) -> Sequence[Piece]:
        words = self.model.words(text)
        if (word := foreign_word(words)) is not None:
            raise foreign(word)
        if len(words) > MOST_SPOKEN_LETTERS:
            raise too_long(len(words))
        if not (pieces := self.model.pieces(words)):
            raise silent()
        return pieces

    async def _encoded(self, call: SpeechCall, pieces: Sequence[Piece], made: list[int]) -> AsyncGenerator[bytes]:
        """Yield the sound in its format; `made` gets the number of samples of each piece."""
        packing = encoder(call.format, self.model.rate)
        for piece in pieces:
            samples = await self._work(lambda piece=piece: self.model.speak(piece, call.voice, call.speed))
            made.append(samples.size)
            if data := packing.add(samples):
                yield data
        yield packing.finish()

    async def _whole_wav(self, call: SpeechCall, pieces: Sequence[Piece]) -> AsyncGenerator[bytes]:
        """Yield a file that knows its own length."""
        body = b"".join([part async for part in self._encoded(call, pieces, [])])
        samples = body[len(wav_header(self.model.rate, 0)) :]
        yield wav_header(self.model.rate, len(samples)) + samples

    async def _events(self, call: SpeechCall, pieces: Sequence[Piece]) -> AsyncGenerator[bytes]:
        made: list[int] = []
        async for part in self._encoded(call, pieces, made):
            if part:
                yield event_of(msgspec.json.encode(_Delta(base64.b64encode(part).decode("ascii"))))
        sounds = sum(len(piece.sounds) for piece in pieces)
        seconds = sum(made) / self.model.rate
        frames = round(seconds / _FRAME_S)
        usage = _Usage(sounds, frames, sounds + frames, len(call.text), round(seconds, 3))
        yield event_of(msgspec.json.encode(_Done(usage)))

    async def _work(self, task: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self.worker, task)
