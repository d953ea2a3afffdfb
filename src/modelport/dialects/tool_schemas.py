"""Rewriting JSON schemas into the part of JSON Schema that a provider accepts, keeping what they mean.

What cannot be said in the smaller language is put into descriptions, which a model reads.
"""

from collections.abc import Callable, Mapping
from typing import Literal, cast

import msgspec

from modelport.core.errors import Problem
from modelport.dialects.schema_subsets import ANYTHING, SPEAKS_OF, Schema, for_gemini, for_plain, listed, note, shown
from modelport.dialects.wire import NotExpressible

Subset = Literal["gemini", "plain"]
"""Google's excerpt of OpenAPI's schema object · JSON Schema without `$ref` and without combinations."""

MAX_DEPTH = 64
MAX_NODES = 10_000
"""Of the schema with its references resolved: references can double at each level."""
_SILENT = frozenset(
    {"$schema", "$id", "id", "$anchor", "$comment", "$defs", "definitions", "$vocabulary", "examples", "example",
     "deprecated", "readOnly", "writeOnly", "strict"}
)  # fmt: skip
"""What says nothing about the values that a model shall write, or nothing that it needs."""
_DRAFTS = frozenset({"$ref", "allOf"})
_HELD = frozenset({"description", "title", "nullable"})
"""What stays beside `anyOf`; the rest of a schema moves into its branches."""

MAX_PASSES = 8


class SchemaRefused(Problem):
    """A schema that cannot be rewritten: it is no schema, has no end, or refers to what is not there."""


def rewrite(schema: bytes, subset: Subset) -> bytes:
    """Rewrite a schema (JSON) into a part of JSON Schema; raises `SchemaRefused`."""
    try:
        root = msgspec.json.decode(schema)
    except (msgspec.DecodeError, RecursionError):
        raise SchemaRefused("is not JSON") from None
    if not isinstance(root, dict):
        raise SchemaRefused("is not an object")
    whole = cast(Schema, root)
    for _ in range(MAX_PASSES):  # What two parts said of one property may only fit after it is joined.
        made = _Rewriting(whole, subset).node(whole, frozenset(), 0)
        is_settled = made == whole
        whole = made
        if is_settled:
            break
    return msgspec.json.encode(whole)


def fitted(schema: bytes, subset: Subset | Literal[""], place: str, provider: str) -> bytes:
    """Return a tool's schema as a provider takes it; raises `NotExpressible` where that cannot be done."""
    if not subset or not schema:
        return schema
    try:
        return rewrite(schema, subset)
    except SchemaRefused as refused:
        raise NotExpressible(place, provider, f"cannot be given it: it {refused}") from None


class _Rewriting:
    """One schema on its way into a subset."""

    def __init__(self, root: Schema, subset: Subset) -> None:
        self._root = root
        self._nodes = 0
        self._finish: Callable[[Schema], Schema] = for_gemini if subset == "gemini" else for_plain
        self._is_plain = subset == "plain"

    def node(self, schema: object, refs: frozenset[str], depth: int) -> Schema:
        """Rewrite a schema and all below it."""
        return self._settled(self._loose(schema, refs, depth))

    def _settled(self, schema: Schema) -> Schema:
        """Move what holds beside a choice into its branches, and leave what the subset knows."""
        ways = cast(list[Schema], schema.get("anyOf", []))
        if not ways:
            return self._finish(schema)
        made: Schema = {name: value for name, value in schema.items() if name in _HELD}
        outer: Schema = {name: value for name, value in schema.items() if name not in _HELD and name != "anyOf"}
        settled = [self._settled(_joined(way, _fitting(outer, way))) for way in ways]
        unique = [way for index, way in enumerate(settled) if way not in settled[:index]]
        if len(unique) == 1:
            return self._finish(_joined(made, unique[0]))
        return self._finish({**made, "anyOf": unique})

    def _loose(self, schema: object, refs: frozenset[str], depth: int) -> Schema:
        """Rewrite what is below a schema and join its parts, so that other parts can still be joined to it."""
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise SchemaRefused(f"is nested more than {MAX_DEPTH} deep or has more than {MAX_NODES} parts")
        if not isinstance(schema, dict):
            if schema is True:
                return {}
            if schema is False:
                return {"description": "Must not be given."}
            raise SchemaRefused("has something that is no schema where one must be")
        given = cast(Schema, schema)
        joined = self._own({name: value for name, value in given.items() if name not in _DRAFTS}, refs, depth)
        for part in listed(given.get("allOf")):
            joined = _joined(joined, self._loose(part, refs, depth + 1))
        pointer = given.get("$ref")
        if isinstance(pointer, str):
            joined = _joined(joined, self._referred(pointer, refs, depth))
        return joined

    def _referred(self, pointer: str, refs: frozenset[str], depth: int) -> Schema:
        if pointer in refs:
            raise SchemaRefused(f"refers to itself in {pointer[:100]}")
        return self._loose(_found(self._root, pointer), refs | {pointer}, depth + 1)

    def _own(self, schema: Schema, refs: frozenset[str], depth: int) -> Schema:
        """Rewrite the children of a schema that has no references and no parts."""

        def below(value: object) -> Schema:
            return self.node(value, refs, depth + 1)

        made: Schema = {name: value for name, value in schema.items() if name not in _SILENT}
        if isinstance(schema.get("properties"), dict):
            properties = cast(Mapping[str, object], schema["properties"])
            made["properties"] = {name: below(value) for name, value in properties.items()}
        tuple_items = listed(schema.get("prefixItems")) or listed(schema.get("items"))
        if tuple_items:
            _tuple(made, [below(item) for item in tuple_items], self._settled)
        elif schema.get("items", []) != []:
            made["items"] = below(schema["items"])
        else:
            made.pop("items", None)
        if isinstance(schema.get("additionalProperties"), dict) and self._is_plain:
            made["additionalProperties"] = below(schema["additionalProperties"])
        self._branches(made, refs, depth)
        _normal(made)
        return made

    def _branches(self, made: Schema, refs: frozenset[str], depth: int) -> None:
        """Replace `anyOf`, `oneOf` and lists of types by branches that each say all that holds for them."""
        branches = [*listed(made.pop("oneOf", None)), *listed(made.pop("anyOf", None))]
        types = made.get("type")
        if not branches and isinstance(types, list):
            del made["type"]
            branches = [{"type": one} for one in cast(list[object], types)]
        if not branches:
            return
        loose = [self._loose(branch, refs, depth + 1) for branch in branches]
        kept = [branch for branch in loose if branch.get("type") != "null"]
        may_be_null = len(kept) < len(loose) or made.pop("nullable", None) is True
        if len(kept) == 1:
            way = _joined(kept[0], _fitting(made, kept[0]))
            made.clear()
            made.update(way)
        elif kept:
            made["anyOf"] = kept
        else:
            made["type"] = "null"
        if may_be_null:
            made["nullable"] = True


