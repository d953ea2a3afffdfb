"""The public lists of models."""

import pytest

from tests.api.site import Site

LISTS = (
    "/v1/models",
    "/api/v1/models",
    "/v2/models",
    "/models?shape=list",
    "/models?include=pricing",
    "/models?id=talk",
)


@pytest.mark.parametrize("path", LISTS)
async def test_the_list_shape(path: str) -> None:
    site = Site()
    async with site.running() as client:
        body = (await client.get(path)).json()
    assert body["object"] == "list"
    assert "acme/talk" in [item["id"] for item in body["data"]]


async def test_the_bare_array_and_the_list_for_the_openai_sdk_on_one_path() -> None:
    site = Site()
    async with site.running() as client:
        seed = await client.get("/models")
        listed = await client.get("/models", headers={"x-stainless-lang": "python"})
    assert isinstance(seed.json(), list)
    assert listed.json()["object"] == "list"
    assert seed.headers["vary"] == listed.headers["vary"] == "x-stainless-lang, accept"
    assert seed.headers["etag"] != listed.headers["etag"]


@pytest.mark.parametrize("path", ["/models", "/v1/models", "/v1/models?include=all", "/model/acme/talk"])
async def test_an_unchanged_answer_is_not_sent_again(path: str) -> None:
    site = Site()
    async with site.running() as client:
        first = await client.get(path)
        etag = first.headers["etag"]
        for asked in (etag, f'"other", {etag}', f"W/{etag}", "*"):
            again = await client.get(path, headers={"if-none-match": asked})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == etag
        changed = await client.get(path, headers={"if-none-match": '"other"'})
        assert (changed.status_code, changed.content) == (200, first.content)


@pytest.mark.parametrize("name", ["acme/talk", "talk", "ACME/Talk", "acme%2Ftalk"])
async def test_one_model_by_id_alias_and_any_case(name: str) -> None:
    site = Site()
    async with site.running() as client:
        shown = (await client.get(f"/model/{name}")).json()
        retrieved = [(await client.get(f"{prefix}/models/{name}")).json() for prefix in ("/v1", "/api/v1", "/v2", "")]
    assert shown["object"] == "model"
    assert shown["data"]["id"] == "acme/talk"
    assert [item["id"] for item in retrieved] == ["acme/talk"] * 4


@pytest.mark.parametrize(
    ("name", "code", "hint"),
    [("acme/tlak", "model_not_found", "acme/talk"), ("acme/old", "model_retired", "acme/talk")],
)
async def test_a_model_that_is_not_there_is_not_found_with_a_hint(name: str, code: str, hint: str) -> None:
    site = Site()
    async with site.running() as client:
        for path in (f"/model/{name}", f"/v1/models/{name}"):
            answer = await client.get(path)
            assert answer.status_code == 404
            assert answer.json()["error"]["code"] == code
            assert hint in answer.json()["message"]


async def test_a_filter_selects() -> None:
    site = Site()
    async with site.running() as client:
        body = (await client.get("/v1/models?id=THINK&id=other%2Fthink")).json()
    assert [item["id"] for item in body["data"]] == ["other/think"]


async def test_a_query_without_end_is_refused() -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.get("/v1/models?" + "&".join("id=a" for _ in range(200)))
    assert answer.status_code == 400


async def test_any_page_may_read_the_lists() -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.get("/models", headers={"origin": "https://page.example"})
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", ["/v1/models/other/think", "/model/OTHER/think"])
async def test_a_model_that_goes_says_when_and_pages_may_read_it(path: str) -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.get(path)
        stays = await client.get("/v1/models/acme/talk")
        again = await client.get(path, headers={"if-none-match": answer.headers["etag"]})
    told = {name: answer.headers[name] for name in ("deprecation", "sunset")}
    assert told == {"deprecation": "@1801612800", "sunset": "Wed, 03 Feb 2027 00:00:00 GMT"}
    assert again.status_code == 304
    assert again.headers["sunset"] == answer.headers["sunset"]
    assert {"deprecation", "sunset"} <= set(answer.headers["access-control-expose-headers"].split(", "))
    assert not {"deprecation", "sunset"} & stays.headers.keys()
