"""The part of JSON Schema that Google takes for the parameters of functions and the form of answers.

The members, `https://apifox.com/apidoc/docs-site/3757320/doc-6516133` (a copy of Google's page) and the type `Schema`
of `google-genai` 3.4; unknown ones, `https://github.com/zed-industries/zed/issues/44875` (const) and
`https://github.com/AstrBotDevs/AstrBot/issues/7572` (examples); read on 2026-11-22. Sentences about types, formats
and items are worded by us.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.fake.vendor import words

_MEMBERS = words(
    """
    type format title description nullable enum maxItems minItems properties required minProperties maxProperties
    minLength maxLength pattern example anyOf propertyOrdering default items minimum maximum
    """
)
_TYPES = frozenset({"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"})
_FORMATS = frozenset({"enum", "date-time"})


def schema_problems(schema: Mapping[str, Any], where: str) -> Iterator[str]:
    """Say what is wrong with a schema, in the vendor's words."""
    for name in schema:
        if name not in _MEMBERS:
            yield f"Invalid JSON payload received. Unknown name \"{name}\" at '{where}': Cannot find field."
    kind = schema.get("type")
    if isinstance(kind, list):
        text = "Proto field is not repeating, cannot start list."
        yield f"Invalid JSON payload received. Unknown name \"type\" at '{where}': {text}"
        return
    if kind is not None and str(kind).upper() not in _TYPES:
        proto = "type.googleapis.com/google.ai.generativelanguage.v1beta.Type"
        yield f"Invalid value at '{where}.type' ({proto}), \"{kind}\""
        return
    yield from _members(schema, where, str(kind).upper())
    for name, inner in (schema.get("properties") or {}).items():
        yield from schema_problems(inner, f"{where}.properties[{_at(schema, name)}].value")
    if isinstance(schema.get("items"), dict):
        yield from schema_problems(schema["items"], f"{where}.items")
    for index, inner in enumerate(schema.get("anyOf") or ()):
        yield from schema_problems(inner, f"{where}.any_of[{index}]")


def _at(schema: Mapping[str, Any], name: str) -> int:
    return list(schema["properties"]).index(name)


def _members(schema: Mapping[str, Any], where: str, kind: str) -> Iterator[str]:
    place = f"* GenerateContentRequest.{where}"
    if kind == "ARRAY" and "items" not in schema:
        yield f"{place}.items: missing field."
    for index, name in enumerate(schema.get("required") or ()):
        if kind == "OBJECT" and name not in (schema.get("properties") or {}):
            yield f"{place}.required[{index}]: property is not defined"
    if kind == "STRING" and schema.get("format", "enum") not in _FORMATS:
        yield f"{place}.format: only 'enum' and 'date-time' are supported for STRING type"
    if "enum" in schema and kind != "STRING":
        yield f"{place}.enum: only allowed for STRING type"
    elif any(not isinstance(value, str) for value in schema.get("enum") or ()):
        yield f"Invalid value at '{where}.enum' (TYPE_STRING)"
