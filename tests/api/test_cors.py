"""What browsers may do."""

import pytest

from modelport.api.cors import Cors
from tests.api.site import Site

PREFLIGHT = {
    "origin": "https://page.example",
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,x-stainless-lang",
}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/models", "/v1/keys/12345678", "/v1/nothing", "/v1/tts"])
async def test_a_preflight_needs_no_key_and_mirrors_the_headers(path: str) -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.options(path, headers=PREFLIGHT)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert set(answer.headers["access-control-allow-methods"].split(", ")) == {"GET", "POST", "PUT", "PATCH", "DELETE"}
    assert answer.headers["access-control-allow-headers"] == PREFLIGHT["access-control-request-headers"]
    assert answer.headers["access-control-max-age"] == "86400"
    assert "access-control-allow-credentials" not in answer.headers
    assert "content-length" not in answer.headers


@pytest.mark.parametrize("is_loopback", [True, False])
async def test_a_page_may_reach_a_private_network_only_when_the_server_is_on_loopback(is_loopback: bool) -> None:
    site = Site(cors=Cors(is_loopback=is_loopback))
    async with site.running() as client:
        asked = PREFLIGHT | {"access-control-request-private-network": "true"}
        answer = await client.options("/v1/chat/completions", headers=asked)
        unasked = await client.options("/v1/chat/completions", headers=PREFLIGHT)
    assert ("access-control-allow-private-network" in answer.headers) is is_loopback
    assert "access-control-allow-private-network" not in unasked.headers


@pytest.mark.parametrize(("method", "path"), [("GET", "/nothing"), ("GET", "/v1/key"), ("POST", "/models")])
async def test_errors_can_be_read_by_a_page_too(method: str, path: str) -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.request(method, path, headers={"origin": "https://page.example"})
    assert answer.status_code >= 400
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "retry-after" in answer.headers["access-control-expose-headers"]


async def test_one_origin_may_be_set_instead_of_all() -> None:
    site = Site(cors=Cors("https://page.example"))
    async with site.running() as client:
        answer = await client.get("/models")
        preflight = await client.options("/models", headers=PREFLIGHT)
    for headers in (answer.headers, preflight.headers):
        assert headers["access-control-allow-origin"] == "https://page.example"
        assert "origin" in headers["vary"]


def test_header_names_that_are_none_are_not_mirrored() -> None:
    headers = dict(Cors().preflight({b"access-control-request-headers": b"a\x00b"}))
    assert b"access-control-allow-headers" not in headers
