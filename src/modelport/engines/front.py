"""The address of an engine: an ASGI application that makes the server inside keep the OpenAI contract.

It adds what that server lacks: usage summed over all choices, errors in OpenAI's shape with a status that says whose
fault it is, a bound where a call names none, connections that stay open after a stream, no timings, functions and
schemas that hold, and answers that go on from a beginning.
"""

import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from modelport.engines.asgi import Message, Receive, Send, read_body, send_refusal, send_stream, send_whole, unless_left
from modelport.engines.calls import Call, choice_call, probe_call, read_call
from modelport.engines.filling import (
    MARKS,
    FillCall,
    FillChunks,
    fill_choice,
    joined_fill,
    middle_prompt,
    read_fill,
    read_filled,
    read_tokens,
    tokenize_call,
)
from modelport.engines.inner import CHAT_PATH, COMPLETIONS_PATH, TOKENIZE_PATH, Inner, InnerAnswer, InnerFailed
from modelport.engines.refusals import Refusal
from modelport.engines.shapes import (
    Answer,
    Chunks,
    Settling,
    first_tokens,
    joined_reply,
    read_answer,
    refusal_of,
    settled_reply,
)
from modelport.engines.tools import CLEAR, FENCE, call_likelihood, is_fence_likely

BODY_BYTES = 64 * 1024 * 1024
EVENT_BYTES = 4 * 1024 * 1024

_CHAT = ("/chat/completions", "/v1/chat/completions")
_COMPLETIONS = ("/completions", "/v1/completions")


@dataclass(frozen=True, slots=True)
class Front:
    """Serves `/health`, chat completions and, in the older shape, completions that may fill in the middle."""

    inner: Inner
    output_tokens: int
    """The length of an answer to a call that names none."""
    new_call_id: Callable[[], str] = lambda: f"call_{secrets.token_hex(12)}"

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        try:
            await self._route(scope["method"], scope["path"], receive, send)
        except Refusal as refusal:
            await send_refusal(send, refusal)

    async def _route(self, method: str, path: str, receive: Receive, send: Send) -> None:
        if path == "/health":
            await send_whole(send, 200, b'{"status":"ok"}')
        elif path in _CHAT and method == "POST":
            call = read_call(await read_body(receive, BODY_BYTES), self.output_tokens)
            await unless_left(self._chat(call, send), receive)
        elif path in _COMPLETIONS and method == "POST":
            fill = read_fill(await read_body(receive, BODY_BYTES), self.output_tokens)
            await unless_left(self._fill(fill, send), receive)
        else:
            raise Refusal(404, f"There is no {method} {path} here.", "not_found")

    async def _chat(self, call: Call, send: Send) -> None:
        if call.box.mode == "auto":
            call = call.decided(is_calling=await self._wants_to_call(call))
        if call.is_streaming:
            async with aclosing(self._events(call)) as events:
                await send_stream(send, events)
        else:
            replies = [await self._reply(call, index) for index in range(call.choices)]
            await send_whole(send, 200, joined_reply(replies))

    async def _wants_to_call(self, call: Call) -> bool:
        """Look at how the model would begin: its words are only read again afterwards, not computed."""
        first = first_tokens(await self._whole(CHAT_PATH, probe_call(call)))
        after = None
        if is_fence_likely(first):
            after = first_tokens(await self._whole(CHAT_PATH, probe_call(call, FENCE)))
        return call_likelihood(first, after) >= CLEAR

    async def _reply(self, call: Call, index: int) -> Answer:
        answer = read_answer(await self._whole(CHAT_PATH, choice_call(call, index)), call)
        return settled_reply(answer, call, self.new_call_id())

    async def _events(self, call: Call) -> AsyncGenerator[bytes]:
        """Yield the events of all choices, one choice after the other; raises `Refusal`."""
        chunks = Chunks(is_calling=call.is_calling)
        for index in range(call.choices):
            settling = Settling(call, self.new_call_id())
            async with aclosing(self._lines(CHAT_PATH, choice_call(call, index))) as lines:
                async for data in lines:
                    for chunk in settling.settled(read_answer(data, call)):
                        if (event := chunks.shown(chunk, index)) is not None:
                            yield event
        if call.wants_usage and (event := chunks.usage()) is not None:
            yield event

    async def _fill(self, call: FillCall, send: Send) -> None:
        prompt = await self._tokens(call.prompt)
        if call.suffix:
            marks = [await self._tokens(mark, is_mark=True) for mark in MARKS]
            prompt = middle_prompt(marks, prompt, await self._tokens(call.suffix))
        if call.is_streaming:
            async with aclosing(self._fill_events(call, prompt)) as events:
                await send_stream(send, events)
        else:
            bodies = [fill_choice(call, prompt, index) for index in range(call.choices)]
            replies = [read_filled(await self._whole(COMPLETIONS_PATH, body)) for body in bodies]
            await send_whole(send, 200, joined_fill(replies))

    async def _fill_events(self, call: FillCall, prompt: Sequence[int]) -> AsyncGenerator[bytes]:
        chunks = FillChunks()
        for index in range(call.choices):
            async with aclosing(self._lines(COMPLETIONS_PATH, fill_choice(call, prompt, index))) as lines:
                async for data in lines:
                    if (event := chunks.shown(read_filled(data), index)) is not None:
                        yield event
        if call.wants_usage and (event := chunks.usage()) is not None:
            yield event

    async def _tokens(self, text: str, *, is_mark: bool = False) -> list[int]:
        return read_tokens(await self._whole(TOKENIZE_PATH, tokenize_call(text, is_mark=is_mark)))

    async def _whole(self, path: str, body: bytes) -> bytes:
        """Return the answer of the server inside; raises `Refusal` for an error of it."""
        try:
            async with self.inner.ask(path, body) as answer:
                whole = await answer.body()
        except InnerFailed as problem:
            raise _failed(problem) from problem
        if answer.status != 200:
            raise refusal_of(answer.status, whole)
        return whole

    async def _lines(self, path: str, body: bytes) -> AsyncGenerator[bytes]:
        """Yield the data of each event of the server inside; raises `Refusal`."""
        try:
            async with self.inner.ask(path, body) as answer:
                if answer.status != 200:
                    raise refusal_of(answer.status, await answer.body())
                async with aclosing(_data(answer)) as lines:
                    async for data in lines:
                        yield data
        except InnerFailed as problem:
            raise _failed(problem) from problem


async def _data(answer: InnerAnswer) -> AsyncGenerator[bytes]:
    """Yield the data of each event, comments left out; raises `InnerFailed` at an end that is not `[DONE]`."""
    buffer = b""
    async with aclosing(answer.pieces()) as pieces:
        async for piece in pieces:
            *events, buffer = (buffer + piece).split(b"\n\n")
            if len(buffer) > EVENT_BYTES:
                raise InnerFailed(f"an event of more than {EVENT_BYTES} bytes")
            for event in events:
                _, _, data = event.partition(b"data: ")
                if data == b"[DONE]":
                    return
                if data:
                    yield data
    raise InnerFailed("the stream ended early")


def _failed(problem: InnerFailed) -> Refusal:
    return Refusal(503, f"The engine failed: {problem}.", "engine_failed")
