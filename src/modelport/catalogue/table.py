"""Reads TOML tables strictly: what is misspelt or of the wrong type becomes a fault that says what to write."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import cast

from modelport.catalogue.prices import parse_decimal
from modelport.catalogue.problems import Fault
from modelport.core.spelling import likest


@dataclass(slots=True)
class Table:
    """One TOML table; each read notes the key, and `close` reports the keys that nobody asked for.

    A read returns None when the key is absent or faulty; a fault is noted once, where it is seen.
    """

    file: str
    path: str
    values: dict[str, object]
    faults: list[Fault]
    _asked: set[str] = field(default_factory=set[str], init=False)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def where(self, key: str) -> str:
        """The full path of a key in this file: `offers[2].rates[1].input`."""
        return f"{self.path}.{key}" if self.path else key

    def fault(self, key: str, problem: str, remedy: str) -> None:
        """Note that something is wrong with `key`."""
        self.faults.append(Fault(self.file, self.where(key) if key else self.path, problem, remedy))

    def text(self, key: str, *, pattern: str | None = None, form: str = "") -> str | None:
        """Read a string; with `pattern`, one that matches it whole, `form` saying what that means in words."""
        value = self._get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            self.fault(key, f"is {_kind(value)}, expected text", f'write it in quotes, as in {key} = "…"')
            return None
        if pattern is not None and not re.fullmatch(pattern, value):
            self.fault(key, f"'{value}' is not {form}", "correct it")
            return None
        return value

    def choice(self, key: str, allowed: Collection[str]) -> str | None:
        """Read a string that is one of `allowed`."""
        value = self.text(key)
        if value is None or value in allowed:
            return value
        self.fault(key, f"'{value}' is not known", f"write {_one_of(value, allowed)}")
        return None

    def texts(self, key: str, *, pattern: str | None = None, form: str = "") -> tuple[str, ...] | None:
        """Read a list of strings without repeats."""
        value = self._get(key)
        if value is None:
            return None
        items = _items(value)
        if items is None or not all(isinstance(item, str) for item in items):
            self.fault(key, f"is {_kind(value)}, expected a list of texts", f'write {key} = ["…", "…"]')
            return None
        texts = tuple(cast("list[str]", items))
        for text in texts:
            if pattern is not None and not re.fullmatch(pattern, text):
                self.fault(key, f"'{text}' is not {form}", "correct it")
                return None
        if repeated := {text for text in texts if texts.count(text) > 1}:
            self.fault(key, f"names '{min(repeated)}' twice", "name it once")
            return None
        return texts

    def choices(self, key: str, allowed: Collection[str]) -> tuple[str, ...] | None:
        """Read a list of strings, each one of `allowed`."""
        texts = self.texts(key)
        for text in texts or ():
            if text not in allowed:
                self.fault(key, f"'{text}' is not known", f"write {_one_of(text, allowed)}")
                return None
        return texts

    def flag(self, key: str) -> bool | None:
        """Read true or false."""
        value = self._get(key)
        if value is None or isinstance(value, bool):
            return value
        self.fault(key, f"is {_kind(value)}, expected true or false", f"write {key} = true or {key} = false")
        return None

    def whole(self, key: str, least: int, most: int) -> int | None:
        """Read a whole number between two bounds, both included."""
        value = self._get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            shown = value if isinstance(value, int | float) and not isinstance(value, bool) else _kind(value)
            self.fault(key, f"is {shown}, expected a whole number", f"write a number from {least} to {most}")
            return None
        return value

    def seconds(self, key: str) -> float | None:
        """Read a length of time: more than zero, at most an hour."""
        value = self._get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 3600:
            self.fault(key, "is not a length of time", "write seconds, more than 0 and at most 3600")
            return None
        return float(value)

    def day(self, key: str) -> date | None:
        """Read a date."""
        value = self._get(key)
        if value is None:
            return None
        if isinstance(value, datetime) or not isinstance(value, date):
            self.fault(key, f"is {_kind(value)}, expected a date", "write a date without quotes, as in 2026-11-22")
            return None
        return value

    def decimal(self, key: str, meaning: str) -> Decimal | None:
        """Read a plain decimal number that is written as text, so that it stays exact."""
        value = self._get(key)
        if value is None:
            return None
        example = f'write {meaning}, in quotes, as in {key} = "0.59"'
        if not isinstance(value, str):
            self.fault(key, f"is {_kind(value)}, expected text, which keeps every decimal", example)
            return None
        number = parse_decimal(value)
        if number is None:
            self.fault(key, f"'{value}' is not a plain decimal number", example)
        return number

    def mapping(self, key: str) -> dict[str, str] | None:
        """Read a table of strings."""
        table = self.table(key)
        if table is None:
            return None
        pairs = {name: table.text(name) for name in table.values}
        return {name: value for name, value in pairs.items() if value is not None}

    def table(self, key: str) -> "Table | None":
        """Read a table."""
        value = self._get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fault(key, f"is {_kind(value)}, expected a table", f"write {key} = {{ … }}")
            return None
        return Table(self.file, self.where(key), cast("dict[str, object]", value), self.faults)

    def tables(self, key: str) -> Iterator["Table"]:
        """Read a list of tables; none when the key is absent."""
        value = self._get(key)
        if value is None:
            return
        items = _items(value)
        if items is None or not all(isinstance(item, dict) for item in items):
            self.fault(key, f"is {_kind(value)}, expected a list of tables", f"write each under its own [[{key}]]")
            return
        for number, item in enumerate(items, 1):
            place = f"{self.where(key)}[{number}]"
            yield Table(self.file, place, cast("dict[str, object]", item), self.faults)

    def close(self) -> None:
        """Report the keys that nothing has read."""
        for key in self.values:
            if key not in self._asked:
                self.fault(key, "is not a key of this table", f"write {_one_of(key, sorted(self._asked))} or remove it")

    def _get(self, key: str) -> object:
        self._asked.add(key)
        return self.values.get(key)


def _items(value: object) -> list[object] | None:
    return cast("list[object]", value) if isinstance(value, list) else None


def _kind(value: object) -> str:
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"


def _one_of(wrong: str, allowed: Collection[str]) -> str:
    near = likest(wrong, allowed)
    return f"one of {', '.join(sorted(allowed))}" if near is None else f"'{near}'"
