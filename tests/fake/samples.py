"""The smallest value that a JSON schema allows."""

from collections.abc import Mapping
from typing import Any

_SIMPLE: dict[str, Any] = {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "null": None}


def sample(schema: Mapping[str, Any]) -> Any:
    """Make a value of a schema: the first alternative, all properties, arrays of one."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return sample(schema[key][0])
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {name: sample(inner) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [sample(schema.get("items", {"type": "string"})) for _ in range(schema.get("minItems", 1))]
    return _number(schema) if kind in {"integer", "number"} else _SIMPLE[kind]


def _number(schema: Mapping[str, Any]) -> Any:
    return schema.get("minimum", _SIMPLE[schema.get("type", "integer")])
