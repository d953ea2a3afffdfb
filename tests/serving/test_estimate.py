"""How much is held for a call before it is made."""

import json

import pytest

from modelport.catalogue.facts import RATE_UNITS, Model, Offer, Provider, Rates
from modelport.dialects import openai_chat
from modelport.operations.chat import ChatCall
from modelport.operations.usage import Usage
from modelport.serving.estimate import (
    ASSUMED_MOST_OUTPUT,
    FIRST_GUESS_OUTPUT,
    STREAM_START_OUTPUT,
    Estimator,
    counted,
    guessed,
)


def at(input_credits: int, output_credits: int) -> tuple[Offer, Rates]:
    rates = Rates(0, {"input": input_credits * RATE_UNITS, "output": output_credits * RATE_UNITS})
    return Offer("acme/talk", Provider("shop", "Shop", "https://shop.example/v1", {}), "talk-1", (rates,)), rates


OFFERS = (at(1, 3),)


def call(text: str = "hi", **fields: object) -> ChatCall:
    body = {"model": "m", "messages": [{"role": "user", "content": text}]} | fields
    return openai_chat.parse(json.dumps(body).encode())


def model(context: int | None = None, output: int | None = None) -> Model:
    return Model("acme/talk", "Talk", "acme", "chat", "Talks.", context_tokens=context, output_tokens=output)


def test_a_hold_pays_for_the_whole_of_max_tokens() -> None:
    estimate = Estimator().before(call(max_tokens=200), model(), OFFERS)
    assert estimate.output_tokens == 200
    assert estimate.ask == estimate.input_tokens + 3 * 200


def test_a_hold_is_sized_at_the_dearest_of_the_offers_that_may_be_tried() -> None:
    estimate = Estimator().before(call(max_tokens=200), model(), (at(1, 3), at(2, 1), at(0, 7)))
    assert estimate.ask == 2 * estimate.input_tokens + 7 * 200


def test_a_hold_follows_a_change_of_prices() -> None:
    estimator, talk = Estimator(), model()
    before = estimator.before(call(max_tokens=200), talk, (at(0, 3),))
    after = estimator.before(call(max_tokens=200), talk, (at(0, 4),))
    assert (before.ask, after.ask) == (600, 800)


def test_every_choice_has_its_own_max_tokens() -> None:
    estimate = Estimator().before(call(max_tokens=200, n=3), model(), OFFERS)
    assert estimate.output_tokens == 600


def test_without_a_bound_a_hold_is_sized_by_a_guess_that_the_models_limit_caps() -> None:
    assert Estimator().before(call(), model(), OFFERS).output_tokens == FIRST_GUESS_OUTPUT * 5 // 4
    assert Estimator().before(call(), model(output=100), OFFERS).output_tokens == 100


def test_a_hold_never_counts_more_input_than_the_model_can_read() -> None:
    estimate = Estimator().before(call("x" * 30_000, max_tokens=1), model(context=512), OFFERS)
    assert estimate.input_tokens == 512


@pytest.mark.parametrize("text", ["x" * 3000, "é" * 1000, "漢字" * 500])
def test_a_hold_covers_dense_text(text: str) -> None:
    estimate = Estimator().before(call(text, max_tokens=1), model(), OFFERS)
    assert estimate.input_tokens >= len(text.encode()) // 3


def test_the_least_that_a_call_needs_is_its_input_and_one_token_per_choice() -> None:
    estimate = Estimator().before(call(max_tokens=200, n=2), model(), OFFERS)
    assert estimate.least == estimate.input_tokens + 3 * 2


def test_an_amount_pays_for_as_many_output_tokens_as_fit_beside_the_input() -> None:
    estimate = Estimator().before(call(max_tokens=200, n=2), model(), OFFERS)
    assert estimate.output_for(estimate.input_tokens + 3 * 60) == 30
    assert estimate.output_for(estimate.least) == 1


def test_output_that_costs_nothing_is_not_bounded_by_money() -> None:
    assert Estimator().before(call(max_tokens=200), model(), (at(1, 0),)).output_for(5) is None


def test_holds_follow_what_calls_of_the_model_really_used_and_forget_it_slowly() -> None:
    estimator, talk = Estimator(), model()
    estimator.learn(talk, Usage({"input": 5, "output": 4000}, "provider"), fell_short=False)
    assert estimator.before(call(), talk, OFFERS).output_tokens == 5000
    for _ in range(300):
        estimator.learn(talk, Usage({"input": 5, "output": 10}, "provider"), fell_short=False)
    assert estimator.before(call(), talk, OFFERS).output_tokens < 500


def test_a_stream_holds_no_more_at_first_than_it_takes_to_begin() -> None:
    estimator, talk = Estimator(), model(output=64_000)
    estimator.learn(talk, Usage({"input": 5, "output": 60_000}, "provider"), fell_short=False)
    estimate = estimator.before(call(stream=True), talk, OFFERS)
    assert estimate.output_tokens == STREAM_START_OUTPUT
    assert estimate.at_most == estimate.cost(64_000)
    assert estimator.before(call(stream=True, max_tokens=30_000), talk, OFFERS).output_tokens == 30_000


def test_the_longest_answer_is_the_callers_bound_or_the_models_or_assumed() -> None:
    estimator = Estimator()
    bounds = [(call(max_tokens=200, n=2), 500), (call(n=2), 5000), (call(n=2), None)]
    longest = [estimator.before(asked, model(output=limit), OFFERS) for asked, limit in bounds]
    assert [(one.most_tokens, one.is_guess) for one in longest] == [(400, False), (10_000, True), (None, True)]
    assert longest[2].at_most == longest[2].cost(2 * ASSUMED_MOST_OUTPUT)


def test_an_estimate_can_be_taken_at_the_rates_of_the_offer_that_answered() -> None:
    cheap = at(1, 2)
    estimate = Estimator().before(call(max_tokens=200), model(), (cheap, at(5, 9)))
    assert estimate.at(cheap[1]).ask == estimate.input_tokens + 2 * 200
    assert estimate.at(cheap[1]).tokens_for(estimate.input_tokens + 60) == 30


def test_a_hold_that_fell_short_raises_the_next_ones_up_to_a_bound() -> None:
    estimator, talk = Estimator(), model()
    first = estimator.before(call(max_tokens=1), talk, OFFERS).input_tokens
    spent = Usage({"input": 500, "output": 1}, "provider")
    estimator.learn(talk, spent, fell_short=True)
    assert estimator.before(call(max_tokens=1), talk, OFFERS).input_tokens == first * 3 // 2
    for _ in range(50):
        estimator.learn(talk, spent, fell_short=True)
    assert estimator.before(call(max_tokens=1), talk, OFFERS).input_tokens == first * 8


def test_usage_that_nobody_reported_says_how_it_is_known() -> None:
    asked = call("x" * 400)
    whole, cut = guessed(asked, 100), counted(asked, 7)
    assert (whole.source, whole.by_meter["output"]) == ("estimated", 25)
    assert (cut.source, cut.by_meter["output"]) == ("counted", 7)
    assert whole.by_meter["input"] == cut.by_meter["input"] > 100
