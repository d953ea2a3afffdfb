"""What single vendors of chat completions take and refuse, and how they fill in the middle."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.fake import FakeUpstream
from tests.fake.vendors import VENDORS
from tests.test_fake.calling import KEY, call, said

USER = {"role": "user", "content": "hi"}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
SEARCH = [{"type": "builtin_function", "function": {"name": "$web_search"}}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
CALLED = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
}
RESULT = {"role": "tool", "tool_call_id": "1", "content": "sunny"}


@pytest.fixture
async def fake() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as upstream:
        yield upstream


@pytest.mark.parametrize(
    ("vendor", "model", "fields", "status", "message"),
    [
        ("deepseek", "deepseek-nope", {}, 400, "Model Not Exist"),
        ("deepseek", "deepseek-chat", {"response_format": SCHEMA}, 400, "This response_format type is unavailable now"),
        (
            "deepseek",
            "deepseek-v4-pro",
            {"tools": TOOLS, "tool_choice": "required"},
            400,
            "does not support this tool_choice",
        ),
        (
            "deepseek",
            "deepseek-v4-pro",
            {"tools": TOOLS, "messages": [USER, CALLED, RESULT]},
            400,
            "must be passed back",
        ),
        ("moonshot", "kimi-k2.6", {"temperature": 0.5}, 400, "only 1 is allowed"),
        (
            "moonshot",
            "kimi-k2.6",
            {"tools": [{"type": "builtin_function", "function": {"name": "$x"}}]},
            400,
            "not found",
        ),
        ("openai", "gpt-4o", {"tools": SEARCH}, 400, "Invalid value: 'builtin_function'"),
        ("deepseek", "deepseek-chat", {"tools": SEARCH}, 400, "Invalid value: 'builtin_function'"),
        ("xai", "grok-4.6", {"presence_penalty": 0}, 400, "Argument not supported on this model: presence_penalty"),
        ("mistral", "mistral-small-latest", {"max_completion_tokens": 5}, 422, "Extra inputs are not permitted"),
        (
            "mistral",
            "mistral-small-latest",
            {"messages": [USER, {"role": "assistant", "content": "x"}]},
            400,
            "prefix True",
        ),
        ("mistral", "gpt-4o", {}, 400, "Invalid model: gpt-4o"),
        ("perplexity", "sonar", {"messages": [USER, USER]}, 400, "should alternate"),
        ("perplexity", "sonar", {"tools": TOOLS}, 400, "tools"),
        ("zhipu", "glm-4.6", {"messages": [{"role": "system", "content": "x"}]}, 400, "messages parameter is illegal"),
        ("zhipu", "gpt-4o", {}, 400, "Unknown Model"),
        ("openai", "gpt-4o-mini-search-preview", {"temperature": 1, "n": 1}, 400, "arguments supplied: temperature, n"),
        ("openai", "gpt-4o-mini-search-preview", {"tools": TOOLS}, 400, "argument supplied: tools"),
        ("openai", "gpt-4o", {"web_search_options": {}}, 400, "not supported with this model"),
        ("openai", "gpt-4o", {"response_format": {"type": "json_schema", "json_schema": {}}}, 400, "json_schema.name"),
        ("openai", "o3-pro", {}, 404, "only supported in v1/responses"),
        ("together", "nobody/nothing", {}, 404, "does not exist"),
        ("azure", "nothing", {}, 404, "does not exist"),
    ],
)
async def test_what_single_vendors_refuse(
    fake: FakeUpstream, vendor: str, model: str, fields: dict[str, Any], status: int, message: str
) -> None:
    response = await call(fake, "chat", model, vendor=vendor, **fields)
    assert response.status_code == status, response.text
    assert message in response.text


@pytest.mark.parametrize(
    ("vendor", "model", "fields"),
    [
        ("deepseek", "deepseek-v4-pro", {"thinking": {"type": "disabled"}, "tools": TOOLS, "tool_choice": "required"}),
        ("moonshot", "kimi-k2.6", {"thinking": {"type": "disabled"}, "temperature": 0.6}),
        ("openai", "gpt-4o-mini-search-preview", {"web_search_options": {"search_context_size": "low"}}),
        ("openai", "gpt-4o", {"tools": [{"type": "custom", "custom": {"name": "shell"}}]}),
        ("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo", {"made_up": 1}),
        ("fireworks", "accounts/fireworks/models/kimi-k2", {}),
        ("bedrock", "openai.gpt-oss-120b-1:0", {}),
        ("huggingface", "openai/gpt-oss-120b:cerebras", {}),
    ],
)
async def test_what_single_vendors_take(fake: FakeUpstream, vendor: str, model: str, fields: dict[str, Any]) -> None:
    assert (await call(fake, "chat", model, vendor=vendor, **fields)).status_code == 200


async def test_a_key_may_stand_in_the_vendors_own_header(fake: FakeUpstream) -> None:
    assert (await call(fake, "chat", vendor="azure", headers={"api-key": KEY})).status_code == 200
    assert (await call(fake, "chat", vendor="azure", headers={"api-key": "wrong"})).status_code == 401
    assert (await call(fake, "chat", vendor="azure", headers={})).status_code == 401


async def test_moonshot_searches_in_two_steps_and_wants_its_arguments_back(fake: FakeUpstream) -> None:
    asked: dict[str, Any] = {"vendor": "moonshot", "tools": SEARCH}
    first = (await call(fake, "chat", "kimi-k2.6", **asked)).json()["choices"][0]
    assert first["finish_reason"] == "tool_calls"
    (wanted,) = first["message"]["tool_calls"]
    assert wanted["function"]["name"] == "$web_search"
    returned = {"role": "tool", "tool_call_id": wanted["id"], "content": wanted["function"]["arguments"]}
    talk = [USER, first["message"], returned]
    second = await call(fake, "chat", "kimi-k2.6", messages=talk, **asked)
    assert second.json()["choices"][0]["finish_reason"] == "stop"
    returned["content"] = "{}"
    assert "returned unchanged" in said(await call(fake, "chat", "kimi-k2.6", messages=talk, **asked))


async def test_models_that_search_cite_what_they_found(fake: FakeUpstream) -> None:
    told = (await call(fake, "chat", "gpt-4o-mini-search-preview", web_search_options={})).json()
    (citation,) = told["choices"][0]["message"]["annotations"]
    assert citation["url_citation"]["url"] == "https://example.com/fake"
    told = (await call(fake, "chat", "sonar", vendor="perplexity")).json()
    assert told["citations"] == ["https://example.com/fake"]


async def test_deepseek_tells_hits_and_misses_of_its_cache(fake: FakeUpstream) -> None:
    usage = (await call(fake, "chat", "cached", vendor="deepseek")).json()["usage"]
    assert usage["prompt_cache_hit_tokens"] + usage["prompt_cache_miss_tokens"] == usage["prompt_tokens"]
    assert usage["prompt_cache_hit_tokens"] == 3


async def test_several_tools_are_called_at_once_unless_told_otherwise(fake: FakeUpstream) -> None:
    tools = [*TOOLS, {"type": "function", "function": {"name": "clock"}}]
    messages = [{"role": "user", "content": "weather and clock"}]
    for stream in (False, True):
        response = await call(fake, "chat", stream=stream, tools=tools, messages=messages)
        assert response.text.count('"name":"') == 2
    one = await call(fake, "chat", tools=tools, messages=messages, parallel_tool_calls=False)
    assert len(one.json()["choices"][0]["message"]["tool_calls"]) == 1


async def fill(fake: FakeUpstream, url: str, **fields: Any) -> httpx.Response:
    body = {"model": "echo", "prompt": "def f(", "suffix": "return x", **fields}
    async with httpx.AsyncClient(verify=False, headers={"authorization": f"Bearer {KEY}"}) as http:
        return await http.post(url, json=body)


async def test_the_middle_is_filled_where_a_vendor_can(fake: FakeUpstream) -> None:
    told = (await fill(fake, fake.url("mistral") + "/fim/completions")).json()
    assert told["choices"][0]["message"]["content"] == "def f("
    for url in (fake.base_url + "/beta/completions", fake.url("deepseek") + "/completions"):
        told = (await fill(fake, url, max_tokens=1)).json()
        assert (told["choices"][0]["text"], told["choices"][0]["finish_reason"]) == ("def ", "length")
        assert told["object"] == "text_completion"
    streamed = await fill(fake, fake.base_url + "/beta/completions", stream=True)
    assert streamed.text.endswith("data: [DONE]\n\n")
    assert fake.requests[-1].vendor == "deepseek"
    assert (await fill(fake, fake.url("openai") + "/completions")).status_code == 404
    assert (await fill(fake, fake.url("mistral") + "/fim/completions", made=1)).status_code == 422
    assert "[1, 4096]" in said(await fill(fake, fake.base_url + "/beta/completions", max_tokens=5000))


def test_every_vendor_has_a_prefix_of_its_own() -> None:
    prefixes = [prefix for vendor in VENDORS.values() for prefix in (vendor.prefix, *vendor.aliases)]
    assert len(set(prefixes)) == len(prefixes)
