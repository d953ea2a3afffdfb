"""Which states and marks follow which: a job never leaves a final state, and never goes back behind its submission."""

from collections.abc import Mapping

from modelport.jobs.job import FINAL, Mark, State

NEXT: Mapping[State, frozenset[State]] = {
    "queued": frozenset({"generating", "completed", "error"}),
    "generating": frozenset({"completed", "error"}),
    "completed": frozenset(),
    "error": frozenset(),
}
MARKS: Mapping[Mark, frozenset[Mark]] = {
    "new": frozenset({"submitting"}),
    "submitting": frozenset({"new", "taken", "made"}),
    "taken": frozenset({"taken", "made"}),
    "made": frozenset({"made"}),
}
"""From `submitting` back to `new` only who sent it, when it knows that the provider has not taken it."""
STATE_OF: Mapping[Mark, State] = {
    "new": "queued",
    "submitting": "generating",
    "taken": "generating",
    "made": "generating",
}
"""What a job that has not ended is, by its mark."""


def may_become(state: State, following: State) -> bool:
    """Whether a job of that state may become of the other."""
    return following in NEXT[state]


def before(mark: Mark) -> tuple[Mark, ...]:
    """List the marks that may come before one."""
    return tuple(one for one, following in MARKS.items() if mark in following)


def living() -> tuple[State, ...]:
    """List the states that are not final."""
    return tuple(state for state in NEXT if state not in FINAL)
