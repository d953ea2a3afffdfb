"""The address of the engine of moderation: an ASGI application in the shape of OpenAI's."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

from modelport.engines.asgi import Message, Receive, Send, read_body, send_whole, serve, unless_left
from modelport.engines.moderation_calls import moderation_body, read_moderation_call
from modelport.operations.moderation import Verdict

BODY_BYTES = 16 * 1024 * 1024
_PATHS = ("/moderations", "/v1/moderations")


class TextJudge(Protocol):
    """A model that judges texts."""

    def verdict(self, text: str) -> Verdict:
        """Judge a text."""
        ...


@dataclass(frozen=True, slots=True)
class ModerationFront:
    """Serves `/health` and moderation."""

    model: TextJudge
    name: str
    worker: Executor
    """Does what takes long; calls share it, a text each at a time."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await serve(dict.fromkeys(_PATHS, self._answer), scope, receive, send)

    async def _answer(self, _: Message, receive: Receive, send: Send) -> None:
        texts = read_moderation_call(await read_body(receive, BODY_BYTES))
        await unless_left(self._judge(texts, send), receive)

    async def _judge(self, texts: Sequence[str], send: Send) -> None:
        loop = asyncio.get_running_loop()
        verdicts = [await loop.run_in_executor(self.worker, self.model.verdict, text) for text in texts]
        await send_whole(send, 200, moderation_body(self.name, texts, verdicts))
