"""Which path is which operation."""

import pytest

from modelport.serving.remembered import Remembered
from tests.api.site import ACCOUNT, Site, bearer

NOT_BUILT = [
    ("POST", "/v1/batches"),
    ("GET", "/v1/batches"),
    ("POST", "/v1/batches/cancel/b1"),
    ("GET", "/v1/bagoodex/links"),
    ("POST", "/mcp"),
    ("POST", "/assistants"),
    ("GET", "/threads/t1"),
    ("POST", "/v1/images/variations"),
    ("POST", "/v2/generate/audio/minimax/upload"),
    ("GET", "/v2/video/generations"),
    ("GET", "/v2/generate/video/kling/generation"),
    ("GET", "/v2/generate/audio"),
    ("POST", "/v1/files"),
]


@pytest.mark.parametrize(("method", "path"), NOT_BUILT)
async def test_a_documented_route_that_is_not_built_says_so_and_what_to_use(method: str, path: str) -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.request(method, path)
    assert answer.status_code == 501
    body = answer.json()
    assert body["error"]["code"] == "not_implemented"
    assert path in body["message"]
    assert "use " in body["message"] or "ask " in body["message"]


@pytest.mark.parametrize("path", ["/v1", "/nothing", "/v1/nothing", "/v1/chat", "/v2/billing/x", "/v1/key/x"])
async def test_an_unknown_path_is_not_found(path: str) -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.get(path, headers=bearer(site.regular))
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "not_found_error"
    assert answer.json()["path"] == path


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/chat/completions", {"POST"}),
        ("POST", "/v1/models", {"GET", "HEAD"}),
        ("DELETE", "/v1/keys", {"GET", "HEAD", "POST"}),
        ("GET", "/v1/keys/12345678", {"PATCH", "PUT", "DELETE"}),
        ("POST", "/v2/billing", {"GET", "HEAD"}),
    ],
)
async def test_a_wrong_method_names_the_right_ones(method: str, path: str, allowed: set[str]) -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.request(method, path)
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == {*allowed, "OPTIONS"}
        assert (await client.options(path)).headers["allow"] == answer.headers["allow"]


@pytest.mark.parametrize("path", ["/models", "/healthz", "/v1/key", "/v2/billing"])
async def test_head_answers_like_get_without_a_body(path: str) -> None:
    site = Site()
    async with site.running() as client:
        got = await client.get(path, headers=bearer(site.regular))
        headed = await client.head(path, headers=bearer(site.regular))
        assert (await client.get("/healthz")).status_code == 200
    assert (headed.status_code, headed.content) == (200, b"")
    assert headed.headers["content-length"] == str(len(got.content))


async def test_a_body_on_get_is_ignored() -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.request("GET", "/v1/key", content=b"{}" * 5000, headers=bearer(site.regular))
        assert answer.status_code == 200
        assert (await client.get("/healthz")).status_code == 200


async def test_health_and_readiness_are_told_apart() -> None:
    site = Site(not_ready="the ledger's disk is full: make room")
    async with site.running() as client:
        assert (await client.get("/healthz")).status_code == 200
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["message"] == "the ledger's disk is full: make room"
        site.not_ready = None
        assert (await client.get("/readyz")).json() == {"status": "ready"}


async def test_the_messages_route_answers_errors_in_both_forms() -> None:
    site = Site()
    async with site.running() as client:
        body = (await client.post("/v1/messages", json={})).json()
    assert body["type"] == "error"
    assert body["error"]["type"] == "authentication_error"
    assert body["statusCode"] == 401


POSTED = {"chat", "responses", "messages", "embeddings"}


async def test_the_root_says_what_this_is_and_its_links_work() -> None:
    site = Site()
    async with site.running() as client:
        told = (await client.get("/")).json()
        assert told["name"] == "Modelport"
        for name, link in told["links"].items():
            answer = await client.request("OPTIONS" if name in POSTED else "GET", link)
            assert answer.status_code in (200, 204)


async def test_an_unknown_path_points_to_the_root() -> None:
    site = Site()
    async with site.running() as client:
        assert f"{site.url}/ " in (await client.get("/nothing")).json()["message"]


async def test_readiness_names_a_catalogue_that_was_rejected() -> None:
    site = Site(stale="rejected: acme.toml: name: missing")
    async with site.running() as client:
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["catalogue"]) == (200, "rejected: acme.toml: name: missing")


INFERENCE = [
    ("/chat/completions", "/v1/chat/completions"),
    ("/completions", "/v1/completions"),
    ("/messages", "/v1/messages"),
    ("/responses", "/v1/responses"),
    ("/embeddings", "/v1/embeddings"),
    ("/openai/deployments/acme/talk", "/v1/chat/completions"),
    ("/openai/deployments/acme/talk/chat/completions", "/v1/chat/completions"),
    ("/openai/deployments/acme/talk/embeddings", "/v1/embeddings"),
]


@pytest.mark.parametrize("prefix", ["", "/v1", "/v2", "/api/v1"])
@pytest.mark.parametrize(("path", "endpoint"), INFERENCE)
async def test_every_format_is_met_under_every_prefix(prefix: str, path: str, endpoint: str) -> None:
    site = Site()
    async with site.running() as client:
        for end in ("", "/", "?beta=true", "?api-version=2026-01-01"):
            answer = await client.post(f"{prefix}{path}{end}", json={}, headers={"api-key": site.regular})
            assert answer.status_code == 200, answer.text
    assert {call.format.endpoint for call in site.chats} == {endpoint}
    assert {call.model for call in site.chats} == {"acme/talk" if "deployments" in path else None}


async def test_a_deployment_must_be_named() -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.post("/openai/deployments/chat/completions", json={}, headers=bearer(site.regular))
    assert answer.status_code == 404


async def test_embeddings_behind_a_deployment_ask_for_their_own_scope() -> None:
    site = Site()
    chats_only = site.make_key(scopes=frozenset({"model:chat"}))
    async with site.running() as client:
        path = "/openai/deployments/acme/talk/embeddings"
        assert (await client.post(path, json={}, headers=bearer(chats_only))).status_code == 403


async def test_tokens_are_counted_without_an_answer() -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.post("/v1/messages/count_tokens", json={}, headers={"x-api-key": site.regular})
    assert answer.json() == {"input_tokens": 7}


async def test_a_kept_response_is_found_by_its_account_until_it_is_deleted() -> None:
    site = Site()
    now_ms = site.clock.now_ms()
    site.kept.save(Remembered("resp_1", ACCOUNT, now_ms, now_ms + 1000, b"[]", b"[]", b'{"id":"resp_1"}'))
    site.kept.save(Remembered("resp_2", ACCOUNT + 1, now_ms, now_ms + 1000, b"[]", b"[]", b"{}"))
    async with site.running() as client:
        client.headers.update(bearer(site.regular))
        assert (await client.get("/v1/responses/resp_1")).json() == {"id": "resp_1"}
        gone = await client.get("/responses/resp_2")
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "response_not_found")
        told = {"id": "resp_1", "object": "response", "deleted": True}
        assert (await client.delete("/v1/responses/resp_1")).json() == told
        assert (await client.get("/v1/responses/resp_1")).status_code == 404
        assert (await client.delete("/v1/responses/resp_1")).status_code == 404
