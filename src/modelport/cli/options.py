"""Options that several commands share."""

import click

from modelport.core.moments import Period, moment_ms

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class Moment(click.ParamType[int]):
    """A date or time in ISO 8601, in milliseconds since 1970."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return milliseconds; fails with what was wrong."""
        if isinstance(value, int):
            return value
        try:
            return moment_ms(str(value))
        except ValueError:
            told = "write a date or time, such as 2026-11-01 or 2026-11-01T08:00:00Z (UTC unless it names an offset)"
            self.fail(f"{str(value)[:60]!a} is not a time: {told}", param, ctx)


FROM = click.option("--from", "from_ms", type=Moment(), help="Only what began then or later.")
TO = click.option("--to", "to_ms", type=Moment(), help="Only what began before then.")


def period(from_ms: int | None, to_ms: int | None) -> Period:
    """Return the period between two moments; a period without time is a usage error."""
    if from_ms is not None and to_ms is not None and to_ms <= from_ms:
        raise click.UsageError("--to is not after --from: give a later time")
    return Period(from_ms, to_ms)
