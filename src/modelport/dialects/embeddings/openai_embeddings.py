"""OpenAI's embeddings, called: the caller's own bytes pass, and so does the answer where it lacks nothing.

Shapes: https://platform.openai.com/docs/api-reference/embeddings (read 2026-11-22).
"""

import msgspec
from msgspec import Raw, Struct

from modelport.catalogue.facts import Quirks
from modelport.dialects.chat_body import error_inside, fault
from modelport.dialects.embeddings.answers import Vectors
from modelport.dialects.told_cost import CostTold, nano_usd
from modelport.dialects.wire import (
    JSON_HEADERS,
    MalformedReply,
    NotExpressible,
    Target,
    UpstreamFault,
    UpstreamRequest,
)
from modelport.operations.chat import ChatCall
from modelport.operations.usage import Usage

PATH = "/embeddings"
OWN_FIELDS = frozenset({"input", "encoding_format", "dimensions", "user"})
NO_TOKENS = "input_tokens"
"""In the `drop` of an offer: its provider takes texts only."""
_NULL = Raw(b"null")


class _Vector(Struct):
    embedding: Raw
    index: int | None = None
    object: str | None = None


class _Answer(Struct):
    data: list[_Vector]
    object: str | None = None
    model: str | None = None
    id: str | None = None
    usage: Raw = _NULL
    error: Raw = _NULL
    meta: Raw = Raw(b"")


class _Usage(CostTold):
    prompt_tokens: int | None = None
    total_tokens: int | None = None


_ANSWER = msgspec.json.Decoder(_Answer)
_USAGE = msgspec.json.Decoder(_Usage)


class OpenAiEmbeddings:
    """The wire format of `/embeddings`."""

    def encode(self, call: ChatCall, target: Target) -> UpstreamRequest:
        """Write a call; raises `NotExpressible` for what must not be left out."""
        return encode(call, target)

    def decode(self, body: bytes) -> Vectors:
        """Read an answer; raises `MalformedReply`, or `UpstreamFault` for an error inside a success."""
        return decode(body)

    def fault(self, status: int, retry_after: bytes | None, body: bytes) -> UpstreamFault:
        """Say what went wrong from a refusal."""
        return fault(status, retry_after, body)


CALLED = OpenAiEmbeddings()


def encode(call: ChatCall, target: Target) -> UpstreamRequest:
    """Write a call with the caller's own bytes; raises `NotExpressible` for what must not be left out."""
    quirks, provider = target.offer.quirks, target.offer.provider.name
    body: dict[str, object] = {"model": target.offer.upstream}
    dropped: list[str] = []
    if NO_TOKENS in quirks.drop and _are_tokens(call.fields["input"]):
        raise NotExpressible("input", provider, "takes texts, not token ids")
    for name, raw in call.fields.items():
        if _takes(quirks, name):
            body[quirks.rename.get(name, name)] = Raw(raw)
        elif name == "dimensions":
            raise NotExpressible(name, provider, "gives vectors of this model's own size only; leave it out")
        elif name != "encoding_format":  # That is done here where the provider does not.
            dropped.append(name)
    for name, value in quirks.set.items():
        body.setdefault(name, Raw(value.encode()))
    return UpstreamRequest(PATH, JSON_HEADERS, msgspec.json.encode(body), False, tuple(dropped))


def _takes(quirks: Quirks, name: str) -> bool:
    if name in quirks.drop:
        return False
    return name in OWN_FIELDS or name in quirks.accept or name in quirks.rename or quirks.accept_unknown


def _are_tokens(raw: bytes) -> bool:
    return raw.lstrip(b"[ \t\r\n")[:1].isdigit()


def decode(body: bytes) -> Vectors:
    """Read an answer; raises `MalformedReply`, or `UpstreamFault` for an error inside a success."""
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        if (inner := error_inside(body)) is not None:
            raise inner from None
        raise MalformedReply("the provider's answer is not a list of embeddings") from None
    if bytes(answer.error) != b"null" and (inner := error_inside(body)) is not None:
        raise inner
    usage = meters(bytes(answer.usage))
    return Vectors(
        vectors=_ordered(answer.data),
        usage=usage,
        model=answer.model or "",
        id=answer.id or "",
        body=body if _lacks_nothing(answer, usage) else b"",
    )


def _ordered(data: list[_Vector]) -> tuple[Raw, ...]:
    """Put vectors in the order of their inputs."""
    places = [vector.index for vector in data]
    if all(place is None for place in places):
        return tuple(vector.embedding for vector in data)
    found = {vector.index: vector.embedding for vector in data}
    if set(found) != set(range(len(data))):
        raise MalformedReply("the provider's embeddings are not numbered from 0 on, each once")
    return tuple(found[place] for place in range(len(data)))


def _lacks_nothing(answer: _Answer, usage: Usage | None) -> bool:
    in_order = all(vector.index == place and vector.object == "embedding" for place, vector in enumerate(answer.data))
    told = bytes(answer.usage)
    has_usage = usage is not None and b'"prompt_tokens"' in told and b'"total_tokens"' in told
    return in_order and has_usage and answer.object == "list" and bool(answer.model) and not answer.meta


def meters(raw: bytes) -> Usage | None:
    """Read what was used, of which all went in; None when there is nothing to trust."""
    try:
        usage = _USAGE.decode(raw)
    except msgspec.DecodeError:
        return None
    tokens = usage.total_tokens if usage.prompt_tokens is None else usage.prompt_tokens
    return None if tokens is None or tokens < 0 else Usage({"input": tokens}, "provider", nano_usd(usage))
