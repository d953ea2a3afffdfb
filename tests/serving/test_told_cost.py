"""What a provider says that a call costs is written down, and changes nothing that the caller sees or pays."""

import json

import pytest

from modelport.dialects.table import CHAT, MESSAGES, RESPONSES, Format
from modelport.serving.exchange import CallRequest
from modelport.serving.ports import CutShort
from tests.serving.stage import (
    MODEL,
    STREAM_TYPE,
    NotingClient,
    Script,
    Stage,
    event,
    key_of,
    on_stage,
    usage,
    whole,
)

TOLD = {**usage(5), "cost": 0.0000123}
ANSWER = {
    "id": "one",
    "object": "chat.completion",
    "created": 1,
    "model": "talk-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": TOLD,
}
ENDS = (event(None, "stop"), b"data: %b\n\n" % json.dumps({"choices": [], "usage": TOLD}).encode(), b"data: [DONE]\n\n")


def told(is_streaming: bool) -> Script:
    if is_streaming:
        return Script([event(), *ENDS], headers=STREAM_TYPE)
    return Script([json.dumps(ANSWER).encode()])


async def ask(stage: Stage, met: Format, is_streaming: bool) -> NotingClient:
    if met is not RESPONSES:
        return await stage.call(met=met, stream=is_streaming)
    client = NotingClient()
    body = {"model": MODEL.id, "input": "hi", "max_output_tokens": 100, "stream": is_streaming}
    await stage.serve(CallRequest(json.dumps(body).encode(), met, "request-1", None), key_of(), client)
    return client


@pytest.mark.parametrize("is_streaming", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("met", [CHAT, MESSAGES, RESPONSES], ids=["chat", "messages", "responses"])
async def test_the_cost_that_a_provider_tells_is_on_the_row_and_not_charged(met: Format, is_streaming: bool) -> None:
    async with on_stage({"first": [told(is_streaming)]}) as stage:
        client = await ask(stage, met, is_streaming)
    assert (stage.row.provider_nano_usd, stage.row.cost_credits, stage.balance) == (12_300, 5, 995)
    shows = '"cost": 1.23e-05' in client.text
    assert shows == (met is CHAT), "a relay keeps what the provider sent; a translation never had it"


async def test_without_such_a_word_the_row_has_none() -> None:
    async with on_stage({"first": [whole(5)]}) as stage:
        await stage.call()
    assert stage.row.provider_nano_usd is None


async def test_of_a_stream_that_is_cut_the_cost_is_not_known() -> None:
    first = b'data: {"id":"one","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,'
    first += b'"delta":{"content":"a"}}],"usage":{"prompt_tokens":3,"completion_tokens":1,"cost":0.1}}\n\n'
    async with on_stage({"first": [Script([first, event(), CutShort("gone")], headers=STREAM_TYPE)]}) as stage:
        await stage.call(stream=True)
    assert stage.row.usage_source == "counted"
    assert stage.row.provider_nano_usd is None
