"""The header of Messages that reaches the call, and no other."""

import json

import pytest

from tests.api.site import Site, bearer

BODY = json.dumps({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}).encode()


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages?beta=true", "/v1/messages/count_tokens"])
async def test_the_header_becomes_an_option_of_the_call(path: str) -> None:
    site = Site()
    headers = [*bearer(site.regular).items(), ("anthropic-beta", "a-2025-01-01"), ("anthropic-beta", "b")]
    async with site.running() as client:
        assert (await client.post(path, content=BODY, headers=headers)).status_code == 200
        await client.post(path, content=BODY, headers=bearer(site.regular))
    first, second = (request.format.parser.parse(request.body) for request in site.chats)
    assert (first.options, second.options) == ({"anthropic-beta": b'"a-2025-01-01,b"'}, {})


async def test_on_other_routes_it_means_nothing() -> None:
    site = Site()
    async with site.running() as client:
        headers = {**bearer(site.regular), "anthropic-beta": "a"}
        await client.post("/v1/chat/completions", content=BODY, headers=headers)
    [request] = site.chats
    assert request.format.parser.parse(request.body).options == {}
