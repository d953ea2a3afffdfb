"""Moments and spans as people type them."""

import re
from datetime import UTC, datetime

import click

_SPAN = re.compile(r"([0-9]{1,5})([hd])")
_HOUR_MS = 3_600_000
_LAST_YEAR = 9999


def moment_ms(text: str) -> int:
    """Read a date (its first moment, UTC) or a date and time; raises `ValueError`."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if not 1970 <= moment.year < _LAST_YEAR:
        raise ValueError(f"{text} is no year of ours")
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


class Moment(click.ParamType[int]):
    """A moment, in milliseconds since 1970."""

    name = "date"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the moment; fails with what was expected."""
        try:
            return moment_ms(str(value))
        except ValueError:
            self.fail(f"'{value}' is no date such as 2026-12-31 or 2026-12-31T18:00+01:00", param, ctx)


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


MOMENT = Moment()
EXPIRY = Expiry()
