"""OpenAI's Responses, as the fake plays them."""

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from tests.fake import FakeUpstream
from tests.test_fake.calling import KEY, TEXT, call, said

TOOL = {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": False}
CLOCK = {"type": "function", "name": "clock", "parameters": {"type": "object"}, "strict": False}
CUSTOM = {"type": "custom", "name": "shell"}
USER = {"role": "user", "content": TEXT}
CALL = {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "sunny"}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": []}
JSON = {"format": {"type": "json_object"}}


@pytest.fixture
async def fake() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as upstream:
        yield upstream


@pytest.fixture
async def client(fake: FakeUpstream) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=fake.url("openai"), api_key=KEY, max_retries=0) as made:
        yield made


def part(kind: str, **fields: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": kind, **fields}]}]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"made_up": 1}, "Unknown parameter: 'made_up'"),
        ({"max_tokens": 5}, "moved to 'max_output_tokens'"),
        ({"messages": []}, "moved to 'input'"),
        ({"response_format": {}}, "moved to 'text.format'"),
        ({"max_output_tokens": 15}, "Expected a value >= 16"),
        ({"temperature": 3}, "Invalid 'temperature'"),
        ({"temperature": "hot"}, "Invalid type for 'temperature': expected a decimal"),
        ({"input": ...}, "must be provided"),
        ({"input": [{"role": "tool", "content": "x"}]}, "Invalid value: 'tool'"),
        ({"input": [{"type": "made_up"}]}, "Invalid value: 'made_up'"),
        ({"input": [USER | {"name": "x"}]}, "Unknown parameter: 'input[0].name'"),
        ({"input": part("text", text="x")}, "Invalid value: 'text'"),
        ({"input": part("output_text", text="x")}, "Supported values are: 'input_text'"),
        ({"input": part("input_image", image_url="ftp://x")}, "Expected a valid URL"),
        ({"input": part("input_image")}, "Missing required parameter: 'input[0].content[0].image_url'"),
        (
            {"input": part("input_image", image_url={"url": "https://x"})},
            "Invalid type for 'input[0].content[0].image_url'",
        ),
        ({"input": part("input_file", file_data="aGk=", filename="a.pdf")}, "base64-encoded data URL"),
        ({"input": [{"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}]}, "'output_text'"),
        ({"input": [USER, OUTPUT]}, "No tool call found for function call output with call_id call_1"),
        ({"input": [USER, CALL]}, "No tool output found for function call call_1"),
        ({"input": [USER, CALL | {"id": "call_1"}, OUTPUT]}, "begins with 'fc'"),
        ({"input": [USER, REASONING | {"encrypted_content": "forged"}, CALL, OUTPUT]}, "could not be verified"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "Item with id 'msg_1' not found"),
        ({"tools": [{"type": "function", "function": {"name": "x"}}]}, "tools[0]"),
        ({"tools": [{"type": "made_up"}]}, "Invalid value: 'made_up'"),
        ({"tools": [TOOL | {"name": "a b"}]}, "tools[0].name"),
        ({"tools": [TOOL | {"strict": True}]}, "'additionalProperties' is required"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "name": "x"}}, "not found in 'tools'"),
        ({"tool_choice": "any"}, "Invalid value: 'any'"),
        ({"previous_response_id": "resp_1"}, "Previous response with id 'resp_1' not found"),
        ({"stream_options": {"include_obfuscation": False}}, "only allowed when 'stream'"),
        ({"include": ["everything"]}, "Invalid value: 'everything'"),
        ({"text": JSON}, "must contain the word 'json'"),
        ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "Missing required parameter: 'text.format.name'"),
        ({"reasoning": {"effort": "enormous"}}, "Invalid value: 'enormous'"),
        ({"metadata": {"a": 1}}, "Invalid type for 'metadata"),
    ],
)
async def test_what_openai_refuses(fake: FakeUpstream, fields: dict[str, Any], message: str) -> None:
    response = await call(fake, "responses", **fields)
    assert message in said(response)
    assert response.status_code in {400, 404}


