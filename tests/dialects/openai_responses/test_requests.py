"""Calls in the Responses format: what is refused, how they are read, and how others are written."""

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from msgspec.structs import replace

from modelport.catalogue.facts import Rates
from modelport.core.errors import InvalidBody
from modelport.dialects.openai_responses import CALLED, SERVED, relay
from modelport.dialects.wire import CannotSearch, NotExpressible
from modelport.operations.chat import ChatCall
from modelport.operations.content import (
    Audio,
    CacheMark,
    Document,
    Foreign,
    Image,
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
from tests.dialects.openai_responses.making import identity, target

HI = (Turn("user", (Text("hi"),)),)


def parse(**fields: Any) -> ChatCall:
    return SERVED.parse(json.dumps({"model": "m", **fields}).encode())


def read(**fields: Any) -> Conversation:
    return SERVED.read(parse(**fields))


def sent(talk: Conversation, **more: Any) -> dict[str, Any]:
    return json.loads(CALLED.encode(talk, target(**more), is_streaming=False).body)


def dropped(talk: Conversation, **more: Any) -> tuple[str, ...]:
    return CALLED.encode(talk, target(**more), is_streaming=False).dropped


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "'input': Required"),
        ({"input": []}, "'input': Expected array of at least 1 item, received an empty array"),
        ({"input": 7}, "'input': Expected string or array of items, received 7"),
        ({"input": "a", "max_output_tokens": 8}, "'max_output_tokens': Expected integer at least 16, received 8"),
        ({"input": "a", "background": True}, "'background': responses in the background are not part of this version"),
        ({"input": "a", "reasoning": {"effort": "huge"}}, "'reasoning.effort': Expected one of 'none', 'minimal'"),
        ({"input": "a", "tools": [{"type": "function"}]}, "'tools[0].name': Required"),
        ({"input": "a", "tool_choice": {"type": "function"}}, "'tool_choice.name': Required"),
        ({"input": "a", "text": {"format": {"type": "json_schema", "name": "n"}}}, "'text.format.schema': Required"),
        ({"input": "a", "store": 1}, "'store': Expected boolean, received 1"),
        ({"input": "a", "conversation": "c", "previous_response_id": "r"}, "'conversation': Expected either"),
        ({"input": [{"role": "tool", "content": "a"}]}, "'input[0].role': Expected one of 'user', 'assistant'"),
        ({"input": [{"role": "user"}]}, "'input[0].content': Required for a message of role 'user'"),
        ({"input": [{}]}, "'input[0].type': Required"),
        ({"input": [{"type": "function_call", "call_id": "c", "name": "f"}]}, "'input[0].arguments': Required for an"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "'input[0].call_id': Required for an item of"),
        ({"input": [{"role": "user", "content": [{"type": "video"}]}]}, "'input[0].content[0].type': Expected one of"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "Expected 'image_url' or 'file_id'"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "'input[0].content[0].text': Required"),
        ({"input": [{"type": 7}]}, "'input': Expected str | null, got int - at $[0].type"),
    ],
)
def test_a_field_that_does_not_fit_is_named(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidBody) as caught:
        parse(**fields)
    assert told in caught.value.message
    assert caught.value.param


@pytest.mark.parametrize("body", [b"", b"[]", b'{"model": "m", "input": "\xff"}', b'{"model":"m","input":[1'])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidBody):
        SERVED.parse(body)


def test_a_model_of_the_path_takes_the_place_of_the_bodys() -> None:
    assert SERVED.parse(b'{"input":"a"}', "acme/small").model == "acme/small"
    with pytest.raises(InvalidBody, match="'model': Required"):
        SERVED.parse(b'{"input":"a"}')


def test_what_is_the_gateways_is_kept_apart() -> None:
    call = parse(input="a", store=True, previous_response_id="resp_1", background=False, provider="OpenAI", user=None)
    assert call.options == {"store": b"true", "previous_response_id": b'"resp_1"', "background": b"false"}
    assert set(call.fields) == {"input"}
    assert (call.provider, call.dialect, call.is_mixed) == ("openai", "openai_responses", False)


def test_a_call_is_measured_without_its_attachments() -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 5000}
    content = [{"type": "input_text", "text": "x" * 100}, picture]
    call = parse(
        input=[{"role": "system", "content": "s"}, {"role": "user", "content": content}], instructions="y" * 50
    )
    assert 150 < call.text_bytes < 250
    assert (call.attachments, call.messages, call.roles) == (1, 2, {"system": 0, "user": 1})


