"""The address of an engine: an ASGI application that makes the server inside keep the OpenAI contract.

It adds what that server lacks: usage summed over all choices, errors in OpenAI's shape with a status that says whose
fault it is, a bound where a call names none, connections that stay open after a stream, and no timings.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from modelport.engines.inner import Inner, InnerAnswer, InnerFailed
from modelport.engines.shapes import (
    Answer,
    Call,
    Chunks,
    Refusal,
    choice_call,
    error_body,
    event_of,
    joined_reply,
    read_answer,
    read_call,
    refusal_of,
)

BODY_BYTES = 64 * 1024 * 1024
EVENT_BYTES = 4 * 1024 * 1024

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_CHAT = ("/chat/completions", "/v1/chat/completions")
_JSON = (b"content-type", b"application/json")
_EVENTS = (b"content-type", b"text/event-stream")


@dataclass(frozen=True, slots=True)
class Front:
    """Serves `/health` and chat completions."""

    inner: Inner
    output_tokens: int
    """The length of an answer to a call that names none."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        try:
            await self._route(scope["method"], scope["path"], receive, send)
        except Refusal as refusal:
            await _send_whole(send, refusal.status, error_body(refusal))

    async def _route(self, method: str, path: str, receive: Receive, send: Send) -> None:
        if path == "/health":
            await _send_whole(send, 200, b'{"status":"ok"}')
        elif path not in _CHAT or method != "POST":
            raise Refusal(404, f"There is no {method} {path} here.", "not_found")
        else:
            call = read_call(await _body(receive), self.output_tokens)
            await _unless_left(self._chat(call, send), receive)

    async def _chat(self, call: Call, send: Send) -> None:
        if call.is_streaming:
            async with aclosing(self._events(call)) as events:
                await _send_stream(send, events)
        else:
            replies = [await self._reply(call, index) for index in range(call.choices)]
            await _send_whole(send, 200, joined_reply(replies))

    async def _reply(self, call: Call, index: int) -> Answer:
        try:
            async with self.inner.ask(choice_call(call, index)) as answer:
                whole = await answer.body()
        except InnerFailed as problem:
            raise _failed(problem) from problem
        if answer.status != 200:
            raise refusal_of(answer.status, whole)
        return read_answer(whole, call)

    async def _events(self, call: Call) -> AsyncGenerator[bytes]:
        """Yield the events of all choices, one choice after the other; raises `Refusal`."""
        chunks = Chunks()
        for index in range(call.choices):
            async with aclosing(self._chunks(call, index)) as run:
                async for chunk in run:
                    if (event := chunks.shown(chunk, index)) is not None:
                        yield event
        if call.wants_usage and (event := chunks.usage()) is not None:
            yield event

    async def _chunks(self, call: Call, index: int) -> AsyncGenerator[Answer]:
        try:
            async with self.inner.ask(choice_call(call, index)) as answer:
                if answer.status != 200:
                    raise refusal_of(answer.status, await answer.body())
                async with aclosing(_data(answer)) as lines:
                    async for data in lines:
                        yield read_answer(data, call)
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


async def _unless_left(work: "Awaitable[None]", receive: Receive) -> None:
    """Do the work, and stop it when the caller goes."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        if not working.done():
            working.cancel()
    with suppress(asyncio.CancelledError):
        await working


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > BODY_BYTES:
            raise Refusal(413, f"The body is larger than {BODY_BYTES} bytes.", "body_too_large")
        if not message.get("more_body"):
            return bytes(body)


async def _send_whole(send: Send, status: int, body: bytes) -> None:
    headers = [_JSON, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _send_stream(send: Send, events: AsyncGenerator[bytes]) -> None:
    """Send events; a refusal before the first is raised, a later one is an event, and then there is no `[DONE]`."""
    first = await anext(events)
    await send({"type": "http.response.start", "status": 200, "headers": [_EVENTS]})
    try:
        await _send_more(send, first)
        async for event in events:
            await _send_more(send, event)
    except Refusal as refusal:
        await _send_more(send, event_of(error_body(refusal)))
    else:
        await _send_more(send, event_of(b"[DONE]"))
    await send({"type": "http.response.body", "body": b""})


async def _send_more(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


def _failed(problem: InnerFailed) -> Refusal:
    return Refusal(503, f"The engine failed: {problem}.", "engine_failed")
