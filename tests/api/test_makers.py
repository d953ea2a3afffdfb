"""Management keys over HTTP: none grants what it lacks, none sees or changes a management key."""

import json
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.api.problems import MalformedBody
from modelport.api.request import Bodies, Request
from modelport.api.v1.keys import KeyRoutes
from modelport.core.credits import Credits
from modelport.core.errors import InvalidBody
from modelport.core.networks import network_of
from modelport.core.pace import Pace
from modelport.keys.grants import GrantsTooMuch
from modelport.keys.issue import KeyHasher, KeyIssuer
from modelport.keys.key import Key, Limit, Retention, Scope
from modelport.keys.ring import KeyRing
from modelport.keys.store import NO_TERMS, KeyTerms, terms_of
from modelport.serving.jobs.webhooks import CheckWebhook
from tests.api.site import ACCOUNT, CATALOGUE, NOW_MS, FixedClock, Site, bearer, run_at_once
from tests.jobs.receiver import TwinCallbacks
from tests.keys.reach import widened
from tests.keys.twin import TwinKeys

KEYS = "/v1/keys"
BOUNDED = KeyTerms(
    scopes=frozenset({"model:chat"}),
    limit=Limit("week", Credits(10_000_000)),
    expires_at_ms=NOW_MS + 86_400_000,
    models=frozenset({"acme/*"}),
    providers=frozenset({"acme-cloud"}),
    ip_ranges=(network_of("127.0.0.0/8"),),
    pace=Pace(60, 1000, 4),
)
INHERITED = {
    "scopes": ["model:chat"],
    "limit": {"retention": "week", "threshold": 5},
    "expires_at": "2026-05-03T10:00:00.123Z",
    "models": ["acme/*"],
    "providers": ["acme-cloud"],
    "ip_ranges": ["127.0.0.0/8"],
    "rate_limits": {"requests_per_minute": 60, "tokens_per_minute": 1000, "concurrent_calls": 4},
}
WIDER: list[tuple[str, Any, str, str]] = [
    ("scopes", None, "scopes", "model:chat"),
    ("scopes", ["model:chat", "model:image"], "scopes", "model:chat"),
    ("limit", None, "limit", "5 USD a week"),
    ("limit", {"retention": "week", "threshold": 5.0000005}, "limit", "5 USD a week"),
    ("limit", {"retention": "day", "threshold": 1}, "limit", "5 USD a week"),
    ("expires_at", None, "expires_at", "2026-05-03T10:00:00.123Z"),
    ("expires_at", "2026-05-03T10:00:00.124Z", "expires_at", "2026-05-03T10:00:00.123Z"),
    ("models", None, "models", "acme/*"),
    ("models", ["acme/talk", "other/think"], "models", "acme/*"),
    ("models", ["other/*"], "models", "acme/*"),
    ("providers", ["acme-cloud", "other-cloud"], "providers", "acme-cloud"),
    ("providers", None, "providers", "acme-cloud"),
    ("ip_ranges", None, "ip_ranges", "127.0.0.0/8"),
    ("ip_ranges", ["127.0.0.0/7"], "ip_ranges", "127.0.0.0/8"),
    ("ip_ranges", ["::1"], "ip_ranges", "127.0.0.0/8"),
    ("rate_limits", None, "rate_limits.requests_per_minute", "60"),
    ("rate_limits", {"concurrent_calls": 5}, "rate_limits.concurrent_calls", "4"),
    ("rate_limits", {"tokens_per_minute": None}, "rate_limits.tokens_per_minute", "1000"),
]
NARROWER: dict[str, Any] = {
    "scopes": [],
    "limit": {"retention": "month", "threshold": 5},
    "expires_at": "2026-05-03T10:00:00.123Z",
    "models": ["talk"],
    "providers": [],
    "ip_ranges": ["127.0.0.1"],
    "rate_limits": {"requests_per_minute": 1, "tokens_per_minute": 1, "concurrent_calls": 1},
}