@pytest.mark.parametrize(
    "item",
    [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "mp1.google_gemini.signature..S"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "item_reference", "id": "msg_1"},
        {"id": "msg_1"},
    ],
)
def test_what_a_provider_would_look_for_in_vain_is_never_relayed(item: dict[str, Any]) -> None:
    assert parse(input=[item]).is_mixed


def test_all_that_an_assistant_did_in_a_row_is_one_turn() -> None:
    talk = read(
        instructions="Be brief.",
        input=[
            {"role": "developer", "content": "In verse."},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}],
             "encrypted_content": "gAAA"},
            {"type": "web_search_call", "id": "ws_1", "status": "completed"},
            {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
             "content": [{"type": "output_text", "text": "Ho", "annotations": []},
                         {"type": "refusal", "refusal": "no"}]},
            {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{ }"},
            {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "x"},
            {"type": "function_call_output", "call_id": "c1", "output": "done"},
            {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "too"}]},
            {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True},
        ],
    )  # fmt: skip
    system, developer, user, assistant, first, second, approval = talk.turns
    assert system == Turn("system", (Text("Be brief."),))
    assert (developer.role, user.parts) == ("developer", (Text("Hi"),))
    thinking, search, said, refused, call, custom = assistant.parts
    assert thinking == Thinking("hm", encrypted="gAAA", id="rs_1", is_summary=True, origin="openai_responses")
    assert isinstance(search, Foreign)
    assert said == Text("Ho")
    assert call == ToolUse("c1", "f", "{ }", item_id="fc_1")
    assert custom == ToolUse("c2", "g", "x", "custom")
    assert first.parts == (ToolResult("c1", (Text("done"),), name="f"),)
    assert second.parts == (ToolResult("c2", (Text("too"),), name="g", kind="custom"),)
    assert approval.role == "user"
    assert refused is not None


def test_sealed_values_find_their_way_back() -> None:
    talk = read(
        input=[
            {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}],
             "encrypted_content": "mp1.anthropic_messages.signature..S.I.G"},
            {"type": "reasoning", "id": "rs_2", "summary": [],
             "encrypted_content": "mp1.anthropic_messages.encrypted..E"},
            {"type": "reasoning", "id": "rs_3", "summary": [], "encrypted_content": "mp1.google_gemini.tool.c2.T"},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
            {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"},
            {"type": "reasoning", "id": "rs_4", "summary": [], "encrypted_content": "mp1.google_gemini.tool..U"},
            {"type": "function_call", "call_id": "c.3", "name": "f", "arguments": "{}"},
        ]
    )  # fmt: skip
    (turn,) = talk.turns
    assert turn.parts == (
        Thinking("hm", signature="S.I.G", origin="anthropic_messages"),
        Thinking(encrypted="E", origin="anthropic_messages"),
        ToolUse("c1", "f", "{}"),
        ToolUse("c2", "f", "{}", signature="T", origin="google_gemini"),
        ToolUse("c.3", "f", "{}", signature="U", origin="google_gemini"),
    )


