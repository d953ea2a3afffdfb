"""A real model answers through the gateway, priced and on the ledger."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from openai import OpenAI

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
