"""The parts of JSON Schema that providers take: leaving of one schema what is in a part, and telling the rest in words.

Google's part, an excerpt of OpenAPI's schema object: https://ai.google.dev/api/caching#Schema (read 2026-11-22).
"""

from collections.abc import Callable, Mapping
from typing import cast

import msgspec

Schema = dict[str, object]
MAX_NOTE = 500

_ORDER = (
    "type", "format", "title", "description", "nullable", "enum", "items", "minItems", "maxItems", "properties",
    "required", "propertyOrdering", "minProperties", "maxProperties", "minLength", "maxLength", "pattern",
    "minimum", "maximum", "anyOf",
)  # fmt: skip
GEMINI_KEYS = frozenset(_ORDER)
GEMINI_FORMATS = {
    "string": frozenset({"date-time", "enum"}),
    "number": frozenset({"float", "double"}),
    "integer": frozenset({"int32", "int64"}),
}
TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
PLAIN_REFUSED = frozenset(
    {"$ref", "$dynamicRef", "$recursiveRef", "$defs", "definitions", "anyOf", "oneOf", "allOf", "not", "if", "then",
     "else"}
)  # fmt: skip

SPEAKS_OF = {
    "properties": "object", "required": "object", "additionalProperties": "object", "minProperties": "object",
    "maxProperties": "object", "propertyOrdering": "object", "items": "array", "minItems": "array",
    "maxItems": "array", "minLength": "string", "maxLength": "string", "pattern": "string",
}  # fmt: skip


def kinds_of(kind: object) -> list[object]:
    """Return the types that a `type` names."""
    return cast(list[object], kind) if isinstance(kind, list) else [kind]


def listed(value: object) -> list[object]:
    """Return a list as it is, and nothing for anything else."""
    return cast(list[object], value) if isinstance(value, list) else []


def note(made: Schema, told: str) -> None:
    """Say something in the description."""
    told = told if len(told) <= MAX_NOTE else told[: MAX_NOTE - 1] + "…"
    before = made.get("description")
    if isinstance(before, str) and told in before:
        return
    made["description"] = f"{before} {told}" if isinstance(before, str) and before else told


def shown(value: object) -> str:
    """Print a value as JSON."""
    return msgspec.json.encode(value).decode()


def for_gemini(schema: Schema) -> Schema:
    """Leave of a schema what Google takes, and say the rest in its description."""
    made = dict(schema)
    _exclusive(made)
    _typed(made)
    _only_of_its_type(made)
    _enumerated(made)
    _formatted(made)
    if made.get("type") == "object":
        _only_known_required(made)
    if made.get("type") == "array":
        made.setdefault("items", ANYTHING)
    if made.get("nullable") is not True:
        made.pop("nullable", None)
    for name in [name for name in made if name not in GEMINI_KEYS]:
        value = made.pop(name)
        if told := _told(name, value):
            note(made, told)
    for name in [name for name, fits in _FITS.items() if name in made and not fits(made[name])]:
        del made[name]
    return _ordered(made)


def _ordered(made: Schema) -> Schema:
    """Put members in one order, so that the same meaning is the same bytes, which providers cache by."""
    others = sorted(made.keys() - GEMINI_KEYS)
    return {name: made[name] for name in (*_ORDER, *others) if name in made}


ANYTHING: Schema = {
    "description": "Any JSON value.",
    "nullable": True,
    "anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}],
}


def _told(name: str, value: object) -> str:
    """Say in words what Google's subset cannot."""
    if name in ("additionalProperties", "unevaluatedProperties", "additionalItems", "unevaluatedItems"):
        return f"Other properties: {shown(cast(Schema, value))}." if isinstance(value, dict) and value else ""
    if name == "default":
        return "" if value is None else f"Default: {shown(value)}."
    if name == "uniqueItems":
        return "Items are unique." if value is True else ""
    return "" if name.startswith(("$", "x-")) else f"{name}: {shown(value)}."


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in cast(list[object], value))


_FITS: Mapping[str, Callable[[object], bool]] = {
    **dict.fromkeys(("title", "description", "pattern", "format"), _is_text),
    **dict.fromkeys(("minItems", "maxItems", "minProperties", "maxProperties", "minLength", "maxLength"), _is_whole),
    **dict.fromkeys(("minimum", "maximum"), _is_number),
    **dict.fromkeys(("required", "propertyOrdering", "enum"), _are_texts),
    **dict.fromkeys(("properties", "items"), lambda value: isinstance(value, dict)),
}
"""Members of the wrong type, which a validator would ignore but Google refuses."""


def _exclusive(made: Schema) -> None:
    """Say exclusive bounds as inclusive ones: exactly for whole numbers, otherwise with a word about it."""
    for name, bound, step, word in (
        ("exclusiveMinimum", "minimum", 1, "Greater than"),
        ("exclusiveMaximum", "maximum", -1, "Less than"),
    ):
        value = made.pop(name, None)
        if value is True:  # As in draft 4, where it speaks of the bound beside it.
            value = made.pop(bound, None)
        if not _is_number(value):
            continue
        limit = cast(float, value)
        if made.get("type") == "integer" and isinstance(limit, int):
            made[bound] = limit + step
        else:
            made[bound] = limit
            note(made, f"{word} {shown(limit)}.")


