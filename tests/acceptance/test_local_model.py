"""A real model answers through the gateway in every format of conversations, priced and on the ledger."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import openai
import pytest
import requests
from anthropic import Anthropic
from openai import AzureOpenAI, OpenAI

from tests.acceptance.conftest import Site

pytestmark = pytest.mark.weights

MODEL = "huggingface/smollm2-135m-instruct"
QUESTION: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]
WITHIN_S = 120.0


@pytest.fixture
def client(local_site: Site) -> Iterator[OpenAI]:
    url = f"{local_site.url}/v1"
    with OpenAI(base_url=url, api_key=local_site.key, max_retries=0, timeout=WITHIN_S) as client:
        yield client


def headers_of(site: Site) -> dict[str, str]:
    return {"Authorization": f"Bearer {site.key}"}


def billed(site: Site) -> float:
    return requests.get(f"{site.url}/v2/billing", headers=headers_of(site), timeout=30).json()["current_balance"]


def row_of(site: Site, inference_id: str) -> dict[str, Any]:
    (row,) = site.gateway.rows("SELECT * FROM requests WHERE inference_id = ?", inference_id)
    return row


def entries_of(site: Site, inference_id: str) -> list[dict[str, Any]]:
    return site.gateway.rows("SELECT * FROM entries WHERE reference_id = ?", inference_id)


@pytest.mark.debian("curl")
def test_a_call_is_answered_charged_and_recorded(local_site: Site) -> None:
    site, before, billed_before = local_site, local_site.balance(), billed(local_site)
    answer, headers = by_curl(site)
    assert "Paris" in answer["choices"][0]["message"]["content"]
    cost = answer["meta"]["usage"]["credits_used"]
    assert cost > 0
    assert headers["x-aimlapi-credits-used"] == str(cost)
    assert headers["x-aimlapi-usd-spent"] == f"{cost / 2_000_000:.9f}"
    assert headers["x-client-request-id"] == "hello-1"
    assert before - site.balance() == cost
    assert round((billed_before - billed(site)) * 2_000_000) == cost

    row = row_of(site, headers["x-inference-id"])
    assert (row["status"], row["billing_status"], row["charged_credits"]) == ("succeeded", "charged", cost)
    assert (row["provider"], row["client_request_id"], row["usage_source"]) == ("local", "hello-1", "provider")
    assert sum(json.loads(row["usage"]).values()) == answer["usage"]["total_tokens"]
    (entry,) = entries_of(site, headers["x-inference-id"])
    assert (entry["kind"], entry["from_account"], entry["credits"]) == ("MODEL_USAGE", site.account_id, cost)


def by_curl(site: Site) -> tuple[dict[str, Any], dict[str, str]]:
    body = json.dumps({"model": MODEL, "messages": QUESTION, "temperature": 0, "max_tokens": 32})
    told = ["-H", f"Authorization: Bearer {site.key}", "-H", "Content-Type: application/json"]
    command = ["curl", "-sS", "-i", f"{site.url}/v1/chat/completions", *told, "-H", "X-Client-Request-Id: hello-1"]
    done = subprocess.run([*command, "-d", body], capture_output=True, text=True, timeout=WITHIN_S, check=True)
    head, _, answer = done.stdout.replace("\r\n", "\n").partition("\n\n")
    status, *lines = head.splitlines()
    assert status == "HTTP/1.1 200 OK", done.stdout
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return json.loads(answer), headers | {"x-inference-id": _exact(lines, "x-inference-id")}


def _exact(lines: list[str], name: str) -> str:
    return next(line.split(": ", 1)[1] for line in lines if line.lower().startswith(name))


def test_the_cost_of_a_stream_is_in_its_last_chunk(local_site: Site, client: OpenAI) -> None:
    before = local_site.balance()
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=QUESTION, temperature=0, max_tokens=32, stream=True
    )
    *chunks, last = raw.parse()
    assert "Paris" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert last.choices == []
    assert last.model_extra is not None
    cost = last.model_extra["meta"]["usage"]["credits_used"]
    assert before - local_site.balance() == cost > 0
    assert not {"x-aimlapi-credits-used", "x-aimlapi-usd-spent"} & set(raw.headers)
    assert row_of(local_site, raw.headers["x-inference-id"])["charged_credits"] == cost


def test_several_choices_are_asked_for_with_n(client: OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=QUESTION, n=2, max_tokens=8, temperature=1)
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert answer.usage is not None
    assert 2 <= answer.usage.completion_tokens <= 16


def test_an_answer_ends_at_max_tokens_and_before_a_stop_word(client: OpenAI) -> None:
    short = client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=3, temperature=0)
    assert short.choices[0].finish_reason == "length"
    assert short.usage is not None
    assert short.usage.completion_tokens == 3
    stopped = client.chat.completions.create(
        model=MODEL, messages=QUESTION, max_tokens=32, temperature=0, stop=["Paris"]
    )
    assert stopped.choices[0].finish_reason == "stop"
    assert "Paris" not in (stopped.choices[0].message.content or "")


def test_the_same_seed_gives_the_same_answer(client: OpenAI) -> None:
    told = {
        client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=12, temperature=1.5, seed=seed)
        .choices[0]
        .message.content
        for seed in (7, 7, 7)
    }
    assert len(told) == 1


def test_logprobs_come_with_each_token(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=QUESTION, max_tokens=5, temperature=0, logprobs=True, top_logprobs=2
    )
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert len(logprobs.content) == 5
    assert all(token.logprob <= 0 and len(token.top_logprobs) == 2 for token in logprobs.content)
    assert (
        "".join(token.token for token in logprobs.content).strip() == (answer.choices[0].message.content or "").strip()
    )


def test_an_answer_in_json_is_json(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Describe Paris as a small JSON object with the key city."}],
        response_format={"type": "json_object"},
        max_tokens=200,
        temperature=0,
    )
    assert answer.choices[0].finish_reason == "stop"
    assert isinstance(json.loads(answer.choices[0].message.content or ""), dict)


def test_an_answer_by_a_schema_holds_it(client: OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}, "is_capital": {"type": "boolean"}},
        "required": ["city", "is_capital"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model=MODEL,
        messages=QUESTION,
        response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": schema, "strict": True}},
        max_tokens=60,
        temperature=0,
    )
    told = json.loads(answer.choices[0].message.content or "")
    assert told.keys() == {"city", "is_capital"}
    assert told["city"] in ("Paris", "Rome")
    assert isinstance(told["is_capital"], bool)


def test_a_call_without_max_tokens_ends(client: OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=QUESTION, temperature=0)
    assert answer.choices[0].finish_reason in ("stop", "length")


FORECAST: dict[str, Any] = {
    "name": "forecast",
    "description": "Tells the weather of a city",
    "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string", "enum": ["Paris", "Rome"]},
            "days": {"type": "integer", "maximum": 3},
        },
        "required": ["city", "days"],
        "additionalProperties": False,
    },
}
TOOLS: list[Any] = [{"type": "function", "function": FORECAST}, {"type": "function", "function": {"name": "now"}}]
NAMED: Any = {"type": "function", "function": {"name": "forecast"}}


def check_arguments(arguments: str) -> None:
    told = json.loads(arguments)
    assert told.keys() == {"city", "days"}
    assert told["city"] in ("Paris", "Rome")
    assert told["days"] <= 3


def test_a_forced_function_is_called_with_arguments_that_fit(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=QUESTION, tools=TOOLS, tool_choice=NAMED, max_tokens=100, temperature=0
    )
    (choice,) = answer.choices
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    (call,) = choice.message.tool_calls or ()
    assert call.type == "function"
    assert call.function.name == "forecast"
    check_arguments(call.function.arguments)

    result: list[Any] = [choice.message, {"role": "tool", "tool_call_id": call.id, "content": "17 degrees"}]
    after = client.chat.completions.create(
        model=MODEL, messages=[*QUESTION, *result], tools=TOOLS, max_tokens=24, temperature=0
    )
    assert after.choices[0].message.content
    assert not after.choices[0].message.tool_calls


def test_a_forced_function_streams(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model=MODEL, messages=QUESTION, tools=TOOLS, tool_choice=NAMED, max_tokens=100, temperature=0
    ) as stream:
        answer = stream.get_final_completion()
    (call,) = answer.choices[0].message.tool_calls or ()
    assert (answer.choices[0].finish_reason, call.function.name) == ("tool_calls", "forecast")
    check_arguments(call.function.arguments)


@pytest.fixture
def claude(local_site: Site) -> Iterator[Anthropic]:
    with Anthropic(base_url=local_site.url, api_key=local_site.key, max_retries=0, timeout=WITHIN_S) as client:
        yield client


PLAIN: Any = {"temperature": 0}
"""What the newest client of Anthropic's has no argument for."""
CLAUDE_TOOL: Any = {"name": "forecast", "input_schema": FORECAST["parameters"]}
RESPONSES_TOOL: Any = {"type": "function", "strict": True, **FORECAST}
ASKED = "What is the weather in Paris?"
STREAMED = pytest.mark.parametrize("is_streaming", [False, True], ids=["whole", "streamed"])


