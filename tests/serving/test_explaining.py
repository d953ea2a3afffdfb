"""How a request would go is told without making it."""

import json
from pathlib import Path
from typing import Any

import pytest

from modelport.catalogue.problems import UnknownModel
from modelport.core.errors import InvalidBody
from modelport.dialects.table import CHAT, EMBEDDINGS
from modelport.routing.problems import WrongOperation
from modelport.routing.router import Router
from modelport.serving.explaining import explained, explained_request, facts_of
from tests.catalogue.written import SMALL, loaded

NOW_MS = 1_780_000_000_000
OFFER = """
[[offers]]
model    = "acme/small"
upstream = "s"
"""
CHEAP = 'rates = [{ from = 2026-01-01, input = "1", output = "10" }]\n'
FILES = {
    "models/acme/small.toml": SMALL + "output_tokens = 1000\n",
    "providers/cheap.toml": f"""
name     = "Cheap"
base_url = "https://cheap.example/v1"
auth     = {{ scheme = "bearer", env = "CHEAP_KEY" }}
speaks   = {{ chat = "openai_chat" }}
quirks   = {{ drop = ["logit_bias"], choices = false }}
{OFFER}{CHEAP}""",
    "providers/dear.toml": f"""
name     = "Dear"
base_url = "https://dear.example/v1"
auth     = {{ scheme = "bearer", env = "DEAR_KEY" }}
speaks   = {{ chat = "anthropic_messages" }}
{OFFER}{CHEAP.replace('"10"', '"20"')}""",
    "providers/mine.toml": f"""
name     = "Mine"
base_url = "unix:llama"
speaks   = {{ chat = "openai_chat" }}
{OFFER}free = true
""",
    "providers/zero.toml": f"""
name     = "Zero"
base_url = "https://zero.example/v1"
speaks   = {{ chat = "openai_chat" }}
{OFFER}price = "unknown"
""",
}


@pytest.fixture
def router(tmp_path: Path) -> Router:
    return Router(loaded(tmp_path, {}, FILES), frozenset({"cheap", "dear"}))


def body(**fields: object) -> bytes:
    return json.dumps({"model": "small", "messages": [{"role": "user", "content": "x" * 4000}], **fields}).encode()


def told(router: Router, **fields: object) -> Any:
    found = explained_request(router, body(**fields), CHAT, NOW_MS, obstacles={"s": "xllamacpp is not installed"})
    return json.loads(json.dumps(facts_of(found, "small"), default=lambda raw: json.loads(bytes(raw))))


def test_offers_come_in_the_order_in_which_they_are_asked_and_then_those_that_are_not(router: Router) -> None:
    facts = told(router)
    assert [(one["provider"], one["verdict"]) for one in facts["offers"]] == [
        ("cheap", "serves"),
        ("dear", "serves"),
        ("mine", "not here"),
        ("zero", "unpriced"),
    ]
    assert (facts["model"], facts["asked"], facts["served"], facts["missing"]) == ("acme/small", "small", True, [])


def test_a_request_is_sized_and_priced_from_one_token_to_the_longest_answer(router: Router) -> None:
    facts = told(router, max_tokens=200)
    assert facts["request"]["input_tokens"] == pytest.approx(1000, rel=0.1)
    assert facts["request"]["most_output_tokens"] == 200
    cheap, dear = (one["cost_usd"] for one in facts["offers"][:2])
    assert 0.001 < float(cheap["least"]) < 0.002
    assert float(cheap["most"]) - float(cheap["least"]) == pytest.approx(199 * 10 / 1e6)
    assert float(dear["most"]) - float(dear["least"]) == pytest.approx(199 * 20 / 1e6)
    assert told(router)["request"]["most_output_tokens"] == 1000


def test_what_a_provider_would_not_get_is_named(router: Router) -> None:
    facts = told(router, logit_bias={"1": 2}, seed=5)
    dropped = {one["provider"]: one.get("dropped_params") for one in facts["offers"]}
    assert dropped["cheap"] == ["logit_bias"]
    assert set(dropped["dear"]) == {"logit_bias", "seed"}
    assert dropped["mine"] is None


def test_an_offer_that_cannot_do_it_is_passed_over_with_the_reason(router: Router) -> None:
    facts = told(router, n=2)
    verdicts = {one["provider"]: one["verdict"] for one in facts["offers"]}
    assert verdicts["cheap"] == "unable"
    (reason,) = (one["reason"] for one in facts["offers"] if one["provider"] == "cheap")
    assert "'n'" in reason


def test_the_pin_of_a_request_counts(router: Router) -> None:
    facts = told(router, provider="Dear")
    verdicts = {one["provider"]: one["verdict"] for one in facts["offers"]}
    assert verdicts == {"dear": "serves"} | dict.fromkeys(("cheap", "mine", "zero"), "not pinned")


@pytest.mark.parametrize(
    ("sent", "met", "problem"),
    [
        (b"{", CHAT, InvalidBody),
        (body(temperature="hot"), CHAT, InvalidBody),
        (body(model="acme/tiny"), CHAT, UnknownModel),
        (b'{"model": "small", "input": "x"}', EMBEDDINGS, WrongOperation),
    ],
)
def test_a_request_that_a_call_would_be_refused_for_is_refused(
    router: Router, sent: bytes, met: Any, problem: type[Exception]
) -> None:
    with pytest.raises(problem):
        explained_request(router, sent, met, NOW_MS)


def test_what_is_missing_and_what_the_operator_decided_are_told(tmp_path: Path) -> None:
    overlay = {"models/acme/small.toml": 'maintenance = "Noon."\nonly_providers = ["cheap"]'}
    known = loaded(tmp_path / "closed", overlay, FILES)
    facts = facts_of(explained(Router(known, frozenset({"cheap"})), known.find("small"), None, NOW_MS), "small")
    assert (facts["maintenance"], facts["only_providers"], facts["served"]) == ("Noon.", ("cheap",), False)
    bare = Router(loaded(tmp_path / "bare", {}, FILES), frozenset())
    found = explained(bare, bare.catalogue.find("small"), None, NOW_MS, obstacles={"s": "not installed"})
    assert facts_of(found, "small")["missing"] == ("set CHEAP_KEY", "set DEAR_KEY")
