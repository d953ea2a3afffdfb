"""Management of keys over HTTP."""

import json
from decimal import Decimal
from typing import Any

import pytest

from modelport.core.credits import Credits
from tests.api.site import Site, bearer

KEYS = "/v1/keys"
CREATED = "2026-05-02T10:00:00.123Z"


async def test_a_new_key_is_shown_once_with_its_secret() -> None:
    site = Site()
    body = {"name": "ci-runner", "limit": {"retention": "day", "threshold": 5}, "scopes": ["model:chat"]}
    async with site.running() as client:
        answer = await client.post(KEYS, json=body, headers=bearer(site.management))
        assert answer.status_code == 200
        data = answer.json()["data"]
        secret = data.pop("key")
        assert data == body | {
            "prefix": secret[:8],
            "disabled": False,
            "created_at": CREATED,
            "updated_at": CREATED,
            "monthly_usage": 0,
        }
        listed = await client.get(KEYS, headers=bearer(site.management))
        assert data in listed.json()["data"]
        assert secret not in listed.text
        own = await client.get("/v1/key", headers=bearer(secret))
        assert own.json() == {"data": data}


@pytest.mark.parametrize("body", [b"", b"{}", b" {} ", b'{"name":null,"limit":null,"scopes":null}'])
async def test_a_key_may_be_made_without_saying_anything(body: bytes) -> None:
    site = Site()
    async with site.running() as client:
        data = (await client.post(KEYS, content=body, headers=bearer(site.management))).json()["data"]
    assert (data["name"], data["limit"], data["scopes"]) == (None, None, None)


async def test_a_new_key_works_at_once_even_if_it_was_tried_before() -> None:
    site = Site()
    async with site.running() as client:
        assert (await client.get("/v1/key", headers=bearer("f" * 32))).status_code == 401
        made = await client.post(KEYS, headers=bearer(site.management))
        assert (await client.get("/v1/key", headers=bearer(made.json()["data"]["key"]))).status_code == 200


BAD_BODIES = [
    ({"surprise": 1}, "'surprise': Unknown field", "surprise"),
    ({"name": 5}, "'name': Expected string or null, received integer", "name"),
    ({"name": "x" * 300}, "'name': Expected string of at most 256 characters, received 300 characters", "name"),
    ({"name": "a\nb"}, "received control characters", "name"),
    (
        {"scopes": ["model:chat", "model:all"]},
        "'scopes[1]': Unknown value, received 'model:all': use model:chat, ",
        "scopes[1]",
    ),
    ({"scopes": "model:chat"}, "'scopes': Expected array or null, received string", "scopes"),
    ({"limit": {"retention": "day"}}, "'limit.threshold': Required", "limit.threshold"),
    ({"limit": {"threshold": 5}}, "'limit.retention': Required", "limit.retention"),
    (
        {"limit": {"retention": "year", "threshold": 5}},
        "received 'year': use no_reset, day, week, month",
        "limit.retention",
    ),
    ({"limit": {"retention": "day", "threshold": -1}}, "above 0", "limit.threshold"),
    ({"limit": {"retention": "day", "threshold": 0}}, "above 0", "limit.threshold"),
    ({"limit": {"retention": "day", "threshold": "5"}}, 'received "5"', "limit.threshold"),
    ({"limit": {"retention": "day", "threshold": None}}, "received null", "limit.threshold"),
    ({"limit": {"retention": "day", "threshold": 1e300}}, "at most", "limit.threshold"),
    ({"limit": {"retention": "day", "threshold": 0.00000001}}, "whole number of credits", "limit.threshold"),
    ({"limit": {"retention": "day", "threshold": 5, "more": 1}}, "'limit.more': Unknown field", "limit.more"),
    ([], "Expected object, received array", None),
]


@pytest.mark.parametrize(("body", "text", "param"), BAD_BODIES)
async def test_a_body_that_does_not_match_names_what_was_expected(body: Any, text: str, param: str | None) -> None:
    site = Site()
    async with site.running() as client:
        answer = await client.post(KEYS, json=body, headers=bearer(site.management))
    assert answer.status_code == 400
    message = answer.json()["message"]
    assert message.startswith("Body validation error\n")
    assert text in message
    assert answer.json()["error"]["param"] == param
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert len(site.keys.by_id) == 2


@pytest.mark.parametrize(
    "body",
    [b"{", b"nonsense", b'{"name":"\xff"}', b"[" * 60_000, b'{"limit":' * 7_000, b'{"name":1}{', b"\xef\xbb\xbf{}"],
)
async def test_malformed_bodies_are_bad_requests(body: bytes) -> None:
    site = Site()
    headers = bearer(site.management) | {"content-type": "application/json"}
    async with site.running() as client:
        answer = await client.post(KEYS, content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Body validation error\n")


@pytest.mark.parametrize("threshold", ["1e99999999999999999999", "1e-99999999999999999999"])
async def test_a_threshold_beyond_all_measure_is_refused_by_name(threshold: str) -> None:
    site = Site()
    body = f'{{"limit": {{"retention": "day", "threshold": {threshold}}}}}'
    async with site.running() as client:
        answer = await client.post(KEYS, content=body, headers=bearer(site.management))
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "limit.threshold")


