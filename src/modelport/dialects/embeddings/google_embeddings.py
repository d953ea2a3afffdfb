"""Google's embeddings (`batchEmbedContents`), called.

Shapes: https://ai.google.dev/api/embeddings (read 2026-11-22).
"""

import msgspec
from msgspec import Raw, Struct

from modelport.dialects.embeddings.answers import Vectors
from modelport.dialects.google_gemini.faults import fault, fault_inside, fault_of
from modelport.dialects.wire import (
    JSON_HEADERS,
    MalformedReply,
    NotExpressible,
    Target,
    UpstreamFault,
    UpstreamRequest,
)
from modelport.operations.embeddings import EmbeddingsCall
from modelport.operations.usage import Usage

MAX_INPUTS = 100
"""That Google takes in one batch."""
_TASKS = {"document": "RETRIEVAL_DOCUMENT", "query": "RETRIEVAL_QUERY"}
_NULL = Raw(b"null")


class _Embedding(Struct):
    values: Raw


class _UsageMetadata(Struct, rename="camel"):
    prompt_token_count: int | None = None
    total_token_count: int | None = None


class _Answer(Struct, rename="camel"):
    embeddings: list[_Embedding] | None = None
    usage_metadata: _UsageMetadata | None = None
    error: Raw = _NULL


_ANSWER = msgspec.json.Decoder(_Answer)


class GoogleEmbeddings:
    """The wire format of `models/…:batchEmbedContents`."""

    def encode(self, asked: EmbeddingsCall, target: Target) -> UpstreamRequest:
        """Write a call; raises `NotExpressible` for what must not be left out."""
        return encode(asked, target)

    def decode(self, body: bytes) -> Vectors:
        """Read an answer; raises `MalformedReply`, or `UpstreamFault` for an error inside a success."""
        return decode(body)

    def fault(self, status: int, retry_after: bytes | None, body: bytes) -> UpstreamFault:
        """Say what went wrong from a refusal."""
        return fault(status, retry_after, body)


CALLED = GoogleEmbeddings()


def encode(asked: EmbeddingsCall, target: Target) -> UpstreamRequest:
    """Write a call; raises `NotExpressible` for what must not be left out."""
    provider, drop = target.offer.provider.name, target.offer.quirks.drop
    if asked.tokens:
        raise NotExpressible("input", provider, "takes texts, not token ids")
    if asked.count > MAX_INPUTS:
        raise NotExpressible("input", provider, f"takes at most {MAX_INPUTS} inputs in one call")
    if asked.dimensions is not None and "dimensions" in drop:
        raise NotExpressible("dimensions", provider, "gives vectors of this model's own size only; leave it out")
    dropped = [name for name in ("auto_truncate", "user") if getattr(asked, name) not in (None, "")]
    shared: dict[str, object] = {}
    task = asked.task_type or _TASKS.get(asked.input_type, "")
    if task and "task_type" in drop:
        dropped += [name for name in ("input_type", "task_type", "title") if getattr(asked, name)]
    elif task:
        shared["taskType"] = task
        if asked.title:
            shared["title"] = asked.title
        if asked.task_type and asked.input_type:
            dropped.append("input_type")
    if asked.dimensions is not None:
        shared["outputDimensionality"] = asked.dimensions
    upstream = target.offer.upstream
    name = upstream if "/" in upstream else f"models/{upstream}"
    requests = [{"model": name, "content": {"parts": [{"text": text}]}, **shared} for text in asked.texts]
    body = msgspec.json.encode({"requests": requests})
    return UpstreamRequest(f"/{name}:batchEmbedContents", JSON_HEADERS, body, False, tuple(dropped))


def decode(body: bytes) -> Vectors:
    """Read an answer; raises `MalformedReply`, or `UpstreamFault` for an error inside a success."""
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        if (inner := fault_inside(body)) is not None:
            raise inner from None
        raise MalformedReply("the provider's answer is not a batch of embeddings") from None
    if bytes(answer.error) != b"null":
        raise fault_of(answer.error)
    if answer.embeddings is None:
        raise MalformedReply("the provider's answer has no embeddings")
    return Vectors(tuple(_one_line(one.values) for one in answer.embeddings), _used(answer.usage_metadata))


def _one_line(values: Raw) -> Raw:
    """Take out the line that Google gives to each number."""
    return Raw(msgspec.json.format(bytes(values), indent=-1))


def _used(usage: _UsageMetadata | None) -> Usage | None:
    """Read what newer models report; None for older ones, which do not."""
    if usage is None:
        return None
    tokens = usage.total_token_count if usage.prompt_token_count is None else usage.prompt_token_count
    return None if tokens is None or tokens < 0 else Usage({"input": tokens}, "provider")
