"""Writing answers with embeddings: a passage without a stream."""

from collections.abc import Callable

import msgspec
from msgspec import Raw, Struct

from modelport.dialects.chat_body import cost_block
from modelport.dialects.embeddings.vectors import converted, is_in
from modelport.dialects.wire import Ending, Identity, MalformedReply, UpstreamFault
from modelport.operations.embeddings import EmbeddingsCall
from modelport.operations.usage import Usage


class Vectors(Struct, frozen=True):
    """A provider's answer: its vectors in the order of the inputs."""

    vectors: tuple[Raw, ...]
    usage: Usage | None
    model: str = ""
    id: str = ""
    body: bytes = b""
    """The bytes as they came, when they are an answer in OpenAI's form that lacks nothing."""


Decode = Callable[[bytes], Vectors]


class EmbeddingsPassage:
    """The way of one answer with embeddings to the caller; it never streams, so `feed` is never used."""

    def __init__(self, asked: EmbeddingsCall, decode: Decode, identity: Identity) -> None:
        self.events = 0
        self.has_finish = True
        self.is_done = True
        self.problem: UpstreamFault | MalformedReply | None = None
        self._asked = asked
        self._decode = decode
        self._identity = identity
        self._answer: Vectors | None = None

    def feed(self, data: bytes) -> bytes:
        """Pass on nothing: there are no streams of embeddings."""
        return b""

    def take(self, body: bytes) -> None:
        """Take a whole answer; raises `MalformedReply` or `UpstreamFault`."""
        answer = self._decode(body)
        if len(answer.vectors) != self._asked.count:
            told = f"{len(answer.vectors)} embeddings for {self._asked.count} inputs"
            raise MalformedReply(f"the provider's answer has {told}")
        encoding = self._asked.encoding
        if not all(is_in(vector, encoding) for vector in answer.vectors):
            vectors = tuple(converted(vector, encoding) for vector in answer.vectors)
            answer = msgspec.structs.replace(answer, vectors=vectors, body=b"")
        self._answer = answer

    def usage(self) -> Usage | None:
        """Return what the provider reported."""
        return self._taken().usage

    def said_bytes(self) -> int:
        """Return 0: vectors are not paid for, only what went in."""
        return 0

    def whole(self, ending: Ending) -> bytes:
        """Write the whole answer with `meta.usage`."""
        answer, meta = self._taken(), cost_block(ending.charged)
        if ending.notice is not None:
            meta = meta[:-1] + b',"notice":' + msgspec.json.encode(ending.notice) + b"}"
        if answer.body:
            end = answer.body.rindex(b"}")
            return answer.body[:end] + b',"meta":' + meta + b"}"
        tokens = ending.usage.input_tokens
        named = {"id": answer.id} if answer.id else {}
        return msgspec.json.encode(
            {
                "object": "list",
                **named,
                "data": [
                    {"object": "embedding", "index": index, "embedding": vector}
                    for index, vector in enumerate(answer.vectors)
                ],
                "model": answer.model or self._identity.model,
                "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
                "meta": Raw(meta),
            }
        )

    def ending(self, ending: Ending) -> bytes:
        """Write nothing: there is no stream to end."""
        return b""

    def failing(self, error: bytes) -> bytes:
        """Return the error as it is: there is no stream to wrap it for."""
        return error

    def final(self) -> bytes | None:
        """Return None: answers with embeddings are not kept."""
        return None

    def _taken(self) -> Vectors:
        assert self._answer is not None, "a whole answer is read before it is written"
        return self._answer
