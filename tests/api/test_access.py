"""Every operation × every credential, from the one table."""

import pytest

from modelport.api.access import ACCESS
from modelport.keys.store import KeyTerms
from tests.api.site import Site, bearer

SITE = Site()
OPERATIONS = [
    (name, method, path + ("12345678" if route.has_tail else ""))
    for route in SITE.app().routes
    for method, (name, _) in route.methods.items()
    for path in route.paths
]


def test_every_line_of_the_table_has_a_route_and_every_route_a_line() -> None:
    assert {name for name, _, _ in OPERATIONS} == set(ACCESS)


def expected(name: str, credential: str) -> set[int]:
    """Say which refusals a credential may meet: an empty set where it must get through."""
    access = ACCESS[name]
    if access.has_own_token:
        return {401}
    if access.audience == "anyone":
        return set()
    if credential in ("none", "wrong", "disabled"):
        return {401}
    is_right_kind = (credential == "management") == (access.audience == "management")
    if not is_right_kind or (credential == "scopeless" and access.scope is not None):
        return {403}
    return set()


@pytest.mark.parametrize("credential", ["none", "wrong", "disabled", "regular", "scopeless", "management"])
async def test_each_credential_gets_exactly_as_far_as_the_table_says(credential: str) -> None:
    for name, method, path in OPERATIONS:
        site = Site()
        async with site.running() as client:
            headers = bearer(secret) if (secret := await make(site, client_key=credential)) else {}
            answer = await client.request(method, path, content=b"{}", headers=headers)
        refusals = expected(name, credential)
        if refusals:
            assert answer.status_code in refusals, (name, method, path)
        else:
            assert answer.status_code not in (401, 403), (name, method, path)


async def make(site: Site, client_key: str) -> str | None:
    if client_key == "none":
        return None
    if client_key == "wrong":
        return "f" * 32
    if client_key == "scopeless":
        return site.make_key(scopes=frozenset())
    if client_key == "disabled":
        secret = site.make_key()
        site.keys.change(7, secret[:8], lambda _: KeyTerms(is_disabled=True), 0)
        return secret
    return site.management if client_key == "management" else site.regular


async def test_a_key_with_the_scope_may_chat_and_one_with_another_scope_may_not() -> None:
    site = Site()
    async with site.running() as client:
        for scopes, status in ((frozenset({"model:chat"}), 200), (frozenset({"model:ocr"}), 403)):
            secret = site.make_key(scopes=scopes)
            answer = await client.post("/v1/chat/completions", content=b"{}", headers=bearer(secret))
            assert answer.status_code == status
    assert "model:chat" in answer.json()["message"]


async def test_a_bad_key_on_a_route_without_keys_is_ignored() -> None:
    site = Site()
    async with site.running() as client:
        assert (await client.get("/v1/models", headers=bearer("wrong"))).status_code == 200
    assert site.keys.asked == 0


async def test_a_refused_credential_says_where_keys_are_made() -> None:
    site = Site()
    async with site.running() as client:
        for headers in ({}, bearer("wrong"), {"authorization": "Basic dTpw"}, {"authorization": "Bearer"}):
            answer = await client.get("/v1/key", headers=headers)
            assert answer.status_code == 401
            assert f"{site.url}/app/keys" in answer.json()["message"]
            assert answer.json()["error"]["type"] == "authentication_error"


@pytest.mark.parametrize("credential", [{}, bearer("f" * 32)])
async def test_a_refused_inference_call_has_an_id_too(credential: dict[str, str]) -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.post("/v1/chat/completions", json={}, headers=credential)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert len(answer.headers["x-inference-id"]) == 21
        management = await client.post("/v1/chat/completions", json={}, headers=bearer(site.management))
        assert management.status_code == 403
        assert management.headers["x-inference-id"] != answer.headers["x-inference-id"]
        assert "x-inference-id" not in (await client.get("/v1/key", headers=credential)).headers
