"""`/v1/route`: how a call would go."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.api.site import Site


@pytest_asyncio.fixture
async def asking() -> AsyncIterator[httpx.AsyncClient]:
    """A client with a management key."""
    site = Site()
    async with site.running() as client:
        client.headers["authorization"] = f"Bearer {site.management}"
        yield client


async def test_the_offers_of_a_model_are_told_to_a_management_key(asking: httpx.AsyncClient) -> None:
    told = await asking.get("/v1/route", params={"model": "TALK"})
    assert told.status_code == 200
    assert told.json() == {"model": "acme/talk", "asked": "TALK", "served": False, "offers": [], "missing": []}


async def test_a_request_is_told_without_being_made(asking: httpx.AsyncClient) -> None:
    body: dict[str, Any] = {"model": "talk", "messages": [{"role": "user", "content": "hi"}]}
    told = await asking.post("/v1/route", json=body)
    assert told.json()["request"]["input_tokens"] >= 0
    body = {"model": "talk", "input": "hi"}
    told = await asking.post("/v1/route?endpoint=/v1/responses", json=body)
    assert (told.status_code, told.json()["model"]) == (200, "acme/talk")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "invalid_query"),
        ("?model=", 400, "invalid_query"),
        ("?modle=talk", 400, "invalid_query"),
        ("?model=acme/tolk", 404, "model_not_found"),
        ("?model=acme/old", 404, "model_retired"),
    ],
)
async def test_what_cannot_be_told_is_refused(asking: httpx.AsyncClient, query: str, status: int, code: str) -> None:
    told = await asking.get(f"/v1/route{query}")
    assert (told.status_code, told.json()["error"]["code"]) == (status, code)


async def test_a_request_that_would_be_refused_is_refused(asking: httpx.AsyncClient) -> None:
    told = await asking.post("/v1/route", json={"model": "talk"})
    assert (told.status_code, told.json()["error"]["code"]) == (400, "invalid_body")
    told = await asking.post("/v1/route?endpoint=/v1/images", json={"model": "talk"})
    assert (told.status_code, told.json()["error"]["code"]) == (400, "invalid_query")
