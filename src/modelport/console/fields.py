"""A model's parameters as lines of a table."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from modelport.catalogue.parameters import Parameter, Parameters, Scalar

_DEEPEST = 3
_SHOWN = 12
"""How many values a line shows before the others are folded away."""


@dataclass(frozen=True, slots=True)
class Field:
    """One line: a field, or one within a field."""

    name: str
    depth: int
    kind: str
    required: bool
    default: str
    bounds: str
    values: tuple[str, ...]
    more_values: tuple[str, ...]
    description: str


def fields(parameters: Parameters) -> tuple[Field, ...]:
    """List every field, what must be sent first, those within a field below it."""
    ordered = sorted(parameters.items(), key=lambda pair: not pair[1].required)
    return tuple(field for name, one in ordered for field in _fields(name, one, 0))


def _fields(name: str, one: Parameter, depth: int) -> Iterator[Field]:
    values = tuple(_printed(value) for value in _values(one))
    default = "" if one.default is None else _printed(one.default)
    yield Field(
        name, depth, kind(one), one.required, default, bounds(one), values[:_SHOWN], values[_SHOWN:], one.description
    )
    if depth + 1 >= _DEEPEST:
        return
    for inner in _inside(one):
        for key, member in (inner.properties or {}).items():
            yield from _fields(f"{name}.{key}", member, depth + 1)


def _inside(one: Parameter) -> tuple[Parameter, ...]:
    """Return the objects whose members are told: its own, those of its items, the first of its choices."""
    if one.properties:
        return (one,)
    if one.items is not None and one.items.properties:
        return (one.items,)
    return tuple(choice for choice in one.any_of if choice.properties)[:1]


def _values(one: Parameter) -> tuple[Scalar, ...]:
    if one.enum is not None:
        return one.enum
    if one.items is not None and one.items.enum is not None:
        return one.items.enum
    return tuple(value for choice in one.any_of for value in choice.enum or ())


def kind(one: Parameter) -> str:
    """Name a type: `string`, `array of integer`, `string or object`."""
    if one.any_of:
        return " or ".join(dict.fromkeys(kind(choice) for choice in one.any_of))
    name = {"file": "upload"}.get(one.type or "", one.type or "any")
    if one.type == "array" and one.items is not None:
        name = f"array of {kind(one.items)}"
    return f"{name} or null" if one.nullable else name


def bounds(one: Parameter) -> str:
    """Tell what a value may be, beside its type, in few words."""
    told = [_range(one.minimum, one.maximum, ""), _range(one.min_length, one.max_length, " characters")]
    told.append(_range(one.min_items, one.max_items, " items"))
    if one.exclusive_minimum is not None:
        told.append(f"above {_number(one.exclusive_minimum)}")
    if one.multiple_of is not None:
        told.append(f"in steps of {_number(one.multiple_of)}")
    told.append(
        {"uri": "an address", "base64": "base64", "date": "a date", "date-time": "a moment"}.get(one.format or "", "")
    )
    return ", ".join(text for text in told if text)


def _range(least: float | None, most: float | None, what: str) -> str:
    if least is not None and most is not None:
        return f"{_number(least)} to {_number(most)}{what}" if least != most else f"{_number(least)}{what}"
    if most is not None:
        return f"at most {_number(most)}{what}"
    return "" if least is None else f"at least {_number(least)}{what}"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _printed(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
