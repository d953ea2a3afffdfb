from typing import Any

import msgspec
import pytest

from modelport.engines.histories import rendered
from modelport.engines.refusals import Refusal
from modelport.engines.tools import NO_TOOLS, ToolsAsked, toolbox

USER = {"role": "user", "content": "Weather?"}


def called(*names: str, content: object = None) -> dict[str, object]:
    calls = [
        {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": '{"city":"Rome"}'}}
        for name in names
    ]
    return {"role": "assistant", "content": content, "tool_calls": calls}


def test_messages_without_calls_stay_as_they_are() -> None:
    messages = [{"role": "system", "content": "S"}, USER, {"role": "assistant", "content": "Sunny."}, USER]
    assert rendered(messages, NO_TOOLS) == messages


def test_calls_and_their_results_become_text() -> None:
    results = [{"role": "tool", "tool_call_id": f"call_{name}", "content": name.upper()} for name in ("a", "b")]
    shown = rendered([USER, called("a", "b", content="Let me see."), *results, USER], NO_TOOLS)
    assert [message["role"] for message in shown] == ["user", "assistant", "user", "user"]
    assert shown[1]["content"] == (
        'Let me see.\n<tool_call>\n{"name": "a", "arguments": {"city":"Rome"}}\n</tool_call>\n'
        '<tool_call>\n{"name": "b", "arguments": {"city":"Rome"}}\n</tool_call>'
    )
    assert shown[2]["content"] == ("<tool_response>\nA\n</tool_response>\n<tool_response>\nB\n</tool_response>")


def test_a_custom_call_and_a_result_in_parts_become_text() -> None:
    call = {"id": "1", "type": "custom", "custom": {"name": "shell", "input": 'ls "x"'}}
    result = {
        "role": "tool",
        "tool_call_id": "1",
        "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
    }
    shown = rendered([{"role": "assistant", "tool_calls": [call]}, result], NO_TOOLS)
    assert '"arguments": {"input":"ls \\"x\\""}' in str(shown[0]["content"])
    assert "\nab\n" in str(shown[1]["content"])


def test_developers_are_heard_as_system() -> None:
    assert rendered([{"role": "developer", "content": "D"}, USER], NO_TOOLS)[0] == {"role": "system", "content": "D"}


@pytest.mark.parametrize(
    ("first", "begins"), [([], "You are"), ([{"role": "system", "content": "Be kind."}], "Be kind.")]
)
def test_functions_are_told_in_the_first_message(first: list[Any], begins: str) -> None:
    box = toolbox(msgspec.convert({"tools": [{"type": "function", "function": {"name": "now"}}]}, ToolsAsked))
    told, user = rendered([*first, USER], box)
    assert (told["role"], user) == ("system", USER)
    assert str(told["content"]).startswith(begins)
    assert box.words in str(told["content"])


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({"role": "tool", "tool_call_id": "1", "content": [{"type": "image_url"}]}, "part of type 'image_url'"),
        ({"role": "assistant", "content": [{"type": "image_url"}]}, "part of type 'image_url'"),
        ({"role": "assistant", "tool_calls": [{"id": "1"}]}, "calls nothing"),
        ({"role": "tool", "content": 5}, r"messages\[0\]\.content"),
        ({"content": "x"}, r"messages\[0\]"),
    ],
)
def test_what_cannot_be_told_is_refused_by_place(message: dict[str, object], told: str) -> None:
    with pytest.raises(Refusal, match=told):
        rendered([message], NO_TOOLS)
