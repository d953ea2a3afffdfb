"""OpenAI's own Python client works with nothing but base URL and key exchanged."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.acceptance.conftest import Site

HELLO: list[Any] = [{"role": "user", "content": "ahoy there"}]
BASES = ["", "/", "/v1", "/v1/", "/api/v1", "/v2"]


@pytest.fixture
def client(site: Site) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{site.url}/v1", api_key=site.key, max_retries=0) as client:
        yield client


def credits_in(meta: Any) -> int:
    usage = meta["usage"]
    assert Decimal(str(usage["usd_spent"])) * 2_000_000 == usage["credits_used"]
    return usage["credits_used"]


@pytest.mark.parametrize("base", BASES)
def test_chat_answers_under_every_base_url(site: Site, base: str) -> None:
    with OpenAI(base_url=site.url + base, api_key=site.key, max_retries=0) as client:
        answer = client.chat.completions.create(model="fake/echo", messages=HELLO)
        stream = client.chat.completions.create(model="fake/echo", messages=HELLO, stream=True)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert answer.choices[0].message.content == text == "ahoy there"


async def test_the_asynchronous_client_gets_the_same(site: Site) -> None:
    async with AsyncOpenAI(base_url=f"{site.url}/v1/", api_key=site.key, max_retries=0) as client:
        answer = await client.chat.completions.create(model="fake/echo", messages=HELLO)
        assert answer.choices[0].message.content == "ahoy there"
        pieces: list[str] = []
        async for chunk in await client.chat.completions.create(model="fake/echo", messages=HELLO, stream=True):
            pieces += [choice.delta.content or "" for choice in chunk.choices]
        assert "".join(pieces) == "ahoy there"
        assert "fake/echo" in [model.id async for model in client.models.list()]
        with pytest.raises(openai.NotFoundError):
            await client.chat.completions.create(model="fake/ecko", messages=HELLO)


def test_headers_and_meta_say_what_a_call_cost(site: Site, client: OpenAI) -> None:
    before = site.balance()
    raw = client.chat.completions.with_raw_response.create(
        model="fake/echo", messages=HELLO, extra_headers={"X-Client-Request-Id": "python-1"}
    )
    answer = raw.parse()
    assert answer.model_extra is not None
    cost = credits_in(answer.model_extra["meta"])
    assert cost > 0
    assert raw.headers["x-aimlapi-credits-used"] == str(cost)
    assert raw.headers["x-aimlapi-usd-spent"] == f"{Decimal(cost) / 2_000_000:.9f}"
    assert raw.headers["x-client-request-id"] == "python-1"
    assert len(raw.headers["x-inference-id"]) == 21
    assert before - site.balance() == cost


def test_the_cost_of_a_stream_is_in_its_last_chunk_and_in_no_header(site: Site, client: OpenAI) -> None:
    before = site.balance()
    raw = client.chat.completions.with_raw_response.create(model="fake/echo", messages=HELLO, stream=True)
    chunks = list(raw.parse())
    assert len(raw.headers["x-inference-id"]) == 21
    assert not {"x-aimlapi-credits-used", "x-aimlapi-usd-spent"} & set(raw.headers)
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].model_extra is not None
    assert before - site.balance() == credits_in(chunks[-1].model_extra["meta"]) > 0
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_usage_that_was_declined_is_left_out_of_the_last_chunk_and_its_cost_is_not(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="fake/echo", messages=HELLO, stream=True, stream_options={"include_usage": False}
    )
    last = list(stream)[-1]
    assert last.usage is None
    assert last.model_extra is not None
    assert credits_in(last.model_extra["meta"]) > 0


def test_the_stream_helper_puts_the_answer_together(client: OpenAI) -> None:
    with client.chat.completions.stream(model="fake/echo", messages=HELLO) as stream:
        answer = stream.get_final_completion()
    assert answer.choices[0].message.content == "ahoy there"
    assert answer.usage is not None


def test_models_are_listed_and_one_is_found(client: OpenAI) -> None:
    listed = {model.id for model in client.models.list()}
    assert {"fake/echo", "gpt-4o", "google/gemma-3-4b-it", "deepseek/deepseek-v3.2-speciale"} <= listed
    assert client.models.retrieve("gpt-4o").id == "gpt-4o"
    assert client.models.retrieve("google/gemma-3-4b-it").id == "google/gemma-3-4b-it"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody/nothing")


@pytest.mark.parametrize("is_streaming", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    ("kind", "changes", "code"),
    [
        (openai.NotFoundError, {"model": "fake/ecko"}, "model_not_found"),
        (openai.BadRequestError, {"temperature": 3.5}, "invalid_body"),
        (openai.BadRequestError, {"messages": []}, "invalid_body"),
        (openai.BadRequestError, {"model": "fault/400"}, "provider_refused"),
        (openai.RateLimitError, {"model": "fault/429"}, "provider_rate_limit"),
        (openai.InternalServerError, {"model": "fault/500"}, "provider_error"),
        (openai.InternalServerError, {"model": "fault/503"}, "provider_overloaded"),
    ],
)
def test_each_problem_is_the_exception_that_callers_catch(
    site: Site,
    client: OpenAI,
    kind: type[openai.APIStatusError],
    changes: dict[str, Any],
    code: str,
    is_streaming: bool,
) -> None:
    before = site.balance()
    with pytest.raises(kind) as raised:
        client.chat.completions.create(**{"model": "fake/echo", "messages": HELLO, "stream": is_streaming, **changes})
    assert type(raised.value) is kind
    assert raised.value.code == code
    body = raised.value.response.json()
    assert body["statusCode"] == raised.value.status_code
    assert body["path"] == "/v1/chat/completions"
    assert body["message"]
    assert site.balance() == before


def test_a_wrong_key_is_an_authentication_error_that_says_where_keys_are_made(site: Site) -> None:
    with (
        OpenAI(base_url=f"{site.url}/v1", api_key="sk-nobody", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as raised,
    ):
        client.chat.completions.create(model="fake/echo", messages=HELLO)
    assert f"{site.url}/app/keys" in raised.value.message


def test_an_account_without_credit_is_denied_and_told_where_to_get_some(site: Site) -> None:
    site.gateway.create_account("poor-python", "0")
    with (
        OpenAI(base_url=f"{site.url}/v1", api_key=site.gateway.create_key("poor-python"), max_retries=0) as client,
        pytest.raises(openai.PermissionDeniedError) as raised,
    ):
        client.chat.completions.create(model="fake/echo", messages=HELLO)
    assert raised.value.code == "insufficient_funds"
    assert f"{site.url}/app/billing" in raised.value.message


def test_a_rate_limit_of_a_provider_says_when_to_come_back(client: OpenAI) -> None:
    with pytest.raises(openai.RateLimitError) as raised:
        client.chat.completions.create(model="fault/429", messages=HELLO)
    assert 1 <= int(raised.value.response.headers["retry-after"]) <= 120


@pytest.mark.parametrize("fault", ["cut-200", "stream-error"])
def test_a_stream_that_breaks_raises_and_does_not_end_cleanly(client: OpenAI, fault: str) -> None:
    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(model=f"fault/{fault}", messages=HELLO, stream=True))


def test_structured_output_is_parsed(client: OpenAI) -> None:
    schema = {"type": "object", "properties": {"port": {"type": "string"}}, "required": ["port"]}
    answer = client.chat.completions.create(
        model="gpt-4o",
        messages=HELLO,
        response_format={"type": "json_schema", "json_schema": {"name": "port", "schema": schema}},
    )
    assert "port" in (answer.choices[0].message.content or "")


@pytest.mark.parametrize("model", ["mistralai/codestral-2508", "deepseek/deepseek-v4-flash"])
def test_a_completion_fills_in_the_middle_whole_and_streamed(client: OpenAI, model: str) -> None:
    asked: Any = {"model": model, "prompt": "def add(a, b):\n", "suffix": "\n    return c", "max_tokens": 16}
    answer = client.completions.create(**asked)
    assert answer.model_extra is not None
    assert credits_in(answer.model_extra["meta"]) > 0
    chunks = client.completions.create(**asked, stream=True)
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == answer.choices[0].text != ""
