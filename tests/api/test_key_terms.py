"""Terms of keys beyond the contract, over HTTP: how they are set and shown, and what they keep a key from."""

from typing import Any

import pytest

from modelport.api.links import Links
from modelport.api.peers import Peers
from modelport.core.clock import iso_ms
from modelport.core.networks import network_of
from modelport.keys.store import KeyTerms
from tests.api.site import NOW_MS, Site, bearer

KEYS = "/v1/keys"
CONTRACT = {"name", "prefix", "disabled", "scopes", "limit", "created_at", "updated_at", "monthly_usage"}
TERMS = {
    "expires_at": "2027-01-01T00:00:00.000Z",
    "models": ["acme/talk", "other/*"],
    "providers": ["acme-cloud"],
    "ip_ranges": ["10.0.0.0/8", "127.0.0.1/32"],
    "on_disconnect": "cancel_and_bill_delivered",
    "rate_limits": {"requests_per_minute": 60, "tokens_per_minute": None, "concurrent_calls": 4},
    "webhook_url": "https://hooks.example.org/jobs",
}


async def test_a_key_of_which_nothing_more_is_said_is_exactly_that_of_the_contract() -> None:
    site = Site()
    defaults = dict.fromkeys(TERMS) | {"on_disconnect": "drain_and_bill"}
    async with site.running() as client:
        for body in ({}, defaults):
            made = (await client.post(KEYS, json=body, headers=bearer(site.management))).json()["data"]
            assert set(made) == CONTRACT | {"key"}
            path = f"{KEYS}/{made['prefix']}"
            for method in ("PATCH", "PUT"):
                changed = await client.request(method, path, json=body, headers=bearer(site.management))
                assert set(changed.json()["data"]) == CONTRACT
            shown = await client.get("/v1/key", headers=bearer(made["key"]))
            assert set(shown.json()["data"]) == CONTRACT


async def test_every_term_is_set_shown_kept_and_taken_away_again() -> None:
    site = Site()
    manager = bearer(site.management)
    async with site.running() as client:
        sent = TERMS | {"models": ["TALK", "Other/*"], "ip_ranges": ["127.0.0.1", "10.1.2.3/8"]}
        made = (await client.post(KEYS, json=sent, headers=manager)).json()["data"]
        assert made | TERMS == made
        path = f"{KEYS}/{made['prefix']}"
        own = (await client.get("/v1/key", headers=bearer(made["key"]))).json()["data"]
        listed = (await client.get(KEYS, headers=manager)).json()["data"]
        assert own in listed
        assert own == {name: value for name, value in made.items() if name != "key"}
        for name, default in (dict.fromkeys(TERMS) | {"on_disconnect": "drain_and_bill"}).items():
            changed = (await client.patch(path, json={name: default}, headers=manager)).json()["data"]
            assert set(own) - set(changed) == {name}
            back = (await client.patch(path, json={name: TERMS[name]}, headers=manager)).json()["data"]
            assert back == own
        assert (await client.put(path, json=TERMS, headers=manager)).json()["data"] == own
        assert set((await client.put(path, json={}, headers=manager)).json()["data"]) == CONTRACT


async def test_a_rate_limit_is_changed_without_naming_the_others() -> None:
    site = Site()
    path = f"{KEYS}/{site.regular[:8]}"
    steps: list[tuple[dict[str, int | None] | None, object]] = [
        ({"requests_per_minute": 5}, (5, None, None)),
        ({"tokens_per_minute": 9}, (5, 9, None)),
        ({"requests_per_minute": None}, (None, 9, None)),
        ({}, (None, 9, None)),
        (None, ()),
    ]
    async with site.running() as client:
        for sent, expected in steps:
            answer = await client.patch(path, json={"rate_limits": sent}, headers=bearer(site.management))
            assert tuple(answer.json()["data"].get("rate_limits", {}).values()) == expected


async def test_empty_lists_allow_nothing() -> None:
    site = Site()
    lists: dict[str, list[str]] = {"models": [], "providers": [], "ip_ranges": []}
    async with site.running() as client:
        made = (await client.post(KEYS, json=lists, headers=bearer(site.management))).json()["data"]
        assert made | lists == made
        assert (await client.get("/v1/key", headers=bearer(made["key"]))).status_code == 403


