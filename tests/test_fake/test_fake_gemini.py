"""Google Gemini, as the fake plays it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import types

from tests.fake import FakeUpstream
from tests.test_fake.calling import FORMS, KEY, TEXT, call, said

DECLARED = {"name": "weather", "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}}
TOOLS = [{"functionDeclarations": [DECLARED, {"name": "clock"}]}]
CALL = {"functionCall": {"name": "weather", "args": {}}}
RESULT = {"functionResponse": {"name": "weather", "response": {"sky": "blue"}}}


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "parts": list(parts) or [{"text": TEXT}]}


def model(*parts: Any) -> dict[str, Any]:
    return {"role": "model", "parts": list(parts) or [{"text": "yes"}]}


def config(**fields: Any) -> dict[str, Any]:
    return {"generationConfig": fields}


def declared(**schema: Any) -> dict[str, Any]:
    return {"tools": [{"functionDeclarations": [{"name": "f", "parameters": schema}]}]}


@pytest.fixture
async def fake() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as upstream:
        yield upstream


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"madeUp": 1}, 'Unknown name "madeUp": Cannot find field'),
        (config(madeUp=1), "Unknown name \"madeUp\" at 'generation_config'"),
        ({"contents": []}, "contents is not specified"),
        ({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "Please use a valid role: user, model."),
        ({"contents": [user(), user()]}, "alternate between user and model"),
        ({"contents": [user(), model()]}, "ends with a user role or a function response"),
        ({"contents": [user({})]}, "required oneof field 'data'"),
        ({"contents": [user({"text": "x", "inlineData": {"mimeType": "image/png", "data": "aGk="}})]}, "oneof"),
        ({"contents": [user({"inlineData": {"mimeType": "image/gif", "data": "aGk="}})]}, "Unsupported MIME type"),
        ({"contents": [user({"inlineData": {"mimeType": "image/png", "data": "%"}})]}, "Base64 decoding failed"),
        ({"contents": [user({"fileData": {"fileUri": "data:image/png;base64,aGk="}})]}, "Unsupported file uri"),
        ({"contents": [user(), model(CALL), user()]}, "number of function response parts is equal"),
        ({"contents": [user(), model(CALL, CALL), user(RESULT)]}, "number of function response parts is equal"),
        ({"contents": [user(), model(), user(RESULT)]}, "immediately after a function call turn"),
        ({"contents": [model(CALL), user(RESULT)]}, "immediately after a user turn"),
        ({"contents": [user(), model(CALL | {"thoughtSignature": "forged"}), user(RESULT)]}, "not valid"),
        ({"contents": [user(), model({"functionCall": {"args": {}}}), user(RESULT)]}, "Name cannot be empty"),
        (config(temperature=3), "temperature"),
        (config(temperature="hot"), "Invalid value at 'generation_config.temperature' (TYPE_FLOAT)"),
        (config(maxOutputTokens=0), "max_output_tokens"),
        (config(stopSequences=list("abcdef")), "at most 5"),
        (config(candidateCount=9), "candidate_count"),
        (config(logprobs=2), "response_logprobs"),
        (config(responseMimeType="image/png"), "allowed mimetypes"),
        (config(responseSchema={"type": "OBJECT"}), "response_schema"),
        (config(thinkingConfig={"thinkingBudget": 5, "thinkingLevel": "LOW"}), "only one of thinking budget"),
        (declared(type="object", additionalProperties=False), 'Unknown name "additionalProperties" at \'tools[0]'),
        (declared(**{"type": "object", "properties": {"a": {"$ref": "#"}}}), "properties[0].value': Cannot find"),
        (declared(type="object", properties={"a": {"const": 1}}), 'Unknown name "const"'),
        (declared(type="object", properties={"a": {"type": ["string", "null"]}}), "cannot start list"),
        (declared(type="object", properties={"a": {"type": "array"}}), "items: missing field"),
        (declared(type="object", required=["b"]), "property is not defined"),
        (declared(type="object", properties={"a": {"type": "string", "format": "uri"}}), "are supported for STRING"),
        (declared(type="object", properties={"a": {"type": "integer", "enum": ["1"]}}), "only allowed for STRING"),
        ({"tools": [{"functionDeclarations": [{"name": "1a"}]}]}, "Invalid function name"),
        ({"tools": [{"functionDeclarations": [{"name": "a"}, {"name": "a"}]}]}, "Duplicate function declaration"),
        ({"tools": [{"type": "function"}]}, "Unknown name \"type\" at 'tools[0]'"),
        ({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "without function_declarations"),
        (
            {"tools": TOOLS, "toolConfig": {"functionCallingConfig": {"allowedFunctionNames": ["weather"]}}},
            "only when function calling mode is ANY",
        ),
        ({"systemInstruction": {"parts": [CALL]}}, "only text is supported"),
    ],
)
async def test_what_google_refuses(fake: FakeUpstream, fields: dict[str, Any], message: str) -> None:
    response = await call(fake, "gemini", **fields)
    assert response.status_code == 400
    assert message in said(response)
    assert response.json()["error"]["status"] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("gemini-2.5-pro", config(thinkingConfig={"thinkingBudget": 0}), "Budget 0 is invalid"),
        ("gemini-2.5-flash-lite", config(thinkingConfig={"thinkingBudget": 5}), "between 512 and 24576"),
        ("gemini-2.5-flash", config(thinkingConfig={"thinkingLevel": "LOW"}), "Thinking level is not supported"),
        ("gemini-3-pro-preview", config(thinkingConfig={"thinkingLevel": "MINIMAL"}), "MINIMAL is not supported"),
        ("gemini-2.5-flash", {"tools": [*TOOLS, {"googleSearch": {}}]}, "cannot be combined"),
        ("gemini-2.5-flash", {"tools": TOOLS, **config(responseMimeType="application/json")}, "is unsupported"),
    ],
)
async def test_models_differ(fake: FakeUpstream, name: str, fields: dict[str, Any], message: str) -> None:
    assert message in said(await call(fake, "gemini", name, **fields))


async def test_the_key_the_model_and_the_method_are_checked(fake: FakeUpstream) -> None:
    assert (await call(fake, "gemini", headers={})).status_code == 403
    assert "API key not valid" in said(await call(fake, "gemini", headers={"x-goog-api-key": "wrong"}))
    unknown = await call(fake, "gemini", "gemini-nope")
    assert unknown.status_code == 404
    assert "models/gemini-nope is not found" in said(unknown)
    async with httpx.AsyncClient(verify=False, headers=dict(FORMS["gemini"].headers)) as http:
        url = fake.url("gemini") + "/models/echo"
        assert (await http.post(url + ":made", json={})).status_code == 404
        assert (await http.post(url + ":streamGenerateContent", json=FORMS["gemini"].body)).status_code == 400


async def test_the_signature_of_a_call_must_come_back(fake: FakeUpstream) -> None:
    asked = user({"text": "weather and clock"})
    told = (await call(fake, "gemini", "gemini-3-flash-preview", contents=[asked], tools=TOOLS)).json()
    parts = told["candidates"][0]["content"]["parts"]
    assert [part["functionCall"]["name"] for part in parts] == ["weather", "clock"]
    assert ["thoughtSignature" in part for part in parts] == [True, False]
    results = user(RESULT, {"functionResponse": {"name": "clock", "response": {}}})
    talk = [asked, model(*parts), results]
    assert (await call(fake, "gemini", "gemini-3-flash-preview", contents=talk, tools=TOOLS)).status_code == 200
    unsigned = {name: value for name, value in parts[0].items() if name != "thoughtSignature"}
    talk[1] = model(unsigned, parts[1])
    lost = await call(fake, "gemini", "gemini-3-flash-preview", contents=talk, tools=TOOLS)
    assert "Function call is missing a thought_signature in functionCall parts." in said(lost)
    assert (await call(fake, "gemini", "gemini-2.5-flash", contents=talk, tools=TOOLS)).status_code == 200
    earlier = [*talk, model(), user()]
    assert (await call(fake, "gemini", "gemini-3-flash-preview", contents=earlier, tools=TOOLS)).status_code == 200


async def test_names_are_taken_in_both_spellings(fake: FakeUpstream) -> None:
    told = await call(fake, "gemini", generation_config={"max_output_tokens": 1})
    assert told.json()["candidates"][0]["finishReason"] == "MAX_TOKENS"


async def test_thoughts_are_shown_when_asked_for_and_counted_anyway(fake: FakeUpstream) -> None:
    hidden = (await call(fake, "gemini", "gemini-2.5-flash")).json()
    assert len(hidden["candidates"][0]["content"]["parts"]) == 1
    shown = (await call(fake, "gemini", "gemini-2.5-flash", **config(thinkingConfig={"includeThoughts": True}))).json()
    assert shown["candidates"][0]["content"]["parts"][0]["thought"] is True
    for told in (hidden, shown):
        usage = told["usageMetadata"]
        parts = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
        assert sum(usage[name] for name in parts) == usage["totalTokenCount"]
        assert usage["thoughtsTokenCount"] == 5


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("echo", {}),
        ("thinker", {"thinking_config": {"include_thoughts": True}}),
        ("thinker", {"tools": TOOLS}),
        ("refuser", {}),
        ("searcher", {}),
        ("echo", {"candidate_count": 2, "max_output_tokens": 1}),
        ("echo", {"response_logprobs": True, "logprobs": 2}),
    ],
)
async def test_a_stream_adds_up_to_the_whole_answer(fake: FakeUpstream, name: str, fields: dict[str, Any]) -> None:
    options = types.HttpOptions(base_url=fake.base_url + "/google", api_version="v1beta")
    client = genai.Client(api_key=KEY, http_options=options)
    settings = types.GenerateContentConfig.model_validate(fields)
    settings.automatic_function_calling = types.AutomaticFunctionCallingConfig(disable=True)
    asked: dict[str, Any] = {"model": name, "contents": "weather or clock", "config": settings}
    whole = await client.aio.models.generate_content(**asked)
    chunks = [chunk async for chunk in await client.aio.models.generate_content_stream(**asked)]
    assert all(chunk.usage_metadata for chunk in chunks)
    assert chunks[-1].usage_metadata == whole.usage_metadata

    def texts(answers: list[types.GenerateContentResponse], index: int) -> str:
        parts = [
            part
            for answer in answers
            for candidate in answer.candidates or ()
            if (candidate.index or 0) == index and candidate.content
            for part in candidate.content.parts or ()
        ]
        return "".join(
            (part.text or "") + (part.function_call.name or "" if part.function_call else "") for part in parts
        )

    assert whole.candidates
    for index, candidate in enumerate(whole.candidates):
        assert texts(chunks, index) == texts([whole], index)
        reasons = [c.finish_reason for chunk in chunks for c in chunk.candidates or () if (c.index or 0) == index]
        assert [reason for reason in reasons if reason] == [candidate.finish_reason]
