"""Writing canonical conversations as Messages: what is sent, what is left out and told, what is refused."""

import json
from typing import Any

import pytest

from modelport.dialects.anthropic_messages import CALLED, SERVED, count_request, counted, relay_request
from modelport.dialects.signatures import Sealed, seal
from modelport.dialects.wire import MalformedReply, NotExpressible
from modelport.operations.content import (
    Audio,
    CacheMark,
    Citation,
    Document,
    Foreign,
    Image,
    Part,
    Refusal,
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
from tests.dialects.anthropic_messages.factories import body, target

HI = Turn("user", (Text("hi"),))
F = Tool("f", parameters=b'{"type":"object"}')


def sent(*turns: Turn, to: Any = None, **rest: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    request = CALLED.encode(Conversation(turns=turns or (HI,), **rest), to or target(), is_streaming=False)
    return json.loads(request.body), request.dropped


def blocks(*parts: Part, role: Any = "user", to: Any = None, **rest: Any) -> list[dict[str, Any]]:
    return sent(Turn(role, parts), to=to, **rest)[0]["messages"][-1]["content"]


def test_instructions_at_the_beginning_are_the_system() -> None:
    written, dropped = sent(Turn("system", (Text("a", cache=CacheMark("1h")),)), Turn("developer", (Text("b"),)), HI)
    assert written["system"] == [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "text", "text": "b"},
    ]
    assert [message["role"] for message in written["messages"]] == ["user"]
    assert dropped == ()


def test_later_instructions_stand_between_marks_and_are_told() -> None:
    written, dropped = sent(HI, Turn("system", (Text("now"),)), Turn("assistant", (Text("ok"),)), HI)
    assert written["messages"][0]["content"][1]["text"] == "<system>\nnow\n</system>"
    assert dropped == ("messages[1].role",)


def test_later_instructions_keep_their_role_where_the_model_knows_it() -> None:
    written, dropped = sent(HI, Turn("system", (Text("now"),)), to=target(developer_role=True))
    assert [message["role"] for message in written["messages"]] == ["user", "system"]
    assert dropped == ()


def test_instructions_alone_are_what_is_asked() -> None:
    written, dropped = sent(Turn("system", (Text("a"),)))
    assert written["messages"] == [{"role": "user", "content": [{"type": "text", "text": "a"}]}]
    assert dropped == ("messages[0].role",)


def test_turns_of_one_side_are_one_message_with_results_first() -> None:
    use = (ToolUse("a", "f", '{"x": 1.0}'), ToolUse("b", "f", ""))
    written, _ = sent(
        HI,
        Turn("assistant", (Text("one"),)),
        Turn("assistant", use),
        HI,
        Turn("tool", (ToolResult("a", (Text("1"),)),)),
        Turn("tool", (ToolResult("b", (), is_error=True),)),
        tools=(F,),
    )
    assert [message["role"] for message in written["messages"]] == ["user", "assistant", "user"]
    assert [block["type"] for block in written["messages"][1]["content"]] == ["text", "tool_use", "tool_use"]
    assert written["messages"][1]["content"][2]["input"] == {}
    assert written["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "1"}]},
        {"type": "tool_result", "tool_use_id": "b", "is_error": True},
        {"type": "text", "text": "hi"},
    ]


def test_arguments_and_schemas_keep_their_bytes() -> None:
    schema, arguments = b'{ "type":"object","z":1.0 , "a":[ ]}', '{"b": 1.0,"a":1e3}'
    talk = Conversation(
        turns=(HI, Turn("assistant", (ToolUse("t", "f", arguments),))), tools=(Tool("f", parameters=schema),)
    )
    request = CALLED.encode(talk, target(), is_streaming=True)
    assert arguments.encode() in request.body
    assert schema in request.body
    assert json.loads(request.body)["stream"] is True


def test_ids_are_brought_into_the_letters_that_are_taken_and_stay_alike() -> None:
    use = (ToolUse("functions.f:0", "f", "{}"), ToolUse("functions_f_0", "f", "{}"))
    written, _ = sent(HI, Turn("assistant", use), Turn("tool", (ToolResult("functions.f:0"),)), tools=(F,))
    calls = [block["id"] for block in written["messages"][1]["content"]]
    assert calls == ["functions_f_0", "functions_f_0_2"]
    assert written["messages"][2]["content"][0]["tool_use_id"] == calls[0]


def test_empty_texts_are_left_out() -> None:
    assert blocks(Text(""), Text(" \n"), Text("a")) == [{"type": "text", "text": "a"}]


def test_attachments_are_written() -> None:
    written = blocks(
        Image(Source(url="https://a/b")),
        Image(Source(data="iVBORw0=")),
        Image(Source(data="eA==", media_type="image/jpg")),
        Document(Source(data="eA==", media_type="application/pdf"), name="t", context="c", with_citations=True),
        Document(text="a", cache=CacheMark("5m")),
    )
    assert written == [
        {"type": "image", "source": {"type": "url", "url": "https://a/b"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0="}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "eA=="}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "eA=="},
            "title": "t",
            "context": "c",
            "citations": {"enabled": True},
        },
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "a"},
            "cache_control": {"type": "ephemeral", "ttl": "5m"},
        },
    ]


