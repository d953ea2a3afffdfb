"""Which path is which operation."""

import pytest

from tests.api.site import Site, bearer

NOT_BUILT = [
    ("POST", "/v1/responses"),
    ("GET", "/v1/responses/resp_1"),
    ("POST", "/responses"),
    ("POST", "/v1/messages"),
    ("POST", "/messages"),
    ("POST", "/v1/messages/count_tokens"),
    ("POST", "/openai/deployments/acme/talk/chat/completions"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/embeddings"),
    ("POST", "/embeddings"),
    ("POST", "/v1/batches"),
    ("GET", "/v1/batches"),
    ("POST", "/v1/batches/cancel/b1"),
    ("GET", "/v1/bagoodex/links"),
    ("POST", "/mcp"),
    ("POST", "/assistants"),
    ("GET", "/threads/t1"),
    ("POST", "/v1/images/generations"),
    ("POST", "/v1/images/edits"),
    ("POST", "/v2/video/generations"),
    ("GET", "/v2/video/generations"),
    ("POST", "/v2/generate/video/acme/generation"),
    ("POST", "/v2/generate/audio"),
    ("POST", "/v1/audio/speech"),
    ("POST", "/v1/tts"),
    ("POST", "/v1/stt/create"),
    ("GET", "/v1/stt/s1"),
    ("POST", "/v1/ocr"),
    ("POST", "/v1/moderations"),
    ("POST", "/v1/files"),
    ("GET", "/v2/usage"),
    ("GET", "/v2/usage/detail"),
    ("GET", "/v2/logs"),
    ("GET", "/v2/billing/transactions"),
    ("GET", "/models/metrics"),
    ("GET", "/docs-json"),
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
    assert body["error"]["type"] == "api_error"
    assert body["statusCode"] == 501


async def test_the_root_says_what_this_is_and_its_links_work() -> None:
    site = Site()
    async with site.running() as client:
        told = (await client.get("/")).json()
        assert told["name"] == "Modelport"
        for name, link in told["links"].items():
            answer = await client.request("OPTIONS" if name == "chat" else "GET", link)
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
