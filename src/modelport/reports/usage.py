"""What calls sum up to."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from modelport.ledger.records import CallStatus

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time: from its start on, up to but without its end (milliseconds since 1970)."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What the calls of a window cost, and how many of them cost something."""

    credits: int
    charged: int


@dataclass(frozen=True, slots=True)
class Part:
    """What the calls of one window, model and status sum up to."""

    window: int
    """Which of the windows that were asked for."""
    model: str
    status: CallStatus
    requests: int
    charged: int
    credits: int
    input_tokens: int
    output_tokens: int


@dataclass(slots=True)
class Total:
    """What parts sum up to."""

    credits: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    charged: int = 0
    succeeded: int = 0
    failed: int = 0

    @property
    def requests(self) -> int:
        """Count all calls."""
        return self.succeeded + self.failed

    def add(self, part: Part) -> None:
        """Count a part in."""
        self.credits += part.credits
        self.input_tokens += part.input_tokens
        self.output_tokens += part.output_tokens
        self.charged += part.charged
        if part.status == "succeeded":
            self.succeeded += part.requests
        else:
            self.failed += part.requests


def totals(parts: Iterable[Part], group_of: Callable[[Part], K]) -> dict[K, Total]:
    """Sum parts up by a group that each belongs to."""
    found: dict[K, Total] = {}
    for part in parts:
        found.setdefault(group_of(part), Total()).add(part)
    return found