async def test_what_is_not_said_about_a_key_is_as_its_maker_has_it() -> None:
    site = Site()
    manager = bearer(site.make_key(replace(BOUNDED, name="maker"), is_management=True))
    async with site.running() as client:
        made = (await client.post(KEYS, json={"name": "child"}, headers=manager)).json()["data"]
        assert made | INHERITED == made
        assert (made["name"], made["disabled"], "on_disconnect" in made) == ("child", False, False)
        half = {"rate_limits": {"requests_per_minute": 5}}
        put = (await client.put(f"{KEYS}/{made['prefix']}", json=half, headers=manager)).json()["data"]
        assert (put["name"], put["limit"]) == (None, INHERITED["limit"])
        assert put["rate_limits"] == {"requests_per_minute": 5, "tokens_per_minute": 1000, "concurrent_calls": 4}
        narrow = (await client.post(KEYS, json=NARROWER, headers=manager)).json()["data"]
        assert narrow | NARROWER | {"models": ["acme/talk"], "ip_ranges": ["127.0.0.1/32"]} == narrow


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_a_key_with_wider_terms_than_its_makers_is_refused_naming_what_the_maker_has(method: str) -> None:
    """CVE-2026-47101: a caller made keys with wider scopes than its own."""
    site = Site()
    secret = site.make_key(BOUNDED, is_management=True)
    path = KEYS if method == "POST" else f"{KEYS}/{site.regular[:8]}"
    before = dict(site.keys.by_id)
    async with site.running() as client:
        for member, value, param, has in WIDER:
            answer = await client.request(method, path, json={member: value}, headers=bearer(secret))
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "grants_too_much"), (member, value)
            assert answer.json()["error"]["param"] == param
            assert f"'{param}': the key {secret[:8]} cannot grant more than it has" in answer.json()["message"]
            assert has in answer.json()["message"]
    assert site.keys.by_id == before


async def test_a_change_is_held_against_the_maker_only_where_it_says_something() -> None:
    site = Site()
    manager = bearer(site.make_key(BOUNDED, is_management=True))
    path = f"{KEYS}/{site.regular[:8]}"
    async with site.running() as client:
        changed = await client.patch(path, json={"name": "mine", "disabled": True}, headers=manager)
        assert changed.status_code == 200
        limits = {"rate_limits": {"concurrent_calls": 4}}
        shown = (await client.patch(path, json=limits, headers=manager)).json()["data"]
        assert (shown["name"], shown["scopes"], shown["limit"]) == ("mine", None, None)
        assert list(shown["rate_limits"].values()) == [None, None, 4]
        replaced = (await client.put(path, json={}, headers=manager)).json()["data"]
        assert replaced | INHERITED == replaced


async def test_a_management_key_neither_sees_nor_changes_management_keys_not_even_itself() -> None:
    site = Site()
    own, other = site.make_key(BOUNDED, is_management=True), site.management
    before = dict(site.keys.by_id)
    async with site.running() as client:
        listed = (await client.get(KEYS, headers=bearer(own))).json()["data"]
        assert [key["prefix"] for key in listed] == [site.regular[:8]]
        assert (await client.get("/v1/key", headers=bearer(own))).status_code == 403
        for secret in (own, other):
            for method, body in (("PATCH", {"limit": None}), ("PUT", {}), ("DELETE", {}), ("PATCH", {"scopes": []})):
                path = f"{KEYS}/{secret[:8]}"
                answer = await client.request(method, path, json=body, headers=bearer(own))
                assert answer.status_code == 404
                assert answer.json()["error"]["code"] == "unknown_key_prefix"
    assert site.keys.by_id == before


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