def test_parts_of_all_kinds_are_read() -> None:
    parts = [
        {"type": "input_image", "image_url": "https://a.example/x.png", "detail": "high"},
        {"type": "input_image", "image_url": "data:image/png;base64,aGk="},
        {"type": "input_image", "file_id": "file-1"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"},
        {"type": "input_file", "file_data": "aGk="},
        {"type": "input_file", "file_url": "https://a.example/a.pdf"},
        {"type": "input_file", "file_id": "file-2"},
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
        {"type": "input_text", "text": "t", "prompt_cache_breakpoint": {"mode": "explicit"}},
    ]
    (turn,) = read(input=[{"role": "user", "content": parts}]).turns
    assert turn.parts == (
        Image(Source(url="https://a.example/x.png"), "high"),
        Image(Source(data="aGk=", media_type="image/png")),
        Image(Source(file_id="file-1")),
        Document(Source(data="aGk=", media_type="application/pdf"), "a.pdf"),
        Document(Source(data="aGk=", media_type="application/pdf")),
        Document(Source(url="https://a.example/a.pdf")),
        Document(Source(file_id="file-2")),
        Audio(Source(data="aGk="), "wav"),
        Text("t", cache=CacheMark()),
    )


def test_settings_are_read() -> None:
    search = {"type": "web_search", "search_context_size": "low", "filters": {"allowed_domains": ["a.example"]},
              "user_location": {"type": "approximate", "city": "Bern"}}  # fmt: skip
    hosted = {"type": "code_interpreter", "container": {"type": "auto"}}
    deferred = {"type": "function", "name": "later", "defer_loading": True}
    schema = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}
    talk = read(
        input="a",
        tools=[{"type": "function", "name": "f", "strict": None, "parameters": None}, search, hosted, deferred],
        tool_choice={"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
        text={"format": schema, "verbosity": "high"},
        reasoning={"effort": "xhigh", "summary": "detailed", "mode": "pro"},
        include=["message.output_text.logprobs", "reasoning.encrypted_content"],
        top_logprobs=3,
        max_tool_calls=4,
        stop="x",
    )
    assert talk.tools == (Tool("f"),)
    assert [tool.kind for tool in talk.foreign_tools] == ["code_interpreter", "function"]
    assert talk.search == WebSearch("low", Place(city="Bern"), ("a.example",))
    assert talk.tool_choice == ToolChoice("allowed", allowed=("f",), is_required=True)
    assert talk.format == AnswerFormat("json_schema", "n", b'{"type": "object"}', True)
    assert talk.reasoning == Reasoning(effort="xhigh", summary="detailed")
    assert (talk.verbosity, talk.logprobs, talk.top_logprobs) == ("high", True, 3)
    assert talk.extra == {"max_tool_calls": b"4", "stop": b'"x"', "reasoning.mode": b'"pro"'}


@pytest.mark.parametrize("field", [{"prompt": {"id": "p"}}, {"conversation": "conv_1"}])
def test_what_is_stored_at_openai_is_only_relayed(field: dict[str, Any]) -> None:
    call = parse(input="a", **field)
    request, _ = relay(call, target(), identity)
    assert json.loads(request.body).items() >= field.items()
    with pytest.raises(InvalidBody, match=f"'{next(iter(field))}'"):
        SERVED.read(call)


def test_a_reference_to_nothing_is_refused() -> None:
    with pytest.raises(InvalidBody, match=r"'input\[1\]': no item 'msg_1'"):
        read(input=[{"role": "user", "content": "a"}, {"type": "item_reference", "id": "msg_1"}])


def test_a_relayed_call_obeys_bounds_and_quirks() -> None:
    call = parse(input="a", max_output_tokens=100, stop="x", top_k=3, user="u", temperature=1.5, store=True)
    quirks = {"drop": ["user", "store"], "rename": {"max_output_tokens": "max_tokens"}, "accept": ["top_k"],
              "clamp": {"temperature": "1.0"}, "set": {"truncation": '"auto"'}}  # fmt: skip
    request, _ = relay(call, target(quirks, output_bound=50), identity)
    assert json.loads(request.body) == {
        "model": "upstream-name", "truncation": "auto", "input": "a", "max_tokens": 50, "top_k": 3, "temperature": 1.0,
        "stream": False,
    }  # fmt: skip
    assert request.dropped == ("stop", "user")


def test_a_bound_below_what_the_format_takes_is_raised_to_it() -> None:
    talk = Conversation(turns=HI, max_tokens=4)
    assert sent(talk)["max_output_tokens"] == 16
    assert dropped(talk) == ("max_tokens",)
    assert sent(Conversation(turns=HI), output_bound=3)["max_output_tokens"] == 16


def test_fields_that_the_format_lacks_are_named() -> None:
    talk = Conversation(
        turns=(Turn("user", (Text("hi", cache=CacheMark()),), name="ann"),),
        stop=("x",), seed=1, top_k=3.0, frequency_penalty=0.5, logit_bias=b"{}", extra={"plugins": b"[]"},
        reasoning=Reasoning(effort="low"), service_tier="standard_only", spelled={"stop": "stop_sequences"},
    )  # fmt: skip
    assert set(dropped(talk)) == {
        "messages.name", "cache_control", "stop_sequences", "seed", "top_k", "frequency_penalty", "logit_bias",
        "plugins", "reasoning", "service_tier",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("talk", "told"),
    [
        (Conversation(turns=HI, choices=2), "'n': P gives one answer"),
        (Conversation(turns=HI, prediction=b"{}"), "'prediction': P takes no predicted output"),
        (Conversation(turns=HI, modalities=("text", "audio")), "'modalities': P cannot answer with audio"),
        (Conversation(turns=HI, search=WebSearch()), "'search': P cannot search the web"),
        (Conversation(turns=HI, foreign_tools=(ForeignTool("x", "bash", b"{}"),)), "P has no tool of type 'bash'"),
        (Conversation(turns=(Turn("user", (Video(Source(url="u")),)),)), "'messages[0].content[0]': P takes no video"),
        (Conversation(turns=(Turn("user", (Audio(Source(data="a"), "wav"),)),)), "P takes no audio"),
        (Conversation(turns=(Turn("assistant", (Text("a"),), is_prefix=True),)), "'messages[0].prefix'"),
        (Conversation(turns=(Turn("assistant", (Image(Source(url="u")),)),)), "takes no image of an assistant"),
        (Conversation(turns=(Turn("assistant", (Foreign("x", "server_tool_use", b"{}"),)),)), "'server_tool_use'"),
    ],
)
def test_what_must_not_be_left_out_is_refused(talk: Conversation, told: str) -> None:
    with pytest.raises(NotExpressible) as caught:
        sent(talk)
    assert told in caught.value.message


def test_only_reasoning_of_this_format_goes_back() -> None:
    own = Thinking("s", encrypted="E", id="rs_1", is_summary=True, origin="openai_responses")
    others = (Thinking("t", signature="S", origin="anthropic_messages"), Thinking("bare", origin="openai_responses"))
    talk = Conversation(turns=(*HI, Turn("assistant", (own, *others, Text("a")))))
    _, reasoning, message = sent(talk)["input"]
    assert reasoning == {
        "type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "s"}], "encrypted_content": "E",
    }  # fmt: skip
    assert message["content"] == [{"type": "output_text", "text": "a", "annotations": []}]
    assert dropped(talk) == ("messages[1].reasoning_content",)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (Reasoning(effort="low"), {"effort": "low"}),
        (Reasoning(is_on=False), {"effort": "none"}),
        (Reasoning(is_on=True), {"effort": "medium", "summary": "auto"}),
        (Reasoning(is_on=True, budget_tokens=20000, is_hidden=True), {"effort": "high"}),
        (Reasoning(is_on=True, is_adaptive=True), {"summary": "auto"}),
        (Reasoning(effort="high", summary="concise"), {"effort": "high", "summary": "concise"}),
    ],
)
def test_reasoning_is_asked_for(asked: Reasoning, told: dict[str, str]) -> None:
    body = sent(Conversation(turns=HI, reasoning=asked), capabilities=["reasoning"])
    assert body["reasoning"] == told
    assert body["include"] == ["reasoning.encrypted_content"]