def _typed(made: Schema) -> None:
    """Give a schema the type that it implies, since Google wants one."""
    kind = made.get("type")
    if isinstance(kind, str) and kind.lower() in TYPES:
        made["type"] = kind.lower()
        return
    made.pop("type", None)
    if "anyOf" in made:
        return
    implied = next((kind for name, kind in SPEAKS_OF.items() if name in made), None)
    if implied is None and not made.keys().isdisjoint({"minimum", "maximum", "multipleOf"}):
        implied = "number"
    if implied is None and listed(made.get("enum")):
        implied = _type_of(listed(made["enum"])[0])
    if implied is not None:
        made["type"] = implied
        return
    made["anyOf"] = ANYTHING["anyOf"]
    made["nullable"] = True
    if "description" not in made:
        made["description"] = ANYTHING["description"]


def _only_of_its_type(made: Schema) -> None:
    """Drop what only speaks of values of other types, and so says nothing about this one's."""
    kind = made.get("type")
    if not isinstance(kind, str):
        return
    for name in [name for name in made if SPEAKS_OF.get(name, kind) != kind]:
        del made[name]
    if kind not in ("number", "integer"):
        made.pop("minimum", None)
        made.pop("maximum", None)


def _type_of(value: object) -> str:
    kinds: tuple[tuple[type, str], ...] = (
        (str, "string"), (bool, "boolean"), (int, "integer"), (float, "number"), (list, "array"), (dict, "object"),
    )  # fmt: skip
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")


def _enumerated(made: Schema) -> None:
    """Keep an enumeration of words; say any other in the description, since Google only takes words."""
    if "enum" not in made:
        return
    values = listed(made["enum"])
    if values and made.get("type") == "string" and all(isinstance(value, str) and value for value in values):
        return
    del made["enum"]
    if values:
        note(made, f"One of: {', '.join(shown(value) for value in values)}.")


def _formatted(made: Schema) -> None:
    form = made.get("format")
    if form is None or form in GEMINI_FORMATS.get(str(made.get("type")), frozenset()):
        return
    del made["format"]
    note(made, f"Format: {form}.")


def _only_known_required(made: Schema) -> None:
    """Require only what is described, since Google refuses the rest."""
    known = cast(Mapping[str, object], made.get("properties") or {})
    for name in ("required", "propertyOrdering"):
        names = listed(made.pop(name, None))
        found = [one for one in names if one in known]
        if found:
            made[name] = found
        unknown = [str(one) for one in names if one not in known]
        if unknown and name == "required":
            note(made, f"Also required: {', '.join(unknown)}.")


def for_plain(schema: Schema) -> Schema:
    """Leave of a schema what needs no combinations, and say them in its description."""
    made = dict(schema)
    ways = cast(list[Schema], made.pop("anyOf", None) or [])
    if ways:
        _merge_ways(made, ways)
    _only_of_its_type(made)
    if made.pop("nullable", None) is True:
        _or_null(made)
    for name in ("not", "if", "then", "else"):
        if name in made:
            note(made, f"{name}: {shown(made.pop(name))}.")
    for name in [name for name in made if name in PLAIN_REFUSED or name.startswith("$")]:
        del made[name]
    return _ordered(made)


def _merge_ways(made: Schema, ways: list[Schema]) -> None:
    """Say a choice between schemas as one that all of them fit, and the choice itself in words."""
    kinds: list[object] = []
    for way in ways:
        kind = way.get("type")
        kinds.extend(kinds_of(kind))
    unique = list(dict.fromkeys(kind for kind in kinds if isinstance(kind, str)))
    if None not in kinds and unique:
        made["type"] = unique[0] if len(unique) == 1 else unique
    if unique == ["object"]:
        made["properties"] = _all_properties(ways)
        shared = [set(map(str, listed(way.get("required")))) for way in ways]
        if common := set[str].intersection(*shared):
            made["required"] = sorted(common)
    if any(way.keys() - {"type"} for way in ways):
        note(made, f"One of: {shown(ways)}.")


def _all_properties(ways: list[Schema]) -> dict[str, object]:
    found: dict[str, object] = {}
    for way in ways:
        for name, value in cast(Mapping[str, object], way.get("properties") or {}).items():
            if name in found and found[name] != value:
                found[name] = {}
            else:
                found[name] = value
    return found


def _or_null(made: Schema) -> None:
    kind = made.get("type")
    kinds = kinds_of(kind)
    if kind is None or "null" in kinds:
        return
    made["type"] = [*kinds, "null"]
    if isinstance(made.get("enum"), list) and None not in listed(made["enum"]):
        made["enum"] = [*listed(made["enum"]), None]
