"""Calls in Messages and in Responses whose provider speaks the same: nothing is rebuilt on the way."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import Struct

from modelport.catalogue.facts import Dialect, Offer
from modelport.core.errors import InvalidBody
from modelport.dialects.table import MESSAGES, RESPONSES, Format
from modelport.pricing.charge import UnpricedUsage
from modelport.serving.exchange import CallFailed, CallRequest
from modelport.serving.keeping import Keeping
from modelport.serving.ports import CutShort, UpstreamProblem
from tests.dialects.anthropic_messages.factories import assembled
from tests.serving.stage import ACCOUNT, MODEL, STREAM_TYPE, NotingClient, Script, Stage, key_of, offer_of, on_stage
from tests.twins.responses import TwinResponses


def named(kind: str, **members: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json.dumps({"type": kind, **members}).encode())


class Relayed(Struct, frozen=True):
    """How a format looks on both sides of a relay."""

    met: Format
    dialect: Dialect
    asked: dict[str, object]
    whole: dict[str, object]
    begins: Sequence[bytes]
    """The events before anything is said."""
    piece: bytes
    """Says `word `."""
    ends: Sequence[bytes]
    error: bytes
    last: str
    """The event at the end of a good stream."""
    bound: str


MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "talk-1", "stop_sequence": None}
USED = {"input_tokens": 3, "output_tokens": 5}
OVERLOADED = {"type": "overloaded_error", "message": "Overloaded"}
IN_MESSAGES = Relayed(
    met=MESSAGES,
    dialect="anthropic_messages",
    asked={"messages": [{"role": "user", "content": "hi"}]},
    whole={**MESSAGE, "content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn", "usage": USED},
    begins=(
        named("message_start", message={**MESSAGE, "content": [], "stop_reason": None, "usage": USED}),
        named("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    ),
    piece=named("content_block_delta", index=0, delta={"type": "text_delta", "text": "word "}),
    ends=(
        named("content_block_stop", index=0),
        named("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage=USED),
        named("message_stop"),
    ),
    error=named("error", error=OVERLOADED),
    last="message_stop",
    bound="max_tokens",
)
ITEM = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
SAID = {"type": "output_text", "text": "hello", "annotations": []}
RESPONSE = {"id": "resp_9", "object": "response", "created_at": 1, "model": "talk-1", "parallel_tool_calls": True}
REPORTED = {**USED, "total_tokens": 8, "input_tokens_details": {"cached_tokens": 0}}
ENDED = {**RESPONSE, "status": "completed", "output": [{**ITEM, "content": [SAID]}], "usage": REPORTED}
AT = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
BEGUN = {**RESPONSE, "status": "in_progress", "output": [], "usage": None}
IN_RESPONSES = Relayed(
    met=RESPONSES,
    dialect="openai_responses",
    asked={"input": "hi"},
    whole=ENDED,
    begins=(
        named("response.created", sequence_number=0, response=BEGUN),
        named("response.output_item.added", sequence_number=1, output_index=0, item={**ITEM, "content": []}),
        named("response.content_part.added", sequence_number=2, **AT, part={**SAID, "text": ""}),
    ),
    piece=named("response.output_text.delta", sequence_number=3, **AT, delta="word ", logprobs=[]),
    ends=(
        named("response.output_item.done", sequence_number=4, output_index=0, item={**ITEM, "content": [SAID]}),
        named("response.completed", sequence_number=5, response=ENDED),
    ),
    error=named("error", sequence_number=1, code="server_error", message="Overloaded", param=None),
    last="response.completed",
    bound="max_output_tokens",
)
BOTH = pytest.mark.parametrize("form", [IN_MESSAGES, IN_RESPONSES], ids=["messages", "responses"])


def offers_of(form: Relayed, *providers: str) -> list[Offer]:
    return [
        offer_of(name, dialect=form.dialect, priority=100 + number)
        for number, name in enumerate(providers or ("first",))
    ]


def streaming(*pieces: Any) -> Script:
    return Script(list(pieces), headers=STREAM_TYPE)


def saying(form: Relayed, pieces: int = 1) -> Script:
    return streaming(*form.begins, *[form.piece] * pieces, *form.ends)


async def ask(
    stage: Stage, form: Relayed, client: NotingClient | None = None, memory: Keeping | None = None, **fields: object
) -> NotingClient:
    client = client or NotingClient()
    bounded = {"model": MODEL.id, form.bound: 100, **form.asked, **fields}
    body = json.dumps({name: value for name, value in bounded.items() if value is not None}).encode()
    await stage.serve(CallRequest(body, form.met, "request-1", None, None, memory), key_of(), client)
    return client


def told(client: NotingClient) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in client.text.splitlines() if line.startswith("data: ")]


@BOTH
async def test_a_whole_answer_brings_its_cost_and_what_was_left_out(form: Relayed) -> None:
    script = Script([json.dumps(form.whole).encode()])
    async with on_stage({"first": [script]}, offers=offers_of(form)) as stage:
        client = await ask(stage, form, frobnicate=1)
    answer = json.loads(client.text)
    assert answer["meta"]["usage"]["credits_used"] == 5
    assert client.headers[b"x-aimlapi-credits-used"] == b"5"
    assert client.headers[b"x-modelport-dropped-params"] == b"frobnicate"
    assert (stage.row.dropped, stage.row.cost_credits, stage.balance) == (("frobnicate",), 5, 995)
    assert "frobnicate" not in stage.upstream.body()


@BOTH
async def test_a_stream_brings_its_cost_at_the_end_and_what_was_left_out_at_the_beginning(form: Relayed) -> None:
    async with on_stage({"first": [saying(form)]}, offers=offers_of(form)) as stage:
        client = await ask(stage, form, stream=True, frobnicate=1)
    events = told(client)
    assert events[-1]["type"] == form.last
    assert client.text.count('"credits_used":5') == 1
    assert form.piece.decode() in client.text
    assert client.headers[b"x-modelport-dropped-params"] == b"frobnicate"
    assert (client.is_finished, stage.row.dropped, stage.balance) == (True, ("frobnicate",), 995)


@BOTH
@pytest.mark.parametrize("is_at_once", [True, False])
async def test_a_stream_that_only_gave_its_name_before_it_failed_falls_back(form: Relayed, is_at_once: bool) -> None:
    pieces = [form.begins[0] + form.error] if is_at_once else [form.begins[0], form.error]
    scripts = {"first": [streaming(*pieces)], "second": [saying(form)]}
    async with on_stage(scripts, offers=offers_of(form, "first", "second")) as stage:
        client = await ask(stage, form, stream=True)
    assert stage.upstream.asked == ["first", "second"]
    assert [(one.provider, one.error) for one in stage.row.attempts] == [("first", "UpstreamFault"), ("second", None)]
    assert (told(client)[-1]["type"], client.text.count(form.begins[0].decode()[:20])) == (form.last, 1)
    assert (stage.row.provider, stage.balance) == ("second", 995)


@BOTH
async def test_without_another_offer_its_failure_is_told_as_an_error_before_anything_is_sent(form: Relayed) -> None:
    async with on_stage({"first": [streaming(form.begins[0], form.error)]}, offers=offers_of(form)) as stage:
        client = NotingClient()
        with pytest.raises(CallFailed) as failed:
            await ask(stage, form, client, stream=True)
    assert "Overloaded" in failed.value.problem.message
    assert (client.status, client.pieces, stage.balance) == (0, [], 1000)


@BOTH
async def test_a_stream_that_is_cut_before_it_says_anything_falls_back(form: Relayed) -> None:
    scripts = {"first": [streaming(*form.begins, CutShort("gone"))], "second": [saying(form)]}
    async with on_stage(scripts, offers=offers_of(form, "first", "second")) as stage:
        client = await ask(stage, form, stream=True)
    assert (stage.upstream.asked, told(client)[-1]["type"]) == (["first", "second"], form.last)


@BOTH
@pytest.mark.parametrize("how", [CutShort("gone"), b"", None], ids=["broken off", "ended early", "told as an error"])
async def test_a_stream_that_is_cut_after_that_ends_with_an_error_and_is_free(
    form: Relayed, how: UpstreamProblem | bytes | None
) -> None:
    cut = form.error if how is None else how
    scripts = {"first": [streaming(*form.begins, form.piece, cut)], "second": [saying(form)]}
    async with on_stage(scripts, offers=offers_of(form, "first", "second")) as stage:
        client = await ask(stage, form, stream=True)
    assert stage.upstream.asked == ["first"]
    assert client.problem is not None
    assert b"event: error\n" in client.last_event
    assert (client.is_finished, form.last in client.text, stage.balance) == (False, False, 1000)
    assert (stage.row.status, stage.row.http_status) == ("failed", 200)


@BOTH
async def test_a_stream_for_which_the_money_runs_out_ends_as_one_that_reached_its_bound(form: Relayed) -> None:
    async with on_stage({"first": [saying(form, 10_000)]}, offers=offers_of(form), credit=3000) as stage:
        client = await ask(stage, form, stream=True, **{form.bound: None})
    said = client.text.count(form.piece.decode())
    if form is IN_MESSAGES:
        message = assembled(client.text.encode())
        assert (message["stop_reason"], message["content"][0]["text"]) == ("max_tokens", "word " * said)
    else:
        *_, text, part, item, last = told(client)
        assert [one["type"].rpartition(".")[0] for one in (text, part, item)] == [
            "response.output_text",
            "response.content_part",
            "response.output_item",
        ]
        assert last["type"] == "response.incomplete"
        assert last["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
        assert last["response"]["output_text"] == "word " * said
    assert said in (3000, 3001)  # The event that goes beyond the money is given away.
    assert (client.is_finished, client.problem, stage.row.error) == (True, None, "out_of_credit")
    assert (stage.row.cost_credits, stage.balance) == (3000, 0)
    assert "add credit" in client.text


async def in_place(work: Any, *arguments: Any) -> Any:
    return work(*arguments)


class Watching(NotingClient):
    """Notes what was kept when the last piece came."""

    def __init__(self, kept: TwinResponses) -> None:
        super().__init__()
        self._kept = kept
        self.kept_at_end: list[str] = []

    async def finish(self, data: bytes = b"") -> None:
        self.kept_at_end = list(self._kept.by_id)
        await super().finish(data)


@pytest.mark.parametrize("is_streaming", [False, True])
async def test_an_answer_is_kept_before_its_last_byte_leaves_and_can_be_continued(is_streaming: bool) -> None:
    form, kept = IN_RESPONSES, TwinResponses()
    memory = Keeping(kept, 1, in_place)
    script = saying(form) if is_streaming else Script([json.dumps(form.whole).encode()])
    async with on_stage({"first": [script]}, offers=offers_of(form)) as stage:
        client = await ask(stage, form, Watching(kept), memory, store=True, stream=is_streaming)
        assert isinstance(client, Watching)
        [name] = client.kept_at_end
        assert f'"id":"{name}"' in client.text
        assert kept.by_id[name].account_id == ACCOUNT
        assert stage.upstream.body()["store"] is False
        await ask(stage, form, None, memory, previous_response_id=name, input="go on", stream=is_streaming)
    sent = stage.upstream.body()
    assert [item.get("id") for item in sent["input"]] == [None, "msg_1", None]
    assert "previous_response_id" not in sent


@pytest.mark.parametrize("is_streaming", [False, True])
async def test_items_of_an_answer_that_nobody_stored_can_be_named_in_the_next_call(is_streaming: bool) -> None:
    form, kept = IN_RESPONSES, TwinResponses()
    memory = Keeping(kept, 1, in_place)
    script = saying(form) if is_streaming else Script([json.dumps(form.whole).encode()])
    turns = [{"type": "item_reference", "id": "msg_1"}, {"role": "user", "content": "Why?"}]
    async with on_stage({"first": [script]}, offers=offers_of(form)) as stage:
        await ask(stage, form, None, memory, stream=is_streaming)
        await ask(stage, form, None, memory, input=turns, stream=is_streaming)
        assert stage.upstream.body()["input"][0] == {**ITEM, "content": [SAID]}
        with pytest.raises(CallFailed) as failed:
            await ask(stage, form, None, Keeping(kept, 1, in_place), input=turns, stream=is_streaming)
    assert kept.by_id == {}
    assert isinstance(failed.value.problem, InvalidBody)
    assert failed.value.problem.param == "input[0].id"


SEARCHED = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}}


@pytest.mark.parametrize("is_streaming", [False, True])
async def test_what_was_used_without_a_known_price_fails_the_call_at_the_cost_of_the_house(is_streaming: bool) -> None:
    form, ended = IN_RESPONSES, {**ENDED, "output": [SEARCHED]}
    script = Script([json.dumps(ended).encode()])
    if is_streaming:
        done = named("response.output_item.done", sequence_number=4, output_index=0, item=SEARCHED)
        end = named("response.completed", sequence_number=5, response=ended)
        script = streaming(*form.begins, form.piece, done, end)
    async with on_stage({"first": [script]}, offers=offers_of(form)) as stage:
        client = NotingClient()
        if is_streaming:
            await ask(stage, form, client, stream=True)
            problem = client.problem
        else:
            with pytest.raises(CallFailed) as failed:
                await ask(stage, form, client)
            problem = failed.value.problem
        assert isinstance(problem, UnpricedUsage)
        assert (client.is_finished, stage.balance, stage.is_all_free()) == (False, 1000, True)
    assert (stage.row.status, stage.row.error, stage.row.is_on_house) == ("failed", "model_not_priced", True)
    assert (stage.row.usage["search"], stage.row.cost_credits) == (1, 5)
    assert "search" not in stage.row.rates
