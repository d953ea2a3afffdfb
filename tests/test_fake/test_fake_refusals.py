"""The fake refuses what a vendor refuses, in the vendor's own form."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.fake import FakeUpstream

KEY = "sk-fake-1"
ANSWERED = [{"role": "assistant", "tool_calls": [{"id": "x"}]}, {"role": "tool", "content": "", "tool_call_id": "x"}]
USER = {"role": "user", "content": "hi"}


@pytest.fixture
async def fake() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as upstream:
        yield upstream


async def post(
    fake: FakeUpstream, vendor: str = "openai", key: str | None = "sk-fake-1", **fields: Any
) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    call = {"model": "echo", "messages": [USER], **fields}
    async with httpx.AsyncClient(verify=False) as client:
        return await client.post(fake.url(vendor) + "/chat/completions", json=call, headers=headers)


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 2.1},
        {"temperature": "1"},
        {"temperature": True},
        {"top_p": -0.1},
        {"n": 0},
        {"n": 129},
        {"n": 1.5},
        {"max_tokens": 0},
        {"max_tokens": 5, "max_completion_tokens": 5},
        {"top_logprobs": 2},
        {"top_logprobs": 21, "logprobs": True},
        {"stream_options": {"include_usage": True}},
        {"stream": "yes"},
        {"stop": ["a", "b", "c", "d", "e"]},
        {"top_k": 5},
        {"reasoning_effort": "low"},
        {"tool_choice": "auto"},
        {"tools": []},
        {"tools": [{"type": "function", "function": {}}]},
        {"response_format": {"type": "json_object"}},
        {"messages": []},
        {"messages": "hi"},
        {"messages": None},
        {"messages": ["hi"]},
        {"messages": [{"content": "hi"}]},
        {"messages": [{"role": "robot", "content": "hi"}]},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "user", "content": 5}]},
        {"messages": [{"role": "user", "content": []}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "http://a/b.png"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "b.png"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        {"messages": [USER, {"role": "tool", "content": "5", "tool_call_id": "x"}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "x"}]}, USER]},
        {"model": "o3-mini", "max_tokens": 5},
        {"model": "o1", "temperature": 0.2},
    ],
)
async def test_openai_refuses_a_call_that_is_wrong(fake: FakeUpstream, fields: dict[str, Any]) -> None:
    response = await post(fake, **fields)
    assert response.status_code == 400, response.text
    assert response.json()["error"].keys() == {"message", "type", "param", "code"}
    assert fake.served == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": None, "stop": None},
        {"model": "o3-mini", "max_completion_tokens": 5, "reasoning_effort": "low", "temperature": 1},
        {
            "messages": [
                {"role": "assistant", "tool_calls": [{"id": "x"}]},
                {"role": "tool", "content": "", "tool_call_id": "x"},
            ]
        },
        {
            "messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}]}
            ]
        },
        {
            "messages": [{"role": "developer", "content": "Answer in JSON."}, USER],
            "response_format": {"type": "json_object"},
        },
    ],
)
async def test_openai_takes_a_call_that_is_right(fake: FakeUpstream, fields: dict[str, Any]) -> None:
    response = await post(fake, **fields)
    assert response.status_code == 200, response.text


@pytest.mark.parametrize(
    ("vendor", "fields", "status"),
    [
        ("groq", {"logprobs": True}, 400),
        ("groq", {"n": 2}, 400),
        ("groq", {"chat_template_kwargs": {}}, 400),
        ("groq", {"messages": [USER | {"name": "a"}]}, 400),
        ("google", {"seed": 1}, 400),
        ("google", {"frequency_penalty": 0}, 400),
        ("google", {"model": "gemma-3-4b-it", "messages": [{"role": "system", "content": "x"}, USER]}, 400),
        ("dashscope", {"temperature": 2}, 400),
        ("dashscope", {"model": "qwen3-32b"}, 400),
        ("openrouter", {"temperature": 3}, 400),
        ("engine", {"n": 0}, 400),
        ("engine", {"model": "nobody/nothing"}, 404),
        ("openai", {"model": "nobody/nothing"}, 404),
        ("openrouter", {"model": "nobody/nothing"}, 400),
        ("dashscope", {"enable_thinking": True, "top_k": 5}, 200),
        ("dashscope", {"model": "qwen3-32b", "enable_thinking": False}, 200),
        ("google", {"model": "models/gemini-2.5-flash", "reasoning_effort": "low"}, 200),
        ("openrouter", {"provider": {"order": ["x"]}, "reasoning": {"effort": "low"}}, 200),
        ("engine", {"top_k": 5, "made_up": [1]}, 200),
        ("groq", {"n": 1, "reasoning_format": "parsed"}, 200),
    ],
)
async def test_vendors_differ(fake: FakeUpstream, vendor: str, fields: dict[str, Any], status: int) -> None:
    response = await post(fake, vendor, **fields)
    assert response.status_code == status, response.text


async def test_errors_take_each_vendors_form(fake: FakeUpstream) -> None:
    wrong = {
        vendor: (await post(fake, vendor, temperature=9)).json() for vendor in ("google", "dashscope", "openrouter")
    }
    assert wrong["google"][0]["error"]["status"] == "INVALID_ARGUMENT"
    assert wrong["dashscope"]["request_id"]
    assert wrong["openrouter"]["error"]["code"] == 400
    assert (await post(fake, unknown=1)).json()["error"]["message"].endswith("argument supplied: unknown")


@pytest.mark.parametrize(
    ("vendor", "key", "status"),
    [
        ("openai", None, 401),
        ("openai", "sk-real", 401),
        ("google", None, 400),
        ("openrouter", "x", 401),
        ("engine", None, 200),
        ("engine", "x", 401),
    ],
)
async def test_keys_are_checked(fake: FakeUpstream, vendor: str, key: str | None, status: int) -> None:
    assert (await post(fake, vendor, key)).status_code == status


async def test_bodies_that_are_not_json_are_refused(fake: FakeUpstream) -> None:
    url = fake.url() + "/chat/completions"
    headers = {"authorization": "Bearer sk-fake", "content-type": "application/json"}
    async with httpx.AsyncClient(headers=headers, verify=False) as client:
        for content in (b"{", b"[]", b"\xff", b"[" * 100_000):
            assert (await client.post(url, content=content)).status_code == 400
        plain = await client.post(url, content=b"{}", headers={"content-type": "text/plain"})
        assert plain.json()["error"]["code"] == "unsupported_content_type"
        assert (await client.get(url)).status_code == 405
        assert (await client.post(fake.url() + "/nowhere", content=b"{}")).status_code == 404
        assert (await client.get(fake.base_url + "/nowhere")).status_code == 404