@pytest.mark.parametrize(
    ("model", "fields", "message"),
    [
        ("gpt-4o", {"reasoning": {"effort": "low"}}, "'reasoning.effort' is not supported"),
        ("gpt-4o", {"include": ["reasoning.encrypted_content"]}, "Encrypted content is not supported"),
        ("o3", {"temperature": 0.5}, "'temperature' is not supported"),
        ("gpt-0", {}, "The requested model 'gpt-0' does not exist"),
    ],
)
async def test_models_differ(fake: FakeUpstream, model: str, fields: dict[str, Any], message: str) -> None:
    assert message in said(await call(fake, "responses", model, **fields))


async def test_reasoning_comes_back_sealed_or_stored_and_otherwise_is_not_found(fake: FakeUpstream) -> None:
    sealed = {"include": ["reasoning.encrypted_content"], "reasoning": {"effort": "low", "summary": "auto"}}
    told = (await call(fake, "responses", "o3", store=False, **sealed)).json()["output"]
    assert [item["type"] for item in told] == ["reasoning", "message"]
    assert told[0]["summary"][0]["text"].startswith("Thinking about")
    assert (await call(fake, "responses", "o3", input=[USER, *told, USER])).status_code == 200
    assert "without its required following item" in said(
        await call(fake, "responses", "o3", input=[USER, told[0], USER])
    )
    del told[0]["encrypted_content"]
    lost = await call(fake, "responses", "o3", input=[USER, *told, USER])
    assert lost.status_code == 404
    assert "not persisted when `store` is set to false" in said(lost)
    kept = (await call(fake, "responses", "o3")).json()["output"]
    assert kept[0]["summary"] == []
    assert (await call(fake, "responses", "o3", input=[USER, *kept, USER])).status_code == 200


async def test_a_stored_response_is_gone_on_from(fake: FakeUpstream) -> None:
    first = (await call(fake, "responses", tools=[TOOL], input="weather")).json()
    output = OUTPUT | {"call_id": first["output"][0]["call_id"]}
    second = await call(fake, "responses", tools=[TOOL], input=[output], previous_response_id=first["id"])
    assert second.json()["usage"]["input_tokens"] == 4 + 4 + 4
    unstored = (await call(fake, "responses", store=False)).json()["id"]
    assert "not found" in said(await call(fake, "responses", previous_response_id=unstored))


async def test_tools_are_called_side_by_side(fake: FakeUpstream) -> None:
    tools = [TOOL, CLOCK, CUSTOM]
    told = (await call(fake, "responses", tools=tools, input="weather clock shell")).json()["output"]
    assert [item["type"] for item in told] == ["function_call", "function_call", "custom_tool_call"]
    assert told[2]["input"] == "plain text"
    one = await call(fake, "responses", tools=tools, input="weather clock", parallel_tool_calls=False)
    assert len(one.json()["output"]) == 1


async def test_output_that_is_cut_is_incomplete(fake: FakeUpstream) -> None:
    words = " ".join(["word"] * 20)
    told = (await call(fake, "responses", input=words, max_output_tokens=16)).json()
    assert told["status"] == "incomplete"
    assert told["incomplete_details"] == {"reason": "max_output_tokens"}
    assert told["output"][0]["status"] == "incomplete"
    assert told["usage"]["output_tokens"] == 16


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("echo", {}),
        ("thinker", {"reasoning": {"summary": "auto"}, "tools": [TOOL, CLOCK, CUSTOM]}),
        ("refuser", {}),
        ("searcher", {}),
        ("echo", {"max_output_tokens": 16, "input": "word " * 20}),
        ("echo", {"top_logprobs": 2, "include": ["message.output_text.logprobs"]}),
    ],
)
async def test_a_stream_adds_up_to_the_whole_answer(
    client: openai.AsyncOpenAI, model: str, fields: dict[str, Any]
) -> None:
    asked: dict[str, Any] = {"model": model, "input": "weather clock shell", **fields}
    whole = await client.responses.create(**asked)
    stream = await client.responses.create(stream=True, **asked)
    events = [event async for event in stream]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events[:2]] == ["response.created", "response.in_progress"]
    last: Any = events[-1]
    assert last.type == f"response.{whole.status}"
    assert last.response.usage == whole.usage
    assert last.response.output_text == whole.output_text
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == whole.output_text
    arguments = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    assert "".join(arguments) == "".join(item.arguments for item in whole.output if item.type == "function_call")
    opened = [event.item.id for event in events if event.type == "response.output_item.added"]
    assert opened == [event.item.id for event in events if event.type == "response.output_item.done"]
