import json
import math
from typing import Any

import msgspec
import pytest

from modelport.engines.refusals import Refusal
from modelport.engines.tools import (
    CLEAR,
    NO_TOOLS,
    CallText,
    Toolbox,
    ToolsAsked,
    call_likelihood,
    is_fence_likely,
    toolbox,
)

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "weather", "description": "Tells it", "parameters": CITY}}
TIME = {"type": "function", "function": {"name": "time"}}
SHELL = {"type": "custom", "custom": {"name": "shell", "description": "Runs it"}}


def box(choice: object = None, *tools: object) -> Toolbox:
    return toolbox(msgspec.convert({"tools": list(tools) or [WEATHER, TIME, SHELL], "tool_choice": choice}, ToolsAsked))


@pytest.mark.parametrize(
    ("choice", "mode", "names"),
    [
        (None, "auto", "weather time shell"),
        ("auto", "auto", "weather time shell"),
        ("required", "required", "weather time shell"),
        ({"type": "function", "function": {"name": "time"}}, "required", "time"),
        ({"type": "custom", "custom": {"name": "shell"}}, "required", "shell"),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [TIME, {"type": "function", "function": {"name": "weather"}}],
                },
            },
            "auto",
            "weather time",
        ),
    ],
)
def test_the_choice_says_how_free_the_model_is_and_among_what(choice: object, mode: str, names: str) -> None:
    chosen = box(choice)
    assert (chosen.mode, [tool.name for tool in chosen.tools]) == (mode, names.split())


def test_without_tools_or_with_the_choice_none_there_are_none() -> None:
    assert toolbox(ToolsAsked()) == toolbox(ToolsAsked(tool_choice="auto")) == box("none") == NO_TOOLS


@pytest.mark.parametrize(
    ("choice", "tools", "told"),
    [
        ({"type": "function", "function": {"name": "nope"}}, (WEATHER,), "'nope', which is not among"),
        (None, ({"type": "function"},), r"'tools\[0\]' describes no function"),
        (None, ({"type": "function", "function": {"name": 'a"b'}},), "letters, digits"),
        (None, (WEATHER, {"type": "custom", "custom": {"name": "x", "format": {"type": "grammar"}}}), r"tools\[1\]"),
        (None, ({"type": "function", "function": {"name": "a", "parameters": {"type": "no"}}},), r"tools\[0\]"),
        (None, (TIME,) * 129, "has 129 entries"),
    ],
)
def test_what_cannot_be_called_is_refused(choice: object, tools: tuple[object, ...], told: str) -> None:
    with pytest.raises(Refusal, match=told) as refused:
        box(choice, *tools)
    assert refused.value.status == 400


def test_a_forced_call_needs_something_to_call() -> None:
    with pytest.raises(Refusal, match="no 'tools' to choose from"):
        toolbox(ToolsAsked(tool_choice="required"))


def test_the_grammar_has_one_way_to_call_each_function() -> None:
    lines = box("required").grammar.splitlines()
    assert lines[:3] == [
        "%llguidance {}",
        "start: call0 | call1 | call2",
        'call0: "{\\"name\\": \\"weather\\", \\"arguments\\": " arguments0 "}"',
    ]
    schema = json.loads(lines[3].removeprefix("arguments0: %json "))
    assert schema["properties"] == CITY["properties"]


def test_the_model_is_told_names_descriptions_and_parameters() -> None:
    told = [json.loads(line) for line in box().words.splitlines() if line.startswith('{"type"')]
    assert [one["function"]["name"] for one in told] == ["weather", "time", "shell"]
    assert told[0]["function"]["parameters"] == CITY
    assert told[2]["function"]["parameters"]["required"] == ["input"]


def read(text: str, *, is_cut: bool = False, size: int = 1) -> tuple[list[Any], list[Any]]:
    reader = CallText(box("required"), "call_1")
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    entries: list[Any] = [entry for piece in pieces for entry in reader.feed(piece)]
    return [*entries, *reader.finish(is_cut=is_cut)], reader.whole()


CALL = '{"name": "weather", "arguments": {"city": "a}}\\"}"}}'
ARGUMENTS = '{"city": "a}}\\"}"}'


@pytest.mark.parametrize("size", range(1, len(CALL) + 1))
def test_a_call_is_read_wherever_its_text_is_cut(size: int) -> None:
    entries, whole = read(CALL, size=size)
    first, *rest = entries
    assert first == {
        "index": 0,
        "id": "call_1",
        "type": "function",
        "function": {"name": "weather", "arguments": ""},
    }
    assert "".join(entry["function"]["arguments"] for entry in rest) == ARGUMENTS
    assert whole == [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ARGUMENTS}}]


@pytest.mark.parametrize("end", range(len(CALL) + 1))
def test_a_call_that_was_cut_has_the_arguments_so_far(end: int) -> None:
    _, whole = read(CALL[:end], is_cut=True)
    start = CALL.index(ARGUMENTS)
    assert [one["function"]["arguments"] for one in whole] == (
        [CALL[start:end][: len(ARGUMENTS)]] if end >= start else []
    )


def test_the_call_of_a_custom_tool_carries_its_text() -> None:
    text = '{"name": "shell", "arguments": {"input": "ls \\"}"}}'
    entries, whole = read(text)
    assert entries == [
        {"index": 0, "id": "call_1", "type": "custom", "custom": {"name": "shell", "input": ""}},
        {"index": 0, "custom": {"input": 'ls "}'}},
    ]
    assert whole == [{"id": "call_1", "type": "custom", "custom": {"name": "shell", "input": 'ls "}'}}]
    assert read('{"name": "shell", "arguments": {"input": "ls -', is_cut=True)[1][0]["custom"]["input"] == "ls -"


@pytest.mark.parametrize(
    "text",
    ["Sure!", '{"name": "other', '{"name": "weather", "arguments": {}}', '{"name": "weather", "arguments": 1}', ""],
)
def test_what_is_no_call_that_holds_is_an_error(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        read(text)
    assert refused.value.code == "schema_not_held"


def test_a_model_calls_only_when_it_clearly_begins_to() -> None:
    half, most = math.log(0.5), math.log(0.9)
    assert call_likelihood({'{"': most, "The": -3.0}) >= CLEAR
    assert call_likelihood({'{"': half, "The": half}) < CLEAR
    assert call_likelihood({"<tool_call>": most}) >= CLEAR
    assert call_likelihood({}) == 0


def test_a_fenced_block_is_a_call_when_it_is_json() -> None:
    first = {'{"': math.log(0.4), "```": math.log(0.5)}
    assert is_fence_likely(first)
    assert call_likelihood(first, {"json": 0.0}) >= CLEAR
    assert call_likelihood(first, {"python": 0.0}) < CLEAR
    assert not is_fence_likely({'{"': math.log(0.9), "```": math.log(0.1)})
    assert not is_fence_likely({"The": 0.0})
