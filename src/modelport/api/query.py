"""Reads query strings against the parameters that a route takes, with messages that name what was wrong."""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from urllib.parse import parse_qsl

from modelport.api.problems import InvalidQuery

T = TypeVar("T", bound=str)

_FIELDS_MAX = 100
_SHOWN = 64
_INTEGER = re.compile("-?[0-9]{1,20}")
_MOMENT = re.compile(
    "[0-9]{4}(-[0-9]{2}-[0-9]{2}|[0-9]{4})(T[0-9:]{2,8}([.,][0-9]{1,9})?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_NONE_REPEATED: Mapping[str, int] = {}


class Query:
    """The parameters of one request."""

    def __init__(
        self, query_string: bytes, once: Collection[str], repeated: Mapping[str, int] = _NONE_REPEATED
    ) -> None:
        """Read a query of parameters that may be there `once`, or `repeated` up to so often; raises `InvalidQuery`."""
        self._values: dict[str, list[str]] = {}
        try:
            text = query_string.decode("utf-8", "replace")
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS_MAX)
        except ValueError:
            raise InvalidQuery(f"the query has more than {_FIELDS_MAX} parameters: send fewer", None) from None
        for name, value in pairs:
            most = 1 if name in once else repeated.get(name)
            if most is None:
                known = ", ".join((*once, *repeated))
                raise InvalidQuery(f"'{name[:_SHOWN]}': Unknown parameter; this route takes {known}", name[:_SHOWN])
            values = self._values.setdefault(name, [])
            values.append(value)
            if len(values) > most:
                raise InvalidQuery(
                    f"'{name}': Expected at most {most} value{'s' if most > 1 else ''}, received more", name
                )

    def get(self, name: str) -> str | None:
        """Return a parameter; None when it was not sent."""
        values = self._values.get(name)
        return None if values is None else values[0]

    def all(self, name: str) -> list[str]:
        """Return every value of a parameter."""
        return self._values.get(name, [])

    def integer(self, name: str, default: int, least: int, most: int) -> int:
        """Return a whole number within bounds; raises `InvalidQuery`."""
        value = self.get(name)
        if value is None:
            return default
        if not _INTEGER.fullmatch(value) or not least <= int(value) <= most:
            raise unexpected(name, f"integer from {least} to {most}", value)
        return int(value)

    def choice(self, name: str, choices: Collection[T]) -> T | None:
        """Return one of some words; raises `InvalidQuery`."""
        chosen = self.choices(name, choices)
        return chosen[0] if chosen else None

    def choices(self, name: str, choices: Collection[T]) -> list[T]:
        """Return every value of a parameter, each one of some words; raises `InvalidQuery`."""
        by_name = {str(choice): choice for choice in choices}
        values = self.all(name)
        for value in values:
            if value not in by_name:
                raise unexpected(name, " or ".join(by_name), value)
        return [by_name[value] for value in values]

    def moment_ms(self, name: str, *, needs_offset: bool = False) -> int | None:
        """Return a moment in milliseconds since 1970, a fraction of one rounded up; raises `InvalidQuery`.

        Without an offset it is in UTC, unless one is needed.
        """
        value = self.get(name)
        if value is None:
            return None
        at = _moment(value)
        if at is None or (needs_offset and at.tzinfo is None):
            form = "2026-06-01T00:00:00Z (write the '+' of an offset as %2B)"
            raise unexpected(name, f"ISO-8601 {'with an offset ' if needs_offset else ''}such as {form}", value)
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        if not _EPOCH <= at <= _LAST:
            raise unexpected(name, "moment from 1970 to 9998", value)
        return -((_EPOCH - at) // _MS)


def _moment(value: str) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if _MOMENT.fullmatch(value) else None
    except ValueError:
        return None


def unexpected(name: str, wanted: str, value: str) -> InvalidQuery:
    """Say that a parameter is not what was expected."""
    return InvalidQuery(f"'{name}': Expected {wanted}, received '{value[:_SHOWN]}'", name)
