"""The one table of problems."""

import importlib
import inspect
import pkgutil
from typing import cast

import msgspec
import pytest

import modelport
from modelport.api import problems as http
from modelport.api.errors import (
    RULES,
    Occasion,
    code_of,
    error_json,
    error_type,
    refusal,
    rule_for,
    sse_error,
    status_of,
)
from modelport.catalogue.facts import Model
from modelport.catalogue.problems import RetiredModel, UnknownModel
from modelport.core.credits import Credits
from modelport.core.errors import InvalidBody, Problem
from modelport.dialects.wire import UpstreamFault
from modelport.keys.key import DisabledKey, KeyNotAllowed, UnknownKey
from modelport.ledger.problems import InsufficientFunds, KeyLimitReached
from modelport.routing.problems import WrongOperation
from modelport.serving import ports

ROOT = "https://models.example.org"
OCCASION = Occasion("/v1/chat/completions", "0b6f2f0e-2c35-4a0e-9a51-8f4f0c2f7a10", 1_777_716_000_123)

STATUSES = [
    (InvalidBody(("'n': wrong",), "n"), 400, "gateway"),
    (UnknownKey("no key has this secret"), 401, "gateway"),
    (DisabledKey("disabled"), 401, "gateway"),
    (KeyNotAllowed("scope"), 403, "gateway"),
    (InsufficientFunds(1, Credits(2), Credits(1)), 403, "gateway"),
    (KeyLimitReached(1, Credits(2), Credits(1)), 403, "gateway"),
    (http.BodyTooLarge(10), 413, "gateway"),
    (ports.ConnectFailed("refused"), 503, "provider"),
    (ports.ProviderBusy("busy", 3), 503, "gateway"),
    (ports.ProviderUnavailable("set X"), 503, "gateway"),
    (ports.FirstByteTimeout("late"), 504, "provider"),
    (ports.IdleTimeout("stalled"), 504, "provider"),
    (ports.CutShort("cut"), 502, "provider"),
    (ports.MalformedAnswer("nonsense"), 502, "provider"),
    (ports.AnswerTooLarge("large"), 502, "provider"),
]


@pytest.mark.parametrize(("problem", "status", "origin"), STATUSES)
def test_each_problem_has_its_status_and_says_whose_fault_it_is(problem: Problem, status: int, origin: str) -> None:
    told = refusal(problem, ROOT)
    assert (told.status, told.origin) == (status, origin)
    assert status_of(problem) == status


@pytest.mark.parametrize(
    ("status", "told_as", "origin"),
    [
        (400, 400, "provider"),
        (422, 400, "provider"),
        (401, 503, "gateway"),
        (403, 503, "gateway"),
        (402, 503, "gateway"),
        (404, 503, "provider"),
        (408, 504, "provider"),
        (413, 413, "provider"),
        (418, 400, "provider"),
        (429, 429, "provider"),
        (500, 500, "provider"),
        (502, 500, "provider"),
        (503, 503, "provider"),
        (504, 504, "provider"),
        (529, 503, "provider"),
        (200, 500, "provider"),
    ],
)
def test_a_providers_refusal_becomes_our_status(status: int, told_as: int, origin: str) -> None:
    told = refusal(UpstreamFault(status, "its words", retryable=False), ROOT)
    assert (told.status, told.origin) == (told_as, origin)


def test_a_provider_that_refuses_the_request_is_quoted_behind_its_status() -> None:
    assert refusal(UpstreamFault(422, '{"e":1}', retryable=False), ROOT).message == '422 {"e":1}'
    assert refusal(UpstreamFault(400, "400 {}", retryable=False), ROOT).message == "400 {}"


def test_a_provider_that_refuses_our_credentials_is_not_quoted() -> None:
    fault = UpstreamFault(401, "Incorrect API key provided: sk-abc", retryable=False)
    assert "sk-abc" not in refusal(fault, ROOT).message


@pytest.mark.parametrize(("asked", "told"), [(7, 7), (None, 1), (0, 1), (3600, 120)])
def test_a_rate_limit_always_says_when_to_come_back(asked: int | None, told: int) -> None:
    fault = UpstreamFault(429, "slow down", retryable=True, retry_after_s=asked)
    assert refusal(fault, ROOT).retry_after_s == told
    assert refusal(fault, ROOT).message.startswith("Too Many Requests")


def test_no_credit_points_to_billing_and_a_bad_key_to_keys() -> None:
    assert f"{ROOT}/app/billing" in refusal(InsufficientFunds(1, Credits(2), Credits(1)), ROOT).message
    assert f"{ROOT}/app/keys" in refusal(UnknownKey("no key has this secret"), ROOT).message


def test_braces_in_a_message_are_only_text() -> None:
    assert (
        refusal(UpstreamFault(400, "{billing_url} {0} {", retryable=False), ROOT).message == "400 {billing_url} {0} {"
    )


