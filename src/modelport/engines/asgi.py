"""The ends of an ASGI conversation that every engine has: read a body, send an answer, notice who leaves."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any

from modelport.engines.refusals import Refusal, error_body

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_JSON = (b"content-type", b"application/json")
_EVENTS = (b"content-type", b"text/event-stream")


Handler = Callable[[Message, Receive, Send], Awaitable[None]]
"""Answers a POST; its refusals are told to the caller."""


async def serve(handlers: Mapping[str, Handler], scope: Message, receive: Receive, send: Send) -> None:
    """Answer `/health`, hand a POST to the handler of its path, and tell refusals."""
    if scope["type"] != "http":
        return
    method, path = scope["method"], scope["path"]
    try:
        if path == "/health":
            await send_whole(send, 200, b'{"status":"ok"}')
        elif method != "POST" or (handler := handlers.get(path)) is None:
            raise Refusal(404, f"There is no {method} {path} here.", "not_found")
        else:
            await handler(scope, receive, send)
    except Refusal as refusal:
        await send_refusal(send, refusal)


async def read_body(receive: Receive, most_bytes: int) -> bytes:
    """Return the whole body; raises `Refusal` for one that is larger than `most_bytes`."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > most_bytes:
            raise Refusal(413, f"The body is larger than {most_bytes} bytes.", "body_too_large")
        if not message.get("more_body"):
            return bytes(body)


async def unless_left(work: Awaitable[None], receive: Receive) -> None:
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


async def send_whole(send: Send, status: int, body: bytes) -> None:
    """Send a JSON answer in one piece."""
    headers = [_JSON, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_pieces(send: Send, kind: str, pieces: AsyncGenerator[bytes]) -> None:
    """Send bytes as they are made; a refusal before the first is raised. One later cuts the answer short, visibly."""
    first = await anext(pieces)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind.encode("ascii"))]})
    await _send_more(send, first)
    async for piece in pieces:
        await _send_more(send, piece)
    await send({"type": "http.response.body", "body": b""})


async def send_refusal(send: Send, refusal: Refusal) -> None:
    """Send an error."""
    await send_whole(send, refusal.status, error_body(refusal))


async def send_stream(send: Send, events: AsyncGenerator[bytes]) -> None:
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


def event_of(data: bytes) -> bytes:
    """Wrap data as a server-sent event."""
    return b"data: " + data + b"\n\n"


async def _send_more(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})
