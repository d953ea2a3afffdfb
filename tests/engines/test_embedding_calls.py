import base64
import json
import struct
from typing import Any

import pytest

from modelport.engines.embedding_calls import MOST_INPUTS, check_dimensions, embeddings_body, read_embedding_call
from modelport.engines.refusals import Refusal, error_body

VECTORS = [struct.pack("<3f", 0.5, -0.25, 0.125), struct.pack("<3f", 0, 1, 0)]


def body(given: object, **fields: object) -> bytes:
    return json.dumps({"model": "m", "input": given, **fields}).encode()


@pytest.mark.parametrize(
    ("given", "inputs", "place"),
    [
        ("hi", ["hi"], "input"),
        (["hi", "you"], ["hi", "you"], "input[0]"),
        ([1, 2], [[1, 2]], "input"),
        ([[1, 2], [3]], [[1, 2], [3]], "input[0]"),
    ],
)
def test_an_input_has_four_forms(given: object, inputs: list[object], place: str) -> None:
    call = read_embedding_call(body(given))
    assert call.inputs == inputs
    assert call.place(0) == place


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"{bad", "malformed"),
        (b'{"model": "m"}', "`input`"),
        (body([]), "'input' is empty"),
        (body(""), "'input' is empty"),
        (body(["a", ""]), r"'input\[1\]' is empty"),
        (body([[1], []]), r"'input\[1\]' is empty"),
        (body(["a", 1]), "mixes texts and token ids"),
        (body([[1], "a"]), "mixes texts and token ids"),
        (body([True]), r"\$\.input"),
        (body([1.5]), r"\$\.input"),
        (body(["a"] * (MOST_INPUTS + 1)), "has 2049 entries"),
        (body("a", encoding_format="int8"), "encoding_format"),
        (body("a", input_type="query"), "input_type"),
        (b'{"input": "a\xff"}', "not an embeddings call"),
    ],
)
def test_a_body_that_does_not_fit_is_refused(sent: bytes, told: str) -> None:
    with pytest.raises(Refusal, match=told) as refused:
        read_embedding_call(sent)
    assert refused.value.status == 400
    assert json.loads(error_body(refused.value))["error"]["type"] == "invalid_request_error"


def test_only_the_length_that_vectors_have_may_be_asked_for() -> None:
    for length in (None, 384):
        check_dimensions(read_embedding_call(body("a", dimensions=length)), 384)
    with pytest.raises(Refusal, match=r"'dimensions' is 100.*384") as refused:
        check_dimensions(read_embedding_call(body("a", dimensions=100)), 384)
    assert refused.value.param == "dimensions"


def answer(**fields: object) -> Any:
    return json.loads(embeddings_body(read_embedding_call(body(["a", "b"], **fields)), "minilm", VECTORS, 7))


def test_an_answer_has_openais_shape() -> None:
    assert answer(user="me", encoding_format=None) == {
        "object": "list",
        "model": "minilm",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -0.25, 0.125]},
            {"object": "embedding", "index": 1, "embedding": [0.0, 1.0, 0.0]},
        ],
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }


def test_base64_is_little_endian_float32() -> None:
    shown = [base64.b64decode(one["embedding"]) for one in answer(encoding_format="base64")["data"]]
    assert shown == VECTORS