@pytest.mark.parametrize(
    "part",
    [
        Audio(Source(data="eA==")),
        Video(Source(url="https://a")),
        Image(Source(data="eA==", media_type="image/tiff")),
        Image(Source(data="eA==")),
        Image(Source(file_id="f")),
        Document(Source(data="eA==", media_type="text/csv")),
        Foreign("openai_responses", "web_search_call", b"{}"),
        ToolUse("t", "f", "[1]"),
    ],
)
def test_a_part_that_cannot_be_said_is_refused_by_its_place(part: Part) -> None:
    with pytest.raises(NotExpressible, match=r"'messages\[0\]\.content\[0\]"):
        blocks(part)


def test_reasoning_of_others_is_left_out_and_told() -> None:
    said = Turn("assistant", (Thinking("w"), Thinking("a", "S", origin="google_gemini"), Text("b")))
    written, dropped = sent(HI, said)
    assert written["messages"][1]["content"] == [{"type": "text", "text": "b"}]
    assert dropped == ("messages[1].reasoning_content",)


def test_refusals_are_text_and_only_own_citations_go_back() -> None:
    own = b'{"type":"char_location","cited_text":"q"}'
    parts = (Refusal("no"), Text("a", (Citation(raw=own), Citation("https://a"))))
    written, dropped = sent(HI, Turn("assistant", parts))
    assert written["messages"][1]["content"] == [
        {"type": "text", "text": "no"},
        {"type": "text", "text": "a", "citations": [json.loads(own)]},
    ]
    assert dropped == ("messages[1].content[1].citations",)


@pytest.mark.parametrize(
    ("asked", "bound", "limit", "expected"),
    [
        (None, None, None, 4096),
        (None, None, 64000, 64000),
        (500, None, 64000, 500),
        (500, 90, 64000, 90),
        (None, 90, 64000, 90),
    ],
)
def test_there_is_always_a_bound(asked: int | None, bound: int | None, limit: int | None, expected: int) -> None:
    written, _ = sent(to=target(bound, limit), max_tokens=asked)
    assert written["max_tokens"] == expected
    relayed = relay_request(SERVED.parse(body(max_tokens=asked)), target(bound, limit))
    assert json.loads(relayed.body)["max_tokens"] == expected


REASONING = [
    ("", Reasoning(effort="low"), {"type": "enabled", "budget_tokens": 1024}, None),
    ("budget", Reasoning(effort="medium"), {"type": "enabled", "budget_tokens": 4096}, None),
    ("budget", Reasoning(effort="high"), {"type": "enabled", "budget_tokens": 7999}, None),
    ("budget", Reasoning(is_on=True, budget_tokens=100), {"type": "enabled", "budget_tokens": 1024}, None),
    ("budget", Reasoning(effort="none"), {"type": "disabled"}, None),
    ("budget", Reasoning(is_on=False), {"type": "disabled"}, None),
    ("adaptive", Reasoning(effort="minimal"), {"type": "adaptive", "display": "summarized"}, {"effort": "low"}),
    ("adaptive", Reasoning(is_on=True, is_hidden=True), {"type": "adaptive", "display": "omitted"}, None),
    ("adaptive", Reasoning(effort="none"), {"type": "disabled"}, None),
    ("effort", Reasoning(effort="high"), None, {"effort": "high"}),
]


@pytest.mark.parametrize(("form", "reasoning", "thinking", "config"), REASONING)
def test_reasoning_is_asked_for_in_the_models_form(form: str, reasoning: Reasoning, thinking: Any, config: Any) -> None:
    written, dropped = sent(reasoning=reasoning, max_tokens=8000, to=target(reasoning=form))
    assert (written.get("thinking"), written.get("output_config"), dropped) == (thinking, config, ())


