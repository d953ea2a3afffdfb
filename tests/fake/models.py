"""Models that no vendor has, for tests to choose how an answer is made.

- `echo` answers with the last user message, word for word.
- `meter` uses exactly `max_tokens` output tokens, `meter-half` half of them (at least one); the text stays short.
- `cached` had half of the prompt in its cache; `thinker` reasons first, `redacted` does so in an opaque block where the
  format has one; `refuser` refuses in the form's own way; `searcher` searches the web and cites what it found.
- `slow-<ms>` waits between pieces, `late-<ms>` before the first byte, `pieces-<n>` sends n pieces; they can be
  joined: `late-50-slow-5-pieces-100`.
"""

import re
from dataclasses import dataclass

NAMED = frozenset({"echo", "meter", "meter-half", "cached", "thinker", "redacted", "refuser", "searcher"})

_PACED = re.compile(r"(?:slow|late|pieces)-\d+(?:-(?:slow|late|pieces)-\d+)*")
_SETTING = re.compile(r"(slow|late|pieces)-(\d+)")


@dataclass(frozen=True, slots=True)
class Pace:
    """How slowly an answer comes, and in how many pieces when its model says so."""

    latency_s: float = 0.0
    interval_s: float = 0.0
    pieces: int | None = None


def is_made_up(model: str) -> bool:
    """Whether a model is one of those in this module."""
    return model in NAMED or _PACED.fullmatch(model) is not None


def pace_of(model: str, default: Pace) -> Pace:
    """Read the pace from a model's name."""
    if not _PACED.fullmatch(model):
        return default
    settings = {name: int(number) for name, number in _SETTING.findall(model)}
    return Pace(
        settings.get("late", 0) / 1000 or default.latency_s,
        settings.get("slow", 0) / 1000 or default.interval_s,
        settings.get("pieces"),
    )
