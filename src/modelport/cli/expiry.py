"""When credit ends, as people type it."""

import re

import click

from modelport.core.moments import moment_ms

_SPAN = re.compile(r"([0-9]{1,5})([hd])")
_HOUR_MS = 3_600_000


class Expiry(click.ParamType[str]):
    """A span such as `30d` or a date, checked; `expiry_ms` makes a moment of it."""

    name = "30d|date"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text; fails with what was expected."""
        text = str(value)
        span = _SPAN.fullmatch(text)
        try:
            is_fine = int(span[1]) > 0 if span else bool(moment_ms(text))
        except ValueError:
            is_fine = False
        if not is_fine:
            self.fail(f"'{text}' is no span such as 30d or 12h and no date such as 2026-12-31", param, ctx)
        return text


def expiry_ms(text: str, now_ms: int) -> int:
    """Return the moment that a checked `Expiry` means."""
    span = _SPAN.fullmatch(text)
    if span is None:
        return moment_ms(text)
    return now_ms + int(span[1]) * _HOUR_MS * (24 if span[2] == "d" else 1)


EXPIRY = Expiry()
