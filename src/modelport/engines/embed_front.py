"""The address of the engine of embeddings: an ASGI application that keeps the OpenAI contract."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from modelport.engines.asgi import Message, Receive, Send, read_body, send_whole, serve, unless_left
from modelport.engines.embedding_calls import (
    EmbeddingCall,
    Input,
    check_dimensions,
    embeddings_body,
    foreign_token,
    read_embedding_call,
    too_long,
)

BODY_BYTES = 16 * 1024 * 1024
BATCH_TOKENS = 1024
"""Read at once, padding included: half a second of one thread, after which a caller who left is noticed."""
BATCH_TEXTS = 64
_PATHS = ("/embeddings", "/v1/embeddings")

_Result = TypeVar("_Result")


class Embedder(Protocol):
    """A model that makes vectors of texts."""

    words: int
    """Token ids are below this."""

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, marks of its beginning and end included."""
        ...

    def marked(self, ids: Sequence[int]) -> list[int]:
        """Put the marks around ids that lack them."""
        ...

    def vectors(self, batch: Sequence[Sequence[int]]) -> list[bytes]:
        """Return a vector for each list of marked ids, as little-endian float32."""
        ...


@dataclass(frozen=True, slots=True)
class EmbedFront:
    """Serves `/health` and embeddings."""

    model: Embedder
    name: str
    """What answers call the model."""
    window: int
    """Most tokens of one input, marks included."""
    dimensions: int
    worker: Executor
    """Does what takes long; calls share it, a batch each at a time."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await serve(dict.fromkeys(_PATHS, self._answer), scope, receive, send)

    async def _answer(self, _: Message, receive: Receive, send: Send) -> None:
        call = read_embedding_call(await read_body(receive, BODY_BYTES))
        check_dimensions(call, self.dimensions)
        await unless_left(self._embed(call, send), receive)

    async def _embed(self, call: EmbeddingCall, send: Send) -> None:
        inputs = [self._fitted(one, index, call) for index, one in enumerate(await self._tokens(call.inputs))]
        vectors = [b""] * len(inputs)
        for batch in batches([len(one) for one in inputs]):
            made = await self._work(lambda batch=batch: self.model.vectors([inputs[index] for index in batch]))
            for index, vector in zip(batch, made, strict=True):
                vectors[index] = vector
        tokens = sum(map(len, inputs))
        await send_whole(send, 200, await self._work(lambda: embeddings_body(call, self.name, vectors, tokens)))

    async def _tokens(self, inputs: Sequence[Input]) -> list[list[int]]:
        """Return the ids of each input; inputs are all texts, or all ids already."""
        found = [self.model.marked(one) for one in inputs if not isinstance(one, str)]
        texts = [one for one in inputs if isinstance(one, str)]
        for start in range(0, len(texts), BATCH_TEXTS):
            some = texts[start : start + BATCH_TEXTS]
            found += await self._work(lambda some=some: self.model.tokens(some))
        return found

    def _fitted(self, ids: list[int], index: int, call: EmbeddingCall) -> list[int]:
        for token in ids:
            if not 0 <= token < self.model.words:
                raise foreign_token(call, index, token, self.model.words)
        if len(ids) <= self.window:
            return ids
        if not call.is_truncating:
            raise too_long(call, index, len(ids), self.window)
        return [*ids[: self.window - 1], ids[-1]]

    async def _work(self, task: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self.worker, task)


def batches(lengths: Sequence[int]) -> list[list[int]]:
    """Group the places of inputs, short ones with short ones, so that no batch takes more than its bound."""
    groups: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda place: lengths[place]):
        last = groups[-1] if groups else []
        if last and len(last) < BATCH_TEXTS and (len(last) + 1) * lengths[place] <= BATCH_TOKENS:
            last.append(place)
        else:
            groups.append([place])
    return groups