def _found(root: Schema, pointer: str) -> object:
    """Follow a local reference."""
    if not pointer.startswith("#"):
        raise SchemaRefused(f"refers to {pointer[:100]}, which is not in it")
    place: object = root
    for step in pointer[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(place, list) and name.isdigit() and int(name) < len(cast(list[object], place)):
            place = cast(list[object], place)[int(name)]
        elif isinstance(place, dict) and name in place:
            place = cast(Schema, place)[name]
        else:
            raise SchemaRefused(f"refers to {pointer[:100]}, which is not in it")
    return place


def _tuple(made: Schema, items: list[Schema], settled: Callable[[Schema], Schema]) -> None:
    """Say a list of fixed places as one of items that are of either kind."""
    made.pop("prefixItems", None)
    rest = made.pop("additionalItems", made.pop("items", None))
    unique = [item for index, item in enumerate(items) if item not in items[:index]]
    made["items"] = settled({"anyOf": unique})
    made.setdefault("type", "array")
    if len(unique) > 1:
        note(made, f"Items in this order: {shown(items)}.")
    if rest is False:
        made.setdefault("maxItems", len(items))


def _normal(made: Schema) -> None:
    """Say `const`, exclusive bounds and an `enum` with null in the words that both subsets know."""
    if "const" in made:
        const = made.pop("const")
        made.setdefault("enum", [const])
    if isinstance(made.get("enum"), list):
        values = listed(made["enum"])
        rest = [value for value in values if value is not None]
        if len(rest) < len(values) and rest:
            made["enum"], made["nullable"] = rest, True
        if not values:
            del made["enum"]  # Nothing would fit.


def _fitting(outer: Schema, branch: Schema) -> Schema:
    """Return what an outer schema says that can hold for a branch of a type."""
    kind = branch.get("type")
    if not isinstance(kind, str):
        return outer
    return {name: value for name, value in outer.items() if SPEAKS_OF.get(name, kind) == kind or name == "type"}


def _joined(first: Schema, second: Schema) -> Schema:
    """Join two schemas that must both hold; where they contradict each other the first one does."""
    made = {**second, **first}
    if "anyOf" in first and "anyOf" in second and first["anyOf"] != second["anyOf"]:
        note(made, f"Also one of: {shown(second['anyOf'])}.")
    for name in first.keys() & second.keys():
        made[name] = _JOINS[name](first[name], second[name]) if name in _JOINS else first[name]
    if "nullable" in made and _is_about(first) and _is_about(second):
        made["nullable"] = first.get("nullable") is True and second.get("nullable") is True
    if made.get("nullable") is False:
        del made["nullable"]
    return made


def _is_about(schema: Schema) -> bool:
    return not schema.keys().isdisjoint({"type", "anyOf", "enum", "properties"})


def _properties(first: object, second: object) -> object:
    one, other = cast(Mapping[str, Schema], first), cast(Mapping[str, Schema], second)
    shared = {name: _joined_property(one[name], other[name]) for name in one if name in other}
    return {**other, **one, **shared}


def _joined_property(first: Schema, second: Schema) -> Schema:
    if first == ANYTHING:
        return second
    return first if second == ANYTHING else _joined(first, second)


def _required(first: object, second: object) -> object:
    return list(dict.fromkeys([*listed(second), *listed(first)]))


def _described(first: object, second: object) -> object:
    return first if second == first or not second else f"{first} {second}".strip()


def _enums(first: object, second: object) -> object:
    return [value for value in listed(first) if value in listed(second)] or first


def _kind(first: object, second: object) -> object:
    return "integer" if {str(first), str(second)} == {"integer", "number"} else first


def _least(first: object, second: object) -> object:
    if isinstance(first, int | float) and isinstance(second, int | float):
        return max(first, second)
    return first


def _most(first: object, second: object) -> object:
    if isinstance(first, int | float) and isinstance(second, int | float):
        return min(first, second)
    return first


_JOINS: Mapping[str, Callable[[object, object], object]] = {
    "properties": _properties,
    "required": _required,
    "description": _described,
    "enum": _enums,
    "type": _kind,
    **dict.fromkeys(("minimum", "minLength", "minItems", "minProperties"), _least),
    **dict.fromkeys(("maximum", "maxLength", "maxItems", "maxProperties"), _most),
}
