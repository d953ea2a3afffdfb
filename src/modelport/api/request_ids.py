"""Ids of HTTP requests: random UUIDs, drawn many at a time."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

_DRAW_BYTES = 8192
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


@dataclass(slots=True)
class RequestIds:
    """Draws version 4 UUIDs."""

    random_bytes: Callable[[int], bytes] = os.urandom
    _digits: str = field(default="", init=False)
    _used: int = field(default=0, init=False)

    def __call__(self) -> str:
        """Return the next id."""
        start = self._used
        if start + 32 > len(self._digits):
            self._digits = self.random_bytes(_DRAW_BYTES).hex()
            start = 0
        self._used = start + 32
        digits = self._digits[start : self._used]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:]}"
