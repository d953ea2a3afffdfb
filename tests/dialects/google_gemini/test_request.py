"""Calls in Google's form."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from modelport.catalogue.facts import Model, Offer, Provider, Quirks
from modelport.dialects.customs import unwrapped
from modelport.dialects.google_gemini import CALLED
from modelport.dialects.google_gemini.parts import SKIP_SIGNATURE
from modelport.dialects.wire import NotExpressible, Target, UpstreamRequest
from modelport.operations.content import (
    Audio,
    CacheMark,
    Document,
    Foreign,
    Image,
    Part,
    Source,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Turn,
    Video,
)
from modelport.operations.conversation import (
    AnswerFormat,
    Conversation,
    ForeignTool,
    Place,
    Reasoning,
    Tool,
    ToolChoice,
    WebSearch,
)
from modelport.upstream.address import check_path

MODEL = Model(id="google/m", name="M", maker="google", operation="chat", description="")
PROVIDER = Provider(
    id="google", name="Google", base_url="https://g.example/v1beta", speaks={"chat": ("google_gemini",)}
)
HI = Turn("user", (Text("Hi"),))


def target(quirks: Quirks | None = None, bound: int | None = None, upstream: str = "gemini-2.5-flash") -> Target:
    offer = Offer(model_id=MODEL.id, provider=PROVIDER, upstream=upstream, quirks=quirks or Quirks())
    return Target(offer, MODEL, bound)


def sent(*turns: Turn, quirks: Quirks | None = None, **fields: Any) -> tuple[Any, UpstreamRequest]:
    talk = Conversation(turns=turns or (HI,), **fields)
    request = CALLED.encode(talk, target(quirks), is_streaming=False)
    return json.loads(request.body), request


def contents(*turns: Turn, quirks: Quirks | None = None) -> Any:
    return sent(*turns, quirks=quirks)[0]["contents"]


LEVEL = Quirks(reasoning="level")


def test_a_plain_call() -> None:
    body, request = sent(Turn("system", (Text("Be brief."),)), HI, max_tokens=9, temperature=0.5, top_k=40.0, seed=1)
    assert request.path == "/models/gemini-2.5-flash:generateContent"
    assert body == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "generationConfig": {"temperature": 0.5, "topK": 40, "seed": 1, "maxOutputTokens": 9},
    }
    assert request.dropped == ()


def test_a_stream_is_asked_for_by_the_path() -> None:
    request = CALLED.encode(Conversation(turns=(HI,)), target(), is_streaming=True)
    assert check_path(request.path, "Google") == "/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
    assert (b"accept", b"text/event-stream") in request.headers
    tuned = CALLED.encode(Conversation(turns=(HI,)), target(upstream="tunedModels/x"), is_streaming=False)
    assert tuned.path == "/tunedModels/x:generateContent"


def test_what_there_is_money_for_lowers_the_bound() -> None:
    request = CALLED.encode(Conversation(turns=(HI,), max_tokens=50), target(bound=7), is_streaming=False)
    assert json.loads(request.body)["generationConfig"] == {"maxOutputTokens": 7}


def test_instructions_alone_are_said_by_the_user() -> None:
    body, _ = sent(Turn("system", (Text("Greet."),)))
    assert body == {"contents": [{"role": "user", "parts": [{"text": "Greet."}]}]}


def test_turns_of_one_role_become_one() -> None:
    made = contents(HI, Turn("user", (Text("There"),)), Turn("assistant", (Text("Yes?"),)), HI)
    assert [(one["role"], len(one["parts"])) for one in made] == [("user", 2), ("model", 1), ("user", 1)]


def tool_turns(**use: Any) -> tuple[Turn, ...]:
    return (
        HI,
        Turn("assistant", (Text(""), ToolUse("c1", "look", '{"b": 1,"a":2.0}', **use), ToolUse("c2", "look", "{}"))),
        Turn("tool", (ToolResult("c1", (Text('{"deg": 7}'),)),)),
        Turn("tool", (ToolResult("c2", (Text("warm"),)),)),
        Turn("tool", (ToolResult("c2", (Text("no such town"),), is_error=True),)),
    )


def test_calls_of_tools_keep_their_bytes_and_results_find_their_names() -> None:
    talk = Conversation(turns=tool_turns())
    raw = CALLED.encode(talk, target(), is_streaming=False).body
    assert b'"args":{"b": 1,"a":2.0}' in raw
    made = json.loads(raw)["contents"]
    assert made[1]["parts"][0] == {"functionCall": {"id": "c1", "name": "look", "args": {"b": 1, "a": 2.0}}}
    assert made[2] == {
        "role": "user",
        "parts": [
            {"functionResponse": {"id": "c1", "name": "look", "response": {"deg": 7}}},
            {"functionResponse": {"id": "c2", "name": "look", "response": {"result": "warm"}}},
            {"functionResponse": {"id": "c2", "name": "look", "response": {"error": "no such town"}}},
        ],
    }


def test_googles_signatures_come_back_where_they_were() -> None:
    made = contents(*tool_turns(signature="sig", origin="google_gemini"), quirks=LEVEL)
    assert [part.get("thoughtSignature") for part in made[1]["parts"]] == ["sig", None]
    turn = Turn(
        "assistant",
        (
            Thinking("Hm.", "s1", origin="google_gemini"),
            Text("Yes."),
            Thinking("", "s2", origin="google_gemini"),
            Thinking("Else.", "s3", origin="anthropic_messages"),
        ),
    )
    body, request = sent(HI, turn)
    assert body["contents"][1]["parts"] == [
        {"text": "Hm.", "thought": True, "thoughtSignature": "s1"},
        {"text": "Yes.", "thoughtSignature": "s2"},
    ]
    assert request.dropped == ("messages.reasoning_content",)


def test_the_first_call_of_a_step_from_elsewhere_skips_the_check_of_signatures() -> None:
    made = contents(*tool_turns(signature="sig", origin="openai_responses"), quirks=LEVEL)
    assert [part.get("thoughtSignature") for part in made[1]["parts"]] == [SKIP_SIGNATURE, None]
    assert "thoughtSignature" not in json.dumps(contents(*tool_turns()))


PNG = Source(data="iVBORw0KGgoAAAA")


@pytest.mark.parametrize(
    ("part", "wire"),
    [
        (Image(PNG), {"inlineData": {"mimeType": "image/png", "data": PNG.data}}),
        (
            Image(Source(data="AA==", media_type="image/webp")),
            {"inlineData": {"mimeType": "image/webp", "data": "AA=="}},
        ),
        (
            Image(Source(url="https://x.example/a.png?b=1")),
            {"fileData": {"fileUri": "https://x.example/a.png?b=1", "mimeType": "image/png"}},
        ),
        (Document(Source(data="JVBERi0x")), {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0x"}}),
        (Document(text="Once.", name="Tale"), {"text": "Tale\n\nOnce."}),
        (Audio(Source(data="AA=="), "mp3"), {"inlineData": {"mimeType": "audio/mp3", "data": "AA=="}}),
        (Audio(Source(data="AA=="), "wav"), {"inlineData": {"mimeType": "audio/wav", "data": "AA=="}}),
        (Audio(transcript="Hello"), {"text": "Hello"}),
        (
            Video(Source(url="https://www.youtube.com/watch?v=9hE5-98ZeCg")),
            {"fileData": {"fileUri": "https://www.youtube.com/watch?v=9hE5-98ZeCg"}},
        ),
        (Video(Source(data="AA==")), {"inlineData": {"mimeType": "video/mp4", "data": "AA=="}}),
        (
            Foreign("google_gemini", "executableCode", b'{"executableCode":{"code":"1"}}'),
            {"executableCode": {"code": "1"}},
        ),
    ],
)
def test_attachments(part: Part, wire: object) -> None:
    assert contents(Turn("user", (Text("See:"), part)))[0]["parts"] == [{"text": "See:"}, wire]


@pytest.mark.parametrize(
    ("turn", "place"),
    [
        (Turn("user", (Image(Source(file_id="file-1")),)), "messages[0].content[0]"),
        (Turn("user", (Image(Source(url="ftp://x.example/a.png")),)), "messages[0].content[0]"),
        (Turn("assistant", (Audio(id="audio_1"),)), "messages[0].content[0]"),
        (Turn("assistant", (Foreign("anthropic_messages", "server_tool_use", b"{}"),)), "messages[0].content[0]"),
        (Turn("assistant", (ToolUse("1", "f", "[1]"),)), "messages[0].content[0].arguments"),
        (Turn("assistant", (ToolUse("1", "f", "{oops"),)), "messages[0].content[0].arguments"),
        (Turn("tool", (ToolResult("1", (Text("x"),)),)), "messages[0].tool_call_id"),
        (Turn("assistant", (Text("So"),), is_prefix=True), "messages[0].prefix"),
    ],
)
def test_parts_that_google_cannot_take_are_refused_by_their_place(turn: Turn, place: str) -> None:
    with pytest.raises(NotExpressible) as refused:
        sent(turn)
    assert refused.value.param == place


def test_an_image_in_an_instruction_is_refused() -> None:
    with pytest.raises(NotExpressible):
        sent(Turn("system", (Image(PNG),)), HI)


def test_images_in_results_are_inside_them_for_gemini_3_and_beside_them_before() -> None:
    turns = (Turn("assistant", (ToolUse("1", "f", "{}"),)), Turn("tool", (ToolResult("1", (Text("x"), Image(PNG))),)))
    inline = {"inlineData": {"mimeType": "image/png", "data": PNG.data}}
    assert contents(*turns)[1]["parts"][1] == inline
    assert contents(*turns, quirks=LEVEL)[1]["parts"][0]["functionResponse"]["parts"] == [inline]


def test_a_message_is_continued_only_where_the_offer_can() -> None:
    made = contents(HI, Turn("assistant", (Text("So"),), is_prefix=True), quirks=Quirks(prefix="prefill"))
    assert made[-1] == {"role": "model", "parts": [{"text": "So"}]}


@pytest.mark.parametrize(
    ("asked", "quirks", "config"),
    [
        (Reasoning(effort="low"), Quirks(), {"thinkingBudget": 1024, "includeThoughts": True}),
        (Reasoning(effort="medium"), Quirks(), {"thinkingBudget": 8192, "includeThoughts": True}),
        (Reasoning(effort="high", is_hidden=True), Quirks(), {"thinkingBudget": 24576}),
        (Reasoning(effort="none"), Quirks(), {"thinkingBudget": 0}),
        (Reasoning(is_on=False), Quirks(drop=frozenset({"reasoning.none"})), {"thinkingBudget": 128}),
        (Reasoning(is_on=True), Quirks(), {"thinkingBudget": -1, "includeThoughts": True}),
        (
            Reasoning(budget_tokens=90000),
            Quirks(clamp={"thinking_budget": "32768"}),
            {"thinkingBudget": 32768, "includeThoughts": True},
        ),
        (Reasoning(summary="auto"), Quirks(), {"includeThoughts": True}),
        (Reasoning(effort="medium"), LEVEL, {"thinkingLevel": "medium", "includeThoughts": True}),
        (Reasoning(effort="max"), LEVEL, {"thinkingLevel": "high", "includeThoughts": True}),
        (Reasoning(effort="none"), LEVEL, {"thinkingLevel": "minimal"}),
        (Reasoning(effort="none"), replace(LEVEL, drop=frozenset({"reasoning.none"})), {"thinkingLevel": "low"}),
        (Reasoning(budget_tokens=4000), LEVEL, {"thinkingLevel": "medium", "includeThoughts": True}),
        (Reasoning(is_on=True), LEVEL, {"includeThoughts": True}),
    ],
)
def test_reasoning(asked: Reasoning, quirks: Quirks, config: object) -> None:
    body, request = sent(reasoning=asked, quirks=quirks)
    assert body["generationConfig"]["thinkingConfig"] == config
    assert ("reasoning" in request.dropped) == ("reasoning.none" in quirks.drop)


def test_reasoning_of_a_model_that_has_none_is_listed() -> None:
    body, request = sent(reasoning=Reasoning(effort="low"), quirks=Quirks(reasoning="none"))
    assert "generationConfig" not in body
    assert request.dropped == ("reasoning",)


SCHEMA = b'{"type":"object", "properties":{"a":{"type":["string","null"]}},"additionalProperties":false}'


def test_schemas_of_tools_are_rewritten_unless_the_caller_says_not_to() -> None:
    tools = (Tool("look", "Looks.", parameters=SCHEMA, strict=True), Tool("go", parameters=b'{"type":"object"}'))
    body, request = sent(tools=tools)
    parameters = {"type": "object", "properties": {"a": {"type": "string", "nullable": True}}}
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {"name": "look", "description": "Looks.", "parameters": parameters},
                {"name": "go"},
            ]
        }
    ]
    assert request.dropped == ("tools.strict",)
    talk = Conversation(turns=(HI,), tools=tools, extra={"normalize_tool_schemas": b"false"})
    raw = CALLED.encode(talk, target(), is_streaming=False)
    assert b'"parametersJsonSchema":' + SCHEMA in raw.body
    assert raw.dropped == ("tools.strict",)


RECURSIVE = b'{"type":"object","properties":{"n":{"$ref":"#"}}}'


def test_a_schema_without_an_end_is_sent_as_it_is_where_that_is_allowed() -> None:
    tools = (Tool("tree", parameters=RECURSIVE),)
    assert sent(tools=tools)[0]["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"] == json.loads(RECURSIVE)
    with pytest.raises(NotExpressible, match="itself"):
        sent(tools=tools, quirks=Quirks(tool_schemas="gemini"))


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (ToolChoice("auto"), {"mode": "AUTO"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("named", "look"), {"mode": "ANY", "allowedFunctionNames": ["look"]}),
        (ToolChoice("allowed", allowed=("go",)), {"mode": "AUTO"}),
        (ToolChoice("allowed", allowed=("go",), is_required=True), {"mode": "ANY"}),
    ],
)
def test_the_choice_among_tools(choice: ToolChoice, config: object) -> None:
    body, _ = sent(tools=(Tool("look"), Tool("go")), tool_choice=choice)
    assert body["toolConfig"] == {"functionCallingConfig": config}
    names = [tool["name"] for tool in body["tools"][0]["functionDeclarations"]]
    assert names == (["go"] if choice.mode == "allowed" else ["look", "go"])


def test_a_custom_tool_takes_an_object_with_its_text() -> None:
    grammar = b'{"type":"grammar","grammar":{"syntax":"lark","definition":"start: A"}}'
    body, request = sent(
        Turn("assistant", (ToolUse("1", "sh", 'ls "x"', "custom"),)), tools=(Tool("sh", kind="custom", format=grammar),)
    )
    declared = body["tools"][0]["functionDeclarations"][0]
    assert declared["parameters"]["required"] == ["input"]
    assert "lark" in declared["description"]
    assert request.dropped == ("tools.format",)
    assert body["contents"][0]["parts"][0]["functionCall"]["args"] == {"input": 'ls "x"'}
    assert unwrapped('{"input":"ls \\"x\\""}') == 'ls "x"'


@pytest.mark.parametrize("name", ["1st", "$web_search", "a b", "a" * 129])
def test_a_name_that_google_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(NotExpressible):
        sent(tools=(Tool(name),))


def test_tools_of_other_formats_are_refused_and_googles_own_pass() -> None:
    with pytest.raises(NotExpressible):
        sent(foreign_tools=(ForeignTool("openai_responses", "file_search", b"{}"),))
    body, _ = sent(foreign_tools=(ForeignTool("google_gemini", "codeExecution", b'{"codeExecution":{}}'),))
    assert body["tools"] == [{"codeExecution": {}}]


NATIVE = Quirks(search="native")


def test_a_search_is_googles_own() -> None:
    search = WebSearch(context_size="high", place=Place(city="Rome"), is_asked_by_tool=True)
    body, request = sent(search=search, quirks=NATIVE, spelled={"search": "web_search_options"})
    assert body["tools"] == [{"googleSearch": {}}]
    assert request.dropped == ("web_search_options.search_context_size", "web_search_options.user_location")
    with pytest.raises(NotExpressible, match="search the web"):
        sent(search=search)


def test_a_search_beside_other_tools_is_for_gemini_3_only() -> None:
    with pytest.raises(NotExpressible):
        sent(search=WebSearch(), tools=(Tool("look"),), quirks=NATIVE)
    body, _ = sent(search=WebSearch(), tools=(Tool("look"),), quirks=replace(NATIVE, reasoning="level"))
    assert body["toolConfig"] == {"includeServerSideToolInvocations": True}
    assert len(body["tools"]) == 2


def test_formats_of_the_answer() -> None:
    assert sent(format=AnswerFormat("json_object"))[0]["generationConfig"] == {"responseMimeType": "application/json"}
    talk = Conversation(turns=(HI,), format=AnswerFormat("json_schema", "x", SCHEMA, strict=True))
    assert b'"responseJsonSchema":' + SCHEMA in CALLED.encode(talk, target(), is_streaming=False).body
    prompted, _ = sent(format=AnswerFormat("json_schema", "x", SCHEMA), quirks=Quirks(schema_as="prompt"))
    assert "generationConfig" not in prompted
    assert SCHEMA.decode() in prompted["systemInstruction"]["parts"][0]["text"]


def test_what_google_has_no_place_for_is_listed() -> None:
    _, request = sent(
        Turn("user", (Text("Hi", cache=CacheMark()), Image(PNG, "high")), name="Ann"),
        parallel_tools=False,
        user="u",
        metadata=b"{}",
        logit_bias=b'{"1":2}',
        min_p=0.1,
        seed=2**40,
        service_tier="priority",
        verbosity="low",
        extra={"top_a": b"1", "normalize_tool_schemas": b"true"},
        truncation="disabled",
    )
    assert set(request.dropped) == {
        "cache_control", "messages.image_url.detail", "messages.name", "parallel_tools", "user", "metadata",
        "logit_bias", "min_p", "seed", "service_tier", "verbosity", "top_a",
    }  # fmt: skip


def test_quirks_drop_clamp_set_and_accept() -> None:
    quirks = Quirks(
        drop=frozenset({"frequency_penalty"}),
        clamp={"temperature": "1"},
        set={"generationConfig.topP": "0.5", "cachedContent": '"x"'},
        accept=frozenset({"labels"}),
    )
    body, request = sent(
        quirks=quirks,
        frequency_penalty=1.0,
        temperature=1.5,
        extra={"labels": b'{"a":"b"}', "safety_settings": b"[]"},
    )
    assert body["generationConfig"] == {"temperature": 1, "topP": 0.5}
    assert (body["labels"], body["safetySettings"], body["cachedContent"]) == ({"a": "b"}, [], "x")
    assert request.dropped == ("frequency_penalty",)


def test_several_answers_and_their_probabilities() -> None:
    body, request = sent(choices=3, logprobs=True, top_logprobs=2)
    assert body["generationConfig"] == {"candidateCount": 3, "responseLogprobs": True, "logprobs": 2}
    assert request.dropped == ()
    with pytest.raises(NotExpressible):
        sent(choices=2, quirks=Quirks(choices=False))


def test_more_stops_than_google_takes_are_refused_in_the_callers_words() -> None:
    with pytest.raises(NotExpressible) as refused:
        sent(stop=tuple("abcdef"), spelled={"stop": "stop_sequences"})
    assert refused.value.param == "stop_sequences"


def test_speech_is_asked_for_with_a_voice() -> None:
    audio = b'{"voice":"Kore","format":"pcm16"}'
    config = sent(modalities=("text", "audio"), audio=audio)[0]["generationConfig"]
    assert config["responseModalities"] == ["TEXT", "AUDIO"]
    assert config["speechConfig"]["voiceConfig"]["prebuiltVoiceConfig"]["voiceName"] == "Kore"
    with pytest.raises(NotExpressible):
        sent(modalities=("audio",), audio=b'{"voice":"Kore","format":"mp3"}')


def test_a_body_is_one_line_of_json() -> None:
    assert msgspec.json.decode(sent(HI)[1].body)
