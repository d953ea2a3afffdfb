"""Schemas of tools, rewritten into what a provider accepts."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelport.dialects.schema_subsets import GEMINI_FORMATS, GEMINI_KEYS, PLAIN_REFUSED, TYPES
from modelport.dialects.tool_schemas import MAX_DEPTH, SchemaRefused, Subset, rewrite


def gemini(schema: object) -> Any:
    return json.loads(rewrite(json.dumps(schema).encode(), "gemini"))


def plain(schema: object) -> Any:
    return json.loads(rewrite(json.dumps(schema).encode(), "plain"))


WORDS = st.sampled_from(["a", "b", "long name", "$ref", "type", "default"])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-5, 9), st.text(max_size=4), st.floats(0, 9))


def _branch(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    types = st.sampled_from(sorted(TYPES))
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.one_of(types, st.lists(types, min_size=1, max_size=3, unique=True)),
            "title": st.text(max_size=4), "description": st.text(max_size=9), "default": SCALARS, "const": SCALARS,
            "enum": st.lists(SCALARS, max_size=3), "format": st.sampled_from(["uuid", "date-time", "int32", "enum"]),
            "properties": st.dictionaries(WORDS, children, max_size=3), "required": st.lists(WORDS, max_size=3),
            "additionalProperties": st.one_of(st.booleans(), children), "patternProperties": st.just({"^x": {}}),
            "items": st.one_of(children, st.lists(children, max_size=2)), "prefixItems": st.lists(children, max_size=2),
            "minItems": st.integers(0, 3), "uniqueItems": st.booleans(), "minLength": st.integers(0, 3),
            "pattern": st.just("^a"), "minimum": st.integers(0, 3),
            "exclusiveMinimum": st.one_of(st.booleans(), st.integers(0, 3)),
            "maximum": st.floats(0, 5), "exclusiveMaximum": st.integers(0, 9), "multipleOf": st.integers(1, 3),
            "anyOf": st.lists(children, min_size=1, max_size=3), "oneOf": st.lists(children, min_size=1, max_size=3),
            "allOf": st.lists(children, min_size=1, max_size=2), "not": children, "nullable": st.booleans(),
            "$ref": st.sampled_from(["#/$defs/A", "#/definitions/B"]), "$comment": st.just("x"),
        },
    )  # fmt: skip


SCHEMAS = st.recursive(st.one_of(st.booleans(), st.just({}), st.just({"type": "string"})), _branch, max_leaves=4)
ROOTS = st.builds(
    lambda body: {
        **body,
        "$defs": {"A": {"type": "object", "properties": {"x": {"$ref": "#/definitions/B"}}}},
        "definitions": {"B": {"type": ["string", "null"], "description": "A B."}},
    },
    _branch(SCHEMAS),
)


def assert_gemini(schema: Any) -> None:
    assert isinstance(schema, dict)
    assert set(schema) <= GEMINI_KEYS
    assert ("type" in schema) != ("anyOf" in schema)
    assert schema.get("type", "null") in TYPES
    if "anyOf" in schema:
        assert set(schema) <= {"anyOf", "description", "title", "nullable"}
        assert schema["anyOf"]
    assert schema.get("nullable", True) is True
    if "enum" in schema:
        assert schema["type"] == "string"
        assert all(isinstance(word, str) and word for word in schema["enum"])
    if "format" in schema:
        assert schema["format"] in GEMINI_FORMATS[schema["type"]]
    if schema.get("type") == "array":
        assert "items" in schema
    assert set(schema.get("required", ())) <= set(schema.get("properties", ()))
    for child in (*schema.get("properties", {}).values(), *schema.get("anyOf", ())):
        assert_gemini(child)
    if "items" in schema:
        assert_gemini(schema["items"])


def assert_plain(schema: Any) -> None:
    assert isinstance(schema, dict)
    assert not set(schema) & PLAIN_REFUSED
    for child in schema.get("properties", {}).values():
        assert_plain(child)
    if "items" in schema:
        assert_plain(schema["items"])


@given(ROOTS)
@settings(max_examples=60, deadline=None)
def test_what_comes_out_is_in_googles_subset(schema: Any) -> None:
    assert_gemini(gemini(schema))


@given(ROOTS)
@settings(max_examples=60, deadline=None)
def test_what_comes_out_has_no_references_and_no_combinations(schema: Any) -> None:
    assert_plain(plain(schema))


@given(ROOTS, st.sampled_from(["gemini", "plain"]))
@settings(max_examples=80, deadline=None)
def test_rewriting_again_changes_nothing(schema: Any, subset: Subset) -> None:
    once = rewrite(json.dumps(schema).encode(), subset)
    assert rewrite(once, subset) == once


def test_references_are_put_in_their_place_with_what_stands_beside_them() -> None:
    schema = {
        "type": "object",
        "properties": {"pet": {"$ref": "#/$defs/Pet", "description": "To buy."}, "other": {"$ref": "#/$defs/Pet"}},
        "$defs": {"Pet": {"type": "string", "description": "A pet."}},
    }
    assert gemini(schema) == {
        "type": "object",
        "properties": {
            "pet": {"type": "string", "description": "To buy. A pet."},
            "other": {"type": "string", "description": "A pet."},
        },
    }


def test_what_may_be_null_says_so_in_googles_way() -> None:
    assert gemini({"type": ["string", "null"]}) == {"type": "string", "nullable": True}
    assert gemini({"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None, "title": "Age"}) == {
        "type": "integer", "nullable": True, "title": "Age",
    }  # fmt: skip
    assert gemini({"type": ["object", "null"], "properties": {"a": {"type": "string"}}}) == {
        "type": "object", "nullable": True, "properties": {"a": {"type": "string"}},
    }  # fmt: skip
    assert gemini({"enum": ["a", None]}) == {"type": "string", "nullable": True, "enum": ["a"]}


def test_a_choice_between_types_becomes_any_of_with_what_holds_for_each() -> None:
    assert gemini({"type": ["string", "integer"], "minLength": 2, "description": "Id."}) == {
        "description": "Id.",
        "anyOf": [{"type": "string", "minLength": 2}, {"type": "integer"}],
    }
    assert gemini({"oneOf": [{"type": "string"}, {"type": "number"}]}) == {
        "anyOf": [{"type": "string"}, {"type": "number"}]
    }


def test_parts_that_must_all_hold_are_joined() -> None:
    schema = {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "number", "minimum": 1}}, "required": ["a"]},
            {"properties": {"a": {"type": "integer", "minimum": 3}, "b": {"type": "string"}}, "required": ["b"]},
        ]
    }
    assert gemini(schema) == {
        "type": "object",
        "properties": {"a": {"type": "integer", "minimum": 3}, "b": {"type": "string"}},
        "required": ["b", "a"],
    }


def test_a_constant_and_exclusive_bounds_keep_their_meaning() -> None:
    assert gemini({"const": "x"}) == {"type": "string", "enum": ["x"]}
    assert gemini({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10}) == {
        "type": "integer", "minimum": 1, "maximum": 9,
    }  # fmt: skip
    assert gemini({"type": "number", "exclusiveMinimum": 0}) == {
        "type": "number", "minimum": 0, "description": "Greater than 0.",
    }  # fmt: skip


def test_what_cannot_be_said_goes_into_the_description() -> None:
    assert gemini({"type": "integer", "enum": [1, 2], "description": "Floor."}) == {
        "type": "integer", "description": "Floor. One of: 1, 2.",
    }  # fmt: skip
    assert gemini({"type": "string", "format": "uuid", "default": "x"}) == {
        "type": "string", "description": 'Format: uuid. Default: "x".',
    }  # fmt: skip
    assert gemini({"type": "object", "required": ["gone"]})["description"] == "Also required: gone."


def test_properties_named_like_keywords_are_properties() -> None:
    schema = {"type": "object", "properties": {"$ref": {"type": "string"}, "default": {"type": "string"}}}
    assert gemini(schema) == schema
    assert plain(schema) == schema


def test_the_order_of_properties_is_kept() -> None:
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in "zaqm"}}
    assert list(gemini(schema)["properties"]) == list("zaqm")


def test_a_plain_choice_keeps_its_types_and_tells_the_rest() -> None:
    assert plain({"anyOf": [{"type": "string"}, {"type": "integer"}]}) == {"type": ["string", "integer"]}
    assert plain({"anyOf": [{"type": "string"}, {"type": "null"}]}) == {"type": ["string", "null"]}
    made = plain(
        {
            "oneOf": [
                {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
                {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]},
            ]
        }
    )
    assert made["type"] == "object"
    assert list(made["properties"]) == ["a", "b"]
    assert "required" not in made
    assert made["description"].startswith("One of: ")


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"$ref": "#"}, "refers to itself"),
        ({"properties": {"a": {"$ref": "#/$defs/N"}}, "$defs": {"N": {"items": {"$ref": "#/$defs/N"}}}}, "itself"),
        ({"$ref": "https://example.com/schema.json"}, "not in it"),
        ({"$ref": "#/$defs/Missing"}, "not in it"),
        ({"properties": {"a": 7}}, "no schema"),
    ],
)
def test_a_schema_without_an_end_or_with_a_hole_is_refused(schema: object, told: str) -> None:
    with pytest.raises(SchemaRefused, match=told):
        gemini(schema)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"7"])
def test_what_is_no_schema_is_refused(body: bytes) -> None:
    with pytest.raises(SchemaRefused):
        rewrite(body, "gemini")


def test_references_that_double_at_each_level_are_refused() -> None:
    defs = {f"L{i}": {"properties": {n: {"$ref": f"#/$defs/L{i + 1}"} for n in "ab"}} for i in range(40)}
    with pytest.raises(SchemaRefused, match="parts"):
        gemini({"$ref": "#/$defs/L0", "$defs": {**defs, "L40": {"type": "string"}}})


def test_a_schema_that_is_nested_too_deep_is_refused() -> None:
    schema: object = {"type": "string"}
    for _ in range(MAX_DEPTH + 1):
        schema = {"type": "array", "items": schema}
    with pytest.raises(SchemaRefused, match="deep"):
        gemini(schema)