def test_a_model_that_cannot_be_asked_to_reason_is_not_and_it_is_told() -> None:
    written, dropped = sent(reasoning=Reasoning(effort="high"), to=target(reasoning="none"))
    assert "thinking" not in written
    assert dropped == ("reasoning",)


def test_thinking_gives_way_to_what_it_cannot_stand_beside() -> None:
    thinks = Reasoning(effort="low")
    forced = sent(reasoning=thinks, tools=(F,), tool_choice=ToolChoice("required"))
    narrow = sent(reasoning=thinks, max_tokens=1000)
    loop = (HI, Turn("assistant", (ToolUse("a", "f", "{}"),)), Turn("tool", (ToolResult("a"),)))
    looping = sent(*loop, reasoning=thinks, tools=(F,))
    for written, dropped in (forced, narrow, looping):
        assert "thinking" not in written
        assert dropped == ("reasoning",)


def test_thinking_goes_on_through_a_loop_of_tools_with_its_proof() -> None:
    said = Turn("assistant", (Thinking("h", "S", origin="anthropic_messages"), ToolUse("a", "f", "{}")))
    written, dropped = sent(HI, said, Turn("tool", (ToolResult("a"),)), reasoning=Reasoning(effort="low"), tools=(F,))
    assert written["messages"][1]["content"][0] == {"type": "thinking", "thinking": "h", "signature": "S"}
    assert written["thinking"]["type"] == "enabled"
    assert dropped == ()
    again = (Turn("assistant", (ToolUse("b", "f", "{}"),)), Turn("tool", (ToolResult("b"),)))
    longer = sent(HI, said, Turn("tool", (ToolResult("a"),)), *again, reasoning=Reasoning(effort="low"), tools=(F,))
    assert longer[0]["thinking"]["type"] == "enabled"


def test_sampling_is_brought_into_what_is_taken() -> None:
    assert sent(temperature=1.5)[0]["temperature"] == 1
    assert sent(temperature=1.5)[1] == ("temperature",)
    written, dropped = sent(temperature=0.5, top_p=0.5, top_k=4.0)
    assert (written["temperature"], written["top_k"], dropped) == (0.5, 4, ("top_p",))
    written, dropped = sent(temperature=0.5, top_p=0.5, top_k=4.0, reasoning=Reasoning(effort="low"))
    assert dropped == ("temperature", "top_p", "top_k")
    written, dropped = sent(temperature=0.5, to=target(drop=frozenset({"temperature"})))
    assert ("temperature" in written, dropped) == (False, ("temperature",))


def test_what_this_format_has_no_word_for_is_told() -> None:
    _, dropped = sent(
        seed=7,
        frequency_penalty=0.5,
        logprobs=True,
        min_p=0.1,
        extra={"x": b"1"},
        metadata=b'{"a":"b"}',
        service_tier="flex",
        modalities=("text",),
    )
    assert set(dropped) == {"seed", "frequency_penalty", "logprobs", "min_p", "x", "metadata", "service_tier"}


@pytest.mark.parametrize("rest", [{"choices": 2}, {"modalities": ("text", "audio")}, {"search": WebSearch()}])
def test_what_must_not_be_left_out_is_refused(rest: dict[str, Any]) -> None:
    with pytest.raises(NotExpressible):
        sent(**rest)


def test_a_message_to_continue_is_sent_plainly_or_refused() -> None:
    turns = (HI, Turn("assistant", (Text("So "),), is_prefix=True))
    written, _ = sent(*turns, to=target(prefix="prefix"))
    assert written["messages"][1]["content"] == [{"type": "text", "text": "So"}]
    with pytest.raises(NotExpressible, match=r"messages\[1\].prefix"):
        sent(*turns)


def test_the_form_of_the_answer_is_enforced_or_told_to_the_model() -> None:
    form = AnswerFormat("json_schema", "n", b'{"type": "object"}')
    written, _ = sent(format=form)
    assert written["output_config"] == {"format": {"type": "json_schema", "schema": {"type": "object"}}}
    written, _ = sent(format=form, to=target(schema_as="prompt"))
    assert '{"type": "object"}' in written["system"][0]["text"]
    assert "output_config" not in written
    assert "JSON" in sent(format=AnswerFormat("json_object"))[0]["system"][0]["text"]