@pytest.mark.parametrize("threshold", ["0.1", "0.0000005", "123456.7890125", "1e2", "1000000000"])
async def test_a_threshold_is_kept_exactly(threshold: str) -> None:
    site = Site()
    body = f'{{"limit":{{"retention":"month","threshold":{threshold}}}}}'
    async with site.running() as client:
        answer = await client.post(KEYS, content=body, headers=bearer(site.management))
    data = json.loads(answer.text, parse_float=Decimal, parse_int=Decimal)["data"]
    assert data["limit"]["threshold"] == Decimal(threshold)
    limit = site.keys.by_id[3].limit
    assert limit is not None
    assert limit.threshold == Decimal(threshold) * 2_000_000


async def test_patch_changes_only_what_it_names_and_put_everything() -> None:
    site = Site()
    secret = site.make_key(scopes=frozenset({"model:chat"}))
    path = f"{KEYS}/{secret[:8]}"
    manager = bearer(site.management)
    async with site.running() as client:
        site.clock.ms += 1000
        data = (await client.patch(path, json={"name": "new", "disabled": True}, headers=manager)).json()["data"]
        assert (data["name"], data["disabled"], data["scopes"]) == ("new", True, ["model:chat"])
        assert (data["created_at"], data["updated_at"]) == (CREATED, "2026-05-02T10:00:01.123Z")
        limit = {"retention": "week", "threshold": 2.5}
        data = (await client.patch(path, json={"limit": limit}, headers=manager)).json()["data"]
        assert (data["limit"], data["name"]) == (limit, "new")
        data = (await client.patch(path, json={"limit": None, "scopes": []}, headers=manager)).json()["data"]
        assert (data["limit"], data["scopes"]) == (None, [])
        data = (await client.put(path, json={"name": "newer"}, headers=manager)).json()["data"]
    shown = {name: data[name] for name in ("name", "disabled", "scopes", "limit")}
    assert shown == {"name": "newer", "disabled": False, "scopes": None, "limit": None}


@pytest.mark.parametrize("body", [b"", b'{"prefix":"x"}', b'{"disabled":null}', b'{"disabled":"yes"}'])
async def test_a_change_must_have_a_body_that_matches(body: bytes) -> None:
    site = Site()
    path = f"{KEYS}/{site.regular[:8]}"
    async with site.running() as client:
        for method in ("PATCH", "PUT"):
            answer = await client.request(method, path, content=body, headers=bearer(site.management))
            assert answer.status_code == 400


async def test_a_disabled_key_is_refused_on_its_next_call_and_works_again_when_enabled() -> None:
    site = Site()
    path = f"{KEYS}/{site.regular[:8]}"
    async with site.running() as client:
        assert (await client.get("/v1/key", headers=bearer(site.regular))).status_code == 200
        await client.patch(path, json={"disabled": True}, headers=bearer(site.management))
        answer = await client.get("/v1/key", headers=bearer(site.regular))
        assert answer.status_code == 401
        assert "disabled" in answer.json()["message"]
        await client.patch(path, json={"disabled": False}, headers=bearer(site.management))
        assert (await client.get("/v1/key", headers=bearer(site.regular))).status_code == 200


async def test_a_deleted_key_is_gone() -> None:
    site = Site()
    path = f"{KEYS}/{site.regular[:8]}"
    async with site.running() as client:
        await client.get("/v1/key", headers=bearer(site.regular))
        answer = await client.delete(path, headers=bearer(site.management))
        assert answer.json() == {"data": {"prefix": site.regular[:8], "deleted": True}}
        assert (await client.get("/v1/key", headers=bearer(site.regular))).status_code == 401
        assert (await client.delete(path, headers=bearer(site.management))).status_code == 404
        assert (await client.get(KEYS, headers=bearer(site.management))).json() == {"data": []}


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
async def test_an_unknown_prefix_and_a_management_key_are_not_found(method: str) -> None:
    site = Site()
    async with site.running() as client:
        for prefix in ("00000000", site.management[:8], "a/b"):
            answer = await client.request(method, f"{KEYS}/{prefix}", content=b"{}", headers=bearer(site.management))
            assert answer.status_code == 404
            assert answer.json()["error"]["code"] == "unknown_key_prefix"


async def test_monthly_usage_is_what_the_key_spent_since_the_first_of_the_month() -> None:
    site = Site()
    site.keys.spent[1] = Credits(840_001)
    async with site.running() as client:
        answer = await client.get("/v1/key", headers=bearer(site.regular))
    assert '"monthly_usage":0.4200005' in answer.text
    first_of_may_2026 = 20_574
    assert site.keys.spent_asked == [(1, first_of_may_2026)]
