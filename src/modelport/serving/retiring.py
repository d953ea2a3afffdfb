"""Tells callers of a model that its maker is going to take it away."""

from datetime import UTC, date, datetime
from email.utils import format_datetime
from functools import cache

from modelport.catalogue.facts import Model
from modelport.serving.ports import Client

Headers = tuple[tuple[bytes, bytes], ...]


def mark_retiring(model: Model, client: Client) -> None:
    """Have the answer, whatever it becomes, say when the model goes, if that is known."""
    if model.retires_on is not None:
        for name, value in retiring(model.retires_on):
            client.mark(name, value)


@cache
def retiring(on: date) -> Headers:
    """Return `Deprecation` (RFC 9745) and `Sunset` (RFC 8594) for what goes on a day, at its first moment in UTC.

    Makers name the day on which a model goes; the day from which it counts as deprecated is not known to be another.
    """
    moment = datetime(on.year, on.month, on.day, tzinfo=UTC)
    return (
        (b"deprecation", b"@%d" % moment.timestamp()),
        (b"sunset", format_datetime(moment, usegmt=True).encode()),
    )