def through_messages(client: Anthropic, *, is_streaming: bool, **asked: Any) -> Any:
    asked = {"model": MODEL, "messages": QUESTION, "max_tokens": 100, "extra_body": PLAIN, **asked}
    if not is_streaming:
        return client.messages.create(**asked)
    with client.messages.stream(**asked) as stream:
        return stream.get_final_message()


def through_responses(client: OpenAI, *, is_streaming: bool, **asked: Any) -> Any:
    asked = {"model": MODEL, "input": ASKED, "max_output_tokens": 100, "temperature": 0, **asked}
    if not is_streaming:
        return client.responses.create(**asked)
    with client.responses.stream(**asked) as stream:
        return stream.get_final_response()


def check_booked(site: Site, inference_id: str, tokens: int) -> int:
    """Check that a call is on the ledger with the tokens that its caller was told; return what it cost."""
    row = row_of(site, inference_id)
    assert (row["status"], row["billing_status"], row["usage_source"]) == ("succeeded", "charged", "provider")
    assert sum(json.loads(row["usage"]).values()) == tokens
    (entry,) = entries_of(site, inference_id)
    assert entry["credits"] == row["charged_credits"] > 0
    return entry["credits"]


@STREAMED
def test_messages_call_a_forced_tool(local_site: Site, claude: Anthropic, is_streaming: bool) -> None:
    forced: Any = {"type": "tool", "name": "forecast"}
    answer = through_messages(claude, is_streaming=is_streaming, tools=[CLAUDE_TOOL], tool_choice=forced)
    (called,) = answer.content
    assert (answer.stop_reason, called.type, called.name) == ("tool_use", "tool_use", "forecast")
    check_arguments(json.dumps(called.input))
    usage = answer.usage
    tokens = usage.input_tokens + (usage.cache_read_input_tokens or 0) + usage.output_tokens
    cost = check_booked(local_site, answer.id.removeprefix("msg_"), tokens)
    if not is_streaming:
        assert answer.model_extra["meta"]["usage"]["credits_used"] == cost


