"""When an offer is left alone, and when it is tried again."""

from modelport.catalogue.facts import Offer, Rates
from modelport.serving.health import FAILURES_TO_OPEN, MOST_PAUSE_S, OPEN_S, PROBE_S, Health
from tests.serving.stage import offer_of


class Time:
    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


def pair(name: str) -> tuple[Offer, Rates]:
    offer = offer_of(name)
    return offer, offer.rates[0]


FIRST, SECOND = pair("first"), pair("second")
OFFERS = (FIRST, SECOND)


def broken(health: Health, times: int = FAILURES_TO_OPEN) -> None:
    for _ in range(times):
        health.failed(FIRST[0], None)


def test_offers_stay_in_order_while_nothing_is_wrong() -> None:
    assert Health(Time()).ordered(OFFERS) is OFFERS


def test_a_few_failures_change_nothing() -> None:
    health = Health(Time())
    broken(health, FAILURES_TO_OPEN - 1)
    assert health.ordered(OFFERS) == OFFERS


def test_an_offer_that_fails_again_and_again_is_tried_last() -> None:
    health = Health(Time())
    broken(health)
    assert health.ordered(OFFERS) == (SECOND, FIRST)


def test_one_that_is_the_only_one_is_tried_all_the_same() -> None:
    health = Health(Time())
    broken(health)
    assert health.ordered((FIRST,)) == (FIRST,)


def test_after_a_while_it_comes_first_again_and_one_more_failure_shuts_it_anew() -> None:
    time = Time()
    health = Health(time)
    broken(health)
    time.s += OPEN_S
    assert health.ordered(OFFERS) == OFFERS
    broken(health, 1)
    assert health.ordered(OFFERS) == (SECOND, FIRST)


def test_only_one_call_finds_out_how_an_offer_is() -> None:
    time = Time()
    health = Health(time)
    broken(health)
    time.s += OPEN_S
    assert health.ordered(OFFERS) == OFFERS
    assert health.ordered(OFFERS) == (SECOND, FIRST)
    time.s += PROBE_S
    assert health.ordered(OFFERS) == OFFERS


def test_a_success_forgets_every_failure() -> None:
    health = Health(Time())
    broken(health)
    health.worked(FIRST[0])
    assert health.ordered(OFFERS) == OFFERS
    broken(health, FAILURES_TO_OPEN - 1)
    assert health.ordered(OFFERS) == OFFERS


def test_a_pause_that_was_asked_for_is_kept_but_not_for_ever() -> None:
    time = Time()
    health = Health(time)
    health.failed(FIRST[0], 7)
    assert health.ordered(OFFERS) == (SECOND, FIRST)
    time.s += 7
    assert health.ordered(OFFERS) == OFFERS
    health.worked(FIRST[0])
    health.failed(FIRST[0], 86_400)
    time.s += MOST_PAUSE_S
    assert health.ordered(OFFERS) == OFFERS


def test_offers_that_are_all_unwell_keep_their_order() -> None:
    health = Health(Time())
    for offer, _ in OFFERS:
        health.failed(offer, 30)
    assert health.ordered(OFFERS) == OFFERS
