"""Chat calls in the canonical form: what is written can be read again, and what cannot be said is refused or named."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from modelport.catalogue.facts import Model, Offer, Provider, Quirks
from modelport.core.errors import InvalidBody
from modelport.dialects import openai_chat
from modelport.dialects.wire import NotExpressible, Target
from modelport.operations.content import (
    Audio,
    CacheMark,
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

MODEL = Model(id="m", name="M", maker="acme", operation="chat", description="")


def target(**quirks: Any) -> Target:
    provider = Provider(id="p", name="Acme", base_url="https://p.example", speaks={"chat": ("openai_chat",)})
    return Target(Offer(model_id="m", provider=provider, upstream="u", quirks=Quirks(**quirks)), MODEL)


ABLE = target(
    accept=frozenset({"cache_control", "reasoning_details", "extra_content", "top_k", "min_p"}),
    developer_role=True,
    prefix="prefix",
    search="options",
    reasoning="reasoning",
)


def sent(talk: Conversation, to: Target = ABLE) -> dict[str, Any]:
    return json.loads(openai_chat.CALLED.encode(talk, to, is_streaming=False).body)


def dropped(talk: Conversation, to: Target = ABLE) -> tuple[str, ...]:
    return openai_chat.CALLED.encode(talk, to, is_streaming=False).dropped


def read(body: str | bytes) -> Conversation:
    raw = body.encode() if isinstance(body, str) else body
    return openai_chat.SERVED.read(openai_chat.SERVED.parse(raw))


words = st.text(min_size=1, max_size=20)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,10}", fullmatch=True)
ids = st.from_regex(r"call_[A-Za-z0-9]{4,8}", fullmatch=True)
marks = st.none() | st.sampled_from([CacheMark(), CacheMark("5m"), CacheMark("1h")])
base64 = st.sampled_from(["aGVsbG8=", "AAAA", "/9j/4AAQ"])
said = st.builds(Text, words, cache=marks)
plain = st.builds(Text, words)
images = st.builds(
    Image,
    st.just(Source(url="https://i.example/a.png")) | st.builds(Source, data=base64, media_type=st.just("image/png")),
    st.sampled_from(["", "low", "high", "auto"]),
    marks,
)
files = st.builds(
    Document,
    st.builds(Source, data=base64, media_type=st.just("application/pdf")) | st.just(Source(file_id="file-1")),
    st.sampled_from(["", "a.pdf"]),
    cache=marks,
)
heard = st.builds(Audio, st.builds(Source, data=base64, media_type=st.just("audio/wav")), st.just("wav"))
seen = st.just(Video(Source(url="https://v.example/a.mp4")))
user = st.builds(
    Turn, st.just("user"), st.lists(said | images | files | heard | seen, min_size=1, max_size=3).map(tuple)
)
system = st.builds(Turn, st.sampled_from(["system", "developer"]), said.map(lambda part: (part,)), st.just("") | names)
thoughts = st.builds(Thinking, words) | st.builds(
    Thinking, words, words, origin=st.sampled_from(["anthropic_messages", "google_gemini"])
)
hidden = st.builds(Thinking, encrypted=words, id=st.just("rs_1"), origin=st.just("openai_responses"))
raw_json = st.sampled_from(['{"a": 1.0}', "{ }", '{"b":"\\u00e9"}', "{not json"])
uses = st.builds(ToolUse, ids, names, raw_json, signature=st.just("")) | st.builds(
    ToolUse, ids, names, raw_json, signature=words, origin=st.just("google_gemini")
)


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[Turn, ...]:
    calls = draw(st.lists(uses, max_size=2, unique_by=lambda use: use.id))
    thought = draw(st.lists(thoughts | hidden, max_size=1))
    text = draw(st.lists(said | st.builds(Refusal, words), min_size=0 if calls else 1, max_size=2))
    turns = [Turn("assistant", (*thought, *text, *calls))]
    for call in calls:
        given = tuple(draw(st.lists(plain, min_size=1, max_size=2)))
        result = ToolResult(call.id, given, name=draw(st.just("") | names), cache=draw(marks))
        turns.append(Turn("tool", (result,)))
    return tuple(turns)


tools = st.builds(
    Tool,
    names,
    st.just("") | words,
    parameters=st.sampled_from([b"", b'{"type":"object", "properties":{}}']),
    strict=st.sampled_from([None, True, False]),
    cache=marks,
) | st.builds(Tool, names, kind=st.just("custom"), format=st.sampled_from([b"", b'{"type":"text"}']))
choices = st.sampled_from(
    [ToolChoice("none"), ToolChoice("auto"), ToolChoice("required"), ToolChoice("named", "f"),
     ToolChoice("named", "c", "custom"), ToolChoice("allowed", allowed=("f", "g"), is_required=True)]
)  # fmt: skip
formats = st.sampled_from(
    [AnswerFormat("text"), AnswerFormat("json_object"),
     AnswerFormat("json_schema", "n", b'{"type": "object"}', True, "what")]
)  # fmt: skip
reasonings = st.sampled_from(
    [Reasoning(effort="low"), Reasoning(budget_tokens=3000), Reasoning(effort="high", is_hidden=True)]
)
searches = st.sampled_from([WebSearch(), WebSearch("high", Place("Berlin", "DE"))])


@st.composite
def talks(draw: st.DrawFn) -> Conversation:
    turns = [*draw(st.lists(system, max_size=1))]
    for _ in range(draw(st.integers(1, 3))):
        turns.append(draw(user))
        turns.extend(draw(exchanges()))
    listed = tuple(draw(st.lists(tools, max_size=3)))
    maybe: Any = lambda strategy: draw(st.none() | strategy)  # noqa: E731
    return Conversation(
        turns=tuple(turns),
        max_tokens=maybe(st.integers(1, 9999)),
        choices=draw(st.integers(1, 3)),
        temperature=maybe(st.floats(0, 2)),
        top_p=maybe(st.floats(0.01, 1)),
        top_k=maybe(st.integers(0, 100).map(float)),
        stop=tuple(draw(st.lists(words, max_size=4))),
        seed=maybe(st.integers(1, 10**30)),
        frequency_penalty=maybe(st.floats(-2, 2)),
        logprobs=maybe(st.booleans()),
        tools=listed,
        tool_choice=maybe(choices) if listed else None,
        parallel_tools=maybe(st.booleans()) if listed else None,
        format=maybe(formats),
        reasoning=maybe(reasonings),
        search=maybe(searches),
        user=draw(st.just("") | words),
        metadata=draw(st.sampled_from([b"", b'{"a": "b"}'])),
        service_tier=draw(st.sampled_from(["", "flex"])),
        verbosity=draw(st.sampled_from(["", "low"])),
    )


@settings(max_examples=50, deadline=None)
@given(talks())
def test_what_is_written_for_a_provider_that_takes_all_reads_the_same(talk: Conversation) -> None:
    request = openai_chat.CALLED.encode(talk, ABLE, is_streaming=False)
    again = read(request.body)
    assert replace(again, spelled={}) == talk
    assert request.dropped == ()


def test_every_word_of_other_formats_makes_a_call_mixed() -> None:
    def mixed(fields: str = "", messages: str = '[{"content":"a"}]') -> bool:
        return openai_chat.parse(f'{{"model":"m","messages":{messages}{fields}}}'.encode()).is_mixed

    assert not mixed(',"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"auto"')
    assert not mixed(',"reasoning":{"effort":"low"}')
    for fields in (
        '"tools":[{"name":"f","input_schema":{}}]',
        '"tools":[{"type":"builtin_function","function":{"name":"$web_search"}}]',
        '"tools":[{"type":"function","function":{"name":"$web_search"}}]',
        '"tools":[{"type":"web_search","web_search":{"enable":true}}]',
        '"tool_choice":{"type":"any"}',
        '"functions":[{"name":"f"}]',
        '"function_call":"auto"',
        '"reasoning":{"exclude":true}',
    ):
        assert mixed("," + fields), fields
    for part in ("image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking"):
        assert mixed(messages=json.dumps([{"content": [{"type": part}]}])), part
    assert mixed(messages='[{"content":"a"},{"role":"assistant","content":"b","reasoning_details":[]}]')


def test_anthropics_words_are_read() -> None:
    talk = read(
        json.dumps(
            {
                "model": "m",
                "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
                "stop_sequences": ["END"],
                "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object"}}],
                "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
                "thinking": {"type": "enabled", "budget_tokens": 2000},
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
                            {"type": "image", "source": {"type": "url", "url": "https://i.example/a"}},
                            {"type": "document", "source": {"type": "text", "data": "plain"}, "title": "T"},
                            {"type": "text", "text": "look"},
                        ],
                    },
                    {
                        "role": "assistant",
                        "content": [
                            {"type": "thinking", "thinking": "so", "signature": "sig"},
                            {"type": "redacted_thinking", "data": "xyz"},
                            {"type": "thinking", "thinking": "or", "signature": "mp1.google_gemini.signature..g=="},
                            {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
                        ],
                    },
                    {
                        "role": "user",
                        "content": [
                            {"type": "tool_result", "tool_use_id": "t1", "is_error": True, "content": "no"},
                            {"type": "text", "text": "and now?"},
                        ],
                    },
                ],
            }
        )
    )
    system, first, answer, result, last = talk.turns
    assert system == Turn("system", (Text("Be brief.", cache=CacheMark("1h")),))
    assert first.parts[:2] == (
        Image(Source(data="AA==", media_type="image/png")),
        Image(Source(url="https://i.example/a")),
    )
    assert first.parts[2] == Document(Source(media_type="text/plain"), "T", text="plain")
    assert answer.parts == (
        Thinking("so", "sig", origin="anthropic_messages"),
        Thinking(encrypted="xyz", origin="anthropic_messages"),
        Thinking("or", "g==", origin="google_gemini"),
        ToolUse("t1", "f", '{"a": 1}'),
    )
    assert result == Turn("tool", (ToolResult("t1", (Text("no"),), is_error=True),))
    assert last == Turn("user", (Text("and now?"),))
    assert talk.tools == (Tool("f", "d", parameters=b'{"type": "object"}'),)
    assert talk.tool_choice == ToolChoice("named", "f")
    assert talk.parallel_tools is False
    assert (talk.stop, talk.spelled["reasoning"]) == (("END",), "thinking")
    assert talk.reasoning == Reasoning(is_on=True, budget_tokens=2000)


def test_the_older_functions_become_tools() -> None:
    talk = read(
        '{"model":"m","functions":[{"name":"f","parameters":{}}],"function_call":{"name":"f"},"messages":['
        '{"role":"user","content":"a"},'
        '{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{ }"}},'
        '{"role":"function","name":"f","content":"7"}]}'
    )
    call, result = talk.turns[1].parts[0], talk.turns[2].parts[0]
    assert isinstance(call, ToolUse)
    assert isinstance(result, ToolResult)
    assert (call.name, call.arguments, call.id) == ("f", "{ }", result.call_id)
    assert talk.tools == (Tool("f", parameters=b"{}"),)
    assert talk.tool_choice == ToolChoice("named", "f")
    assert talk.parallel_tools is False
    assert (talk.spelling("tools"), talk.spelling("tool_choice")) == ("functions", "function_call")
    body = sent(talk)
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "tool"]
    assert body["tools"][0]["type"] == "function"


def test_details_of_reasoning_are_read_with_the_text_beside_them() -> None:
    talk = read(
        '{"model":"m","messages":[{"role":"assistant","content":"a","reasoning_content":"so it is",'
        '"reasoning_details":['
        '{"type":"reasoning.text","text":"so ","format":"anthropic-claude-v1","index":0},'
        '{"type":"reasoning.text","text":"it is","format":"anthropic-claude-v1","index":0},'
        '{"type":"reasoning.text","signature":"sig","format":"anthropic-claude-v1","index":0},'
        '{"type":"reasoning.summary","summary":"sum","id":"rs_1","format":"openai-responses-v1","index":1},'
        '{"type":"reasoning.encrypted","data":"enc","id":"rs_1","format":"openai-responses-v1","index":1},'
        '{"type":"reasoning.encrypted","data":"gem","id":"call_1","format":"google-gemini-v1","index":2}],'
        '"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{}"}}]}]}'
    )
    assert talk.turns[0].parts == (
        Thinking("so it is", "sig", origin="anthropic_messages"),
        Thinking("sum", encrypted="enc", id="rs_1", is_summary=True, origin="openai_responses"),
        Text("a"),
        ToolUse("call_1", "f", "{}", signature="gem", origin="google_gemini"),
    )


def test_reasoning_goes_back_in_the_form_that_the_provider_takes() -> None:
    thought = Thinking("so", "sig", origin="anthropic_messages")
    talk = Conversation(turns=(Turn("user", (Text("a"),)), Turn("assistant", (thought, Text("b")))))

    def answer(**quirks: Any) -> dict[str, Any]:
        return sent(talk, target(**quirks))["messages"][1]

    assert answer() == {"role": "assistant", "content": "b", "reasoning_content": "so"}
    assert answer(reasoning_field="reasoning") == {"role": "assistant", "content": "b", "reasoning": "so"}
    assert answer(reasoning_field="think_tags")["content"] == "<think>\nso\n</think>\n\nb"
    assert answer(accept=frozenset({"reasoning_details"}))["reasoning_details"][0]["signature"] == "sig"
    assert answer(reasoning="none") == {"role": "assistant", "content": "b"}
    assert dropped(talk, target(reasoning="none")) == ("messages.reasoning_content",)
    assert dropped(talk, target(drop=frozenset({"reasoning_content"}))) == ("messages.reasoning_content",)
    assert dropped(replace(talk, dialect="anthropic_messages"), target(reasoning="none")) == (
        "messages.content.thinking",
    )


def test_what_tools_return_beside_text_is_said_by_the_user_after_the_last_result() -> None:
    image = Image(Source(data="AA==", media_type="image/png"))
    calls = (ToolUse("c1", "f", "{}"), ToolUse("c2", "g", "{}"))
    results = (ToolResult("c1", (Text("ok"), image)), ToolResult("c2", (Text("fine"),)))
    turns = (Turn("assistant", calls), *(Turn("tool", (result,)) for result in results))
    body = sent(Conversation(turns=(*turns, Turn("user", (Text("so?"),)))))
    assert [message["role"] for message in body["messages"]] == ["assistant", "tool", "tool", "user"]
    assert body["messages"][0]["content"] is None
    assert [part["type"] for part in body["messages"][3]["content"]] == ["text", "image_url", "text"]
    assert [message["role"] for message in sent(Conversation(turns=turns))["messages"]] == [
        "assistant", "tool", "tool", "user",
    ]  # fmt: skip


REFUSED: list[tuple[Turn, str]] = [
    (Turn("user", (Foreign("anthropic_messages", "server_tool_use", b"{}"),)), "server_tool_use"),
    (Turn("user", (Document(Source(url="https://f.example/a.pdf")),)), "takes no file by its address"),
    (Turn("user", (Image(Source(file_id="file-1")),)), "takes no image by a file's id"),
    (Turn("assistant", (Image(Source(url="https://i.example/a")),)), "from an assistant"),
    (Turn("assistant", (Text("a"),), is_prefix=True), "cannot continue a message"),
]


@pytest.mark.parametrize(("turn", "told"), REFUSED)
def test_a_part_that_cannot_be_said_is_refused(turn: Turn, told: str) -> None:
    with pytest.raises(NotExpressible, match=told):
        sent(Conversation(turns=(turn,)), target())


def test_a_tool_of_another_format_is_refused() -> None:
    talk = Conversation(
        turns=(Turn("user", (Text("a"),)),), foreign_tools=(ForeignTool("anthropic_messages", "bash_20250124", b"{}"),)
    )
    with pytest.raises(NotExpressible, match="bash_20250124"):
        sent(talk)


def test_what_a_provider_does_not_take_is_named_in_the_callers_words() -> None:
    part: Part = Text("a", cache=CacheMark())
    talk = Conversation(
        turns=(Turn("user", (part,)),),
        top_k=5,
        reasoning=Reasoning(is_on=True, budget_tokens=2000),
        extra={"container": b"1"},
        spelled={"reasoning": "thinking"},
        dialect="anthropic_messages",
    )
    to = target(drop=frozenset({"reasoning_effort"}))
    assert set(dropped(talk, to)) == {"cache_control", "top_k", "thinking", "container"}


def test_plain_text_documents_are_said_as_text() -> None:
    document = Document(Source(media_type="text/plain"), "Title", text="body")
    body = sent(Conversation(turns=(Turn("user", (document, Text("sum up"))),)))
    assert body["messages"][0]["content"][0] == {"type": "text", "text": "Title\n\nbody"}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"role":"assistant","tool_calls":[{"id":"1"}]}', "'messages[0].tool_calls[0].function': Expected object"),
        ('{"content":[{"type":"image"}]}', "'messages[0].content[0].source': Expected object"),
        ('{"content":[{"type":"tool_result"}]}', "'messages[0].content[0].tool_use_id': Required"),
        ('{"role":"function","name":"f","content":"a"}', "Expected the name of a function that an earlier message"),
        ('{"content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"2h"}}]}', "'5m', '1h'"),
        ('{"role":"assistant","content":"a","reasoning_details":[5]}', "'messages[0].reasoning_details': Expected"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_place(body: str, told: str) -> None:
    with pytest.raises(InvalidBody) as refused:
        read(b'{"model":"m","messages":[%b]}' % body.encode())
    assert told in refused.value.message
