"""Checks a request against the parameters of its model, and fills in what was left out.

The work is bounded by the parameters and the size of the request: what nobody described is not looked into, and after
`MAX_FAULTS` faults nothing more is looked for.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import cast

from modelport.catalogue.parameters import Parameter, Parameters
from modelport.catalogue.wording import one_of, words
from modelport.core.errors import InvalidBody
from modelport.core.received import received
from modelport.operations.media import Upload

MAX_FAULTS = 20
MAX_DROPPED = 100
MAX_NAME = 100
MAX_MATCHED = 10_000
"""The most characters that a pattern is tried on."""
_LOOKED_AT = 4096
"""So much of a link or of base64 is looked at; who fetches or decodes it sees the rest."""

_LINK = re.compile(r"https?://[^\s/?#]+[^\s]*", re.IGNORECASE)
_DATA = re.compile(r"data:[^,\s]*,", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-\r\n]+={0,2}\s*")
LEAST_BASE64 = 64
"""Bare base64 is at least so long where a link could stand as well: no file is smaller."""

Object = Mapping[str, object]
NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing in a request that does not fit: where, and what would; empty where something is missing."""

    place: str
    expected: str = ""
    received: str = ""

    def __str__(self) -> str:
        if not self.expected:
            return f"'{self.place}': Required"
        return f"'{self.place}': Expected {self.expected}, received {self.received}"


@dataclass(frozen=True, slots=True)
class Completed:
    """A request that fits: its fields with defaults filled in, and the places of what nobody described."""

    fields: Object
    dropped: tuple[str, ...] = ()


def complete(parameters: Parameters, given: Object, called: Mapping[str, str] = NOTHING) -> Completed:
    """Check a request and fill in the defaults; raises `InvalidBody` with every fault.

    A null is nothing, where null is no value of its own. `called` are the names by which its sender knows fields that
    were renamed.
    """
    found = _Found(called)
    fields = _members(parameters, given, "", found)
    if found.faults:
        raise refused(found.faults)
    return Completed(fields, tuple(found.dropped))


def refused(faults: Sequence[Fault]) -> InvalidBody:
    """Tell faults in the form of all errors."""
    return InvalidBody(tuple(str(fault) for fault in faults), faults[0].place)


@dataclass(slots=True)
class _Found:
    """What was seen so far."""

    called: Mapping[str, str] = field(default_factory=dict[str, str])
    faults: list[Fault] = field(default_factory=list[Fault])
    dropped: list[str] = field(default_factory=list[str])

    @property
    def is_full(self) -> bool:
        return len(self.faults) >= MAX_FAULTS

    def misfit(self, place: str, expected: str, came: str) -> None:
        self.faults.append(Fault(place, expected, came))

    def place(self, inside: str, name: str) -> str:
        return f"{inside}.{name}" if inside else self.called.get(name, name)


def _members(parameters: Parameters, given: Object, place: str, found: _Found) -> dict[str, object]:
    fields: dict[str, object] = {}
    for name, parameter in parameters.items():
        if found.is_full:
            break
        value = given.get(name)
        if value is None and not (parameter.nullable and name in given):
            if parameter.required:
                found.faults.append(Fault(found.place(place, name)))
            elif parameter.default is not None:
                fields[name] = deepcopy(parameter.default)
        else:
            fields[name] = _value(parameter, value, found.place(place, name), found)
    for name in given:
        if len(found.dropped) >= MAX_DROPPED:
            break
        if name not in parameters:
            found.dropped.append(found.place(place, name[:MAX_NAME]))
    return fields


def _value(parameter: Parameter, value: object, place: str, found: _Found) -> object:
    """Return a value as it is to be used; what is wrong with it is noted."""
    if value is None and parameter.nullable:
        return None
    faults = len(found.faults)
    if parameter.type is not None:
        value = _KINDS[parameter.type](parameter, value, place, found)
    if parameter.any_of and len(found.faults) == faults:
        value = _any(parameter, value, place, found)
    if parameter.enum is not None and len(found.faults) == faults and not _is_among(value, parameter.enum):
        found.misfit(place, one_of(parameter.enum), shown(value))
    return value