def test_tools_are_written() -> None:
    written, dropped = sent(
        tools=(
            Tool("a", "d", parameters=b'{"properties":{}}', strict=True, cache=CacheMark()),
            Tool("b"),
            Tool("c", "d", "custom", format=b'{"type":"grammar","grammar":{"syntax":"lark","definition":"start: X"}}'),
        ),
        foreign_tools=(ForeignTool("anthropic_messages", "bash_20250124", b'{"type":"bash_20250124","name":"bash"}'),),
        search=WebSearch("high", Place("Oslo"), ("a.org",), (), 3),
        to=target(search="native"),
    )
    assert written["tools"][0] == {
        "name": "a",
        "description": "d",
        "input_schema": {"type": "object", "properties": {}},
        "strict": True,
        "cache_control": {"type": "ephemeral"},
    }
    assert written["tools"][1] == {"name": "b", "input_schema": {"type": "object", "properties": {}}}
    assert written["tools"][2]["input_schema"]["required"] == ["input"]
    assert "start: X" in written["tools"][2]["description"]
    assert written["tools"][3]["name"] == "bash"
    assert written["tools"][4] == {
        "type": "web_search_20250305",
        "name": "web_search",
        "max_uses": 3,
        "allowed_domains": ["a.org"],
        "user_location": {"type": "approximate", "city": "Oslo"},
    }
    assert dropped == ("tools[2].custom.format", "search.search_context_size")


def test_tools_of_another_provider_are_refused() -> None:
    with pytest.raises(NotExpressible, match="code_interpreter"):
        sent(foreign_tools=(ForeignTool("openai_responses", "code_interpreter", b"{}"),))


@pytest.mark.parametrize(
    ("choice", "parallel", "expected", "count"),
    [
        (None, None, None, 2),
        (None, True, None, 2),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}, 2),
        (ToolChoice("auto"), None, {"type": "auto"}, 2),
        (ToolChoice("none"), False, {"type": "none"}, 2),
        (ToolChoice("required"), False, {"type": "any", "disable_parallel_tool_use": True}, 2),
        (ToolChoice("named", "g"), None, {"type": "tool", "name": "g"}, 2),
        (ToolChoice("allowed", allowed=("g",)), None, {"type": "auto"}, 1),
        (ToolChoice("allowed", allowed=("g",), is_required=True), None, {"type": "any"}, 1),
    ],
)
def test_the_choice_of_a_tool_is_written(choice: Any, parallel: bool | None, expected: Any, count: int) -> None:
    written, _ = sent(tools=(F, Tool("g")), tool_choice=choice, parallel_tools=parallel)
    assert (written.get("tool_choice"), len(written["tools"])) == (expected, count)


PICTURE = {"type": "base64", "media_type": "image/bmp", "data": "eA=="}


def test_a_callers_own_words_name_what_is_left_out() -> None:
    call = SERVED.parse(
        body(
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}, {"type": "text", "text": "a"}]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "h", "signature": ""}]},
            {"role": "user", "content": [{"type": "image", "source": PICTURE}]},
            system="s",
        )
    )
    with pytest.raises(NotExpressible, match=r"'messages\[2\].content\[0\]'"):
        CALLED.encode(SERVED.read(call), target(), is_streaming=False)


@pytest.mark.parametrize(
    ("given", "thinking", "effort", "dropped"),
    [
        (
            {"thinking": {"type": "enabled", "budget_tokens": 1024}},
            {"type": "adaptive"},
            "low",
            ("thinking.budget_tokens",),
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 9000, "display": "omitted"}},
            {"type": "adaptive", "display": "omitted"},
            "high",
            ("thinking.budget_tokens",),
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 9000}, "output_config": {"effort": "max"}},
            {"type": "adaptive"},
            "max",
            ("thinking.budget_tokens",),
        ),
        ({"thinking": {"type": "adaptive"}}, {"type": "adaptive"}, None, ()),
        ({"thinking": {"type": "disabled"}}, {"type": "disabled"}, None, ()),
    ],
)
def test_a_relayed_budget_becomes_an_effort_where_the_model_decides_how_much_it_thinks(
    given: dict[str, Any], thinking: dict[str, Any], effort: str | None, dropped: tuple[str, ...]
) -> None:
    offer = target(reasoning="adaptive")
    request = relay_request(SERVED.parse(body(max_tokens=20_000, **given)), offer)
    sent = json.loads(request.body)
    assert (sent["thinking"], sent.get("output_config", {}).get("effort")) == (thinking, effort)
    assert request.dropped == dropped
    counted_ = json.loads(count_request(SERVED.parse(body(max_tokens=20_000, **given)), offer).body)
    assert counted_["thinking"] == thinking


