import json
from typing import Any

import pytest

from modelport.engines.calls import choice_call, probe_call, read_call
from modelport.engines.refusals import Refusal
from modelport.engines.tools import CALL_PREFIX

USER = {"role": "user", "content": "hi"}
BEGUN = {"role": "assistant", "content": "The", "prefix": True}
NOW = {"type": "function", "function": {"name": "now"}}
CITY = {"type": "json_schema", "json_schema": {"name": "city", "schema": {"type": "object"}, "strict": True}}


def body(*messages: object, **fields: object) -> bytes:
    return json.dumps({"messages": list(messages) or [USER], **fields}).encode()


def sent(*messages: object, **fields: object) -> Any:
    return json.loads(choice_call(read_call(body(*messages, **fields), 64), 0))


def test_a_forced_call_is_written_under_a_grammar_and_from_its_beginning() -> None:
    call = sent(tools=[NOW], tool_choice="required", stop=["}"], logprobs=True, parallel_tool_calls=True)
    assert call["messages"][-1] == {"role": "assistant", "content": CALL_PREFIX}
    assert (call["continue_final_message"], call["add_generation_prompt"]) == (True, False)
    assert "call0" in call["grammar"]
    assert not {"tools", "tool_choice", "parallel_tool_calls", "stop", "logprobs"} & call.keys()


@pytest.mark.parametrize(("is_calling", "has_grammar"), [(True, True), (False, False)])
def test_a_model_that_may_choose_is_held_to_what_it_chose(is_calling: bool, has_grammar: bool) -> None:
    call = read_call(body(tools=[NOW]), 64)
    assert call.box.mode == "auto"
    assert ("grammar" in json.loads(choice_call(call.decided(is_calling=is_calling), 0))) is has_grammar


def test_how_an_answer_would_begin_is_asked_with_the_same_messages() -> None:
    call = read_call(body(tools=[NOW], temperature=2, stream=True), 64)
    probe = json.loads(probe_call(call))
    assert probe["messages"] == call.messages
    assert (probe["max_tokens"], probe["temperature"], probe["top_logprobs"]) == (1, 0, 20)
    assert json.loads(probe_call(call, "```"))["messages"][-1] == {"role": "assistant", "content": "```"}


@pytest.mark.parametrize("wanted", [CITY, {"type": "json_object"}])
def test_json_is_written_under_a_grammar(wanted: object) -> None:
    call = sent(response_format=wanted)
    assert '"type":"object"' in call["grammar"]
    assert "response_format" not in call


def test_plain_text_needs_no_grammar() -> None:
    assert "grammar" not in sent(response_format={"type": "text"})


def test_an_answer_may_go_on_from_a_beginning() -> None:
    call = sent(USER, BEGUN)
    assert call["messages"] == [USER, {"role": "assistant", "content": "The"}]
    assert call["continue_final_message"] is True


def test_an_assistants_last_word_that_is_no_beginning_is_a_turn_of_its_own() -> None:
    turn = {"role": "assistant", "content": "The"}
    assert "continue_final_message" not in sent(USER, turn)
    assert sent(USER, {**turn, "prefix": False})["messages"] == [USER, turn]


def test_an_empty_beginning_is_none() -> None:
    call = sent(USER, {**BEGUN, "content": ""})
    assert call["messages"] == [USER]
    assert "continue_final_message" not in call


@pytest.mark.parametrize(
    ("messages", "fields", "told"),
    [
        ([BEGUN, USER], {}, "only be set on the last message"),
        ([{**USER, "prefix": True}], {}, "only be set on the last message"),
        ([USER, BEGUN], {"response_format": CITY}, "'prefix' cannot be used with"),
        ([USER, BEGUN], {"tools": [NOW], "tool_choice": "required"}, "'prefix' cannot be used with"),
        ([USER], {"response_format": CITY, "grammar": "root ::= x"}, "'grammar' cannot be used with"),
        ([USER], {"tools": [NOW], "json_schema": {}}, "'json_schema' cannot be used with"),
        ([USER], {"response_format": {"type": "json_schema"}}, "schema' is missing"),
        ([USER], {"response_format": {"type": "json_schema", "json_schema": {"schema": False}}}, "nothing fits"),
        ([USER], {"response_format": {"type": "xml"}}, "response_format"),
        ([USER], {"tool_choice": "sometimes"}, "tool_choice"),
        ([USER], {"functions": [{"name": "now"}]}, "use 'tools'"),
        ([USER], {"function_call": "auto"}, "use 'tool_choice'"),
        ([], {"messages": []}, "'messages' is empty"),
    ],
)
def test_what_contradicts_itself_is_refused(messages: list[object], fields: dict[str, object], told: str) -> None:
    with pytest.raises(Refusal, match=told) as refused:
        read_call(body(*messages, **fields), 64)
    assert refused.value.status == 400


def test_tools_beside_a_beginning_are_told_but_not_called() -> None:
    call = read_call(body(USER, BEGUN, tools=[NOW]), 64)
    assert call.box.mode == "none"
    assert "now" in str(call.messages[0]["content"])


def test_the_result_of_a_call_is_answered_in_words_unless_another_is_forced() -> None:
    result = {"role": "tool", "tool_call_id": "1", "content": "17"}
    assert read_call(body(USER, result, tools=[NOW]), 64).box.mode == "none"
    assert read_call(body(USER, result, tools=[NOW], tool_choice="required"), 64).is_calling
