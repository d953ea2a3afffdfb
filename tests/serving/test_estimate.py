"""How much is held for a call before it is made."""

import json
import random
import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import pytest

from modelport.catalogue.facts import RATE_UNITS, Model, Offer, Provider, Rates, Tier
from modelport.dialects import openai_chat
from modelport.operations.chat import ChatCall
from modelport.operations.usage import Usage
from modelport.serving.estimate import (
    ASSUMED_MOST_OUTPUT,
    FIRST_GUESS_OUTPUT,
    STREAM_START_OUTPUT,
    TOKENS_PER_ATTACHMENT,
    Estimator,
    counted,
    guessed,
)
from modelport.serving.outputs import ENOUGH, MOST_PAIRS, OF_A_PAIR, Habits, Outputs


def at(input_credits: int, output_credits: int) -> tuple[Offer, Rates]:
    rates = Rates(0, {"input": input_credits * RATE_UNITS, "output": output_credits * RATE_UNITS})
    return Offer("acme/talk", Provider("shop", "Shop", "https://shop.example/v1", {}), "talk-1", (rates,)), rates


OFFERS = (at(1, 3),)
KEY = 7


def call(text: str = "hi", **fields: object) -> ChatCall:
    body = {"model": "m", "messages": [{"role": "user", "content": text}]} | fields
    return openai_chat.parse(json.dumps(body).encode())


def model(context: int | None = None, output: int | None = None) -> Model:
    return Model("acme/talk", "Talk", "acme", "chat", "Talks.", context_tokens=context, output_tokens=output)


def test_a_hold_pays_for_the_whole_of_max_tokens() -> None:
    estimate = Estimator().before(call(max_tokens=200), KEY, model(), OFFERS)
    assert estimate.output_tokens == 200
    assert estimate.ask == estimate.input_tokens + 3 * 200


def test_a_hold_is_sized_at_the_dearest_of_the_offers_that_may_be_tried() -> None:
    estimate = Estimator().before(call(max_tokens=200), KEY, model(), (at(1, 3), at(2, 1), at(0, 7)))
    assert estimate.ask == 2 * estimate.input_tokens + 7 * 200


def test_a_hold_follows_a_change_of_prices() -> None:
    estimator, talk = Estimator(), model()
    before = estimator.before(call(max_tokens=200), KEY, talk, (at(0, 3),))
    after = estimator.before(call(max_tokens=200), KEY, talk, (at(0, 4),))
    assert (before.ask, after.ask) == (600, 800)


def test_every_choice_has_its_own_max_tokens() -> None:
    estimate = Estimator().before(call(max_tokens=200, n=3), KEY, model(), OFFERS)
    assert estimate.output_tokens == 600


def test_without_a_bound_a_hold_is_sized_by_a_guess_that_the_models_limit_caps() -> None:
    assert Estimator().before(call(), KEY, model(), OFFERS).output_tokens == FIRST_GUESS_OUTPUT * 5 // 4
    assert Estimator().before(call(), KEY, model(output=100), OFFERS).output_tokens == 100


def test_a_hold_never_counts_more_input_than_the_model_can_read() -> None:
    estimate = Estimator().before(call("x" * 30_000, max_tokens=1), KEY, model(context=512), OFFERS)
    assert estimate.input_tokens == 512


@pytest.mark.parametrize("text", ["x" * 3000, "é" * 1000, "漢字" * 500])
def test_a_hold_covers_dense_text(text: str) -> None:
    estimate = Estimator().before(call(text, max_tokens=1), KEY, model(), OFFERS)
    assert estimate.input_tokens >= len(text.encode()) // 3


def test_the_least_that_a_call_needs_is_its_input_and_one_token_per_choice() -> None:
    estimate = Estimator().before(call(max_tokens=200, n=2), KEY, model(), OFFERS)
    assert estimate.least == estimate.input_tokens + 3 * 2


def test_an_amount_pays_for_as_many_output_tokens_as_fit_beside_the_input() -> None:
    estimate = Estimator().before(call(max_tokens=200, n=2), KEY, model(), OFFERS)
    assert estimate.output_for(estimate.input_tokens + 3 * 60) == 30
    assert estimate.output_for(estimate.least) == 1


def test_output_that_costs_nothing_is_not_bounded_by_money() -> None:
    assert Estimator().before(call(max_tokens=200), KEY, model(), (at(1, 0),)).output_for(5) is None


def answered(
    estimator: Estimator, output: int, *, times: int = 1, key: int = KEY, asked: ChatCall | None = None
) -> None:
    """Have so many answers of a length go to a key."""
    for _ in range(times):
        estimator.learn(
            asked or call(), key, model(), Usage({"input": 5, "output": output}, "provider"), fell_short=False
        )


def expected(estimator: Estimator, key: int = KEY, **fields: object) -> int:
    return estimator.before(call(**fields), key, model(), OFFERS).output_tokens


