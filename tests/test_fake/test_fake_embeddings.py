"""Embeddings, as the fake plays them in both forms."""

import math
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
from google import genai
from google.genai import types

from tests.fake import FakeUpstream
from tests.test_fake.calling import KEY, said


@pytest.fixture
async def fake() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as upstream:
        yield upstream


async def post(fake: FakeUpstream, vendor: str = "openai", **fields: Any) -> httpx.Response:
    body = {"model": "text-embedding-3-small", "input": "one two", **fields}
    async with httpx.AsyncClient(verify=False, headers={"authorization": f"Bearer {KEY}"}) as http:
        return await http.post(fake.url(vendor) + "/embeddings", json=body)


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({"input": ""}, 400, "cannot be an empty string"),
        ({"input": []}, 400, "cannot be an empty string"),
        ({"input": ["a", ""]}, 400, "cannot be an empty string"),
        ({"input": [1.5]}, 400, "'$.input' is invalid"),
        ({"input": ["x"] * 2049}, 400, "array too long"),
        ({"input": "x " * 8193}, 400, "maximum context length is 8192"),
        ({"input": ["x " * 8000] * 38}, 400, "max 300000 tokens per request"),
        ({"encoding_format": "hex"}, 400, "Invalid value: 'hex'"),
        ({"dimensions": 0}, 400, "dimensions"),
        ({"dimensions": 1537}, 400, "Must be less than or equal to 1536"),
        ({"model": "text-embedding-ada-002", "dimensions": 5}, 400, "does not support specifying dimensions"),
        ({"model": "text-embedding-9"}, 404, "does not exist"),
        ({"model": "gpt-4o"}, 403, "not allowed to generate embeddings"),
        ({"made_up": 1}, 400, "Unrecognized request argument"),
    ],
)
async def test_what_openai_refuses(fake: FakeUpstream, fields: dict[str, Any], status: int, message: str) -> None:
    response = await post(fake, **fields)
    assert response.status_code == status
    assert message in said(response)


async def test_every_form_of_input_gives_vectors_of_length_one_in_order(fake: FakeUpstream) -> None:
    for given, tokens in (("one two", 2), (["one two", "three"], 3), ([1, 2, 3], 3), ([[1], [2, 3]], 3)):
        told = (await post(fake, input=given)).json()
        assert told["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}
        assert [data["index"] for data in told["data"]] == list(range(len(told["data"])))
        assert all(math.isclose(math.hypot(*data["embedding"]), 1) for data in told["data"])
        assert len(told["data"][0]["embedding"]) == 1536
    assert fake.served["text-embedding-3-small"].prompt_tokens == 11
    assert fake.served["text-embedding-3-small"].completion_tokens == 0


async def test_packed_vectors_are_the_same_as_plain_ones(fake: FakeUpstream) -> None:
    async with openai.AsyncOpenAI(base_url=fake.url(), api_key=KEY, max_retries=0) as client:
        packed = await client.embeddings.create(model="text-embedding-3-large", input="x", dimensions=8)
    plain = (await post(fake, model="text-embedding-3-large", input="x", dimensions=8)).json()["data"][0]["embedding"]
    assert packed.data[0].embedding == pytest.approx(plain, abs=1e-6)


@pytest.mark.parametrize("fault", ["429", "500", "cut-whole", "wrong-usage", "no-usage", "wrong-json", "empty", "html"])
async def test_faults_show_in_embeddings(fake: FakeUpstream, fault: str) -> None:
    if fault == "cut-whole":
        with pytest.raises(httpx.RemoteProtocolError):
            await post(fake, model="fault/cut-whole")
        return
    response = await post(fake, model=f"fault/{fault}")
    if fault.isdigit():
        assert response.status_code == int(fault)
    elif fault == "wrong-usage":
        assert response.json()["usage"]["prompt_tokens"] == "seven"
    elif fault == "no-usage":
        assert "usage" not in response.json()
    else:
        with pytest.raises(ValueError, match=r"."):
            response.json()


async def google(fake: FakeUpstream, method: str, model: str = "gemini-embedding-001", **body: Any) -> httpx.Response:
    async with httpx.AsyncClient(verify=False, headers={"x-goog-api-key": KEY}) as http:
        return await http.post(f"{fake.url('gemini')}/models/{model}:{method}", json=body)


CONTENT = {"parts": [{"text": "one two"}]}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"content": {"parts": []}}, "content is empty"),
        ({"content": CONTENT, "outputDimensionality": 4000}, "output_dimensionality"),
        ({"content": CONTENT, "taskType": "OTHER"}, "task_type"),
        ({"content": CONTENT, "title": "x"}, "title is only valid"),
        ({"content": CONTENT, "input": "x"}, 'Unknown name "input"'),
        ({}, "content"),
    ],
)
async def test_what_google_refuses(fake: FakeUpstream, fields: dict[str, Any], message: str) -> None:
    assert message in said(await google(fake, "embedContent", **fields))
    requests = [{"model": "models/gemini-embedding-001", **fields}]
    assert message in said(await google(fake, "batchEmbedContents", requests=requests))


async def test_google_embeds_one_and_many(fake: FakeUpstream) -> None:
    one = (await google(fake, "embedContent", content=CONTENT, outputDimensionality=3)).json()["embedding"]["values"]
    request = {"model": "models/gemini-embedding-001", "content": CONTENT, "outputDimensionality": 3}
    many = (await google(fake, "batchEmbedContents", requests=[request, request])).json()["embeddings"]
    assert [embedding["values"] for embedding in many] == [one, one]
    assert "at most 100" in said(await google(fake, "batchEmbedContents", requests=[request] * 101))
    assert "model name" in said(await google(fake, "batchEmbedContents", requests=[{"content": CONTENT}]))
    client = genai.Client(
        api_key=KEY, http_options=types.HttpOptions(base_url=fake.base_url + "/google", api_version="v1beta")
    )
    told = await client.aio.models.embed_content(
        model="gemini-embedding-001", contents=["a", "b"], config={"output_dimensionality": 4}
    )
    assert [len(embedding.values or ()) for embedding in told.embeddings or ()] == [4, 4]
