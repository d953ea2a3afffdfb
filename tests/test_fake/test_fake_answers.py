"""The fake answers as a provider does: strictly, deterministically, with usage that adds up."""

import json
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI

from modelport.catalogue.facts import RATE_UNITS
from modelport.catalogue.load import load
from tests.fake import FakeUpstream
from tests.fake.overlay import FORMATS, write_formats, write_overlay, write_redirects
from tests.fake.vendors import VENDORS

KEY = "sk-fake-1"


@pytest.fixture
async def fake() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as upstream:
        yield upstream


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "echo", "messages": [{"role": "user", "content": "one two three"}], **fields}


async def post(fake: FakeUpstream, vendor: str = "openai", key: str | None = KEY, **fields: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    async with httpx.AsyncClient(verify=False) as client:
        return await client.post(fake.url(vendor) + "/chat/completions", json=body(**fields), headers=headers)


async def events(fake: FakeUpstream, vendor: str = "openai", **fields: Any) -> list[dict[str, Any]]:
    response = await post(fake, vendor, stream=True, **fields)
    assert response.status_code == 200, response.text
    lines = [line.removeprefix("data: ") for line in response.text.split("\n") if line.startswith("data")]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


async def test_echo_answers_with_the_last_user_message_and_counts_its_words(fake: FakeUpstream) -> None:
    answer = (await post(fake)).json()
    assert answer["choices"][0]["message"]["content"] == "one two three"
    usage = answer["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (6, 3, 9)
    assert fake.served["echo"].completed == 1
    assert fake.requests[0].json["model"] == "echo"


async def test_a_stream_says_the_same_as_a_whole_answer(fake: FakeUpstream) -> None:
    chunks = await events(fake, stream_options={"include_usage": True})
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]) == "one two three"
    assert [c["usage"] for c in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == (await post(fake)).json()["usage"]
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"


async def test_usage_is_not_streamed_unless_asked_for(fake: FakeUpstream) -> None:
    assert not any("usage" in chunk for chunk in await events(fake))
    assert (await events(fake, "openrouter"))[-1]["usage"]["completion_tokens"] == 3


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
async def test_the_bound_on_output_holds(fake: FakeUpstream, field: str) -> None:
    answer = (await post(fake, **{field: 2})).json()
    assert answer["choices"][0]["message"]["content"] == "one two "
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 2


async def test_meter_uses_exactly_what_it_may_and_meter_half_half_of_it(fake: FakeUpstream) -> None:
    for model, spent in (("meter", 7), ("meter-half", 3)):
        assert (await post(fake, model=model, max_tokens=7)).json()["usage"]["completion_tokens"] == spent
        usage = (await events(fake, model=model, max_tokens=7, stream_options={"include_usage": True}))[-1]["usage"]
        assert usage["completion_tokens"] == spent
    assert (await post(fake, model="meter-half", max_tokens=1)).json()["usage"]["completion_tokens"] == 1


async def test_choices_stop_and_logprobs_are_honoured(fake: FakeUpstream) -> None:
    answer = (await post(fake, n=2, stop=["three"], logprobs=True, top_logprobs=2)).json()
    assert [choice["message"]["content"] for choice in answer["choices"]] == ["one two ", "one two "]
    assert answer["usage"]["completion_tokens"] == 4
    tokens = answer["choices"][1]["logprobs"]["content"]
    assert [(entry["token"], len(entry["top_logprobs"])) for entry in tokens] == [("one ", 2), ("two ", 2)]


async def test_tools_are_called_when_required_or_mentioned(fake: FakeUpstream) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}
    tools = [{"type": "function", "function": {"name": "weather", "parameters": schema}}]
    required = (await post(fake, tools=tools, tool_choice="required")).json()["choices"][0]
    assert required["finish_reason"] == "tool_calls"
    assert json.loads(required["message"]["tool_calls"][0]["function"]["arguments"]) == {"city": "text", "days": 1}
    assert (await post(fake, tools=tools)).json()["choices"][0]["message"]["content"] == "one two three"
    chunks = await events(fake, tools=tools, messages=[{"role": "user", "content": "use weather"}])
    calls = [c["choices"][0]["delta"]["tool_calls"][0] for c in chunks if "tool_calls" in c["choices"][0]["delta"]]
    assert "".join(call["function"]["arguments"] for call in calls) == '{"city":"text","days":1}'


async def test_structured_output_fits_its_schema(fake: FakeUpstream) -> None:
    schema = {"type": "object", "properties": {"kind": {"enum": ["a", "b"]}, "many": {"type": "array"}}}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    text = (await post(fake, response_format=form)).json()["choices"][0]["message"]["content"]
    assert json.loads(text) == {"kind": "a", "many": ["text"]}