def test_a_relayed_call_is_fitted_to_its_offer() -> None:
    call = SERVED.parse(
        body(temperature=0.9, top_k=5, output_format={"type": "json_schema", "schema": {}}, mcp_servers=[1], x=2)
    )
    offer = target(
        drop=frozenset({"top_k"}),
        clamp={"temperature": "0.5"},
        accept=frozenset({"mcp_servers"}),
        set={"service_tier": '"auto"'},
    )
    request = relay_request(call, offer)
    written = json.loads(request.body)
    assert written["temperature"] == 0.5
    assert written["output_config"] == {"format": {"type": "json_schema", "schema": {}}}
    assert written["mcp_servers"] == [1]
    assert written["service_tier"] == "auto"
    assert set(request.dropped) == {"top_k", "temperature", "x"}


def test_thinking_is_lowered_with_the_bound_it_must_stay_below() -> None:
    call = SERVED.parse(body(thinking={"type": "enabled", "budget_tokens": 4000}))
    assert json.loads(relay_request(call, target()).body)["thinking"]["budget_tokens"] == 4000
    lowered = relay_request(call, target(2000))
    assert json.loads(lowered.body)["thinking"] == {"type": "enabled", "budget_tokens": 1999}
    assert lowered.dropped == ("thinking.budget_tokens",)
    none = relay_request(call, target(500))
    assert "thinking" not in json.loads(none.body)
    assert none.dropped == ("thinking",)


def test_tokens_are_counted_of_what_goes_in() -> None:
    fields: dict[str, Any] = {
        "system": "s",
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        "stream": True,
        "temperature": 1,
        "metadata": {"user_id": "u"},
        "stop_sequences": ["x"],
        "tool_choice": {"type": "auto"},
    }
    request = count_request(SERVED.parse(body(**fields)), target(5))
    assert request.path == "/messages/count_tokens"
    assert json.loads(request.body).keys() == {"model", "system", "tools", "tool_choice", "messages"}
    sealed = {"type": "thinking", "thinking": "", "signature": seal(Sealed("google_gemini", "signature", "x"))}
    mixed = SERVED.parse(body({"role": "assistant", "content": [sealed]}, {"role": "user", "content": "a"}, **fields))
    written = json.loads(count_request(mixed, target()).body)
    assert written.keys() == {"model", "system", "tools", "tool_choice", "messages"}
    assert written["messages"] == [{"role": "user", "content": [{"type": "text", "text": "a"}]}]


def test_a_count_is_read() -> None:
    assert counted(b'{"input_tokens":14}') == 14
    for wrong in (b"", b"{}", b'{"input_tokens":-1}', b'{"input_tokens":"a"}'):
        with pytest.raises(MalformedReply):
            counted(wrong)


@pytest.mark.parametrize("signature", [{}, {"signature": ""}, {"signature": None}])
def test_reasoning_without_its_signature_is_not_relayed_but_left_out_and_told(signature: dict[str, Any]) -> None:
    thought = {"type": "thinking", "thinking": "h", **signature}
    call = SERVED.parse(
        body(
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": [thought, {"type": "text", "text": "b"}]},
            {"role": "user", "content": "c"},
        )
    )
    assert call.is_mixed  # so that it is written anew, since its provider would refuse it
    request = CALLED.encode(SERVED.read(call), target(), is_streaming=False)
    assert json.loads(request.body)["messages"][1]["content"] == [{"type": "text", "text": "b"}]
    assert request.dropped == ("messages[1].content.thinking",)


def test_signed_reasoning_is_relayed() -> None:
    thought = {"type": "thinking", "thinking": "", "signature": "s"}
    assert not SERVED.parse(
        body({"role": "user", "content": "a"}, {"role": "assistant", "content": [thought]})
    ).is_mixed


def test_a_budget_that_is_null_is_no_budget() -> None:
    call = SERVED.parse(body(thinking={"type": "disabled", "budget_tokens": None}))
    assert json.loads(relay_request(call, target()).body)["thinking"] == {"type": "disabled"}