@STREAMED
def test_responses_call_a_forced_tool(local_site: Site, client: OpenAI, is_streaming: bool) -> None:
    answer = through_responses(client, is_streaming=is_streaming, tools=[RESPONSES_TOOL], tool_choice="required")
    (called,) = answer.output
    assert (answer.status, called.type, called.name) == ("completed", "function_call", "forecast")
    check_arguments(called.arguments)
    cost = check_booked(local_site, answer.id.removeprefix("resp_"), answer.usage.total_tokens)
    assert answer.model_extra["meta"]["usage"]["credits_used"] == cost


@STREAMED
def test_messages_hold_a_schema(claude: Anthropic, is_streaming: bool) -> None:
    held: Any = {"format": {"type": "json_schema", "schema": FORECAST["parameters"]}}
    answer = through_messages(claude, is_streaming=is_streaming, output_config=held)
    check_arguments("".join(block.text for block in answer.content))
    assert answer.stop_reason == "end_turn"


@STREAMED
def test_responses_hold_a_schema(client: OpenAI, is_streaming: bool) -> None:
    schema = {"type": "json_schema", "name": "forecast", "schema": FORECAST["parameters"], "strict": True}
    answer = through_responses(client, is_streaming=is_streaming, text={"format": schema})
    check_arguments(answer.output_text)
    assert answer.status == "completed"


def test_a_streamed_answer_holds_a_schema_in_chat(client: OpenAI) -> None:
    schema: Any = {"name": "forecast", "schema": FORECAST["parameters"], "strict": True}
    held: Any = {"type": "json_schema", "json_schema": schema}
    with client.chat.completions.stream(
        model=MODEL, messages=QUESTION, response_format=held, max_tokens=60, temperature=0
    ) as stream:
        answer = stream.get_final_completion()
    check_arguments(answer.choices[0].message.content or "")


