"""Embeddings: golden exchanges, every form of input, and both forms of vectors."""

import json
import struct
import tomllib
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from modelport.catalogue.facts import Model, Offer, Provider, Quirks
from modelport.core.errors import InvalidBody
from modelport.dialects.embeddings.passage import FAULTS, open_passage
from modelport.dialects.embeddings.served import MAX_INPUTS, SERVED
from modelport.dialects.embeddings.vectors import converted
from modelport.dialects.wire import Ending, Identity, MalformedReply, NotExpressible, Passage, Target, UpstreamFault
from modelport.operations.usage import Usage

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/source.toml"))
CHARGED = 156
MODEL = Model(id="acme/embed", name="E", maker="acme", operation="embeddings", description="")
GUESS = Usage({"input": 7, "output": 0}, "estimated")


def source(case: Path) -> dict[str, Any]:
    return tomllib.loads((case / "source.toml").read_text())


def target(dialect: Any = "openai_embeddings", **quirks: Any) -> Target:
    provider = Provider(id="p", name="P", base_url="https://p.example", speaks={"embeddings": (dialect,)})
    given = {name: frozenset(value) if isinstance(value, list) else value for name, value in quirks.items()}
    return Target(Offer(MODEL.id, provider, "upstream-name", quirks=Quirks(**given)), MODEL)


def identity() -> Identity:
    return Identity("ours", 1777550000, MODEL.id)


def opened(body: Any, at: Target | None = None) -> tuple[Any, Passage]:
    call = SERVED.parse(json.dumps(body).encode())
    request, passage = open_passage(call, at or target(), identity)
    return json.loads(request.body), passage


def case_id(case: Path) -> str:
    return case.name


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_an_exchange_goes_as_recorded(case: Path) -> None:
    told = source(case)
    call = SERVED.parse((case / "call.json").read_bytes())
    request, passage = open_passage(call, target(told["dialect"], **told["quirks"]), identity)
    assert json.loads(request.body) == json.loads((case / "request.json").read_text())
    assert list(request.dropped) == told["dropped"]
    assert request.path == (
        "/embeddings" if told["dialect"] == "openai_embeddings" else "/models/upstream-name:batchEmbedContents"
    )
    passage.take((case / "response.json").read_bytes())
    usage = passage.usage()
    assert usage == (Usage(told["meters"], "provider") if "meters" in told else None)
    answered = json.loads(passage.whole(Ending(usage or GUESS, CHARGED)))
    assert answered == json.loads((case / "reply.json").read_text())


def test_an_answer_that_lacks_nothing_only_gains_its_cost() -> None:
    _, passage = opened({"model": "m", "input": "a"})
    body = (
        b'{ "object":"list","data":[{"object":"embedding","embedding":[0.10,1e-3],"index":0}],"model":"x","extra":1,'
        b'"usage":{"prompt_tokens":1,"total_tokens":1}}\n'
    )
    passage.take(body)
    cost = b',"meta":{"usage":{"credits_used":156,"usd_spent":0.000078}}}'
    assert passage.whole(Ending(GUESS, CHARGED)) == body.rstrip()[:-1] + cost


@pytest.mark.parametrize(
    ("given", "texts", "tokens", "text_bytes"),
    [
        ("red", ("red",), (), 5),
        (["red", "blue"], ("red", "blue"), (), 15),
        ([5, 6, 7], (), ((5, 6, 7),), 12),
        ([[5, 6], [7]], (), ((5, 6), (7,)), 12),
    ],
)
def test_every_form_of_input(given: object, texts: object, tokens: object, text_bytes: int) -> None:
    call = SERVED.parse(json.dumps({"model": "m", "input": given}).encode())
    asked = SERVED.read(call)
    assert (asked.texts, asked.tokens, asked.encoding, asked.dimensions) == (texts, tokens, "float", None)
    assert (call.dialect, call.max_tokens, call.choices, call.is_streaming) == ("openai_embeddings", 0, 1, False)
    assert call.text_bytes == text_bytes


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("", "'input': Expected"),
        ([], "'input': Expected"),
        (["a", ""], "'input[1]': Expected at least 1 character"),
        ([[1], []], "'input[1]': Expected at least 1 token id"),
        (["a", 1], "'input': Expected"),
        ([[1], "a"], "'input': Expected"),
        ([1.5], "'input"),
        ([[True]], "'input"),
        ([-1], "'input[0]': Expected token ids"),
        (7, "'input': Expected"),
        ({"a": 1}, "'input': Expected"),
        (["a"] * (MAX_INPUTS + 1), f"'input': Expected at most {MAX_INPUTS} inputs, received {MAX_INPUTS + 1}"),
    ],
)
def test_an_input_of_no_form_is_refused(given: object, told: str) -> None:
    with pytest.raises(InvalidBody) as refused:
        SERVED.parse(json.dumps({"model": "m", "input": given}).encode())
    assert refused.value.faults[0].startswith(told)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": 1.5}, "dimensions"),
        ({"task_type": "OTHER"}, "task_type"),
        ({"input_type": "picture"}, "input_type"),
        ({"title": "x"}, "title"),
        ({"title": "x", "task_type": "CLUSTERING"}, "title"),
        ({"auto_truncate": "yes"}, "auto_truncate"),
        ({"stream": True}, "stream"),
        ({"user": "u" * 20_000}, "user"),
    ],
)
def test_the_schema_is_closed(fields: dict[str, object], param: str) -> None:
    with pytest.raises(InvalidBody) as refused:
        SERVED.parse(json.dumps({"model": "m", "input": "a", **fields}).encode())
    assert refused.value.param == param