BAD_TERMS: list[tuple[dict[str, Any], str, str]] = [
    ({"expires_at": "2027-01-01"}, "'expires_at': Expected ISO-8601 with an offset or Z", "expires_at"),
    ({"expires_at": iso_ms(NOW_MS)}, "'expires_at': Expected a moment in the future", "expires_at"),
    ({"expires_at": 1_800_000_000}, "'expires_at': Expected string or null, received integer", "expires_at"),
    ({"models": "acme/talk"}, "'models': Expected array or null, received string", "models"),
    ({"models": ["acme/talk", "acme/tolk"]}, "'models[1]': Unknown model, received 'acme/tolk': did you", "models[1]"),
    ({"models": ["acme/old"]}, "'models[0]': Retired model, received 'acme/old': did you mean acme/talk?", "models[0]"),
    ({"models": ["acne/*"]}, "'models[0]': Unknown maker, received 'acne/*': did you mean acme/*", "models[0]"),
    ({"models": [None]}, "'models[0]': Expected string, received null", "models[0]"),
    ({"providers": ["acme"]}, "'providers[0]': Unknown provider, received 'acme': did you mean acme-c", "providers[0]"),
    ({"ip_ranges": ["10.0.0.0/33"]}, "'ip_ranges[0]': Expected an address or a range", "ip_ranges[0]"),
    ({"ip_ranges": ["::1"] * 101}, "'ip_ranges': Expected at most 100 ranges, received 101", "ip_ranges"),
    ({"on_disconnect": "stop"}, "'stop': use drain_and_bill, cancel_and_bill_delivered", "on_disconnect"),
    ({"on_disconnect": None}, "'on_disconnect': Expected string, received null", "on_disconnect"),
    ({"rate_limits": 5}, "'rate_limits': Expected object or null, received integer", "rate_limits"),
    ({"rate_limits": {"per_day": 5}}, "'rate_limits.per_day': Unknown field", "rate_limits.per_day"),
    (
        {"rate_limits": {"concurrent_calls": 0}},
        "'rate_limits.concurrent_calls': Expected integer from 1 to 1000000000, or null for no bound, received 0",
        "rate_limits.concurrent_calls",
    ),
    (
        {"rate_limits": {"tokens_per_minute": 1.5}},
        "'rate_limits.tokens_per_minute': Expected integer or null, received number",
        "rate_limits.tokens_per_minute",
    ),
    (
        {"rate_limits": {"requests_per_minute": True}},
        "'rate_limits.requests_per_minute': Expected integer or null, received boolean",
        "rate_limits.requests_per_minute",
    ),
]


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
async def test_a_term_that_cannot_be_names_what_was_expected_and_changes_nothing(method: str) -> None:
    site = Site()
    before = dict(site.keys.by_id)
    path = KEYS if method == "POST" else f"{KEYS}/{site.regular[:8]}"
    async with site.running() as client:
        for body, text, param in BAD_TERMS:
            answer = await client.request(method, path, json=body, headers=bearer(site.management))
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_body"), body
            assert text in answer.json()["message"]
            assert answer.json()["error"]["param"] == param
    assert site.keys.by_id == before


@pytest.mark.parametrize("member", ["key", "prefix", "created_at", "monthly_usage", "is_management", "management"])
async def test_what_is_not_a_term_is_refused_as_before(member: str) -> None:
    site = Site()
    async with site.running() as client:
        for method, path in (("POST", KEYS), ("PATCH", f"{KEYS}/{site.regular[:8]}"), ("PUT", f"{KEYS}/x")):
            answer = await client.request(method, path, json={member: True}, headers=bearer(site.management))
            assert answer.status_code == 400
            assert f"'{member}': Unknown field" in answer.json()["message"]


async def test_a_masked_key_written_back_is_refused_and_the_key_goes_on_working() -> None:
    """What a client was shown and sends back (bifrost#4353) can never become the key itself."""
    site = Site()
    path = f"{KEYS}/{site.regular[:8]}"
    async with site.running() as client:
        shown = (await client.get(KEYS, headers=bearer(site.management))).json()["data"][0]
        for body in (shown, {"name": "n", "key": f"{site.regular[:8]}****"}):
            for method in ("PATCH", "PUT"):
                answer = await client.request(method, path, json=body, headers=bearer(site.management))
                assert answer.status_code == 400
        assert (await client.get("/v1/key", headers=bearer(site.regular))).json()["data"] == shown
        assert (await client.get("/v1/key", headers=bearer(f"{site.regular[:8]}****"))).status_code == 401


PRIVATE_ROUTES = [
    ("POST", "/v1/chat/completions"),
    ("GET", "/v1/responses/resp_1"),
    ("DELETE", "/v1/responses/resp_1"),
    ("GET", "/v1/billing/balance"),
    ("GET", "/v2/billing"),
    ("GET", "/v1/key"),
]