def _is_among(value: object, allowed: Sequence[object]) -> bool:
    """Whether a value is one of those allowed; true is not 1."""
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in allowed)


def _text(parameter: Parameter, value: object, place: str, found: _Found) -> object:
    if not isinstance(value, str):
        found.misfit(place, words(parameter), shown(value))
    elif not _is_within(len(value), parameter.min_length, parameter.max_length):
        found.misfit(place, words(parameter), f"string of {len(value)} characters")
    elif (
        parameter.pattern is not None and not (len(value) <= MAX_MATCHED and re.search(parameter.pattern, value))
    ) or (parameter.format is not None and not _FORMATS[parameter.format](value)):
        found.misfit(place, words(parameter), received(value))
    return value


def _number(parameter: Parameter, value: object, place: str, found: _Found) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_allowed(parameter, value):
        found.misfit(place, words(parameter), shown(value))
    return value


def _whole(parameter: Parameter, value: object, place: str, found: _Found) -> object:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, float):
        found.misfit(place, words(parameter), shown(value))
        return value
    return _number(parameter, value, place, found)


def _is_allowed(parameter: Parameter, value: float) -> bool:
    if not _is_within(value, parameter.minimum, parameter.maximum):
        return False
    if parameter.exclusive_minimum is not None and value <= parameter.exclusive_minimum:
        return False
    return parameter.multiple_of is None or _is_multiple(value, parameter.multiple_of)