PERIODS = get_args(Retention)
RANGES = (
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.0.0.0/9",
    "10.128.0.0/9",
    "10.1.2.3",
    "::/0",
    "2001:db8::/32",
    "::ffff:10.1.2.3",
)
PACE = st.fixed_dictionaries({}, optional=dict.fromkeys(Pace.__dataclass_fields__, maybe(st.integers(1, 4))))
MEMBERS: dict[str, st.SearchStrategy[Any]] = {
    "name": maybe(st.text(max_size=3)),
    "scopes": maybe(st.lists(st.sampled_from(get_args(Scope)[:3]))),
    "limit": maybe(st.fixed_dictionaries({"retention": st.sampled_from(PERIODS), "threshold": st.integers(1, 4)})),
    "expires_at": maybe(st.sampled_from(["2026-06-01T00:00Z", "2026-06-01T02:00+03:00", "2030-01-01T00:00Z"])),
    "models": maybe(st.lists(st.sampled_from(["talk", "acme/talk", "other/think", "acme/*", "OTHER/*"]), max_size=3)),
    "providers": maybe(st.lists(st.sampled_from(["acme-cloud", "other-cloud"]))),
    "ip_ranges": maybe(st.lists(st.sampled_from(RANGES), max_size=4)),
    "on_disconnect": st.sampled_from(["drain_and_bill", "cancel_and_bill_delivered"]),
    "rate_limits": maybe(PACE),
}
NEW = st.fixed_dictionaries({}, optional=MEMBERS)
CHANGED = st.fixed_dictionaries({}, optional=MEMBERS | {"disabled": st.booleans()})
STEPS = st.tuples(st.just("POST"), NEW) | st.tuples(st.sampled_from(["PATCH", "PUT"]), CHANGED)


class Desk:
    """The key routes without a server: one request after another."""

    def __init__(self) -> None:
        self.keys = TwinKeys()
        hasher = KeyHasher([(1, b"a secret of the server, 32 bytes.")])
        clock = FixedClock()
        self.issuer = KeyIssuer(self.keys, hasher)
        ring, judge = KeyRing(self.keys, hasher, clock=clock), CheckWebhook(TwinCallbacks())
        self.routes = KeyRoutes(self.keys, self.issuer, ring, clock, run_at_once, lambda: CATALOGUE, judge)

    def maker(self, terms: KeyTerms) -> Key:
        return self.issuer.issue(ACCOUNT, NOW_MS, terms, is_management=True)[0]

    async def ask(self, maker: Key, method: str, body: object, prefix: str | None) -> Key | None:
        """Make a request as the maker; returns the key that came of it, or None when it was refused."""
        if method != "POST" and prefix is None:
            return None
        headers = [(b"content-type", b"application/json")]
        message = {"type": "http.request", "body": json.dumps(body).encode()}

        async def receive() -> Any:
            return message

        async def send(_: object) -> None:
            raise AssertionError("the routes answer by returning")

        scope = {"method": method, "path": KEYS, "headers": headers}
        request = Request(scope, receive, send, "request", Bodies())
        request.key, request.tail = maker, prefix or ""
        handler = {"POST": self.routes.create, "PATCH": self.routes.change, "PUT": self.routes.replace}[method]
        try:
            answer = await handler(request)
        except (GrantsTooMuch, InvalidBody) as refused:
            assert not isinstance(refused, MalformedBody)
            return None
        return self.keys.by_prefix(ACCOUNT, json.loads(answer.body)["data"]["prefix"])


@given(NEW, st.lists(STEPS, max_size=8))
async def test_whatever_is_asked_every_key_stays_within_its_maker(about: Any, steps: list[tuple[str, Any]]) -> None:
    desk = Desk()
    shape = await desk.ask(desk.maker(NO_TERMS), "POST", about, None)
    maker = desk.maker(NO_TERMS if shape is None else terms_of(shape))
    prefix: str | None = None
    for method, body in steps:
        key = await desk.ask(maker, method, body, prefix)
        if key is not None:
            prefix = key.prefix
            assert excess(key, maker) == set(), (method, body)
    assert desk.keys.by_id[maker.id] == maker


@given(st.lists(NEW, min_size=1, max_size=6))
async def test_a_chain_of_makers_never_widens(bodies: list[Any]) -> None:
    desk = Desk()
    maker, first = desk.maker(NO_TERMS), None
    for body in bodies:
        key = await desk.ask(maker, "POST", body, None)
        if key is None:
            continue
        maker = replace(key, is_management=True)
        first = first or maker
        assert excess(maker, first) == set()


def excess(key: Key, maker: Key) -> set[str]:
    """Say on which axes a key is wider than its maker."""
    return widened(terms_of(key), terms_of(maker), {model.id: set(model.families) for model in CATALOGUE.models()})
