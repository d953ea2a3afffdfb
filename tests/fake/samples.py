"""The smallest value that a JSON schema allows."""

from collections.abc import Mapping
from typing import Any

_SIMPLE: dict[str, Any] = {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "null": None}


_REFERENCES = 4
"""How deep references are followed in schemas that hold themselves."""


def sample(schema: Mapping[str, Any], root: Mapping[str, Any] | None = None, depth: int = 0) -> Any:
    """Make a value of a schema: the first alternative, all properties, arrays of one; references are followed."""
    root = schema if root is None else root
    if "$ref" in schema:
        return sample(_referred(root, schema["$ref"]), root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return sample(schema[key][0], root, depth)
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: sample(inner, root, depth) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        count = schema.get("minItems", 1 if depth < _REFERENCES else 0)
        return [sample(schema.get("items", {"type": "string"}), root, depth) for _ in range(count)]
    return _number(schema) if kind in {"integer", "number"} else _SIMPLE[kind]


def _referred(root: Mapping[str, Any], reference: str) -> Mapping[str, Any]:
    found: Any = root
    for name in reference.removeprefix("#").strip("/").split("/") if reference != "#" else ():
        found = found[name.replace("~1", "/").replace("~0", "~")]
    return found


def _number(schema: Mapping[str, Any]) -> Any:
    return schema.get("minimum", _SIMPLE[schema.get("type", "integer")])