def _is_within(value: float, least: float | None, most: float | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _is_multiple(value: float, unit: float) -> bool:
    if isinstance(value, int) and isinstance(unit, int):
        return value % unit == 0
    try:
        return Decimal(str(value)) % Decimal(str(unit)) == 0
    except InvalidOperation:  # so far apart that no digit is left of a remainder
        return False


def _truth(parameter: Parameter, value: object, place: str, found: _Found) -> object:
    if not isinstance(value, bool):
        found.misfit(place, words(parameter), shown(value))
    return value


def _list(parameter: Parameter, value: object, place: str, found: _Found) -> object:
    if not isinstance(value, list):
        found.misfit(place, words(parameter), shown(value))
        return value
    items = cast("list[object]", value)
    if not _is_within(len(items), parameter.min_items, parameter.max_items):
        found.misfit(place, words(parameter), f"array of {len(items)}")
        return items
    if parameter.items is None:
        return items
    checked: list[object] = []
    for index, item in enumerate(items):
        if found.is_full:
            break
        checked.append(_value(parameter.items, item, f"{place}[{index}]", found))
    return checked


def _object(parameter: Parameter, value: object, place: str, found: _Found) -> object:
    if not isinstance(value, dict):
        found.misfit(place, words(parameter), shown(value))
        return value
    members = cast("dict[str, object]", value)
    known, rest = parameter.properties, parameter.additional_properties
    if known is None and rest is None:
        return members
    if rest is None:
        return _members(known or {}, members, place, found)
    named = {name: one for name, one in members.items() if known is not None and name in known}
    fields = _members(known or {}, named, place, found)
    for name, one in members.items():
        if found.is_full:
            break
        if name not in named:
            fields[name] = _value(rest, one, found.place(place, name[:MAX_NAME]), found)
    return fields


def _file(parameter: Parameter, value: object, place: str, found: _Found) -> object:
    if not isinstance(value, Upload):
        found.misfit(place, words(parameter), shown(value))
    return value


def shown(value: object) -> str:
    """Print a value, or say that it is a file."""
    return "a file" if isinstance(value, Upload) else received(value)


Kind = Callable[[Parameter, object, str, _Found], object]
_KINDS: Mapping[str, Kind] = {
    "string": _text,
    "integer": _whole,
    "number": _number,
    "boolean": _truth,
    "array": _list,
    "object": _object,
    "file": _file,
}


def _any(parameter: Parameter, value: object, place: str, found: _Found) -> object:
    """Take the first choice that fits; else tell what is wrong with the one that was meant, where that is clear."""
    tried: list[tuple[Parameter, _Found]] = []
    for choice in parameter.any_of:
        trial = _Found(found.called)
        taken = _value(choice, value, place, trial)
        if not trial.faults:
            found.dropped.extend(trial.dropped)
            return taken
        tried.append((choice, trial))
    meant = [(choice, trial) for choice, trial in tried if _is_meant(choice, value)]
    if len(meant) > 1:
        meant = [(choice, trial) for choice, trial in meant if _holds(choice, value)]
    if len(meant) == 1:
        found.faults.extend(meant[0][1].faults)
    elif (tag := _tag(parameter.any_of, value)) is not None:
        name, allowed = tag
        found.misfit(f"{place}.{name}", one_of(allowed), shown(cast("Object", value).get(name)))
    else:
        found.misfit(place, words(parameter), shown(value))
    return value


def _is_meant(choice: Parameter, value: object) -> bool:
    """Whether somebody who sent this may have had this choice in mind: its kind, and its tag where it has one."""
    if isinstance(value, dict):
        members = cast("Object", value)
        return choice.type == "object" and all(
            members.get(name) in allowed for name, allowed in _tags(choice).items() if name in members
        )
    return choice.type in _MEANT.get(type(value), ())


def _holds(choice: Parameter, value: object) -> bool:
    """Whether the first of a list is of a kind that the items of this choice are; true of what is no list."""
    if choice.items is None or not isinstance(value, list) or not value:
        return True
    kinds = {one.type for one in (choice.items, *choice.items.any_of)}
    return not kinds.isdisjoint(_MEANT.get(type(cast("list[object]", value)[0]), ()))


_MEANT: Mapping[type, tuple[str, ...]] = {
    str: ("string",),
    bool: ("boolean",),
    list: ("array",),
    dict: ("object",),
    int: ("integer", "number"),
    float: ("number",),
}


def _tags(choice: Parameter) -> dict[str, tuple[object, ...]]:
    """The members that say which of several objects this is: required, and of one value."""
    return {
        name: one.enum
        for name, one in (choice.properties or {}).items()
        if one.required and one.enum is not None and len(one.enum) == 1
    }


def _tag(choices: Sequence[Parameter], value: object) -> tuple[str, tuple[object, ...]] | None:
    """Return the tag that tells several objects apart, and all its values; None when there is no such tag."""
    tags = [_tags(choice) for choice in choices if choice.type == "object"]
    if not isinstance(value, dict) or len(tags) < 2:
        return None
    common = [name for name in tags[0] if all(name in other for other in tags)]
    return (common[0], tuple(one for tag in tags for one in tag[common[0]])) if common else None


def _is_link(text: str) -> bool:
    """A link, a `data:` URL, or base64 as it is."""
    begin = text[:_LOOKED_AT]
    if _LINK.fullmatch(begin) or _DATA.match(begin):
        return True
    return len(text) >= LEAST_BASE64 and _is_base64(text)


def _is_base64(text: str) -> bool:
    begin = text[:_LOOKED_AT]
    return bool(_DATA.match(begin) or _BASE64.fullmatch(begin))


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text[:_LOOKED_AT])
    except ValueError:
        return False
    return len(text) == 10


def _is_moment(text: str) -> bool:
    try:
        return len(text) > 10 and datetime.fromisoformat(text[:_LOOKED_AT]).tzinfo is not None
    except ValueError:
        return False


_FORMATS: Mapping[str, Callable[[str], bool]] = {
    "uri": _is_link,
    "base64": _is_base64,
    "date": _is_date,
    "date-time": _is_moment,
}
