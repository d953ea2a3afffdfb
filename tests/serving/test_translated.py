"""Calls whose caller and provider speak different formats, or whose answer has to be looked at before it is given."""

import json
from typing import Any

import pytest

from modelport.catalogue.facts import Quirks
from modelport.core.errors import InvalidBody
from modelport.dialects.table import MESSAGES, RESPONSES
from modelport.ledger.problems import InsufficientFunds
from modelport.serving.exchange import CallFailed
from modelport.serving.ports import AnswerBroken, CutShort
from tests.serving.stage import NotingClient, Script, event, offer_of, on_stage, refused, stream, usage, whole

SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object", "required": ["a"]}}}
UNENFORCED = Quirks(checks=frozenset({"json_schema", "tools"}))
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def saying(content: str) -> Script:
    """A whole answer that says something."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    return Script([json.dumps({"id": "one", "choices": [choice], "usage": usage(5)}).encode()])


def events(client: NotingClient) -> list[dict[str, Any]]:
    """The data of each event that came."""
    lines = client.text.splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


async def test_a_caller_of_messages_is_answered_by_a_provider_of_chat() -> None:
    async with on_stage({"first": [whole(5)]}) as stage:
        client = await stage.call(met=MESSAGES)
    answer = json.loads(client.text)
    assert answer["content"] == [{"type": "text", "text": "hello"}]
    assert (answer["usage"]["output_tokens"], answer["meta"]["usage"]["credits_used"]) == (5, 5)
    assert (stage.row.endpoint, stage.row.cost_credits, stage.balance) == ("/v1/messages", 5, 995)


async def test_a_translated_stream_is_settled_before_its_end_leaves() -> None:
    async with on_stage({"first": [stream(event("a "), event("b "), output=2)]}) as stage:
        client = await stage.call(met=MESSAGES, stream=True)
    told = events(client)
    assert [one["type"] for one in told][-2:] == ["message_delta", "message_stop"]
    assert "".join(one["delta"].get("text", "") for one in told if one["type"] == "content_block_delta") == "a b "
    assert (client.is_finished, stage.balance) == (True, 998)


async def test_a_translated_stream_that_is_cut_ends_with_an_error_of_its_own_format() -> None:
    async with on_stage({"first": [stream(event("a "), CutShort("gone"), ends=False)]}) as stage:
        client = await stage.call(met=MESSAGES, stream=True)
    assert isinstance(client.problem, CutShort)
    assert client.last_event.startswith(b"event: error\n")
    assert "message_stop" not in client.text
    assert stage.balance == 1000


@pytest.mark.parametrize("is_streaming", [False, True])
async def test_a_caller_of_responses_falls_back_from_one_format_to_another(is_streaming: bool) -> None:
    second = stream(event("a "), output=1) if is_streaming else whole(1)
    offers = [offer_of("first", dialect="anthropic_messages"), offer_of("second", priority=200)]
    async with on_stage({"first": [refused(529)], "second": [second]}, offers=offers) as stage:
        client = await stage.call(met=RESPONSES, input="hi", max_output_tokens=100, stream=is_streaming)
    assert stage.upstream.asked == ["first", "second"]
    assert [sent.path for _, sent in stage.upstream.sent] == ["/messages", "/chat/completions"]
    assert client.is_finished
    assert stage.balance == 999


async def test_an_offer_that_cannot_be_told_what_was_asked_is_passed_over() -> None:
    offers = [offer_of("first", dialect="anthropic_messages"), offer_of("second", priority=200)]
    audio = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "hi"}, audio]}]
    async with on_stage({"first": [whole()], "second": [whole(5)]}, offers=offers) as stage:
        await stage.call(messages=messages)
    assert stage.upstream.asked == ["second"]
    assert [one.provider for one in stage.row.attempts] == ["second"]


async def test_what_no_offer_can_be_told_is_refused_by_name_and_costs_nothing() -> None:
    audio = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    async with on_stage({"first": [whole()]}, offers=[offer_of("first", dialect="anthropic_messages")]) as stage:
        with pytest.raises(CallFailed) as failed:
            await stage.call(messages=[{"role": "user", "content": [audio]}])
        assert stage.is_all_free()
    assert isinstance(failed.value.problem, InvalidBody)
    assert failed.value.problem.param == "messages[0].content[0]"
    assert (stage.upstream.asked, stage.balance) == ([], 1000)


async def test_a_provider_that_only_streams_gives_a_whole_answer_to_who_wants_one() -> None:
    offers = [offer_of("first", quirks=Quirks(stream_only={"always": "true"}))]
    async with on_stage({"first": [stream(event("a "), event("b "), output=2)]}, offers=offers) as stage:
        client = await stage.call()
    assert stage.upstream.body()["stream"] is True
    answer = json.loads(client.text)
    assert answer["choices"][0]["message"]["content"] == "a b "
    assert (answer["usage"]["completion_tokens"], stage.balance) == (2, 998)


async def test_one_that_only_streams_and_is_cut_is_an_error_and_costs_nothing() -> None:
    offers = [offer_of("first", quirks=Quirks(stream_only={"always": "true"}))]
    async with on_stage({"first": [stream(event("a "), CutShort("gone"), ends=False)]}, offers=offers) as stage:
        with pytest.raises(CallFailed) as failed:
            await stage.call()
    assert isinstance(failed.value.problem, CutShort)
    assert stage.balance == 1000


@pytest.mark.parametrize("is_streaming", [False, True])
async def test_a_form_that_the_provider_does_not_enforce_is_checked(is_streaming: bool) -> None:
    offers = [offer_of("first", quirks=UNENFORCED)]
    async with on_stage({"first": [saying('{"a":1}')]}, offers=offers) as stage:
        client = await stage.call(response_format=SCHEMA, stream=is_streaming)
    assert not stage.upstream.body().get("stream")
    assert '{\\"a\\":1}' in client.text
    assert client.is_finished
    assert (client.text.count("[DONE]"), stage.balance) == (int(is_streaming), 995)


@pytest.mark.parametrize("is_streaming", [False, True])
@pytest.mark.parametrize(
    "asked",
    [{"response_format": SCHEMA}, {"tools": [TOOL], "tool_choice": "required"}],
    ids=["json_schema", "required tool"],
)
async def test_an_answer_that_breaks_it_is_an_error_that_is_paid_for(asked: dict[str, Any], is_streaming: bool) -> None:
    async with on_stage({"first": [saying("no")]}, offers=[offer_of("first", quirks=UNENFORCED)]) as stage:
        with pytest.raises(CallFailed) as failed:
            await stage.call(stream=is_streaming, **asked)
        assert stage.is_all_free()
    assert isinstance(failed.value.problem, AnswerBroken)
    assert (stage.row.status, stage.row.http_status, stage.row.error) == ("failed", 502, "answer_broken")
    assert (stage.row.cost_credits, stage.balance) == (5, 995)


async def test_the_last_offer_is_asked_again_when_it_says_so() -> None:
    busy = Script([b'{"error":{"message":"slow down"}}'], status=429, headers={b"retry-after": b"0"})
    async with on_stage({"first": [busy, whole(5)]}) as stage:
        await stage.call()
    assert [(one.provider, one.error) for one in stage.row.attempts] == [("first", "UpstreamFault"), ("first", None)]
    assert stage.balance == 995


@pytest.mark.parametrize("headers", [{}, {b"retry-after": b"30"}], ids=["it does not say when", "it says much later"])
async def test_and_otherwise_it_is_not(headers: dict[bytes, bytes]) -> None:
    busy = Script([b'{"error":{"message":"slow down"}}'], status=429, headers=headers)
    async with on_stage({"first": [busy, whole(5)]}) as stage:
        with pytest.raises(CallFailed):
            await stage.call()
    assert stage.upstream.asked == ["first"]


async def test_while_another_offer_is_left_none_is_asked_twice() -> None:
    busy = Script([b'{"error":{"message":"slow down"}}'], status=429, headers={b"retry-after": b"0"})
    async with on_stage({"first": [busy], "second": [whole(5)]}) as stage:
        await stage.call()
    assert stage.upstream.asked == ["first", "second"]


async def test_a_bound_that_the_format_cannot_keep_is_not_asked_for_with_less_money() -> None:
    """Responses has no bound below 16: an offer that speaks it is passed over when the money is not enough for that."""
    only = [offer_of("first", dialect="openai_responses")]
    async with on_stage({"first": [whole(5)]}, offers=only, credit=7) as stage:
        with pytest.raises(CallFailed) as failed:
            await stage.call()
        assert stage.is_all_free()
    assert isinstance(failed.value.problem, InsufficientFunds)
    assert (stage.upstream.asked, stage.balance) == ([], 7)
    both = [*only, offer_of("second", priority=200)]
    async with on_stage({"first": [whole(5)], "second": [whole(5)]}, offers=both, credit=7) as stage:
        await stage.call()
    assert (stage.upstream.asked, stage.balance) == (["second"], 2)
