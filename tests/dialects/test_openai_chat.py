"""Golden exchanges of OpenAI's chat format: a call, what is sent, what comes back, what is made of it."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.catalogue.facts import Offer, Provider, Quirks
from modelport.core.errors import InvalidBody
from modelport.dialects import openai_chat
from modelport.dialects.chat_answer import Identity
from modelport.dialects.openai_chat_stream import ChatStream
from modelport.dialects.wire import MalformedReply, UpstreamFault
from modelport.operations.usage import Usage

CASES = sorted(path.parent for path in Path(__file__).parent.glob("openai_chat/*/source.toml"))
STREAMS = [case for case in CASES if (case / "response.sse").exists()]
WHOLE = [case for case in CASES if (case / "response.json").exists()]
CHARGED = 156


def source(case: Path) -> dict[str, Any]:
    return tomllib.loads((case / "source.toml").read_text())


def offer(quirks: dict[str, Any]) -> Offer:
    given = {name: frozenset(value) if isinstance(value, list) else value for name, value in quirks.items()}
    provider = Provider(id="p", name="P", base_url="https://p.example", speaks={"chat": ("openai_chat",)})
    return Offer(model_id="m", provider=provider, upstream="upstream-name", quirks=Quirks(**given))


def identity() -> Identity:
    return Identity("ours", 1777550000, "acme/small")


def case_id(case: Path) -> str:
    return case.name


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_a_call_is_sent_as_recorded(case: Path) -> None:
    call = openai_chat.parse((case / "call.json").read_bytes())
    request = openai_chat.encode(call, offer(source(case)["quirks"]))
    assert json.loads(request.body) == json.loads((case / "request.json").read_text())
    assert list(request.dropped) == source(case)["dropped"]


@pytest.mark.parametrize("case", WHOLE, ids=case_id)
def test_a_whole_answer_is_metered_and_only_gains_its_cost(case: Path) -> None:
    body = (case / "response.json").read_bytes()
    reply = openai_chat.decode(body)
    cost = source(case).get("cost_nano_usd")
    assert openai_chat.meters(bytes(reply.usage)) == Usage(source(case)["meters"], "provider", cost)
    field = source(case)["quirks"].get("reasoning_field", "")
    answered = json.loads(openai_chat.with_cost(body, reply, CHARGED, reasoning_field=field, identity=identity))
    assert answered.pop("meta") == {"usage": {"credits_used": CHARGED, "usd_spent": 0.000078}}
    promised = case / "reply.json"
    assert answered == json.loads(promised.read_bytes() if promised.exists() else body)


@pytest.mark.parametrize("case", STREAMS, ids=case_id)
def test_a_stream_gives_the_same_bytes_wherever_it_is_cut(case: Path) -> None:
    sent, expected = (case / "response.sse").read_bytes(), (case / "reply.sse").read_bytes()
    for cut in range(len(sent) + 1):
        assert replied([sent[:cut], sent[cut:]], source(case)) == expected
    single = [sent[index : index + 1] for index in range(len(sent))]
    assert replied(single, source(case)) == expected


def replied(pieces: list[bytes], case: dict[str, Any]) -> bytes:
    stream = ChatStream(case["quirks"].get("reasoning_field", ""), identity)
    passed = b"".join(stream.feed(piece) for piece in pieces)
    usage = stream.usage()
    assert stream.problem is None
    assert stream.is_done
    assert usage is not None
    assert (usage.by_meter, usage.provider_nano_usd) == (case["meters"], case.get("cost_nano_usd"))
    return passed + stream.ending(usage, CHARGED, wants_usage=True)


def test_usage_is_left_out_when_the_caller_said_so_but_the_cost_is_not() -> None:
    stream = ChatStream()
    stream.feed(b'data: {"id":"1","created":1,"model":"m","choices":[{"index":0}]}\n\ndata: [DONE]\n\n')
    ending = stream.ending(Usage({"input": 1, "output": 1}, "counted"), 3, wants_usage=False)
    assert b'"usage":null,"meta":{"usage":{"credits_used":3' in ending


def test_usage_that_no_provider_reported_is_shown_as_counted() -> None:
    stream = ChatStream()
    stream.feed(b'data: {"id":"1","created":1,"model":"m","choices":[{"index":0}]}\n\ndata: [DONE]\n\n')
    assert stream.usage() is None
    ending = stream.ending(Usage({"input": 5, "output": 2}, "counted"), 3, wants_usage=True)
    assert b'"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}' in ending


@pytest.mark.parametrize(
    "usage",
    [b"null", b'{"prompt_tokens":"many"}', b'{"prompt_tokens":-1,"completion_tokens":2}', b"[]",
     b'{"prompt_tokens":5,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":9}}'],
)  # fmt: skip
def test_usage_that_makes_no_sense_is_not_trusted(usage: bytes) -> None:
    assert openai_chat.meters(usage) is None


@given(*(st.integers(0, 10**6) for _ in range(4)))
def test_meters_are_disjoint_and_sum_to_what_was_reported(read: int, cached: int, said: int, thought: int) -> None:
    reported = {
        "prompt_tokens": read + cached,
        "completion_tokens": said + thought,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": thought},
    }
    usage = openai_chat.meters(json.dumps(reported).encode())
    assert usage is not None
    assert sum(usage.by_meter.values()) == read + cached + said + thought
    assert (usage.input_tokens, usage.output_tokens) == (read + cached, said + thought)
    assert usage.by_meter.get("cached_read", 0) == cached


def test_an_error_event_ends_the_stream_after_what_came_before_it() -> None:
    stream = ChatStream()
    good = (
        b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m",'
        b'"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
    )
    assert stream.feed(good + b'data: {"error":{"message":"overloaded"}}\n\n' + good) == good
    assert isinstance(stream.problem, UpstreamFault)
    assert not stream.is_done


@pytest.mark.parametrize(
    "event", [b"data: oops\n\n", b"data: []\n\n", b'data: {"id":1}\n\n', b'data: {"choices":7}\n\n']
)
def test_an_event_that_is_no_chunk_ends_the_stream(event: bytes) -> None:
    stream = ChatStream()
    assert stream.feed(event) == b""
    assert isinstance(stream.problem, MalformedReply)


def test_an_error_inside_a_success_is_a_fault() -> None:
    with pytest.raises(UpstreamFault, match="no capacity"):
        openai_chat.decode(b'{"error": {"message": "no capacity"}}')


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"id": 1}', b'{"choices": {}}', b'{"choices": ['])
def test_an_answer_that_is_no_completion_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedReply):
        openai_chat.decode(body)


def test_a_lowered_bound_keeps_the_callers_spelling() -> None:
    call = openai_chat.parse(b'{"model":"m","messages":[{"role":"user","content":"a"}],"max_completion_tokens":50}')
    assert json.loads(openai_chat.encode(call, offer({}), 7).body)["max_completion_tokens"] == 7


def test_a_bound_is_set_where_the_caller_gave_none() -> None:
    call = openai_chat.parse(b'{"model":"m","messages":[{"role":"user","content":"a"}]}')
    assert json.loads(openai_chat.encode(call, offer({}), 7).body)["max_tokens"] == 7


def test_a_cost_replaces_a_member_of_the_same_name() -> None:
    body = b'{"choices":[],"meta":{"usage":{"credits_used":9}},"x":1}'
    answered = json.loads(openai_chat.with_cost(body, openai_chat.decode(body), 1))
    assert answered["meta"]["usage"]["credits_used"] == 1
    assert answered["x"] == 1


REFUSED = {
    "{": "Expected JSON",
    "[]": "Expected a JSON object",
    '{"messages":[{"role":"user","content":"a"}]}': "'model': Required",
    '{"model":"m"}': "'messages': Required",
    '{"model":"m","messages":[]}': "'messages': Expected array of at least 1 message",
    '{"model":"m","messages":[{"role":"king","content":"a"}]}': "'messages[0].role': Expected one of 'system'",
    '{"model":"m","messages":[{"role":"user"}]}': "'messages[0].content': Required",
    '{"model":"m","messages":[{}]}': "'messages[0].role': Expected one of",
    '{"model":"m","messages":[{"role":"tool","content":"a"}]}': "'messages[0].tool_call_id': Required",
    '{"model":"m","messages":[{"content":[{"type":"text"}]}]}': "'messages[0].content[0].text': Required",
    '{"model":"m","messages":[{"content":[{"type":"smell"}]}]}': "'messages[0].content[0].type': Expected one of",
    '{"model":"m","messages":[{"content":[{"type":"image_url","image_url":{}}]}]}': "Expected object with 'url'",
}
FIELDS = {
    '"temperature":3.5': "'temperature': Expected number at most 2, received 3.5",
    '"temperature":"hot"': "'temperature': Expected number, received \"hot\"",
    '"temperature":true': "'temperature': Expected number, received true",
    '"top_p":1.5': "'top_p': Expected number at most 1",
    '"max_tokens":0': "'max_tokens': Expected integer at least 1, received 0",
    '"max_tokens":1.5': "'max_tokens': Expected integer, received 1.5",
    '"n":0': "'n': Expected integer at least 1",
    '"stop":["a","b","c","d","e"]': "'stop': Expected string or array of at most 4 strings",
    '"top_logprobs":3': "'top_logprobs': Expected 'logprobs' to be true beside it",
    '"logit_bias":{"5":200}': "'logit_bias.5': Expected number at most 100, received 200",
    '"tool_choice":"sometimes"': "'tool_choice': Expected one of 'none', 'auto', 'required'",
    '"reasoning_effort":"extreme"': "'reasoning_effort': Expected one of",
    '"reasoning":{"effort":"low","max_tokens":5}': "not both",
    '"response_format":{"type":"xml"}': "'response_format.type': Expected one of 'text'",
    '"response_format":{"type":"json_schema"}': "'response_format.json_schema': Required",
    '"stream":"yes"': "'stream': Expected boolean",
    '"modalities":["text","audio"]': "'audio': Required",
    '"search_after_date_filter":"2026-01-01"': "Expected date as M/D/YYYY",
}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        *REFUSED.items(),
        *((f'{{"model":"m","messages":[{{"content":"a"}}],{field}}}', told) for field, told in FIELDS.items()),
    ],
)
def test_a_body_that_does_not_fit_is_refused_by_name(body: str, told: str) -> None:
    with pytest.raises(InvalidBody) as refused:
        openai_chat.parse(body.encode())
    assert refused.value.message.startswith("Body validation error\n")
    assert told in refused.value.message


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(InvalidBody) as refused:
        openai_chat.parse(b'{"messages":[],"n":0,"temperature":9}')
    assert len(refused.value.faults) == 4


@pytest.mark.parametrize("place", ['"x":%s', '"messages":%s', '"metadata":{"a":%s}', '"messages":[{"content":%s}]'])
def test_deep_nesting_is_refused_or_passed_but_never_crashes(place: str) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    with pytest.raises(InvalidBody):
        openai_chat.parse(('{"model":"m",' + place % deep + "}").encode())


def test_bytes_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(InvalidBody, match="position 49"):
        openai_chat.parse(b'{"model":"m","messages":[{"role":"user","content"\xff:"a"}]}')


def test_unknown_fields_and_nulls_are_accepted() -> None:
    call = openai_chat.parse(b'{"model":"m","messages":[{"content":"a"}],"temperature":null,"x_new":null,"y":[1]}')
    assert call.fields.keys() == {"messages", "x_new", "y"}


def test_the_smaller_of_two_bounds_applies() -> None:
    call = openai_chat.parse(b'{"model":"m","messages":[{"content":"a"}],"max_tokens":5,"max_completion_tokens":9.0}')
    assert call.max_tokens == 5


@pytest.mark.parametrize(("pin", "expected"), [('"auto"', None), ('"OpenAI"', "openai"), ("null", None)])
def test_a_provider_pin_is_read_in_any_case(pin: str, expected: str | None) -> None:
    call = openai_chat.parse(b'{"model":"m","messages":[{"content":"a"}],"provider":%s}' % pin.encode())
    assert call.provider == expected


def test_a_refusal_says_whether_another_offer_is_worth_trying() -> None:
    assert openai_chat.fault(429, b"7", b"{}").retry_after_s == 7
    assert openai_chat.fault(429, b"7", b"{}").retryable
    assert openai_chat.fault(500, None, b"x").retryable
    assert not openai_chat.fault(400, None, b"x").retryable
    assert openai_chat.fault(400, None, b'{"a":1}').message == '400 {"a":1}'


def test_what_would_take_long_to_check_is_refused_by_its_size() -> None:
    many = ",".join(f'"x{index}":1' for index in range(1000))
    large = '"metadata":{"a":"' + "x" * (4 * 1024 * 1024) + '"}'
    for field, told in ((many, "at most 1000 fields"), (large, "'metadata': Expected at most 4194304 bytes")):
        with pytest.raises(InvalidBody, match=told):
            openai_chat.parse(f'{{"model":"m","messages":[{{"content":"a"}}],{field}}}'.encode())