def test_what_is_missing_is_named_and_nulls_are_absent() -> None:
    with pytest.raises(InvalidBody) as refused:
        SERVED.parse(b'{"input": null, "user": null}')
    assert refused.value.faults == ("'model': Required", "'input': Required")
    call = SERVED.parse(b'{"model":"m","input":"a","dimensions":null,"stream":null}', model="other")
    assert (call.model, set(call.fields)) == ("other", {"input"})


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff"])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidBody):
        SERVED.parse(body)


def test_inputs_keep_their_bytes() -> None:
    call = SERVED.parse(b'{"model":"m","input":[ "\\u00e9" , "b"]}')
    request, _ = open_passage(call, target(), identity)
    assert b'"input":[ "\\u00e9" , "b"]' in request.body


@pytest.mark.parametrize(
    ("body", "at", "param"),
    [
        ({"input": [1, 2]}, target(drop=["input_tokens"]), "input"),
        ({"input": [[1], [2]]}, target("google_embeddings"), "input"),
        ({"input": ["a"] * 101}, target("google_embeddings"), "input"),
        ({"input": "a", "dimensions": 8}, target(drop=["dimensions"]), "dimensions"),
        ({"input": "a", "dimensions": 8}, target("google_embeddings", drop=["dimensions"]), "dimensions"),
    ],
)
def test_what_a_provider_cannot_do_is_refused(body: dict[str, object], at: Target, param: str) -> None:
    with pytest.raises(NotExpressible) as refused:
        opened({"model": "m", **body}, at)
    assert refused.value.param == param


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"{}", b'{"data":[]}', b'{"data":[{"index":0}]}', b'{"data":[{"index":0,"embedding":"~"}]}',
        b'{"data":[{"index":0,"embedding":"AAA="}]}', b'{"data":[{"index":0,"embedding":null}]}',
        b'{"data":[{"index":1,"embedding":[1]}]}', b'{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[]}]}',
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_malformed(body: bytes) -> None:
    _, passage = opened({"model": "m", "input": "a"})
    with pytest.raises(MalformedReply):
        passage.take(body)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"embeddings":[]}', b'{"embeddings":[{}]}'])
def test_an_answer_of_googles_that_is_none_is_malformed(body: bytes) -> None:
    _, passage = opened({"model": "m", "input": "a"}, target("google_embeddings"))
    with pytest.raises(MalformedReply):
        passage.take(body)


@pytest.mark.parametrize("dialect", ["openai_embeddings", "google_embeddings"])
def test_an_error_inside_a_success_is_a_fault(dialect: str) -> None:
    _, passage = opened({"model": "m", "input": "a"}, target(dialect))
    with pytest.raises(UpstreamFault):
        passage.take(b'{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED"}}')
    assert FAULTS[dialect](429, b"3", b'{"error":{"message":"slow down"}}').retry_after_s == 3


def test_floats_come_back_as_numbers_when_base64_came() -> None:
    packed = Raw(b'"zczMPQAAgL8="')
    assert bytes(converted(packed, "float")) == b"[0.1,-1.0]"


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_vectors_survive_both_ways(numbers: list[float]) -> None:
    packed = converted(Raw(json.dumps(numbers).encode()), "base64")
    data = b64decode(json.loads(bytes(packed)))
    assert list(struct.unpack(f"<{len(numbers)}f", data)) == numbers
    back = json.loads(bytes(converted(packed, "float")))
    assert struct.pack(f"<{len(numbers)}f", *back) == data


def test_a_passage_of_embeddings_has_no_stream() -> None:
    _, passage = opened({"model": "m", "input": "a"})
    assert passage.feed(b"x") == passage.ending(Ending(GUESS, 1)) == b""
    assert (passage.failing(b"{}"), passage.said_bytes(), passage.has_finish) == (b"{}", 0, True)