def test_holds_follow_what_calls_of_a_key_really_used_and_forget_it() -> None:
    estimator = Estimator()
    answered(estimator, 4000)
    assert expected(estimator) == 5000
    answered(estimator, 800, times=OF_A_PAIR)
    assert expected(estimator) == 1000


def test_two_keys_with_other_habits_do_not_disturb_each_other() -> None:
    estimator = Estimator()
    for _ in range(100):
        answered(estimator, 100, key=1)
        answered(estimator, 6000, key=2)
    assert (expected(estimator, 1), expected(estimator, 2)) == (125, 7500)


def test_a_key_that_is_not_known_yet_is_taken_to_be_like_the_others_of_its_model() -> None:
    estimator = Estimator()
    answered(estimator, 400, times=ENOUGH - 1, key=1)
    assert expected(estimator, 2) == FIRST_GUESS_OUTPUT * 5 // 4
    answered(estimator, 400, key=1)
    assert expected(estimator, 2) == 500


def test_a_key_of_which_little_is_known_is_held_for_the_longest_that_it_had() -> None:
    estimator = Estimator()
    answered(estimator, 400, times=300, key=1)
    answered(estimator, 2000, key=2)
    assert expected(estimator, 2) == 2500
    answered(estimator, 200, times=ENOUGH - 2, key=3)
    assert expected(estimator, 3) == 500


def test_answers_that_their_callers_bounded_say_nothing_about_those_without_a_bound() -> None:
    estimator = Estimator()
    answered(estimator, 2, times=500, asked=call(max_tokens=2))
    assert expected(estimator) == FIRST_GUESS_OUTPUT * 5 // 4


def test_what_an_answer_has_is_remembered_for_each_choice() -> None:
    estimator = Estimator()
    answered(estimator, 4000, times=ENOUGH, asked=call(n=4))
    assert expected(estimator) == 1250
    assert expected(estimator, n=2) == 2500