async def test_an_expired_key_is_refused_everywhere_and_told_when_it_expired_and_where_to_make_one() -> None:
    site = Site()
    secret = site.make_key(KeyTerms(expires_at_ms=NOW_MS + 1000))
    manager = site.make_key(KeyTerms(expires_at_ms=NOW_MS + 1000), is_management=True)
    routes = [(secret, *route) for route in PRIVATE_ROUTES] + [(manager, "GET", KEYS), (manager, "POST", KEYS)]
    async with site.running() as client:
        for used, method, path in routes:
            answer = await client.request(method, path, content=b"{}", headers=bearer(used))
            assert answer.status_code not in (401, 403), path
        asked = site.keys.asked
        site.clock.ms += 1000
        for used, method, path in routes:
            answer = await client.request(method, path, content=b"{}", headers=bearer(used))
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "expired_api_key")
            assert f"{used[:8]} expired at {iso_ms(NOW_MS + 1000)}" in answer.json()["message"]
            assert f"{site.url}/app/keys" in answer.json()["message"]
    assert site.keys.asked <= asked + 2  # making a key had made the ring forget the maker's unknown ones


@pytest.mark.parametrize("ranges", [("192.0.2.0/24",), ("::/0",), ()])
async def test_a_key_is_refused_everywhere_from_outside_its_ranges_and_told_which_address_was_seen(
    ranges: tuple[str, ...],
) -> None:
    site = Site()
    terms = KeyTerms(ip_ranges=tuple(map(network_of, ranges)))
    secret, manager = site.make_key(terms), site.make_key(terms, is_management=True)
    async with site.running() as client:
        for used, method, path in [(secret, *route) for route in PRIVATE_ROUTES] + [(manager, "GET", KEYS)]:
            answer = await client.request(method, path, content=b"{}", headers=bearer(used))
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "address_not_allowed")
            assert f"the key {used[:8]} may not be used from 127.0.0.1" in answer.json()["message"]
            assert "192.0.2.0" not in answer.text
    assert site.chats == []


async def test_the_address_is_the_one_that_a_trusted_proxy_forwards_for() -> None:
    trusted = (network_of("127.0.0.0/8"),)
    site = Site(peers=Peers(trusted), links=Links(None, trusted))
    secret = site.make_key(KeyTerms(ip_ranges=(network_of("203.0.113.0/24"),)))
    cases = {
        "203.0.113.9": 200,
        "::ffff:203.0.113.9": 200,
        "198.51.100.1, 203.0.113.9, 127.0.0.2": 200,
        "203.0.113.9, 198.51.100.1": 403,
        "nonsense": 403,
        "": 403,
    }
    async with site.running() as client:
        for forwarded, status in cases.items():
            headers = bearer(secret) | {"x-forwarded-for": forwarded}
            assert (await client.get("/v1/key", headers=headers)).status_code == status, forwarded
        answer = await client.get("/v1/key", headers=bearer(secret) | {"x-forwarded-for": "203.0.113.9, 198.51.100.1"})
        assert "may not be used from 198.51.100.1" in answer.json()["message"]
        unseen = await client.get("/v1/key", headers=bearer(secret) | {"x-forwarded-for": "unknown"})
        assert "from an address that this server cannot see" in unseen.json()["message"]


async def test_forwarded_addresses_count_for_nothing_without_a_trusted_proxy() -> None:
    site = Site()
    secret = site.make_key(KeyTerms(ip_ranges=(network_of("203.0.113.0/24"),)))
    async with site.running() as client:
        headers = bearer(secret) | {"x-forwarded-for": "203.0.113.9"}
        assert (await client.get("/v1/key", headers=headers)).status_code == 403


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1/", "not public"),
        ("https://intranet.example/", "not public"),
        ("file:///etc/passwd", "not an http or https URL"),
        ("https://hooks.example.org:8443/", "port 8443"),
        (7, "Expected string or null, received integer"),
    ],
)
async def test_a_webhook_that_would_never_be_called_is_refused_by_name(url: object, why: str) -> None:
    site = Site()
    manager = bearer(site.management)
    async with site.running() as client:
        path = f"{KEYS}/{site.regular[:8]}"
        for method, place in (("POST", KEYS), ("PATCH", path), ("PUT", path)):
            answer = await client.request(method, place, json={"webhook_url": url}, headers=manager)
            error = answer.json()["error"]
            assert (answer.status_code, error["param"]) == (400, "webhook_url")
            assert why in error["message"]
        assert "webhook_url" not in (await client.get("/v1/key", headers=bearer(site.regular))).json()["data"]