def test_what_no_sampler_can_hold_is_an_error_that_costs_nothing(local_site: Site, client: OpenAI) -> None:
    before = local_site.balance()
    distinct = {"type": "array", "minItems": 3, "maxItems": 3, "uniqueItems": True, "items": {"enum": [1, 2]}}
    held: Any = {"type": "json_schema", "json_schema": {"name": "three_of_two", "schema": distinct}}
    with pytest.raises(openai.InternalServerError, match="does not hold its schema"):
        client.chat.completions.create(model=MODEL, messages=QUESTION, response_format=held, max_tokens=60)
    assert local_site.balance() == before


def test_an_answer_goes_on_from_its_beginning(client: OpenAI) -> None:
    begun: Any = {"role": "assistant", "content": "The capital city of France is", "prefix": True}
    answer = client.chat.completions.create(model=MODEL, messages=[*QUESTION, begun], max_tokens=8, temperature=0)
    said = answer.choices[0].message.content or ""
    assert said.startswith(" Paris")


def test_a_field_that_no_local_model_knows_is_named(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=QUESTION, max_tokens=4, reasoning_effort="low", user="ada"
    )
    assert raw.parse().choices[0].message.content
    assert set(raw.headers["x-modelport-dropped-params"].split(",")) == {"reasoning_effort", "user"}


def test_completions_answer_a_prompt_whole_and_streamed(local_site: Site, client: OpenAI) -> None:
    raw = client.completions.with_raw_response.create(
        model=MODEL, prompt="What is the capital of France?", max_tokens=12, temperature=0
    )
    answer = raw.parse()
    assert "Paris" in answer.choices[0].text
    assert answer.usage is not None
    check_booked(local_site, raw.headers["x-inference-id"], answer.usage.total_tokens)

    *chunks, last = client.completions.create(
        model=MODEL, prompt="What is the capital of France?", max_tokens=12, temperature=0, stream=True
    )
    assert "".join(chunk.choices[0].text for chunk in chunks) == answer.choices[0].text
    assert last.usage is not None
    assert last.model_extra is not None
    assert last.usage.total_tokens == answer.usage.total_tokens
    assert last.model_extra["meta"]["usage"]["credits_used"] > 0


def test_a_suffix_needs_a_model_that_fills_in_the_middle(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        client.completions.create(model=MODEL, prompt="def add(a, b):", suffix="return c", max_tokens=8)
    assert refused.value.code == "cannot_fill"


def test_tokens_are_counted_for_nothing(local_site: Site, claude: Anthropic) -> None:
    before = (local_site.balance(), local_site.gateway.rows("SELECT COUNT(*) FROM requests"))
    few = claude.messages.count_tokens(model=MODEL, messages=QUESTION).input_tokens
    many = claude.messages.count_tokens(model=MODEL, messages=QUESTION, system="Be brief. " * 50).input_tokens
    assert 0 < few < many
    assert (local_site.balance(), local_site.gateway.rows("SELECT COUNT(*) FROM requests")) == before


def test_a_kept_response_is_gone_on_from_until_it_is_deleted(client: OpenAI) -> None:
    first = client.responses.create(
        model=MODEL, input="My name is Ada.", store=True, max_output_tokens=16, temperature=0
    )
    assert client.responses.retrieve(first.id).output_text == first.output_text != ""
    second = client.responses.create(
        model=MODEL, input="What is my name?", previous_response_id=first.id, max_output_tokens=16, temperature=0
    )
    assert "Ada" in second.output_text
    assert second.previous_response_id == first.id
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(second.id)

    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)
    with pytest.raises(openai.BadRequestError, match="previous_response_id"):
        client.responses.create(model=MODEL, input="And now?", previous_response_id=first.id)


def test_a_streamed_response_is_kept_before_its_end_is_sent(client: OpenAI) -> None:
    *_, last = client.responses.create(
        model=MODEL, input="Name a port.", store=True, stream=True, max_output_tokens=16, temperature=0
    )
    assert last.type in ("response.completed", "response.incomplete")
    kept = client.responses.retrieve(last.response.id)
    assert kept.output_text == last.response.output_text != ""
    assert kept.model_extra is not None
    assert kept.model_extra["meta"]["usage"]["credits_used"] > 0


def test_a_client_of_azure_names_the_model_in_the_path(local_site: Site) -> None:
    with AzureOpenAI(
        azure_endpoint=local_site.url, api_key=local_site.key, api_version="2025-01-01", max_retries=0
    ) as client:
        answer = client.chat.completions.create(model=MODEL, messages=QUESTION, max_tokens=12, temperature=0)
    assert "Paris" in (answer.choices[0].message.content or "")
