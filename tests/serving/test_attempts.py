"""Which offers are tried, in which order, and when it ends."""

import pytest

from modelport.core.errors import Problem
from modelport.dialects.wire import UpstreamFault
from modelport.serving.exchange import CallFailed
from modelport.serving.ports import (
    AnswerTooLarge,
    ConnectFailed,
    CutShort,
    FirstByteTimeout,
    IdleTimeout,
    MalformedAnswer,
    ProviderBusy,
    ProviderUnavailable,
)
from tests.serving.stage import Script, event, offer_of, on_stage, refused, stream, whole

BEFORE_AN_ANSWER: list[Problem] = [
    ConnectFailed("no"),
    FirstByteTimeout("no"),
    CutShort("no"),
    MalformedAnswer("no"),
    AnswerTooLarge("no"),
    ProviderBusy("no", 1),
    ProviderUnavailable("no"),
]
ERROR_EVENT = b'data: {"error":{"message":"no"}}\n\n'
BROKEN: dict[str, Script] = {
    "not JSON": Script([b"{"]),
    "an error inside a success": Script([b'{"error":{"message":"no"}}']),
    "no choices": Script([b'{"id":"one"}']),
    "a redirect": Script(status=302),
    "nothing": Script([]),
    "cut": Script([b'{"id":"one', CutShort("no")]),
    "stalled": Script([b'{"id":"one', IdleTimeout("no")]),
}
BROKEN_STREAMS: dict[str, Script] = {
    "a whole answer": whole(),
    "a page": Script([b"<p>"], headers={b"content-type": b"text/html"}),
    "an error as its first event": stream(ERROR_EVENT, ends=False),
    "not JSON": stream(b"data: {\n\n", ends=False),
    "nothing": stream(b": wait\n\n", ends=False),
    "cut before the first event": stream(b": wait\n\n", CutShort("no"), ends=False),
}


@pytest.mark.parametrize("problem", BEFORE_AN_ANSWER, ids=lambda problem: type(problem).__name__)
async def test_another_offer_is_tried_when_the_first_cannot_be_reached(problem: Problem) -> None:
    async with on_stage({"first": [Script(refusal=problem)], "second": [whole()]}) as stage:
        client = await stage.call()
    assert stage.upstream.asked == ["first", "second"]
    assert (client.status, client.is_finished) == (200, True)
    assert [(one.provider, one.error) for one in stage.row.attempts] == [
        ("first", type(problem).__name__),
        ("second", None),
    ]
    assert stage.row.provider == "second"


@pytest.mark.parametrize("status", [401, 403, 404, 408, 409, 425, 429, 500, 502, 503, 504, 529])
@pytest.mark.parametrize("is_streaming", [False, True])
async def test_another_offer_is_tried_when_the_first_answers_for_itself_only(status: int, is_streaming: bool) -> None:
    second = stream() if is_streaming else whole()
    async with on_stage({"first": [refused(status)], "second": [second]}) as stage:
        client = await stage.call(stream=is_streaming)
    assert stage.upstream.asked == ["first", "second"]
    assert client.is_finished
    assert [one.status for one in stage.row.attempts] == [status, 200]


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_call_that_is_wrong_itself_is_not_tried_elsewhere(status: int) -> None:
    async with on_stage({"first": [refused(status, "bad seed")], "second": [whole()]}) as stage:
        with pytest.raises(CallFailed) as failed:
            await stage.call()
    assert stage.upstream.asked == ["first"]
    assert isinstance(failed.value.problem, UpstreamFault)
    assert "bad seed" in failed.value.problem.message


@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN.keys())
async def test_an_answer_that_is_not_one_is_tried_elsewhere_and_its_connection_is_left(script: Script) -> None:
    async with on_stage({"first": [script], "second": [whole()]}) as stage:
        client = await stage.call()
    assert client.is_finished
    assert script.entered == script.left == 1
    assert stage.balance == 995


@pytest.mark.parametrize("script", BROKEN_STREAMS.values(), ids=BROKEN_STREAMS.keys())
async def test_a_stream_that_fails_before_its_first_event_is_tried_elsewhere(script: Script) -> None:
    async with on_stage({"first": [script], "second": [stream()]}) as stage:
        client = await stage.call(stream=True)
    assert stage.upstream.asked == ["first", "second"]
    assert client.text.endswith("data: [DONE]\n\n")
    assert "error" not in client.text
    assert script.entered == script.left
    assert stage.balance == 995


async def test_a_stream_of_which_something_was_delivered_is_not_tried_elsewhere() -> None:
    scripts = {"first": [stream(event(), CutShort("no"), ends=False)], "second": [stream()]}
    async with on_stage(scripts) as stage:
        client = await stage.call(stream=True)
    assert stage.upstream.asked == ["first"]
    assert isinstance(client.problem, CutShort)


async def test_at_most_three_offers_are_tried_and_the_last_ones_fault_is_told() -> None:
    scripts = {name: [refused(503, f"{name} is down")] for name in ("a", "b", "c", "d")}
    async with on_stage(scripts) as stage:
        with pytest.raises(CallFailed, match="c is down"):
            await stage.call()
    assert stage.upstream.asked == ["a", "b", "c"]
    assert [one.provider for one in stage.row.attempts] == ["a", "b", "c"]


async def test_offers_are_tried_by_priority() -> None:
    offers = [offer_of("a", priority=3), offer_of("b", priority=1), offer_of("c", priority=2)]
    scripts = {name: [refused(500)] for name in "abc"}
    async with on_stage(scripts, offers=offers) as stage:
        with pytest.raises(CallFailed):
            await stage.call()
    assert stage.upstream.asked == ["b", "c", "a"]


async def test_a_call_that_pins_a_provider_is_not_tried_elsewhere() -> None:
    async with on_stage({"first": [refused(500)], "second": [whole()]}) as stage:
        with pytest.raises(CallFailed):
            await stage.call(provider="first")
    assert stage.upstream.asked == ["first"]


async def test_what_a_call_costs_is_what_the_offer_that_answered_charges() -> None:
    offers = [offer_of("first", output_credits=7, priority=1), offer_of("second", output_credits=2, priority=2)]
    async with on_stage({"first": [refused(500)], "second": [whole(5)]}, offers=offers) as stage:
        await stage.call()
    assert stage.balance == 990
