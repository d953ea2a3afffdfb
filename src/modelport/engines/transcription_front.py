"""The address of the engine of transcription: an ASGI application that keeps the OpenAI contract."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from modelport.engines.asgi import Message, Receive, Send, event_of, send_pieces, serve, unless_left
from modelport.engines.hearing import Piece, pieces
from modelport.engines.refusals import wrong
from modelport.engines.transcription_calls import Task, TranscriptionCall, read_transcription_call
from modelport.engines.transcripts import Segment, Transcript, delta, done, written
from modelport.engines.uploads import Slice, uploaded

BODY_BYTES = 512 * 1024 * 1024
_TASKS: dict[str, Task] = {"transcriptions": "transcribe", "translations": "translate"}
_Result = TypeVar("_Result")


class Listener(Protocol):
    """A model that hears."""

    languages: tuple[str, ...]

    def hear(
        self, piece: Piece, call: TranscriptionCall, language: str | None, before: str
    ) -> tuple[str, list[Segment]]:
        """Return the language and what was said."""
        ...


@dataclass(frozen=True, slots=True)
class _Heard:
    end_s: float
    language: str
    segments: list[Segment]


@dataclass(frozen=True, slots=True)
class TranscriptionFront:
    """Serves `/health`, transcriptions and translations."""

    model: Listener
    name: str
    worker: Executor
    """Does what takes long; calls share it, a piece each at a time."""
    pieces: Callable[[Slice], Iterator[Piece]] = pieces

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        paths = [f"{before}/audio/{name}" for before in ("", "/v1") for name in _TASKS]
        await serve(dict.fromkeys(paths, self._answer), scope, receive, send)

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        task = _TASKS[scope["path"].rpartition("/")[2]]
        async with uploaded(scope, receive, BODY_BYTES) as form:
            call = read_transcription_call(form, task)
            self._check(call)
            await unless_left(self._transcribe(call, send), receive)

    def _check(self, call: TranscriptionCall) -> None:
        if call.task == "translate" and len(self.model.languages) == 1:
            raise wrong(
                f"The local model '{self.name}' hears English only and cannot translate: use a multilingual one, such "
                "as whisper-base (`modelport models pull whisper-base`).",
                "model",
                "cannot_translate",
            )
        if call.language is not None and call.language not in self.model.languages:
            known = ", ".join(self.model.languages)
            raise wrong(
                f"'language' is '{call.language}', and the local model '{self.name}' hears {known}.",
                "language",
                "unsupported_language",
            )

    async def _transcribe(self, call: TranscriptionCall, send: Send) -> None:
        if call.is_streaming:
            await send_pieces(send, "text/event-stream", self._events(call))
            return
        heard = [one async for one in self._heard(call)]
        kind, body = written(call, _transcript(heard))

        async def whole() -> AsyncGenerator[bytes]:
            yield body

        await send_pieces(send, kind, whole())

    async def _events(self, call: TranscriptionCall) -> AsyncGenerator[bytes]:
        heard: list[_Heard] = []
        is_first = True
        async for one in self._heard(call):
            heard.append(one)
            for segment in one.segments:
                yield event_of(delta(segment.text.lstrip() if is_first else segment.text))
                is_first = False
        yield event_of(done(_transcript(heard)))

    async def _heard(self, call: TranscriptionCall) -> AsyncGenerator[_Heard]:
        """Hear a file piece by piece; of the sound only one piece is kept."""
        coming = self.pieces(call.file)
        language, before = call.language, ""
        while (piece := await self._work(lambda: next(coming, None))) is not None:
            hear = partial(self.model.hear, piece, call, language, before)
            found, segments = await self._work(hear)
            if segments:
                language = found
                before += "".join(one.text for one in segments)
            yield _Heard(piece.end_s, found, segments)

    async def _work(self, task: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self.worker, task)


def _transcript(heard: list[_Heard]) -> Transcript:
    spoken = next((one.language for one in heard if one.segments), heard[0].language)
    segments = [segment for one in heard for segment in one.segments]
    return Transcript(spoken, round(heard[-1].end_s, 3), segments)
