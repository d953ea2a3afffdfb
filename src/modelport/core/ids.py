"""Identifiers: 21 URL-safe characters whose ASCII order is the order of time."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

ALPHABET = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
ID_LENGTH = 21
_TIME_LENGTH = 8
_RANDOM_LENGTH = ID_LENGTH - _TIME_LENGTH
_DRAW_BYTES = 8192
_PAIRS = [a + b for a in ALPHABET for b in ALPHABET]
_LETTERS = bytes(ord(ALPHABET[value & 63]) for value in range(256))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def time_prefix(at_ms: int) -> str:
    """Encode 48 bits of milliseconds since 1970 as eight characters that sort like the number."""
    return _PAIRS[at_ms >> 36 & 4095] + _PAIRS[at_ms >> 24 & 4095] + _PAIRS[at_ms >> 12 & 4095] + _PAIRS[at_ms & 4095]


@dataclass(slots=True)
class IdSource:
    """Draws ids; randomness is taken from the system eight kilobytes at a time."""

    now_ms: Callable[[], int] = _now_ms
    random_bytes: Callable[[int], bytes] = os.urandom
    _letters: str = field(default="", init=False)
    _used: int = field(default=0, init=False)

    def __call__(self) -> str:
        """Return the next id: 8 characters of time, 13 of randomness (78 bits)."""
        start = self._used
        if start + _RANDOM_LENGTH > len(self._letters):
            self._letters = self.random_bytes(_DRAW_BYTES).translate(_LETTERS).decode("ascii")
            start = 0
        self._used = start + _RANDOM_LENGTH
        return time_prefix(self.now_ms()) + self._letters[start : self._used]
