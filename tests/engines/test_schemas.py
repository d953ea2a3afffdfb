import json

import pytest

from modelport.engines.refusals import Refusal
from modelport.engines.schemas import compiled

CITY = {
    "$defs": {"name": {"type": "string", "minLength": 2}},
    "type": "object",
    "properties": {"city": {"$ref": "#/$defs/name"}},
    "required": ["city"],
    "additionalProperties": False,
}


def test_a_schema_becomes_a_grammar_with_its_members_in_order() -> None:
    grammar = compiled(CITY, "schema").grammar
    head, _, rule = grammar.partition("start: %json ")
    assert head == "%llguidance {}\n"
    read = json.loads(rule)
    assert read.pop("x-guidance")["lenient"] is True
    assert json.dumps(read) == json.dumps(CITY)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strong"},
        {"$ref": "#/$defs/none"},
        {"$ref": "https://models.example/schema.json"},
        {"type": "string", "minLength": "two"},
        {"type": "string", "pattern": "[a-"},
    ],
)
def test_what_is_no_schema_or_points_outside_is_refused_by_name(schema: dict[str, object]) -> None:
    with pytest.raises(Refusal, match=r"'tools\[1\]' is no JSON schema") as refused:
        compiled(schema, "tools[1]")
    assert (refused.value.status, refused.value.param) == (400, "tools[1]")


@pytest.mark.parametrize("text", ['{"city": "X"}', "{}", '{"city": "Rome"', "Rome", '{"city": "Rome", "x": 1}'])
def test_a_whole_answer_that_does_not_hold_its_schema_is_an_error(text: str) -> None:
    with pytest.raises(Refusal, match="The answer does not hold its schema") as refused:
        compiled(CITY, "schema").check(text, "The answer")
    assert (refused.value.status, refused.value.code) == (502, "schema_not_held")


def test_keywords_that_the_sampler_leaves_out_are_checked_afterwards() -> None:
    schema = compiled({"type": "array", "items": {"type": "integer"}, "uniqueItems": True}, "schema")
    schema.check("[1, 2]", "The answer")
    with pytest.raises(Refusal, match="unique"):
        schema.check("[1, 1]", "The answer")


def test_an_answer_that_was_cut_must_still_look_like_json() -> None:
    schema = compiled(CITY, "schema")
    for text in ("", '{"ci', "{"):
        schema.check_start(text, "The answer")
    with pytest.raises(Refusal, match="not JSON"):
        schema.check_start("The city is", "The answer")
