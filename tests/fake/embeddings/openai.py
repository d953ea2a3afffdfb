"""Embeddings as OpenAI has them, and those who are compatible with it.

The types of `openai` 3.54 and what they say of limits (`types/embedding_create_params.py`), read on 2026-11-22.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.fake.asked import cut
from tests.fake.calls import Call, Ready, check_content_type, check_key, json_body, told, without_nulls
from tests.fake.completions import Completion, Spent
from tests.fake.embeddings.form import DataForm
from tests.fake.embeddings.vectors import base64_of, vector
from tests.fake.vendor import Refusal, phrase

FIELDS = frozenset({"input", "model", "dimensions", "encoding_format", "user"})
_SIZES = {"text-embedding-ada-002": 1536, "text-embedding-3-small": 1536, "text-embedding-3-large": 3072}
_DEFAULT_SIZE = 1024
_INPUTS = 2048
_TOKENS_EACH = 8192
_TOKENS_ALL = 300_000

Text = str | tuple[int, ...]


def embeddings(call: Call) -> Ready | Refusal:
    """Answer or refuse a call of embeddings."""
    refusal = check_key(call.vendor, call.headers) or check_content_type(call.headers)
    if refusal is not None:
        return refusal
    body = json_body(call.raw)
    if body is None:
        return Refusal(400, "We could not parse the JSON body of your request.")
    given = without_nulls(body)
    refusal = next(_refusals(call, given), None)
    return refusal or _embedded(call, given)


def _refusals(call: Call, body: Mapping[str, Any]) -> Iterator[Refusal]:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        yield Refusal(400, "you must provide a model parameter", "model")
        return
    for name in body:
        if call.vendor.id in {"openai", "azure"} and name not in FIELDS:
            yield Refusal(400, f"Unrecognized request argument supplied: {name}")
    if not call.knows(model):
        status = call.vendor.statuses.get("unknown_model", 404)
        text = phrase(call.vendor, "unknown_model", model=model, method="embeddings")
        yield Refusal(status, text, "model", "model_not_found")
    elif call.vendor.id == "openai" and model.startswith(("gpt-", "o")) and model not in _SIZES:
        yield Refusal(403, "You are not allowed to generate embeddings from this model")
    yield from _input(body.get("input"))
    yield from _form(model, body)


def _form(model: str, body: Mapping[str, Any]) -> Iterator[Refusal]:
    if body.get("encoding_format", "float") not in {"float", "base64"}:
        text = f"Invalid value: '{body['encoding_format']}'. Supported values are: 'float' and 'base64'."
        yield Refusal(400, text, "encoding_format", "invalid_value")
    size = body.get("dimensions")
    if size is None:
        return
    if not isinstance(size, int) or isinstance(size, bool):
        yield Refusal(400, "Invalid type for 'dimensions': expected an integer.", "dimensions", "invalid_type")
    elif model == "text-embedding-ada-002":
        yield Refusal(400, "This model does not support specifying dimensions.", "dimensions")
    elif not 1 <= size <= _SIZES.get(model, 4096):
        text = f"Invalid value for 'dimensions' = {size}. Must be less than or equal to {_SIZES.get(model, 4096)}."
        yield Refusal(400, text, "dimensions")


def _input(given: Any) -> Iterator[Refusal]:
    texts = texts_of(given)
    if texts is None:
        text = "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference."
        yield Refusal(400, text, "input")
        return
    if not texts or any(len(text) == 0 for text in texts):
        yield Refusal(400, "Invalid 'input': input cannot be an empty string.", "input")
    if len(texts) > _INPUTS:
        text = f"Invalid 'input': array too long. Expected an array with maximum length {_INPUTS}"
        yield Refusal(
            400, f"{text}, but got an array with length {len(texts)} instead.", "input", "array_above_max_length"
        )
    sizes = [tokens_in(text) for text in texts]
    if any(size > _TOKENS_EACH for size in sizes):
        text = (
            f"This model's maximum context length is {_TOKENS_EACH} tokens, however you requested {max(sizes)} tokens"
        )
        yield Refusal(400, f"{text} ({max(sizes)} in your prompt; 0 for the completion).")
    elif sum(sizes) > _TOKENS_ALL:
        text = f"Requested {sum(sizes)} tokens, max {_TOKENS_ALL} tokens per request"
        yield Refusal(400, text, None, "max_tokens_per_request")


def texts_of(given: Any) -> list[Text] | None:
    """The inputs: a text, texts, tokens, or lists of tokens; None for anything else."""
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list):
        return None
    if given and all(_is_token(one) for one in given):
        return [tuple(given)]
    if all(isinstance(one, str) for one in given):
        return list(given)
    if all(isinstance(one, list) and all(_is_token(token) for token in one) for one in given):
        return [tuple(one) for one in given]
    return None


def _is_token(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def tokens_in(text: Text) -> int:
    """Count the tokens of an input."""
    return len(cut(text)) if isinstance(text, str) else len(text)


def _embedded(call: Call, given: Mapping[str, Any]) -> Ready:
    model = given["model"]
    texts = texts_of(given["input"]) or []
    size = given.get("dimensions") or _SIZES.get(model, _DEFAULT_SIZE)
    tokens = sum(tokens_in(text) for text in texts)
    is_packed = given.get("encoding_format") == "base64"

    def body() -> dict[str, Any]:
        vectors = [vector(str(text), size) for text in texts]
        told = [base64_of(numbers) if is_packed else numbers for numbers in vectors]
        data = [{"object": "embedding", "index": index, "embedding": numbers} for index, numbers in enumerate(told)]
        return {"object": "list", "data": data, "model": model}

    form = DataForm("openai_embeddings", body, "usage", {"prompt_tokens": tokens, "total_tokens": tokens})
    return told(call, form, Completion(call.number, model, 1, (), (), (), "stop", Spent(tokens, 0), None))
