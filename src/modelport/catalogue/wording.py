"""Says in words what a parameter may be."""

from collections.abc import Mapping, Sequence

from modelport.catalogue.parameters import Parameter
from modelport.core.received import received

MAX_NAMED = 60
"""More values than these are not listed."""

_FORMS: Mapping[str, str] = {
    "uri": "an http or https URL, a data: URL or base64",
    "base64": "base64",
    "date": "a date such as 2026-01-31",
    "date-time": "a moment such as 2026-01-31T08:00:00Z",
}
_KINDS: Mapping[str, str] = {"file": "a file, sent as multipart/form-data"}


def words(parameter: Parameter) -> str:
    """Describe what fits: `integer from 512 to 1536, a multiple of 32`."""
    if parameter.enum is not None:
        return one_of(parameter.enum)
    if parameter.type is None:
        return " or ".join(dict.fromkeys(words(choice) for choice in parameter.any_of)) or "a value"
    if parameter.type in ("integer", "number"):
        return parameter.type + _numbers(parameter)
    if parameter.type == "array":
        inner = _plural(parameter.items)
        return f"array{_range(parameter.min_items, parameter.max_items, inner)}" if inner else "array"
    if parameter.type == "string":
        return _text(parameter)
    if parameter.type == "object" and parameter.properties:
        return f"object with {_members(parameter.properties)}"
    return _KINDS.get(parameter.type, parameter.type)


def one_of(values: Sequence[object]) -> str:
    """List the values that fit."""
    shown = [f"'{value}'" if isinstance(value, str) else received(value) for value in values[:MAX_NAMED]]
    if len(values) > MAX_NAMED:
        shown.append(f"{len(values) - MAX_NAMED} more")
    return shown[0] if len(shown) == 1 else f"one of {', '.join(shown)}"


def _members(properties: Mapping[str, Parameter]) -> str:
    """List members, and what they may be where that is the same for all."""
    names = _listed([f"'{name}'" for name in properties])
    each = {words(one) for one in properties.values() if one.type in ("integer", "number")}
    alike = len(each) == 1 and all(one.type in ("integer", "number") for one in properties.values())
    return f"{names}, each {each.pop()}" if alike else names


def _text(parameter: Parameter) -> str:
    if parameter.format is not None:
        return _FORMS.get(parameter.format, parameter.format)
    told = "string" + _range(parameter.min_length, parameter.max_length, "characters")
    if parameter.pattern is None:
        return told
    return f"{told} ({parameter.description})" if parameter.description else f"{told} that matches {parameter.pattern}"


def _numbers(parameter: Parameter) -> str:
    least, most, above = parameter.minimum, parameter.maximum, parameter.exclusive_minimum
    if least is not None and most is not None:
        told = f" from {least} to {most}"
    else:
        bounds = (("above", above), ("at least", least), ("at most", most))
        told = "".join(f" {word} {bound}" for word, bound in bounds if bound is not None)
    return told if parameter.multiple_of is None else f"{told}, a multiple of {parameter.multiple_of}"


def _range(least: int | None, most: int | None, unit: str) -> str:
    if least is not None and most is not None and least > 0:
        return f" of {least} to {most} {unit}" if least != most else f" of {least} {unit}"
    if most is not None:
        return f" of at most {most} {unit}"
    if least:
        return f" of at least {least} {unit}"
    return f" of {unit}" if unit != "characters" else ""


def _plural(items: Parameter | None) -> str:
    if items is None or items.type is None:
        return "values"
    if items.format == "uri":
        return "URLs"
    return items.type + "s"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
