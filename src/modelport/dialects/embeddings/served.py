"""Reading requests for embeddings in OpenAI's form.

Shapes: https://platform.openai.com/docs/api-reference/embeddings (read 2026-11-22).
"""

from collections.abc import Mapping
from typing import Literal, cast

import msgspec
from msgspec import Raw, Struct

from modelport.core.errors import InvalidBody
from modelport.dialects.chat_fields import Check, boolean, fault, integer, one_of, text
from modelport.dialects.chat_request import members
from modelport.operations.chat import ChatCall
from modelport.operations.embeddings import EmbeddingsCall, Encoding

DIALECT: Literal["openai_embeddings"] = "openai_embeddings"
MAX_INPUTS = 2048
BYTES_PER_TOKEN_ID = 4
"""What a token id counts in an estimate that is made from bytes of text."""
_MOST_OTHERS = 16 * 1024
"""Bytes of a field that is not the input."""
_WHOLE = frozenset({"dimensions"})

TASKS = (
    "RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "SEMANTIC_SIMILARITY", "CLASSIFICATION", "CLUSTERING",
    "QUESTION_ANSWERING", "FACT_VERIFICATION", "CODE_RETRIEVAL_QUERY",
)  # fmt: skip
CHECKS: Mapping[str, Check] = {
    "encoding_format": one_of("float", "base64"),
    "dimensions": integer(1),
    "input_type": one_of("document", "query"),
    "task_type": one_of(*TASKS),
    "title": text,
    "auto_truncate": boolean,
    "user": text,
}
_SHAPES = "string, array of strings, array of token ids or array of such arrays"
_Input = str | list[str | int | list[int]]
_INPUT = msgspec.json.Decoder(_Input)
_NULL = b"null"


class EmbeddingsServed:
    """OpenAI's form of embeddings, as callers speak it."""

    def parse(self, body: bytes, model: str | None = None) -> ChatCall:
        """Read and validate a request; raises `InvalidBody` naming every field that does not fit."""
        return parse(body, model)

    def read(self, call: ChatCall) -> EmbeddingsCall:
        """Read a parsed call into the canonical form."""
        return read(call)


SERVED = EmbeddingsServed()


def parse(body: bytes, model: str | None = None) -> ChatCall:
    """Read and validate a request; a `model` from the path takes the place of the body's."""
    given = {name: bytes(raw) for name, raw in members(body).items() if bytes(raw) != _NULL}
    faults: list[str] = []
    name = model or _model(given, faults)
    fields = {"input": given["input"]} if "input" in given else {}
    text_bytes = _input(given.get("input"), faults)
    for field, raw in given.items():
        if field in ("model", "input"):
            continue
        value = _checked(field, raw, faults)
        fields[field] = b"%d" % int(value) if field in _WHOLE and isinstance(value, float) else raw
    if "title" in given and given.get("task_type") != b'"RETRIEVAL_DOCUMENT"':
        faults.append("'title': Expected 'task_type' to be 'RETRIEVAL_DOCUMENT' beside it")
    if faults:
        raise InvalidBody(tuple(faults), faults[0].split("'")[1])
    return ChatCall(
        model=name,
        fields=fields,
        is_streaming=False,
        wants_usage=True,
        max_tokens=0,
        choices=1,
        text_bytes=text_bytes,
        attachments=0,
        roles={},
        provider=None,
        dialect=DIALECT,
    )


def _model(given: Mapping[str, bytes], faults: list[str]) -> str:
    if "model" not in given:
        faults.append("'model': Required")
        return ""
    value: object = msgspec.json.decode(given["model"])
    if isinstance(value, str) and value:
        return value
    faults.append(fault("model", "string of at least 1 character", value))
    return ""


def _checked(field: str, raw: bytes, faults: list[str]) -> object:
    check = CHECKS.get(field)
    if check is None:
        faults.append(f"'{field[:100]}': Unrecognized field; leave it out")
        return None
    if len(raw) > _MOST_OTHERS:
        faults.append(f"'{field}': Expected at most {_MOST_OTHERS} bytes, received {len(raw)}")
        return None
    value: object = msgspec.json.decode(raw)
    if wanted := check(value):
        faults.append(fault(field, wanted, value))
    return value


def _input(raw: bytes | None, faults: list[str]) -> int:
    """Check the input and return how many bytes of text it stands for."""
    if raw is None:
        faults.append("'input': Required")
        return 0
    try:
        given = _INPUT.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        where = str(error).rpartition("$")[2].rstrip("`") if "$" in str(error) else ""
        faults.append(f"'input{where.replace('[...]', '[]')}': Expected {_SHAPES}")
        return 0
    found = _misfit(given)
    if found is not None:
        faults.append(found)
        return 0
    tokens = _tokens(given)
    return len(raw) if tokens is None else BYTES_PER_TOKEN_ID * sum(map(len, tokens))


def _misfit(given: _Input) -> str | None:
    """Say what is wrong with an input of a known shape."""
    if given == "" or given == []:
        return f"'input': Expected {_SHAPES}, none of them empty"
    if isinstance(given, str):
        return None
    kinds = {type(item) for item in given}
    if len(kinds) > 1:
        return f"'input': Expected {_SHAPES}, received several kinds in one array"
    if int not in kinds and len(given) > MAX_INPUTS:
        return f"'input': Expected at most {MAX_INPUTS} inputs, received {len(given)}"
    for index, item in enumerate(given):
        if item in ("", []):
            return f"'input[{index}]': Expected at least 1 {'character' if item == '' else 'token id'}, received none"
        ids = item if isinstance(item, list) else (item,)
        if any(isinstance(one, int) and one < 0 for one in ids):
            return f"'input[{index}]': Expected token ids of at least 0"
    return None


def _tokens(given: _Input) -> tuple[tuple[int, ...], ...] | None:
    """Return an input that is given as token ids; None when it is text."""
    if isinstance(given, str) or isinstance(given[0], str):
        return None
    if isinstance(given[0], int):
        return (tuple(cast(list[int], given)),)
    return tuple(tuple(one) for one in cast(list[list[int]], given))


class _Fields(Struct):
    encoding_format: Encoding = "float"
    dimensions: int | None = None
    input_type: str = ""
    task_type: str = ""
    title: str = ""
    auto_truncate: bool | None = None
    user: str = ""


def read(call: ChatCall) -> EmbeddingsCall:
    """Read a parsed call into the canonical form."""
    given = _INPUT.decode(call.fields["input"])
    tokens = _tokens(given)
    texts: tuple[str, ...] = ()
    if tokens is None:
        texts = (given,) if isinstance(given, str) else tuple(cast(list[str], given))
    others = {name: Raw(raw) for name, raw in call.fields.items() if name != "input"}
    fields = msgspec.json.decode(msgspec.json.encode(others), type=_Fields)
    return EmbeddingsCall(
        texts=texts,
        tokens=tokens or (),
        dimensions=fields.dimensions,
        encoding=fields.encoding_format,
        input_type=fields.input_type,
        task_type=fields.task_type,
        title=fields.title,
        auto_truncate=fields.auto_truncate,
        user=fields.user,
    )
