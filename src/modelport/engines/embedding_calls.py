"""What the engine of embeddings is asked and answers, in OpenAI's shape. Pure."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from modelport.engines.refusals import Refusal, wrong

MOST_INPUTS = 2048
"""OpenAI's bound, too."""

Input = str | list[int]
_Given = str | list[str | int | list[int]]


@dataclass(frozen=True, slots=True)
class EmbeddingCall:
    """A call that holds, whatever the model; its inputs are all texts, or all token ids."""

    inputs: Sequence[Input]
    is_list: bool
    """Whether there may be several inputs."""
    dimensions: int | None
    is_base64: bool
    is_truncating: bool

    def place(self, index: int) -> str:
        """Name an input the way the caller wrote it."""
        return f"input[{index}]" if self.is_list else "input"


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    input: _Given
    model: str = ""
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None
    auto_truncate: bool | None = None
    user: str | None = None


class _Vector(msgspec.Struct):
    index: int
    embedding: list[float] | str
    object: Literal["embedding"] = "embedding"


class _Usage(msgspec.Struct):
    prompt_tokens: int
    total_tokens: int


class _Answer(msgspec.Struct):
    data: list[_Vector]
    model: str
    usage: _Usage
    object: Literal["list"] = "list"


def read_embedding_call(body: bytes) -> EmbeddingCall:
    """Read a call; raises `Refusal` naming what does not fit."""
    try:
        asked = msgspec.json.decode(body, type=_Asked)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise wrong(f"The body is not an embeddings call: {problem}.") from problem
    inputs, is_list = _inputs(asked.input)
    is_base64 = asked.encoding_format == "base64"
    call = EmbeddingCall(inputs, is_list, asked.dimensions, is_base64, bool(asked.auto_truncate))
    if not inputs:
        raise wrong("'input' is empty; send at least one text.", "input")
    if len(inputs) > MOST_INPUTS:
        raise wrong(f"'input' has {len(inputs)} entries; at most {MOST_INPUTS} fit into one call.", "input")
    for index, one in enumerate(inputs):
        if not one:
            raise wrong(f"'{call.place(index)}' is empty; leave it out.", "input")
    return call


def _inputs(given: _Given) -> tuple[Sequence[Input], bool]:
    """Tell the four forms apart: a text, texts, token ids, lists of token ids."""
    if isinstance(given, str):
        return [given], False
    ids = [one for one in given if isinstance(one, int)]
    if ids and len(ids) == len(given):
        return [ids], False
    texts = [one for one in given if isinstance(one, str)]
    lists = [one for one in given if isinstance(one, list)]
    if len(given) not in (len(texts), len(lists)):
        raise wrong(
            "'input' mixes texts and token ids; send a text, a list of texts, of token ids or of such lists.", "input"
        )
    return texts or lists, True


def too_long(call: EmbeddingCall, index: int, tokens: int, window: int) -> Refusal:
    """Refuse an input that does not fit."""
    return wrong(
        f"'{call.place(index)}' has {tokens} tokens, and this model reads at most {window} at once: split it, or send "
        '"auto_truncate": true to have its end left out.',
        "input",
        "context_length_exceeded",
    )


def foreign_token(call: EmbeddingCall, index: int, token: int, known: int) -> Refusal:
    """Refuse a token id that the model does not have."""
    return wrong(
        f"'{call.place(index)}' has the token id {token}, and this model knows 0 to {known - 1}. Ids must come from "
        "its own tokenizer, not from another model's; send the text instead.",
        "input",
    )


def check_dimensions(call: EmbeddingCall, length: int) -> None:
    """Raise `Refusal` when another length of vectors is wanted than there is."""
    if call.dimensions not in (None, length):
        raise wrong(
            f"'dimensions' is {call.dimensions}, and this model's vectors have {length}; leave it out.", "dimensions"
        )


def embeddings_body(call: EmbeddingCall, model: str, vectors: Sequence[bytes], tokens: int) -> bytes:
    """Write the answer; each vector comes as little-endian float32."""
    shown = [_Vector(index, _shown(vector, is_base64=call.is_base64)) for index, vector in enumerate(vectors)]
    return msgspec.json.encode(_Answer(shown, model, _Usage(tokens, tokens)))


def _shown(vector: bytes, *, is_base64: bool) -> list[float] | str:
    if is_base64:
        return base64.b64encode(vector).decode("ascii")
    return [*memoryview(vector).cast("f")]