def test_tools_of_other_formats_are_not_made_strict_by_silence() -> None:
    tools = (Tool("f", parameters=b'{"type": "object",  "x": 1}'), Tool("g", strict=True), Tool("h", kind="custom"))
    choice = ToolChoice("allowed", allowed=("f", "h"))
    body = CALLED.encode(Conversation(turns=HI, tools=tools, tool_choice=choice), target(), is_streaming=True).body
    assert b'"parameters":{"type": "object",  "x": 1},"strict":false' in body
    tools_sent = json.loads(body)["tools"]
    assert [tool.get("strict") for tool in tools_sent] == [False, True, None]
    assert json.loads(body)["tool_choice"] == {
        "type": "allowed_tools", "mode": "auto",
        "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "h"}],
    }  # fmt: skip


def test_a_search_is_asked_for_in_the_formats_own_words() -> None:
    search = WebSearch("high", Place(city="Bern", country="CH"), ("a.example",), is_forced=True)
    body = sent(Conversation(turns=HI, search=search), quirks={"search": "native"})
    assert body["tools"] == [
        {"type": "web_search", "search_context_size": "high",
         "user_location": {"type": "approximate", "city": "Bern", "country": "CH"},
         "filters": {"allowed_domains": ["a.example"]}}
    ]  # fmt: skip
    assert body["tool_choice"] == {"type": "web_search"}
    assert "tools" not in sent(Conversation(turns=HI, search=search), quirks={"search": "always"})