def test_the_body_has_the_documented_members_and_those_of_stock_clients() -> None:
    body = msgspec.json.decode(error_json(refusal(InvalidBody(("'n': wrong",), "n"), ROOT), OCCASION))
    assert body == {
        "message": "Body validation error\n'n': wrong",
        "path": "/v1/chat/completions",
        "requestId": OCCASION.request_id,
        "statusCode": 400,
        "timestamp": "2026-05-02T10:00:00.123Z",
        "error": {
            "message": "Body validation error\n'n': wrong",
            "type": "invalid_request_error",
            "code": "invalid_body",
            "param": "n",
            "origin": "gateway",
        },
    }


def test_an_error_inside_a_stream_has_the_same_body() -> None:
    problem = ports.CutShort("cut")
    assert sse_error(problem, OCCASION, ROOT) == error_json(refusal(problem, ROOT), OCCASION)


def test_the_words_of_a_bad_request_are_in_no_other_status() -> None:
    for problem, status, _ in STATUSES:
        assert (b"invalid_request_error" in sse_error(problem, OCCASION, ROOT)) is (status == 400)
    assert "invalid_request_error" not in {error_type(status) for status in range(401, 600)}


def test_a_problem_that_the_table_does_not_know_tells_nothing() -> None:
    class Strange(Problem):
        pass

    told = refusal(Strange("an inner secret"), ROOT)
    assert (told.status, told.message) == (500, "Internal server error")


def problems() -> set[type[Problem]]:
    """Find every problem of the packages that a call crosses."""
    found: set[type[Problem]] = set()
    for package in ("api", "serving", "dialects", "keys", "ledger", "routing", "pricing", "operations"):
        prefix = f"modelport.{package}."
        path = cast("list[str]", importlib.import_module(prefix[:-1]).__path__)
        for module in pkgutil.walk_packages(path, prefix):
            members = vars(importlib.import_module(module.name)).values()
            found |= {thing for thing in members if inspect.isclass(thing) and issubclass(thing, Problem)}
    return found - {Problem}


NEVER_TOLD = {"CannotListen", "AlreadySettled", "UnknownAccount", "AccountExists", "CatalogueInvalid", "SchemaRefused"}


def test_every_problem_that_a_call_can_meet_has_a_rule() -> None:
    assert modelport.__path__
    missing = {
        kind.__name__
        for kind in problems()
        if not any(base in RULES for base in kind.__mro__) and kind != UpstreamFault
    }
    assert missing <= NEVER_TOLD


def test_messages_name_the_rule_of_the_nearest_class() -> None:
    class Stalled(ports.IdleTimeout):
        pass

    assert rule_for(Stalled("x")) is RULES[ports.IdleTimeout]


REFUSED = '{"error":{"message":"no such key","type":"invalid_request_error","code":"invalid_api_key"}}'


@pytest.mark.parametrize("status", [404, 408, 413, 429, 500, 503, 504, 529])
def test_of_a_failed_provider_only_its_sentence_is_told(status: int) -> None:
    told = refusal(UpstreamFault(status, f"{status} {REFUSED}", retryable=True), ROOT)
    assert told.message.endswith("no such key")
    assert b"invalid_request_error" not in error_json(told, OCCASION)


@pytest.mark.parametrize(
    "said",
    [
        '{"type":"invalid_request_error","message":"broken"}',
        '[{"error":{"message":"broken"}}]',
        '{"error":"broken"}',
        '"broken"',
    ],
)
def test_a_providers_sentence_is_found_in_every_form(said: str) -> None:
    assert refusal(UpstreamFault(500, f"500 {said}", retryable=True), ROOT).message.endswith("said: broken")


@pytest.mark.parametrize("said", ['{"error":{"type":"invalid_request_error","mess…', "[" * 5000, "{}", ""])
def test_what_holds_no_sentence_is_told_without_the_words_of_a_bad_request(said: str) -> None:
    fault = UpstreamFault(500, f"500 {said}", retryable=True)
    body = error_json(refusal(fault, ROOT), OCCASION)
    assert b"invalid_request_error" not in body
    assert msgspec.json.decode(body)["statusCode"] == 500


def test_a_refused_request_is_quoted_whole() -> None:
    told = refusal(UpstreamFault(400, f"400 {REFUSED}", retryable=False), ROOT)
    assert told.message == f"400 {REFUSED}"


def test_a_path_does_not_bring_the_words_of_a_bad_request_either() -> None:
    told = refusal(http.UnknownRoute("there is nothing at /invalid_request_error"), ROOT)
    assert b"invalid_request_error" not in error_json(told, Occasion("/invalid_request_error", "id", 0))


@pytest.mark.parametrize(
    ("problem", "param"),
    [
        (UnknownModel("x", ()), "model"),
        (RetiredModel("x", None), "model"),
        (WrongOperation(Model("x", "X", "x", "chat", "X."), "images"), "model"),
        (http.UnknownRoute("x"), None),
    ],
)
def test_a_model_that_cannot_be_asked_names_its_field(problem: Problem, param: str | None) -> None:
    assert refusal(problem, ROOT).param == param


def test_a_row_can_keep_the_code_that_the_caller_saw() -> None:
    for problem in (UnknownModel("x", ()), UpstreamFault(429, "slow", retryable=True), ports.CutShort("cut")):
        assert code_of(problem) == refusal(problem, ROOT).code
