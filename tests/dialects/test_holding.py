"""Whether an answer holds what was asked: forced tools, arguments, JSON of a schema."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from modelport.dialects.holding import MAX_SCHEMA_BYTES, breach, schema_prompt, unusable
from modelport.operations.content import Part, Refusal, Text, ToolUse, Turn
from modelport.operations.conversation import AnswerFormat, Conversation, Tool, ToolChoice
from modelport.operations.reply import Choice, Finish, Reply

SCHEMA = b'{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}'
F = Tool("f", parameters=SCHEMA)
G = Tool("g", kind="custom")
ASKED = Conversation(turns=(Turn("user", (Text("a"),)),), tools=(F, G))


def reply(*parts: Part, finish: Finish = "stop") -> Reply:
    return Reply((Choice(0, parts, finish),), None)


def use(name: str = "f", arguments: str = '{"a":1}') -> ToolUse:
    return ToolUse("c1", name, arguments)


def talk(**members: Any) -> Conversation:
    return replace(ASKED, **members)


TOOLS: list[tuple[ToolChoice | None, tuple[Part, ...], str | None]] = [
    (None, (Text("a"),), None),
    (ToolChoice("auto"), (Text("a"),), None),
    (ToolChoice("required"), (Text("a"),), "called no tool"),
    (ToolChoice("required"), (use(),), None),
    (ToolChoice("named", "f"), (use(),), None),
    (ToolChoice("named", "f"), (use("g"),), "did not call the tool 'f'"),
    (ToolChoice("allowed", allowed=("f",), is_required=True), (Text("a"),), "called no tool"),
    (ToolChoice("allowed", allowed=("f",)), (Text("a"),), None),
    (ToolChoice("allowed", allowed=("f",)), (ToolUse("c", "g", "x", "custom"),), "'g', which was not allowed"),
    (ToolChoice("none"), (use(),), "although no tool was to be called"),
    (None, (use("h"),), "none of the tools"),
    (None, (use(arguments='{"a":'),), "are not JSON"),
    (None, (use(arguments='{"b":1}'),), None),
    (ToolChoice("required"), (use(arguments='{"b":1}'),), "do not match its schema"),
    (ToolChoice("required"), (ToolUse("c", "g", "not json", "custom"),), None),
]


@pytest.mark.parametrize(("choice", "parts", "told"), TOOLS)
def test_tools_that_were_to_be_called(choice: ToolChoice | None, parts: tuple[Part, ...], told: str | None) -> None:
    found = breach(talk(tool_choice=choice), reply(*parts))
    assert (found is None) is (told is None)
    assert (told or "") in (found or "")


def test_arguments_of_a_strict_tool_match_its_schema() -> None:
    strict = talk(tools=(replace(F, strict=True),))
    assert breach(strict, reply(use())) is None
    assert "at '/a'" in (breach(strict, reply(use(arguments='{"a":"x"}'))) or "")


@pytest.mark.parametrize(
    ("kind", "text", "holds"),
    [
        ("json_object", "{}", True),
        ("json_object", "[]", False),
        ("json_object", "```json\n{}\n```", False),
        ("json_schema", '{"a": 1}', True),
        ("json_schema", '{"a": "1"}', False),
        ("json_schema", '{"a": 1', False),
        ("text", "anything", True),
    ],
)
def test_answers_that_were_to_be_json(kind: Any, text: str, holds: bool) -> None:
    asked = talk(format=AnswerFormat(kind, "n", SCHEMA))
    assert (breach(asked, reply(Text(text))) is None) is holds


def test_an_answer_that_was_cut_or_refused_or_calls_a_tool_is_not_blamed() -> None:
    asked = talk(format=AnswerFormat("json_schema", "n", SCHEMA))
    assert breach(asked, reply(Text('{"a'), finish="length")) is None
    assert breach(asked, reply(Refusal("no"))) is None
    assert breach(asked, reply(use())) is None


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"$ref": "https://schemas.example/a"}, "refers to https://schemas.example/a"),
        ({"type": "thing"}, "valid JSON schema"),
        ({"description": "x" * MAX_SCHEMA_BYTES}, "at most 262144 bytes"),
        ([], "an object"),
    ],
)
def test_a_schema_that_cannot_be_checked_is_refused_and_never_fetched(schema: Any, told: str) -> None:
    raw = json.dumps(schema).encode()
    asked = talk(format=AnswerFormat("json_schema", "n", raw), spelled={"format": "response_format"})
    refusal = unusable(asked)
    assert refusal is not None
    assert told in refusal.message
    assert refusal.param == "response_format.json_schema.schema"
    assert breach(asked, reply(Text("{}"))) is not None
    strict = unusable(talk(tools=(Tool("f", parameters=raw, strict=True),)))
    assert strict is not None
    assert strict.param == "tools[0]"
    assert unusable(talk(tools=(Tool("f", parameters=raw),))) is None


def test_a_schema_that_is_nested_too_deeply_is_refused() -> None:
    schema = b'{"items":' * 100 + b"{}" + b"}" * 100
    assert unusable(talk(format=AnswerFormat("json_schema", "n", schema))) is not None


def test_a_pattern_that_would_take_for_ever_does_not() -> None:
    asked = talk(format=AnswerFormat("json_schema", "n", rb'{"type":"string","pattern":"^(a+)+\\1$"}'))
    assert breach(asked, reply(Text(json.dumps("a" * 5000 + "!")))) is not None


def test_a_schema_is_asked_for_in_words() -> None:
    asked = schema_prompt(AnswerFormat("json_schema", "n", SCHEMA, description="A number."))
    assert SCHEMA.decode() in asked
    assert "A number." in asked
    assert "JSON object" in schema_prompt(AnswerFormat("json_object"))