@pytest.mark.parametrize(("rates", "is_sent"), [({"input": 1}, False), ({"input": 1, "search": 1}, True)])
def test_a_search_is_only_asked_for_where_its_price_is_known(rates: dict[str, int], is_sent: bool) -> None:
    call = parse(input="hi", tools=[{"type": "web_search_preview"}])
    there = target()
    there = replace(there, offer=dataclasses.replace(there.offer, rates=(Rates(0, rates),)))
    ways = (
        lambda: relay(call, there, identity)[0],
        lambda: CALLED.encode(SERVED.read(call), there, is_streaming=False),
    )
    for way in ways:
        if is_sent:
            assert json.loads(way().body)["tools"][0]["type"].startswith("web_search")
        else:
            with pytest.raises(CannotSearch):
                way()


def test_results_with_pictures_and_files_are_written() -> None:
    parts = (Text("see"), Image(Source(data="aGk=", media_type="image/png")), Document(Source(data="aGk=")))
    talk = Conversation(turns=(Turn("tool", (ToolResult("c", parts, is_error=True),)),))
    (item,) = sent(talk)["input"]
    assert item["output"] == [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,aGk="},
        {"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,aGk="},
    ]
    assert dropped(talk) == ("messages[0].is_error",)


def test_audio_is_written_for_a_model_that_hears() -> None:
    talk = Conversation(turns=(Turn("user", (Audio(Source(data="aGk="), "wav"),)),))
    (message,) = sent(talk, inputs=("text", "audio"))["input"]
    assert message["content"] == [{"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}]


TEXTS = some.text(max_size=12)
WORDS = some.text("abcdef_", min_size=1, max_size=8)
PARTS = some.one_of(
    some.builds(Text, TEXTS),
    some.builds(Image, some.builds(Source, url=WORDS.map("https://a.example/".__add__)), some.just("low")),
    some.builds(Document, some.builds(Source, file_id=WORDS)),
)
OWN = some.just("openai_responses")
SAID = some.one_of(
    some.builds(Text, TEXTS),
    some.builds(ToolUse, WORDS, WORDS, TEXTS, some.sampled_from(["function", "custom"])),
    some.builds(Thinking, WORDS, encrypted=WORDS, id=WORDS, is_summary=some.just(True), origin=OWN),
)  # fmt: skip
TURNS = some.lists(
    some.one_of(
        some.builds(Turn, some.sampled_from(["user", "system", "developer"]), some.tuples(PARTS, PARTS)),
        some.builds(Turn, some.just("assistant"), some.lists(SAID, min_size=1, max_size=4).map(tuple)),
        some.builds(Turn, some.just("tool"), some.tuples(some.builds(ToolResult, WORDS, some.tuples(PARTS)))),
    ),
    min_size=1,
    max_size=5,
)  # fmt: skip


@given(TURNS)
def test_turns_survive_being_written_and_read_again(turns: list[Turn]) -> None:
    joined: list[Turn] = []
    for turn in turns:  # What an assistant says in a row has one turn.
        if joined and turn.role == joined[-1].role == "assistant":
            turn = replace(turn, parts=(*joined.pop().parts, *turn.parts))
        joined.append(turn)
    body = sent(Conversation(turns=tuple(joined)))
    again = read(**{name: value for name, value in body.items() if name not in ("model", "store", "stream")})
    nameless = [
        replace(turn, parts=tuple(replace(one, name="") if isinstance(one, ToolResult) else one for one in turn.parts))
        for turn in again.turns
    ]
    assert nameless == joined


@pytest.mark.parametrize("kind", ["code_interpreter", "file_search", "image_generation"])
def test_tools_that_are_billed_apart_are_refused_unless_the_offer_takes_them(kind: str) -> None:
    asked = parse(input="hi", tools=[{"type": kind}])
    with pytest.raises(NotExpressible, match=f"bills '{kind}' apart") as refusal:
        relay(asked, target(), identity)
    assert refusal.value.param == "tools"
    assert kind.encode() in relay(asked, target({"accept": [kind]}), identity)[0].body
    foreign = Conversation(turns=HI, foreign_tools=(ForeignTool("openai_responses", kind, b'{"type":"x"}'),))
    with pytest.raises(NotExpressible, match="bills"):
        sent(foreign)