@pytest.mark.parametrize(
    ("vendor", "model", "field"),
    [
        ("dashscope", "qwen3-vl-32b-thinking", "reasoning_content"),
        ("openrouter", "deepseek/deepseek-v3.2-speciale", "reasoning"),
        ("engine", "deepseek-v3.2-speciale", "reasoning_content"),
    ],
)
async def test_reasoning_models_think_first(fake: FakeUpstream, vendor: str, model: str, field: str) -> None:
    answer = (await post(fake, vendor, model=model)).json()
    assert answer["choices"][0]["message"][field].startswith("Thinking about")
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == 5
    short = (await post(fake, vendor, model=model, max_tokens=3)).json()
    assert short["choices"][0]["message"]["content"] == ""
    assert short["choices"][0]["finish_reason"] == "length"
    deltas = [c["choices"][0]["delta"] for c in await events(fake, vendor, model=model) if c["choices"]]
    assert sum(field in delta for delta in deltas) == 5


@pytest.mark.parametrize("vendor", [vendor.id for vendor in VENDORS.values() if "/chat/completions" in vendor.serves])
async def test_the_official_client_reads_every_vendor(fake: FakeUpstream, vendor: str) -> None:
    async with AsyncOpenAI(base_url=fake.url(vendor), api_key=KEY, max_retries=0) as client:
        answer = await client.chat.completions.create(**body())
        assert answer.choices[0].message.content == "one two three"
        stream = await client.chat.completions.create(**body(stream=True))
        text = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
        assert "".join(text) == "one two three"


async def test_a_name_can_set_the_pace(fake: FakeUpstream) -> None:
    chunks = await events(fake, model="late-1-slow-1-pieces-30", stream_options={"include_usage": True})
    assert chunks[-1]["usage"]["completion_tokens"] == 30


async def test_the_served_ledger_counts_by_model_and_can_be_reset(fake: FakeUpstream) -> None:
    await post(fake, model="meter", max_tokens=5)
    await post(fake, model="no-such-model")
    async with httpx.AsyncClient(base_url=fake.base_url, verify=False) as client:
        ledger = (await client.get("/_served")).json()
        assert ledger["models"]["meter"]["completion_tokens"] == ledger["total"]["completion_tokens"] == 5
        assert ledger["refused"] == 1
        assert (await client.delete("/_served")).json()["total"]["completed"] == 0


def test_the_overlay_offers_every_fault_as_a_model(tmp_path: Path) -> None:
    path = write_overlay(tmp_path, "http://127.0.0.1:1", first_byte_s=0.5)
    document = tomllib.loads(path.read_text())
    assert document["base_url"] == "http://127.0.0.1:1/openai/v1"
    offers = {offer["model"]: offer for offer in document["offers"]}
    assert offers["fake/meter"]["rates"][0]["output"] == "500"
    assert offers["fault/cut-200"]["upstream"] == "fault/cut-200"
    assert offers.keys() == {model["id"] for model in document["models"]}


def test_the_catalogue_takes_the_overlay_and_sends_its_own_providers_to_the_fake(tmp_path: Path) -> None:
    write_overlay(tmp_path, "http://127.0.0.1:1")
    write_redirects(tmp_path, "http://127.0.0.1:1", {"groq": "groq", "openai": "openai"})
    catalogue = load(overlay=tmp_path)
    (meter,) = catalogue.offers("fake/meter")
    assert meter.rates[0].by_meter["input"] == 0
    assert meter.rates[0].by_meter["output"] == 1000 * RATE_UNITS
    redirected = catalogue.provider("groq")
    assert redirected is not None
    assert redirected.base_url == "http://127.0.0.1:1/groq/openai/v1"


def test_the_catalogue_takes_a_provider_of_every_format(tmp_path: Path) -> None:
    written = write_formats(tmp_path, "http://127.0.0.1:1", first_byte_s=0.5)
    assert [path.stem for path in written] == list(FORMATS)
    catalogue = load(overlay=tmp_path)
    for model, dialect, auth in (
        ("fake-messages/echo", "anthropic_messages", "x-api-key"),
        ("fake-responses/fault/cut-200", "openai_responses", "bearer"),
        ("fake-gemini/fault/429", "google_gemini", "x-goog-api-key"),
        ("fake-gemini/embedding", "google_embeddings", "x-goog-api-key"),
        ("fake-embeddings/small", "openai_embeddings", "bearer"),
        ("fake-embeddings/fault/500", "openai_embeddings", "bearer"),
    ):
        (offer,) = catalogue.offers(model)
        spoken = {name for names in offer.provider.speaks.values() for name in names}
        assert dialect in spoken
        assert offer.provider.auth == auth
