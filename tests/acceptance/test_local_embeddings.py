"""A real model of embeddings answers through the gateway, priced and on the ledger."""

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any

import openai
import pytest
import requests
from openai import AzureOpenAI, OpenAI

from modelport.engines.weights import WeightsStore
from tests.acceptance.conftest import Site
from tests.engines.conftest import embedding_store

__all__ = ["embedding_store"]

pytestmark = pytest.mark.weights

MODEL = "sentence-transformers/all-minilm-l6-v2"
CHAT_MODEL = "huggingface/smollm2-135m-instruct"
LENGTH = 384
MARKS = 2
"""Tokens that mark the beginning and end of an input."""
WITHIN_S = 120.0


@pytest.fixture
def site(embedding_store: WeightsStore, local_site: Site) -> Site:
    return local_site


@pytest.fixture
def client(site: Site) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{site.url}/v1", api_key=site.key, max_retries=0, timeout=WITHIN_S) as client:
        yield client


def likeness(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_a_text_becomes_a_vector_of_length_one_priced_and_recorded(site: Site, client: OpenAI) -> None:
    before = site.balance()
    raw = client.embeddings.with_raw_response.create(model=MODEL, input="a harbour")
    answer = raw.parse()
    (found,) = answer.data
    assert (found.index, len(found.embedding)) == (0, LENGTH)
    assert likeness(found.embedding, found.embedding) == pytest.approx(1, abs=1e-4)
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > MARKS

    assert answer.model_extra is not None
    cost = answer.model_extra["meta"]["usage"]["credits_used"]
    assert raw.headers["x-aimlapi-credits-used"] == str(cost)
    assert before - site.balance() == cost > 0
    (row,) = site.gateway.rows("SELECT * FROM requests WHERE inference_id = ?", raw.headers["x-inference-id"])
    assert (row["provider"], row["status"], row["charged_credits"]) == ("local-embeddings", "succeeded", cost)
    assert json.loads(row["usage"]) == {"input": answer.usage.total_tokens}
    (entry,) = site.gateway.rows("SELECT * FROM entries WHERE reference_id = ?", raw.headers["x-inference-id"])
    assert (entry["kind"], entry["from_account"], entry["credits"]) == ("MODEL_USAGE", site.account_id, cost)


def test_both_encodings_say_the_same(site: Site, client: OpenAI) -> None:
    by_client = client.embeddings.create(model=MODEL, input="a harbour").data[0].embedding
    numbers = client.embeddings.create(model=MODEL, input="a harbour", encoding_format="float").data[0].embedding
    assert by_client == pytest.approx(numbers, abs=1e-6)
    told = asked_plainly(site, {"model": MODEL, "input": "a harbour", "encoding_format": "base64"}).json()
    assert len(base64.b64decode(told["data"][0]["embedding"])) == 4 * LENGTH


def asked_plainly(site: Site, body: dict[str, Any], path: str = "/v1/embeddings") -> requests.Response:
    told = {"Authorization": f"Bearer {site.key}"}
    return requests.post(f"{site.url}{path}", json=body, headers=told, timeout=WITHIN_S)


def test_texts_that_mean_the_like_are_near(client: OpenAI) -> None:
    texts = ["How do I dock a ship?", "Mooring a boat at the pier", "A recipe for apple pie"]
    answer = client.embeddings.create(model=MODEL, input=texts)
    assert [one.index for one in answer.data] == [0, 1, 2]
    ship, boat, pie = (one.embedding for one in answer.data)
    assert likeness(ship, boat) > 2 * likeness(ship, pie)


def test_token_ids_are_taken_for_text(client: OpenAI) -> None:
    text = client.embeddings.create(model=MODEL, input="hello")
    ids = client.embeddings.create(model=MODEL, input=[7592])
    lists = client.embeddings.create(model=MODEL, input=[[7592], [7592, 2088]])
    assert text.usage.prompt_tokens == ids.usage.prompt_tokens == 1 + MARKS
    assert lists.usage.prompt_tokens == 3 + 2 * MARKS
    assert ids.data[0].embedding == pytest.approx(text.data[0].embedding, abs=1e-4)
    assert lists.data[0].embedding == pytest.approx(text.data[0].embedding, abs=1e-4)
    assert likeness(lists.data[1].embedding, text.data[0].embedding) < 0.99


REFUSED: list[Any] = [
    pytest.param({"dimensions": 128}, "have 384", id="another length"),
    pytest.param({"input": "word " * 300}, "has 302 tokens", id="too long"),
    pytest.param({"input": ["fine", "word " * 300]}, r"input\[1\]", id="one of them too long"),
    pytest.param({"input": [99_999]}, "token id 99999", id="a token of another model"),
    pytest.param({"input": ""}, "'input'", id="nothing"),
    pytest.param({"encoding_format": "int8"}, "encoding_format", id="another encoding"),
    pytest.param({"extra_body": {"truncate": "END"}}, "'truncate'", id="an unknown field"),
]


@pytest.mark.parametrize(("asked", "says"), REFUSED)
def test_what_the_model_cannot_do_is_refused_and_costs_nothing(
    site: Site, client: OpenAI, asked: dict[str, Any], says: str
) -> None:
    before = site.balance()
    with pytest.raises(openai.BadRequestError, match=says):
        client.embeddings.create(**{"model": MODEL, "input": "a harbour", **asked})
    assert site.balance() == before


def test_its_own_length_may_be_asked_for(client: OpenAI) -> None:
    answer = client.embeddings.create(model=MODEL, input="a harbour", dimensions=LENGTH)
    assert len(answer.data[0].embedding) == LENGTH


def test_a_long_text_is_cut_where_that_is_asked_for(client: OpenAI) -> None:
    answer = client.embeddings.create(model=MODEL, input="word " * 300, extra_body={"auto_truncate": True})
    assert answer.usage.prompt_tokens == 256


def test_what_only_other_models_know_is_named(client: OpenAI) -> None:
    raw = client.embeddings.with_raw_response.create(model=MODEL, input="a harbour", extra_body={"input_type": "query"})
    assert raw.headers["x-modelport-dropped-params"] == "input_type"


CONVERSATIONS: list[Any] = [
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hello"}]}),
    ("/v1/messages", {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 16}),
    ("/v1/responses", {"input": "Hello"}),
    ("/v1/completions", {"prompt": "Hello"}),
]


@pytest.mark.parametrize(("path", "body"), CONVERSATIONS, ids=[path for path, _ in CONVERSATIONS])
def test_it_holds_no_conversation(site: Site, path: str, body: dict[str, Any]) -> None:
    answer = asked_plainly(site, {"model": MODEL, **body}, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "wrong_operation")
    assert "/v1/embeddings" in answer.json()["message"]


def test_a_chat_model_makes_no_vectors(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="/v1/chat/completions") as refused:
        client.embeddings.create(model=CHAT_MODEL, input="a harbour")
    assert refused.value.code == "wrong_operation"


def test_a_client_of_azure_names_the_model_in_the_path(site: Site) -> None:
    with AzureOpenAI(azure_endpoint=site.url, api_key=site.key, api_version="2025-01-01", max_retries=0) as client:
        assert len(client.embeddings.create(model=MODEL, input="a harbour").data[0].embedding) == LENGTH
