"""How fast somebody may call."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Bounds on calls, over all that a key or an account does; None where there is none."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_calls: int | None = None

    @property
    def is_free(self) -> bool:
        """Whether nothing is bounded."""
        return self == FREE_PACE


FREE_PACE = Pace()


def pace_of(requests_per_minute: int | None, tokens_per_minute: int | None, concurrent_calls: int | None) -> Pace:
    """Make a pace: `FREE_PACE` itself where nothing is bounded, which is what calls look for."""
    made = Pace(requests_per_minute, tokens_per_minute, concurrent_calls)
    return FREE_PACE if made.is_free else made
