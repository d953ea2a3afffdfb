"""Anthropic Messages, as the fake plays them."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx
import pytest

from tests.fake import FakeUpstream
from tests.test_fake.calling import FORMS, KEY, TEXT, call, said

USER = {"role": "user", "content": TEXT}
TOOL = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
OTHER = {"name": "clock", "input_schema": {"type": "object"}}
THINKING = {"type": "enabled", "budget_tokens": 1024}
MARK = {"type": "ephemeral"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny"}
SERVER_TOOL = {"type": "web_search_20250305", "name": "web_search"}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def answer(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def text(words: str = "x", **fields: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **fields}


def image(data: str = "aGk=", media_type: str = "image/png") -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


def pdf(data: str) -> dict[str, Any]:
    return {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": data}}


@pytest.fixture
async def fake() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as upstream:
        yield upstream


@pytest.fixture
async def client(fake: FakeUpstream) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=fake.base_url + "/anthropic", api_key=KEY, max_retries=0) as made:
        yield made


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"max_tokens": ...}, "max_tokens: Field required"),
    ({"max_tokens": -1}, "max_tokens: Input should be greater than"),
    ({"max_tokens": 200_000}, "max_tokens: 200000 > 128000"),
    ({"made_up": 1}, "made_up: Extra inputs are not permitted"),
    ({"messages": [{"role": "user", "content": "x", "name": "y"}]}, "messages.0.name: Extra inputs"),
    ({"messages": []}, "at least one message"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
    ({"messages": [{"role": "assistant", "content": "x"}, USER]}, 'first message must use the "user" role'),
    ({"messages": [user(text(""))]}, "text content blocks must be non-empty"),
    ({"messages": [user(text(" "))]}, "non-whitespace"),
    ({"messages": [{"role": "user", "content": ""}]}, "must have non-empty content"),
    ({"messages": [USER, answer(USE), USER]}, "without `tool_result` blocks immediately after: toolu_1"),
    ({"messages": [USER, answer(USE), user(text(), RESULT)]}, "without `tool_result` blocks immediately after"),
    ({"messages": [user(RESULT)]}, "unexpected `tool_use_id` found in `tool_result` blocks: toolu_1"),
    ({"messages": [USER, answer(USE), user(RESULT, RESULT)]}, "multiple `tool_result` blocks with id: toolu_1"),
    ({"messages": [USER, answer(USE, USE), user(RESULT)]}, "ids must be unique"),
    ({"messages": [USER, answer(USE | {"id": "a.b"}), user(RESULT)]}, "^[a-zA-Z0-9_-]+$"),
    ({"messages": [user(USE)]}, "can only be in `assistant` messages"),
    ({"messages": [USER, answer(image()), USER]}, "not permitted within assistant turns"),
    ({"messages": [user(image(media_type="image/bmp"))]}, "messages.0.content.0.source.media_type"),
    ({"messages": [user(image("%%%"))]}, "invalid base64 data"),
    ({"messages": [user(pdf("aGk="))]}, "The PDF specified was not valid"),
    ({"messages": [user({"type": "image", "source": {"type": "url", "url": "http://x/y.png"}})]}, "Only HTTPS"),
    (
        {"messages": [USER, answer({"type": "thinking", "thinking": "hm", "signature": "forged"}), USER]},
        "messages.1.content.0: Invalid `signature` in `thinking` block",
    ),
    ({"messages": [USER, answer({"type": "redacted_thinking", "data": "forged"}), USER]}, "redacted_thinking"),
    ({"messages": [USER, {"role": "assistant", "content": "so "}]}, "cannot end with trailing whitespace"),
    (
        {"messages": [USER, {"role": "assistant", "content": "so"}], "thinking": THINKING},
        "assistant message prefill",
    ),
    ({"thinking": {"type": "enabled", "budget_tokens": 1023}}, "greater than or equal to 1024"),
    ({"thinking": {"type": "enabled", "budget_tokens": 4096}}, "`max_tokens` must be greater than"),
    ({"thinking": THINKING, "temperature": 0.5}, "`temperature` may only be set to 1"),
    ({"thinking": THINKING, "top_k": 5}, "`top_k` must be unset"),
    ({"thinking": THINKING, "tools": [TOOL], "tool_choice": {"type": "any"}}, "tool_choice forces tool use"),
    (
        {"thinking": THINKING, "tools": [TOOL], "messages": [USER, answer(USE), user(RESULT)]},
        "Expected `thinking` or `redacted_thinking`, but found `tool_use`",
    ),
    ({"temperature": 1.5}, "less than or equal to 1"),
    ({"temperature": 0.5, "top_p": 0.5}, "cannot both be specified"),
    ({"temperature": "hot"}, "temperature: Input should be a valid number"),
    ({"tools": [TOOL, TOOL]}, "Tool names must be unique"),
    ({"tools": [TOOL | {"name": "a b"}]}, "tools.0.custom.name: String should match pattern"),
    ({"tools": [{"name": "x"}]}, "tools.0.custom.input_schema: Field required"),
    ({"tools": [{"name": "x", "input_schema": {}}]}, "input_schema.type: Field required"),
    ({"tools": [{"name": "x", "input_schema": {"type": "object", "anyOf": []}}]}, "at the top level"),
    ({"tools": [TOOL | {"function": 1}]}, "tools.0.custom.function: Extra inputs"),
    ({"tools": [{"type": "function", "function": TOOL}]}, "Input tag 'function'"),
    ({"tool_choice": {"type": "auto"}}, "only be specified while providing tools"),
    ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "x"}}, "Tool 'x' not found"),
    ({"tools": [TOOL], "tool_choice": "auto"}, "tool_choice: Input should be an object"),
    ({"messages": [user(*[text(cache_control=MARK)] * 5)]}, "A maximum of 4 blocks"),
    (
        {"messages": [user(text(cache_control=MARK), text(cache_control=MARK | {"ttl": "1h"}))]},
        "a ttl='1h' cache_control block must not come after",
    ),
    ({"messages": [user(text(cache_control=MARK | {"ttl": "2h"}))]}, "cache_control.ttl"),
    ({"system": [text("")]}, "system: text content blocks must be non-empty"),
    ({"stop_sequences": [" "]}, "non-whitespace"),
    ({"output_config": {"effort": "extreme"}}, "output_config.effort"),
    ({"metadata": {"user": "x"}}, "metadata.user: Extra inputs"),
]
"""What is sent, and a part of what is said to it."""


@pytest.mark.parametrize(("fields", "message"), REFUSED)
async def test_what_anthropic_refuses(fake: FakeUpstream, fields: dict[str, Any], message: str) -> None:
    response = await call(fake, "messages", **fields)
    assert response.status_code == 400
    assert message in said(response)
    assert response.json()["type"] == "error"
    assert response.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("model", "fields", "message"),
    [
        ("claude-opus-4-7", {"temperature": 1}, "`temperature` is deprecated"),
        ("claude-opus-4-7", {"thinking": THINKING}, '"thinking.type.enabled" is not supported'),
        ("claude-opus-5-5", {"thinking": {"type": "disabled"}}, '"thinking.type.disabled" is not supported'),
        ("claude-opus-5-5", {"tools": [TOOL], "tool_choice": {"type": "any"}}, "forced tool use"),
        ("claude-sonnet-4-6", {"messages": [USER, {"role": "assistant", "content": "so"}]}, "message prefill"),
        ("claude-sonnet-4-5", {"output_config": {"effort": "low"}}, "effort"),
        ("claude-haiku-4-5", {"max_tokens": 64_001}, "maximum allowed number of output tokens"),
        ("claude-sonnet-4-6", {"messages": [USER, {"role": "system", "content": "x"}, USER]}, "role 'system'"),
    ],
)
async def test_models_differ(fake: FakeUpstream, model: str, fields: dict[str, Any], message: str) -> None:
    assert message in said(await call(fake, "messages", model, **fields))


async def test_the_key_the_version_and_the_model_are_checked(fake: FakeUpstream) -> None:
    version = {"anthropic-version": "2023-06-01"}
    for headers, status, message in (
        (version, 401, "x-api-key header is required"),
        (version | {"x-api-key": "wrong"}, 401, "invalid x-api-key"),
        ({"x-api-key": KEY}, 400, "anthropic-version: header is required"),
        ({"x-api-key": KEY, "anthropic-version": "2020-01-01"}, 400, "not a valid version"),
        (version | {"authorization": f"Bearer {KEY}"}, 200, ""),
    ):
        response = await call(fake, "messages", headers=headers)
        assert response.status_code == status
        assert message in response.text
    unknown = await call(fake, "messages", "claude-nine")
    assert unknown.status_code == 404
    assert unknown.json()["error"] == {"type": "not_found_error", "message": "model: claude-nine"}


async def test_the_newer_version_takes_no_sampling(fake: FakeUpstream) -> None:
    headers = FORMS["messages"].headers | {"anthropic-version": "2026-10-21"}
    assert "Extra inputs" in said(await call(fake, "messages", headers=headers, temperature=1))
    document = pdf(base64.b64encode(b"%PDF-1.4").decode())
    talk = [USER, answer(document), USER]
    assert "`document` blocks" in said(await call(fake, "messages", headers=headers, messages=talk))
    assert (await call(fake, "messages", messages=talk)).status_code == 200
    assert (await call(fake, "messages", temperature=1)).status_code == 200


async def test_thoughts_are_signed_and_taken_back_word_for_word(fake: FakeUpstream) -> None:
    told = (await call(fake, "messages", thinking=THINKING)).json()["content"]
    assert [block["type"] for block in told] == ["thinking", "text"]
    talk = [USER, answer(*told), USER]
    assert (await call(fake, "messages", messages=talk, thinking=THINKING)).status_code == 200
    told[0]["thinking"] += "!"
    assert "Invalid `signature`" in said(await call(fake, "messages", messages=talk, thinking=THINKING))
    redacted = (await call(fake, "messages", "redacted")).json()["content"]
    assert redacted[0]["type"] == "redacted_thinking"
    assert (await call(fake, "messages", messages=[USER, answer(*redacted), USER])).status_code == 200


async def test_tools_are_called_side_by_side_and_their_results_taken(fake: FakeUpstream) -> None:
    asked = [{"role": "user", "content": "weather and clock"}]
    told = (await call(fake, "messages", messages=asked, tools=[TOOL, OTHER])).json()
    assert told["stop_reason"] == "tool_use"
    assert [block["name"] for block in told["content"]] == ["weather", "clock"]
    results = [RESULT | {"tool_use_id": block["id"]} for block in told["content"]]
    talk = [*asked, answer(*told["content"]), user(*results)]
    assert (await call(fake, "messages", messages=talk, tools=[TOOL, OTHER])).json()["stop_reason"] == "end_turn"
    alone = {"type": "auto", "disable_parallel_tool_use": True}
    told = (await call(fake, "messages", messages=asked, tools=[TOOL, OTHER], tool_choice=alone)).json()
    assert len(told["content"]) == 1


@pytest.mark.parametrize(
    ("model", "fields", "reason"),
    [
        ("echo", {}, "end_turn"),
        ("echo", {"max_tokens": 1}, "max_tokens"),
        ("echo", {"max_tokens": 0}, "max_tokens"),
        ("echo", {"stop_sequences": ["never", "two"]}, "stop_sequence"),
        ("refuser", {}, "refusal"),
    ],
)
async def test_how_an_answer_ends(fake: FakeUpstream, model: str, fields: dict[str, Any], reason: str) -> None:
    told = (await call(fake, "messages", model, **fields)).json()
    assert told["stop_reason"] == reason
    assert told["stop_sequence"] == ("two" if reason == "stop_sequence" else None)


async def test_the_cache_is_written_once_and_read_afterwards(fake: FakeUpstream) -> None:
    system = [text("one two three four", cache_control=MARK | {"ttl": "1h"})]
    first = user(text("five six", cache_control=MARK))

    async def usage(*messages: dict[str, Any]) -> dict[str, Any]:
        return (await call(fake, "messages", system=system, messages=list(messages))).json()["usage"]

    written = await usage(first)
    assert written["cache_creation"] == {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 4}
    read = await usage(first)
    assert (read["cache_read_input_tokens"], read["cache_creation_input_tokens"]) == (6, 0)
    more = await usage(first, answer(text("seven")), user(text("eight nine", cache_control=MARK)))
    assert (more["cache_read_input_tokens"], more["cache_creation_input_tokens"]) == (6, 3)
    for told in (written, read):
        parts = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        assert sum(told[name] for name in parts) == 12
    assert fake.served["echo"].prompt_tokens == 12 + 12 + 21
    fake.reset()
    assert (await usage(first))["cache_read_input_tokens"] == 0


@pytest.mark.parametrize("model", ["echo", "thinker", "redacted", "refuser", "searcher", "claude-opus-5-5"])
async def test_a_stream_adds_up_to_the_whole_answer(client: anthropic.AsyncAnthropic, model: str) -> None:
    fields: dict[str, Any] = {
        "model": model,
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": "what weather"}],
        "tools": [TOOL] if model != "searcher" else [SERVER_TOOL],
    }
    whole = await client.messages.create(**fields)
    async with client.messages.stream(**fields) as stream:
        events = [event.type async for event in stream]
        streamed = await stream.get_final_message()
    assert events[0] == "message_start"
    assert events[-2:] == ["message_delta", "message_stop"]
    ids = {"id": True, "content": {"__all__": {"id", "tool_use_id"}}, "usage": True}
    assert streamed.model_dump(exclude=ids) == whole.model_dump(exclude=ids)
    assert streamed.usage.output_tokens == whole.usage.output_tokens
    assert streamed.usage.input_tokens == whole.usage.input_tokens


async def test_tokens_are_counted_without_an_answer(client: anthropic.AsyncAnthropic, fake: FakeUpstream) -> None:
    counted = await client.messages.count_tokens(model="echo", messages=[{"role": "user", "content": TEXT}])
    assert counted.input_tokens == 6
    assert fake.served == {}
    with pytest.raises(anthropic.BadRequestError, match="max_tokens: Extra inputs"):
        extra = {"max_tokens": 5}
        messages: Any = [{"role": "user", "content": TEXT}]
        await client.messages.count_tokens(model="echo", messages=messages, extra_body=extra)


async def test_an_overloaded_vendor_answers_529(client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.OverloadedError) as caught:
        await client.messages.create(model="fault/529", max_tokens=9, messages=[{"role": "user", "content": "x"}])
    assert caught.value.type == "overloaded_error"


async def test_a_body_that_is_no_json_is_refused(fake: FakeUpstream) -> None:
    async with httpx.AsyncClient(verify=False) as http:
        headers = {**FORMS["messages"].headers, "content-type": "application/json"}
        response = await http.post(fake.url("anthropic") + "/messages", content=b"{", headers=headers)
    assert response.status_code == 400
