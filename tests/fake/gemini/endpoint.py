"""The methods of Gemini's models: answers whole and as a stream, and embeddings."""

from collections.abc import Callable
from typing import TypeVar

from tests.fake.calls import Call, Ready, answered, check_content_type, check_key, json_body
from tests.fake.convert import Wrong, convert
from tests.fake.embeddings.google import embed, embed_batch
from tests.fake.gemini.answers import GEMINI
from tests.fake.gemini.reading import asked_in_gemini
from tests.fake.gemini.refusals import call_problems, explain
from tests.fake.gemini.types import BatchEmbedCall, EmbedCall, GenerateCall, camel_case
from tests.fake.vendor import Refusal, phrase

_T = TypeVar("_T")


def gemini(call: Call) -> Ready | Refusal:
    """Answer or refuse a call of one of a model's methods."""
    model, _, method = call.path.removeprefix("/models/").rpartition(":")
    if method not in _METHODS:
        return Refusal(404, f"Method {method or call.path} not found.")
    refusal = check_key(call.vendor, call.headers) or check_content_type(call.headers)
    if refusal is not None:
        return refusal
    if not call.knows(model):
        return Refusal(404, phrase(call.vendor, "unknown_model", model=model, method=method))
    return _METHODS[method](call, model)


def _generate(call: Call, model: str) -> Ready | Refusal:
    return _answer(call, model, is_streaming=False)


def _stream(call: Call, model: str) -> Ready | Refusal:
    if "alt=sse" not in call.query.split("&"):
        return Refusal(400, "The fake streams server-sent events only: add alt=sse to the query.")
    return _answer(call, model, is_streaming=True)


def _answer(call: Call, model: str, *, is_streaming: bool) -> Ready | Refusal:
    wanted = _read(call, GenerateCall)
    if isinstance(wanted, Refusal):
        return wanted
    problem = next(call_problems(model, wanted), None)
    if problem is not None:
        return Refusal(400, problem)
    return answered(call, GEMINI, asked_in_gemini(model, wanted), is_streaming=is_streaming)


def _embed(call: Call, model: str) -> Ready | Refusal:
    wanted = _read(call, EmbedCall)
    return wanted if isinstance(wanted, Refusal) else embed(call, model, wanted)


def _embed_batch(call: Call, model: str) -> Ready | Refusal:
    wanted = _read(call, BatchEmbedCall)
    return wanted if isinstance(wanted, Refusal) else embed_batch(call, model, wanted)


def _read(call: Call, kind: type[_T]) -> _T | Refusal:
    body = json_body(call.raw)
    if body is None:
        return Refusal(400, "Invalid JSON payload received. Expected an object.")
    read = convert(camel_case(body), kind)
    return Refusal(400, explain(read)) if isinstance(read, Wrong) else read


_METHODS: dict[str, Callable[[Call, str], Ready | Refusal]] = {
    "generateContent": _generate,
    "streamGenerateContent": _stream,
    "embedContent": _embed,
    "batchEmbedContents": _embed_batch,
}