DISTRIBUTIONS: dict[str, Callable[[random.Random], float]] = {
    "uniform": lambda chance: chance.uniform(300, 3000),
    "exponential": lambda chance: 100 + chance.expovariate(1 / 700),
    "lognormal": lambda chance: chance.lognormvariate(6.0, 0.9),
    "two kinds": lambda chance: chance.gauss(200, 30) if chance.random() < 0.8 else chance.gauss(3000, 300),
    "always the same": lambda _: 700,
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_hold_covers_95_in_100_answers_and_is_not_much_more_than_that_takes(name: str) -> None:
    chance, estimator = random.Random(name), Estimator()
    drawn = [max(1, int(DISTRIBUTIONS[name](chance))) for _ in range(6000)]
    holds: list[int] = []
    for output in drawn:
        holds.append(expected(estimator))
        answered(estimator, output)
    held, drawn = holds[500:], drawn[500:]
    covered = sum(output <= hold for output, hold in zip(drawn, held, strict=True)) / len(held)
    real = sorted(drawn)[len(drawn) * 95 // 100]
    assert covered >= 0.94
    assert sum(held) / len(held) <= 1.5 * real


@pytest.mark.parametrize("name", ["uniform", "exponential", "lognormal"])
def test_without_the_margin_about_95_in_100_answers_would_be_covered(name: str) -> None:
    chance, outputs = random.Random(name), Outputs(OF_A_PAIR)
    covered = 0
    for turn in range(20_000):
        output = int(DISTRIBUTIONS[name](chance))
        covered += turn >= OF_A_PAIR and output <= outputs.likely()
        outputs.add(output)
    assert 0.935 <= covered / (20_000 - OF_A_PAIR) <= 0.965


def test_a_habit_that_changes_is_noticed_within_a_few_answers() -> None:
    estimator = Estimator()
    answered(estimator, 100, times=OF_A_PAIR)
    assert expected(estimator) == 125
    answered(estimator, 2000, times=OF_A_PAIR // 8)
    assert expected(estimator) == 2500


def test_a_hundred_thousand_keys_are_remembered_in_bounded_memory() -> None:
    habits, estimator = Habits(), Estimator()
    asked, talk, used = call(), model(), Usage({"input": 5, "output": 500}, "provider")
    tracemalloc.start()
    try:
        for key in range(100_000):
            habits.add(key, talk.id, 500)
        size, _ = tracemalloc.get_traced_memory()
        for key in range(20_000):
            estimator.learn(asked, key, talk, used, fell_short=False)
        both, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(habits) == MOST_PAIRS
    assert (habits.of(0, talk.id), habits.of(100_000 - MOST_PAIRS, talk.id) is None) == (None, False)
    assert size < 3_000_000
    assert both < 3 * size


def test_pairs_in_use_are_remembered_however_many_others_come() -> None:
    habits = Habits(most=10)
    for key in range(1000):
        habits.add(-1, "acme/talk", 5)
        habits.add(key, "acme/talk", 5)
    kept = habits.of(-1, "acme/talk")
    assert kept is not None
    assert not kept.are_few


def test_all_pairs_that_are_remembered_take_a_few_megabytes_together() -> None:
    habits = Habits()
    tracemalloc.start()
    try:
        for key in range(MOST_PAIRS):
            for _ in range(OF_A_PAIR):
                habits.add(key, "acme/talk", 500)
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size < 4_000_000


def tiered(above: int, low: int, high: int) -> tuple[Offer, Rates]:
    tier = Tier(above, {"input": high * RATE_UNITS, "output": high * RATE_UNITS})
    rates = Rates(0, {"input": low * RATE_UNITS, "output": low * RATE_UNITS}, tiers=(tier,))
    return replace(at(0, 0)[0], rates=(rates,)), rates


def test_a_long_prompt_is_held_at_the_rates_of_its_tier() -> None:
    offers = (tiered(1000, 2, 4), at(3, 3))
    short = Estimator().before(call(max_tokens=10), KEY, model(), offers)
    long = Estimator().before(call("x" * 6000, max_tokens=10), KEY, model(), offers)
    assert short.ask == 3 * (short.input_tokens + 10)
    assert long.ask == 4 * (long.input_tokens + 10)


def test_an_answer_of_the_tier_that_answers_is_paid_at_its_rates() -> None:
    offers = (tiered(1000, 2, 4), at(9, 9))
    estimate = Estimator().before(call("x" * 6000), KEY, model(), offers).at(offers[0][1])
    assert estimate.cost(10) == 4 * (estimate.input_tokens + 10)


def test_what_is_attached_is_held_at_the_dearest_rate_that_it_may_have() -> None:
    offer, rates = at(1, 3)
    rates = replace(rates, by_meter={**rates.by_meter, "audio_input": 16 * RATE_UNITS})
    heard = [{"type": "text", "text": "hi"}, {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}]
    asked = call(max_tokens=10, messages=[{"role": "user", "content": heard}])
    estimate = Estimator().before(asked, KEY, model(), ((offer, rates),))
    text = estimate.input_tokens - TOKENS_PER_ATTACHMENT
    assert estimate.ask == text + 16 * TOKENS_PER_ATTACHMENT + 3 * 10
    assert estimate.tokens_for(estimate.ask) == 10


def test_a_stream_holds_no_more_at_first_than_it_takes_to_begin() -> None:
    estimator, talk = Estimator(), model(output=64_000)
    answered(estimator, 60_000)
    estimate = estimator.before(call(stream=True), KEY, talk, OFFERS)
    assert estimate.output_tokens == STREAM_START_OUTPUT
    assert estimate.at_most == estimate.cost(64_000)
    assert estimator.before(call(stream=True, max_tokens=30_000), KEY, talk, OFFERS).output_tokens == 30_000


def test_the_longest_answer_is_the_callers_bound_or_the_models_or_assumed() -> None:
    estimator = Estimator()
    bounds = [(call(max_tokens=200, n=2), 500), (call(n=2), 5000), (call(n=2), None)]
    longest = [estimator.before(asked, KEY, model(output=limit), OFFERS) for asked, limit in bounds]
    assert [(one.most_tokens, one.is_guess) for one in longest] == [(400, False), (10_000, True), (None, True)]
    assert longest[2].at_most == longest[2].cost(2 * ASSUMED_MOST_OUTPUT)


def test_an_estimate_can_be_taken_at_the_rates_of_the_offer_that_answered() -> None:
    cheap = at(1, 2)
    estimate = Estimator().before(call(max_tokens=200), KEY, model(), (cheap, at(5, 9)))
    assert estimate.at(cheap[1]).ask == estimate.input_tokens + 2 * 200
    assert estimate.at(cheap[1]).tokens_for(estimate.input_tokens + 60) == 30


def test_a_hold_that_fell_short_raises_the_next_ones_up_to_a_bound() -> None:
    estimator, talk = Estimator(), model()
    first = estimator.before(call(max_tokens=1), KEY, talk, OFFERS).input_tokens
    spent = Usage({"input": 500, "output": 1}, "provider")
    estimator.learn(call(max_tokens=1), KEY, talk, spent, fell_short=True)
    assert estimator.before(call(max_tokens=1), KEY, talk, OFFERS).input_tokens == first * 3 // 2
    for _ in range(50):
        estimator.learn(call(max_tokens=1), KEY, talk, spent, fell_short=True)
    assert estimator.before(call(max_tokens=1), KEY, talk, OFFERS).input_tokens == first * 8


def test_usage_that_nobody_reported_says_how_it_is_known() -> None:
    asked = call("x" * 400)
    whole, cut = guessed(asked, 100), counted(asked, 7)
    assert (whole.source, whole.by_meter["output"]) == ("estimated", 25)
    assert (cut.source, cut.by_meter["output"]) == ("counted", 7)
    assert whole.by_meter["input"] == cut.by_meter["input"] > 100
