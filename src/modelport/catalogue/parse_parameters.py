"""Reads the parameters of models from catalogue files."""

import re

import msgspec

from modelport.catalogue.forms import CAPABILITIES, FIELD, FIELD_FORM
from modelport.catalogue.parameters import Parameter
from modelport.catalogue.table import Table

FORMATS = ("base64", "date", "date-time", "uri")
_PLACE = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`$")


def parse_parameters(table: Table | None) -> dict[str, Parameter] | None:
    """Read a table of parameters by name; None when there is no such table."""
    if table is None:
        return None
    found: dict[str, Parameter] = {}
    for name in table.values:
        inner = table.table(name)
        if not re.fullmatch(FIELD, name):
            table.fault(name, f"'{name}' is not {FIELD_FORM}", "correct it")
        elif inner is not None and (parameter := _parameter(inner)) is not None:
            found[name] = parameter
    return found


def _parameter(table: Table) -> Parameter | None:
    try:
        parameter = msgspec.convert(table.values, Parameter)
    except msgspec.ValidationError as error:
        text = str(error)
        place = _PLACE.search(text)
        told = text[: place.start()] if place else text
        table.fault(place[1] if place else "", told[:1].lower() + told[1:], "write it as JSON Schema does")
        return None
    if parameter.needs and parameter.needs not in CAPABILITIES:
        table.fault("needs", f"'{parameter.needs}' is no capability", f"write one of {', '.join(CAPABILITIES)}")
    _check(table, "", parameter)
    return parameter


def _check(table: Table, place: str, parameter: Parameter) -> None:
    """See that what is said of a value can be true of one."""
    if parameter.type is None and not parameter.any_of and parameter.enum is None:
        remedy = 'write type = "string" (or integer, number, boolean, array, object, file), enum or anyOf'
        table.fault(_at(place, "type"), "is missing", remedy)
    if parameter.format is not None and parameter.format not in FORMATS:
        table.fault(_at(place, "format"), f"'{parameter.format}' is not known", f"write one of {', '.join(FORMATS)}")
    if parameter.pattern is not None:
        try:
            re.compile(parameter.pattern)
        except re.error as error:
            table.fault(_at(place, "pattern"), f"is no regular expression: {error}", "correct it")
    for least, most in (("minimum", "maximum"), ("min_length", "max_length"), ("min_items", "max_items")):
        low, high = getattr(parameter, least), getattr(parameter, most)
        if low is not None and high is not None and low > high:
            table.fault(_at(place, least.replace("_l", "L").replace("_i", "I")), f"{low} is above {high}", "swap them")
    if parameter.items is not None:
        _check(table, _at(place, "items"), parameter.items)
    for name, inner in (parameter.properties or {}).items():
        _check(table, _at(place, f"properties.{name}"), inner)
    for number, choice in enumerate(parameter.any_of, 1):
        _check(table, _at(place, f"anyOf[{number}]"), choice)


def _at(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key
