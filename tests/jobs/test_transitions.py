"""Which states of a job follow which."""

from typing import get_args

from modelport.jobs.job import FINAL, Mark, State
from modelport.jobs.transitions import MARKS, NEXT, STATE_OF, before, living, may_become


def test_nothing_follows_a_final_state() -> None:
    assert {state for state in get_args(State) if not NEXT[state]} == FINAL
    assert not any(may_become(state, following) for state in FINAL for following in get_args(State))
    assert set(living()) == set(get_args(State)) - FINAL


def test_every_living_job_may_fail() -> None:
    assert all(may_become(state, "error") for state in living())


def test_what_was_submitted_is_submitted_again_only_when_it_was_refused() -> None:
    assert before("submitting") == ("new",)
    assert before("new") == ("submitting",)
    assert "submitting" not in MARKS["taken"]


def test_every_mark_has_a_state_that_is_not_final() -> None:
    assert STATE_OF.keys() == MARKS.keys() == set(get_args(Mark))
    assert not FINAL & set(STATE_OF.values())
