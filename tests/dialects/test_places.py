"""What is refused is named as its caller wrote it, whatever its provider speaks."""

import json
from typing import Any

import pytest

from modelport.catalogue.facts import Model, Offer, Provider, Quirks
from modelport.dialects.table import called, served
from modelport.dialects.wire import NotExpressible, Target
from modelport.operations.chat import ChatCall, RoleRefused

PICTURE = "data:image/tiff;base64,AAAA"
INPUT = [
    {"role": "user", "content": "hi"},
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "E"},
    {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c", "output": "seen"},
]
MESSAGES = [
    {"role": "user", "content": "hi"},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "look", "input": {}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c"}, {"type": "text", "text": "so?"}]},
]


def parse(dialect: str, **fields: Any) -> ChatCall:
    return served(dialect).parse(json.dumps({"model": "m", **fields}).encode())


def refused(call: ChatCall, dialect: Any, **quirks: Any) -> str | None:
    """Name the place that a provider of a format refuses."""
    provider = Provider("p", "P", "https://p.example", {"chat": (dialect,)})
    target = Target(Offer("m", provider, "u", quirks=Quirks(**quirks)), Model("m", "M", "a", "chat", ""))
    talk = served(call.dialect).read(call)
    with pytest.raises(NotExpressible) as caught:
        called(dialect, target).encode(talk, target, is_streaming=False)
    return caught.value.param


@pytest.mark.parametrize(
    ("dialect", "part", "place"),
    [
        ("anthropic_messages", {"type": "input_image", "image_url": PICTURE}, "input[4].content[0]"),
        ("google_gemini", {"type": "input_image", "file_id": "f"}, "input[4].content[0]"),
        ("openai_chat", {"type": "input_file", "file_url": "https://x.example/a.pdf"}, "input[4]"),
        ("openai_responses", {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}, None),
    ],
)
def test_items_of_responses_are_counted_as_they_were_sent(dialect: str, part: dict[str, Any], place: str) -> None:
    call = parse("openai_responses", instructions="Be brief.", input=[*INPUT, {"role": "user", "content": [part]}])
    assert refused(call, dialect) == (place or "input[4].content[0]")


def test_instructions_are_named_so() -> None:
    talk = served("openai_responses").read(parse("openai_responses", instructions="Be brief.", input=INPUT))
    assert [talk.place(index) for index in range(len(talk.turns))] == [
        "instructions",
        "input[0]",
        "input[1]",
        "input[3]",
    ]
    talk = served("openai_responses").read(parse("openai_responses", input="hi"))
    assert talk.place(0) == "input"


def test_messages_are_counted_as_they_were_sent() -> None:
    call = parse("anthropic_messages", max_tokens=9, system="Be brief.", messages=MESSAGES)
    talk = served("anthropic_messages").read(call)
    assert [talk.place(index) for index in range(len(talk.turns))] == [
        "system",
        "messages[0]",
        "messages[1]",
        "messages[2]",
        "messages[2]",
    ]


@pytest.mark.parametrize(
    ("call", "place"),
    [
        (parse("openai_chat", messages=[{"role": "system", "content": "a"}]), "messages[0].role"),
        (parse("openai_responses", input=[{"role": "system", "content": "a"}]), "input[0].role"),
        (parse("openai_responses", input="hi", instructions="a"), "instructions"),
        (parse("anthropic_messages", max_tokens=9, messages=MESSAGES, system="a"), "system"),
    ],
)
def test_a_role_that_a_model_does_not_take_is_found_where_its_caller_put_it(call: ChatCall, place: str) -> None:
    problem = RoleRefused(call.roles["system"], "system", call)
    assert (problem.param, problem.message) == (
        place,
        f"Unsupported value: '{place}' does not support 'system' with this model.",
    )


@pytest.mark.parametrize("dialect", ["anthropic_messages", "openai_chat"])
def test_an_answer_to_continue_is_named_as_its_caller_wrote_it(dialect: str) -> None:
    said = [{"role": "user", "content": "Count."}, {"role": "assistant", "content": "One,"}]
    messages = parse("anthropic_messages", system="Be brief.", messages=said)
    assert refused(messages, dialect) == "messages[1]"
    said[1]["prefix"] = True  # type: ignore[assignment]
    chat = parse("openai_chat", messages=[{"role": "system", "content": "Be brief."}, *said])
    assert refused(chat, dialect) == "messages[2].prefix"


def test_a_part_that_chat_cannot_say_is_named_by_its_message() -> None:
    unknown = {"type": "container_upload", "file_id": "f"}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [unknown]}
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    said = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [result]},
        {"role": "user", "content": "b"},
    ]
    assert refused(parse("anthropic_messages", system="s", messages=said), "openai_chat") == "messages[2]"
