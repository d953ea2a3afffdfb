"""How far the event of a job is after each attempt."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from modelport.jobs.deliveries import PAUSES_S, Delivery, Outcome, event_id, followed

NEW = Delivery(url="https://Hooks.Example.org:443/jobs?x=1", next_at_ms=0)
STATUSES = st.sampled_from([None, 200, 204, 302, 400, 410, 429, 500, 503])


def at(ms: int, status: int | None = 500, after_s: int = 0) -> Outcome:
    return Outcome(ms, 20, status, None if status == 200 else "it failed", after_s)


def test_what_is_answered_with_success_is_delivered() -> None:
    for status in (200, 204, 299):
        done = followed(NEW, Outcome(5, 20, status), 0)
        assert (done.status, done.attempts, done.last_status, done.next_at_ms) == ("delivered", 1, status, None)


def test_what_fails_is_sent_again_less_and_less_often_and_then_given_up() -> None:
    delivery, waited = NEW, list[float]()
    while delivery.status == "pending":
        now_ms = delivery.next_at_ms or 0
        delivery = followed(delivery, at(now_ms), 0)
        if delivery.next_at_ms is not None:
            waited.append((delivery.next_at_ms - now_ms - 20) / 1000)
    assert waited == list(PAUSES_S)
    assert (delivery.status, delivery.attempts, delivery.last_error) == ("failed", len(PAUSES_S) + 1, "it failed")


def test_a_receiver_that_is_gone_is_told_no_more() -> None:
    gone = followed(NEW, at(0, 410), 0)
    assert (gone.status, gone.attempts, gone.next_at_ms) == ("failed", 1, None)


def test_a_redirect_is_a_failure() -> None:
    assert followed(NEW, at(0, 308), 0).status == "pending"


def test_a_receiver_may_ask_for_a_longer_pause_and_not_for_a_shorter_nor_an_endless_one() -> None:
    pauses = [(followed(NEW, at(0, 503, after_s), 0).next_at_ms or 0) // 1000 for after_s in (1, 60, 10**9)]
    assert pauses == [PAUSES_S[0], 60, PAUSES_S[-1]]


def test_chance_makes_a_pause_longer_by_a_tenth_at_most() -> None:
    ends = [followed(NEW, at(0), chance).next_at_ms or 0 for chance in (0.0, 0.5, 1.0)]
    assert all(before < after for before, after in pairwise(ends))
    assert ends[-1] - 20 <= PAUSES_S[0] * 1100


def test_the_host_of_a_receiver_is_known_by_one_spelling() -> None:
    assert NEW.host == "hooks.example.org"


def test_an_event_is_named_for_its_job_and_has_no_full_stop_in_its_name() -> None:
    assert event_id("0Abc-_z") == "evt_0Abc-_z"


@given(st.lists(STATUSES, max_size=20), st.floats(0, 1))
def test_every_delivery_ends(statuses: list[int | None], chance: float) -> None:
    delivery = NEW
    for number, status in enumerate(statuses):
        if delivery.status != "pending":
            break
        delivery = followed(delivery, at(number, status), chance)
        assert (delivery.next_at_ms is not None) == (delivery.status == "pending")
    assert delivery.attempts <= len(PAUSES_S) + 1
