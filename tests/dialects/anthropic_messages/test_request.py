"""Reading Messages requests: what is refused and how it is told, and what is read."""

import json
from typing import Any

import pytest

from modelport.core.errors import InvalidBody
from modelport.dialects.anthropic_messages import SERVED
from modelport.dialects.signatures import Sealed, seal
from modelport.operations.content import (
    CacheMark,
    Citation,
    Document,
    Foreign,
    Image,
    Part,
    Source,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
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
from tests.dialects.anthropic_messages.factories import body


def read(*messages: dict[str, Any], **fields: Any) -> Conversation:
    return SERVED.read(SERVED.parse(body(*messages, **fields)))


def heard(*blocks: dict[str, Any]) -> tuple[Part, ...]:
    return read({"role": "user", "content": list(blocks)}).turns[-1].parts


REFUSED = {
    "{": "Expected JSON",
    "[]": "Expected a JSON object",
    '{"messages":[{"role":"user","content":"a"}]}': "'model': Required",
    '{"model":"m"}': "'messages': Required",
    '{"model":"m","messages":[]}': "'messages': Expected array of at least 1 message",
    '{"model":"m","messages":{}}': "'messages': Expected array",
    '{"model":"m","messages":[{"role":"king","content":"a"}]}': "'messages[0].role': Expected one of 'user'",
    '{"model":"m","messages":[{"role":"user"}]}': "'messages[0].content': Required",
    '{"model":"m","messages":[{"role":"user","content":7}]}': "'messages[0].content': Expected string or array",
    '{"model":"m","messages":[{"role":"user","content":[{}]}]}': "'messages[0].content[0].type': Required",
    '{"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]}': "'messages[0].content[0].text': Required",
    '{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":1}]}]}': "Expected string, received 1",
    '{"model":"m","messages":[{"role":"user","content":[{"type":"image"}]}]}': "'messages[0].content[0].source'",
    '{"model":"m","messages":[{"role":"user","content":[{"type":"tool_use","id":"a","name":"b",'
    '"input":"c"}]}]}': "'messages[0].content[0].input': Expected object",
    '{"model":"m","messages":[{"role":"user","content":[{"type":"tool_result"}]}]}': "tool_use_id': Required",
    '{"model":"m","messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a",'
    '"content":[{"type":"text"}]}]}]}': "'messages[0].content[0].content[0].text': Required",
}
FIELDS = {
    '"max_tokens":-1': "'max_tokens': Expected integer at least 0, received -1",
    '"max_tokens":1.5': "'max_tokens': Expected integer",
    '"temperature":1.5': "'temperature': Expected number at most 1, received 1.5",
    '"top_p":2': "'top_p': Expected number at most 1",
    '"top_k":-1': "'top_k': Expected integer at least 0",
    '"stream":"yes"': "'stream': Expected boolean",
    '"stop_sequences":"a"': "'stop_sequences': Expected array of strings",
    '"system":7': "'system': Expected string or array",
    '"system":[{"type":"text"}]': "'system[0].text': Required",
    '"metadata":{"user_id":7}': "'metadata.user_id': Expected string",
    '"thinking":{"type":"on"}': "'thinking.type': Expected one of 'enabled'",
    '"thinking":{"type":"enabled"}': "'thinking.budget_tokens': Required",
    '"thinking":{"type":"enabled","budget_tokens":5}': "'thinking.budget_tokens': Expected integer at least 1024",
    '"max_tokens":1500,"thinking":{"type":"enabled","budget_tokens":1500}': "less than 'max_tokens' (1500)",
    '"tools":[{"name":"f"}]': "'tools[0].input_schema': Required",
    '"tools":[{"type":"function","function":{}}]': "'tools[0].function.name': Required",
    '"tools":[{"input_schema":{}}]': "'tools[0].name': Required",
    '"tool_choice":{"type":"some"}': "'tool_choice.type': Expected one of 'auto'",
    '"tool_choice":"some"': "'tool_choice': Expected one of",
    '"tool_choice":{"type":"tool"}': "'tool_choice.name': Required",
    '"output_config":{"effort":"huge"}': "'output_config.effort': Expected one of",
    '"output_format":{"type":"json_schema"}': "'output_format.schema': Required",
}


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        *REFUSED.items(),
        *(
            (f'{{"model":"m","messages":[{{"role":"user","content":"a"}}],{field}}}', told)
            for field, told in FIELDS.items()
        ),
    ],
)
def test_a_body_that_does_not_fit_is_refused_by_name(sent: str, told: str) -> None:
    with pytest.raises(InvalidBody) as refused:
        SERVED.parse(sent.encode())
    assert told in refused.value.message


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(InvalidBody) as refused:
        SERVED.parse(b'{"messages":[],"max_tokens":-1,"temperature":9}')
    assert len(refused.value.faults) == 4


@pytest.mark.parametrize(
    "place", ['"x":%s', '"messages":%s', '"system":%s', '"messages":[{"role":"user","content":%s}]']
)
def test_deep_nesting_is_refused_but_never_crashes(place: str) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    with pytest.raises(InvalidBody):
        SERVED.parse(('{"model":"m",' + place % deep + "}").encode())


def test_a_call_is_measured_without_the_bytes_of_its_attachments() -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 10_000}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [picture, {"type": "text", "text": "x" * 100}]}
    call = SERVED.parse(body({"role": "user", "content": [picture, result]}, system="s" * 50))
    assert call.attachments == 2
    assert 150 < call.text_bytes < 1000
    assert call.roles == {"system": 0, "user": 0}
    assert call.dialect == "anthropic_messages"


def test_plain_text_files_count_as_text() -> None:
    file = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "A" * 5000}}
    call = SERVED.parse(body({"role": "user", "content": [file]}))
    assert (call.attachments, call.text_bytes > 5000) == (0, True)


def test_nulls_are_absent_and_unknown_fields_are_kept() -> None:
    call = SERVED.parse(body(temperature=None, mcp_servers=[], container="c", x=1, tools=None, provider="Acme"))
    assert call.fields.keys() == {"max_tokens", "mcp_servers", "container", "x", "messages"}
    assert call.provider == "acme"
    assert SERVED.read(call).extra == {"mcp_servers": b"[]", "container": b'"c"', "x": b"1"}


def test_the_bound_is_optional_and_a_model_in_the_path_wins() -> None:
    call = SERVED.parse(b'{"messages":[{"role":"user","content":"a"}]}', "path/model")
    assert (call.model, call.max_tokens) == ("path/model", None)


def test_empty_lists_say_nothing() -> None:
    call = SERVED.parse(body(tools=[], tool_choice={"type": "auto"}, stop_sequences=[], system=""))
    assert call.fields.keys() == {"max_tokens", "messages"}


@pytest.mark.parametrize(
    ("fields", "is_mixed"),
    [
        ({"tools": [{"name": "f", "input_schema": {}}], "tool_choice": {"type": "any"}}, False),
        ({"tools": [{"type": "custom", "name": "f", "input_schema": {}}]}, False),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, False),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, True),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, True),
        ({"tool_choice": "auto", "tools": [{"name": "f", "input_schema": {}}]}, True),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, True),
    ],
)
def test_a_call_in_two_formats_is_known_as_mixed(fields: dict[str, Any], is_mixed: bool) -> None:
    assert SERVED.parse(body(**fields)).is_mixed == is_mixed


BLOCKS: list[tuple[dict[str, Any], Part]] = [
    ({"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, Text("a", cache=CacheMark())),
    (
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        Text("a", cache=CacheMark("1h")),
    ),
    ({"type": "image", "source": {"type": "url", "url": "https://a/b"}}, Image(Source(url="https://a/b"))),
    ({"type": "image", "source": {"type": "file", "file_id": "f"}}, Image(Source(file_id="f"))),
    (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "eA=="}},
        Image(Source(data="eA==", media_type="image/png")),
    ),
    (
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "eA=="}},
        Document(Source(data="eA==", media_type="application/pdf")),
    ),
    ({"type": "document", "source": {"type": "url", "url": "https://a"}}, Document(Source(url="https://a"))),
    ({"type": "document", "source": {"type": "file", "file_id": "f"}}, Document(Source(file_id="f"))),
    ({"type": "document", "source": {"type": "content", "content": "a"}}, Document(text="a")),
    (
        {
            "type": "document",
            "source": {"type": "content", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        },
        Document(text="a\n\nb"),
    ),
    (
        {
            "type": "document",
            "title": "t",
            "context": "c",
            "citations": {"enabled": True},
            "source": {"type": "text", "media_type": "text/plain", "data": "a"},
        },
        Document(name="t", context="c", with_citations=True, text="a"),
    ),
    (
        {"type": "search_result", "source": "https://a", "title": "t", "content": [{"type": "text", "text": "b"}]},
        Document(name="t", context="https://a", text="b"),
    ),
]


@pytest.mark.parametrize(("block", "part"), BLOCKS)
def test_what_a_user_says_is_read(block: dict[str, Any], part: Part) -> None:
    assert heard(block) == (part,)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
        {"type": "container_upload", "file_id": "f"},
        {"type": "image", "source": {"type": "url", "url": "https://a"}, "transformations": {"x": "y"}},
        {"type": "tool_use", "id": "t", "name": "n", "input": {}, "caller": {"type": "code_execution_20250825"}},
        {
            "type": "document",
            "source": {"type": "content", "content": [{"type": "image", "source": {"type": "url", "url": "u"}}]},
        },
    ],
)
def test_what_only_this_format_knows_stays_as_it_is(block: dict[str, Any]) -> None:
    assert heard(block) == (Foreign("anthropic_messages", block["type"], json.dumps(block).encode()),)


def test_results_of_tools_become_turns_before_what_the_user_says_beside_them() -> None:
    turns = read(
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "so?"},
                {"type": "tool_result", "tool_use_id": "a", "content": "one"},
                {"type": "tool_result", "tool_use_id": "b", "is_error": True},
            ],
        }
    ).turns
    assert [turn.role for turn in turns] == ["tool", "tool", "user"]
    assert turns[0].parts == (ToolResult("a", (Text("one"),)),)
    assert turns[1].parts == (ToolResult("b", (), is_error=True),)


def test_what_an_assistant_said_is_read_with_its_proofs_and_bytes() -> None:
    content = (
        b'[{"type":"thinking","thinking":"h","signature":"S"},{"type":"redacted_thinking","data":"D"},'
        b'{"type":"thinking","thinking":"w","signature":""},'
        b'{"type":"tool_use","id":"t","name":"n","input":{"b": 1.0,"a":1e3}},{"type":"text","text":"c",'
        b'"citations":[{"type":"char_location","cited_text":"q","document_title":"T"}]}]'
    )
    call = SERVED.parse(b'{"model":"m","messages":[{"role":"assistant","content":%b}]}' % content)
    assert SERVED.read(call).turns[0].parts == (
        Thinking("h", "S", origin="anthropic_messages"),
        Thinking(encrypted="D", origin="anthropic_messages"),
        Thinking("w"),
        ToolUse("t", "n", '{"b": 1.0,"a":1e3}'),
        Text(
            "c",
            (Citation(title="T", quote="q", raw=b'{"type":"char_location","cited_text":"q","document_title":"T"}'),),
        ),
    )


def test_sealed_proofs_go_back_to_whom_they_came_from() -> None:
    said = [
        {
            "type": "thinking",
            "thinking": "h",
            "signature": seal(Sealed("openai_responses", "encrypted", "E.x", "rs_1")),
        },
        {"type": "redacted_thinking", "data": seal(Sealed("openai_responses", "encrypted", "F", "rs_2"))},
        {"type": "thinking", "thinking": "", "signature": seal(Sealed("google_gemini", "tool", "G"))},
        {"type": "tool_use", "id": "t", "name": "n", "input": {}},
        {"type": "tool_use", "id": "u", "name": "n", "input": {}},
        {"type": "thinking", "thinking": "", "signature": seal(Sealed("google_gemini", "tool", "H", "u"))},
    ]
    call = SERVED.parse(body({"role": "assistant", "content": said}))
    assert call.is_mixed
    assert SERVED.read(call).turns[0].parts == (
        Thinking("h", encrypted="E.x", id="rs_1", origin="openai_responses"),
        Thinking(encrypted="F", id="rs_2", origin="openai_responses"),
        ToolUse("t", "n", "{}", signature="G", origin="google_gemini"),
        ToolUse("u", "n", "{}", signature="H", origin="google_gemini"),
    )


def test_a_text_that_looks_like_a_proof_is_only_a_text() -> None:
    assert read({"role": "assistant", "content": "mp1.a.tool..x"}).turns[0].parts == (Text("mp1.a.tool..x"),)


THOUGHT = [
    ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, Reasoning(is_on=True, budget_tokens=2000)),
    ({"thinking": {"type": "disabled"}}, Reasoning(is_on=False)),
    ({"thinking": {"type": "adaptive"}}, Reasoning(is_on=True, is_adaptive=True)),
    ({"thinking": {"type": "adaptive", "display": "omitted"}}, Reasoning(is_on=True, is_adaptive=True, is_hidden=True)),
    ({"output_config": {"effort": "low"}}, Reasoning(effort="low")),
    (
        {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "max"}},
        Reasoning(is_on=True, is_adaptive=True, summary="auto", effort="max"),
    ),
]


@pytest.mark.parametrize(("fields", "reasoning"), THOUGHT)
def test_how_much_to_think_is_read(fields: dict[str, Any], reasoning: Reasoning) -> None:
    assert read(**fields).reasoning == reasoning


def test_the_form_of_the_answer_is_read_from_both_its_places() -> None:
    form = {"type": "json_schema", "schema": {"type": "object"}}
    expected = AnswerFormat("json_schema", schema=b'{"type": "object"}', strict=True)
    assert read(output_format=form).format == expected
    assert read(output_config={"format": form}).format == expected


def test_tools_of_both_formats_are_read() -> None:
    talk = read(
        tools=[
            {"name": "a", "description": "d", "input_schema": {"type": "object"}, "strict": True},
            {"type": "function", "function": {"name": "b", "parameters": {"x": 1}}},
            {"type": "custom", "custom": {"name": "c", "format": {"type": "text"}}},
            {"type": "bash_20250124", "name": "bash"},
            {
                "type": "web_search_20260209",
                "name": "web_search",
                "max_uses": 3,
                "blocked_domains": ["x.org"],
                "user_location": {"type": "approximate", "city": "Oslo", "country": "NO"},
            },
            {"name": "e", "input_schema": {}, "defer_loading": True, "input_examples": []},
        ],
        tool_choice={"type": "tool", "name": "c", "disable_parallel_tool_use": True},
    )
    assert talk.tools == (
        Tool("a", "d", parameters=b'{"type": "object"}', strict=True),
        Tool("b", parameters=b'{"x": 1}'),
        Tool("c", kind="custom", format=b'{"type": "text"}'),
        Tool("e", parameters=b"{}"),
    )
    assert talk.foreign_tools == (
        ForeignTool("anthropic_messages", "bash_20250124", b'{"type": "bash_20250124", "name": "bash"}'),
    )
    assert talk.search == WebSearch(place=Place("Oslo", "NO"), blocked_domains=("x.org",), max_uses=3)
    assert talk.tool_choice == ToolChoice("named", "c", "custom")
    assert talk.parallel_tools is False
    assert talk.extra == {"tools.defer_loading": b'["e"]'}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, ToolChoice("auto")),
        ({"type": "any"}, ToolChoice("required")),
        ({"type": "none"}, ToolChoice("none")),
        ("required", ToolChoice("required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("named", "f")),
        ({"type": "function", "name": "f"}, ToolChoice("named", "f")),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
            ToolChoice("allowed", allowed=("f",), is_required=True),
        ),
    ],
)
def test_the_choice_of_a_tool_is_read_in_both_formats(choice: Any, expected: ToolChoice) -> None:
    assert read(tools=[{"name": "f", "input_schema": {}}], tool_choice=choice).tool_choice == expected


def test_a_forced_search_is_read_as_one() -> None:
    talk = read(
        tools=[{"type": "web_search_20250305", "name": "web_search"}],
        tool_choice={"type": "tool", "name": "web_search"},
    )
    assert talk.search == WebSearch(is_forced=True)
    assert talk.tool_choice is None


def test_fields_are_told_in_the_callers_words() -> None:
    talk = read(metadata={"user_id": "u"}, stop_sequences=["x"], service_tier="standard_only", top_p=0.5)
    assert (talk.user, talk.stop, talk.service_tier) == ("u", ("x",), "default")
    assert set(talk.lost(frozenset())) == {"metadata.user_id", "metadata", "stop_sequences", "service_tier", "top_p"}


BASE64 = {"type": "base64", "media_type": "image/png", "data": "eA=="}
UNFIT: list[tuple[dict[str, Any], str]] = [
    ({"type": "image", "source": {}}, "'BLOCK.source.type': Expected one of 'base64', 'url', 'file', received null"),
    ({"type": "image", "source": {"type": "ftp"}}, "'BLOCK.source.type': Expected one of 'base64', 'url'"),
    ({"type": "image", "source": {"type": "url"}}, "'BLOCK.source.url': Required for a source of type 'url'"),
    ({"type": "image", "source": {"type": "url", "url": 1}}, "'BLOCK.source.url': Expected string, received 1"),
    ({"type": "image", "source": {"type": "base64", "data": "eA=="}}, "'BLOCK.source.media_type': Required"),
    ({"type": "image", "source": {"type": "base64", "media_type": "image/png"}}, "'BLOCK.source.data': Required"),
    ({"type": "image", "source": {"type": "text", "data": "a"}}, "'BLOCK.source.type': Expected one of"),
    ({"type": "document", "source": {"type": "text"}}, "'BLOCK.source.data': Required for a source of type 'text'"),
    ({"type": "document", "source": {"type": "file"}}, "'BLOCK.source.file_id': Required"),
    ({"type": "text", "text": "a", "cache_control": "5m"}, "'BLOCK.cache_control': Expected object"),
    ({"type": "text", "text": "a", "cache_control": {}}, "'BLOCK.cache_control.type': Required"),
    ({"type": "tool_result", "tool_use_id": "t", "content": 5}, "'BLOCK.content': Expected string or array of blocks"),
    (
        {"type": "image", "source": BASE64, "cache_control": {"type": "ephemeral", "ttl": "2h"}},
        "'BLOCK.cache_control.ttl': Expected one of '5m', '1h'",
    ),
]


@pytest.mark.parametrize(("block", "told"), UNFIT)
def test_a_block_that_does_not_fit_is_named_wherever_it_stands(block: dict[str, Any], told: str) -> None:
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "a"}, block]}
    for content, place in (([block], "messages[0].content[0]"), ([result], "messages[0].content[0].content[1]")):
        with pytest.raises(InvalidBody) as caught:
            SERVED.parse(body({"role": "user", "content": content}))
        assert told.replace("BLOCK", place) in str(caught.value)


@pytest.mark.parametrize("mark", [None, {"type": "ephemeral"}, {"ttl": "1h", "type": "ephemeral"}])
def test_a_mark_that_fits_is_taken(mark: object) -> None:
    assert SERVED.parse(body({"role": "user", "content": [{"type": "text", "text": "a", "cache_control": mark}]}))


def test_a_choice_must_name_one_of_the_tools() -> None:
    own = {"name": "f", "input_schema": {}}
    search = {"type": "web_search_20250305", "name": "web_search"}
    chat = {"type": "function", "function": {"name": "g"}}
    for name in ("f", "web_search", "g"):
        assert SERVED.parse(body(tools=[own, search, chat], tool_choice={"type": "tool", "name": name}))
    for tools in ([own, chat], []):
        with pytest.raises(
            InvalidBody, match=r"'tool_choice.name': Expected the name of one of 'tools', received \"h\""
        ):
            SERVED.parse(body(tools=tools, tool_choice={"type": "tool", "name": "h"}))


@pytest.mark.parametrize(
    ("block", "place", "told"),
    [
        ({"source": {"type": "content", "content": 5}}, ".source.content", "Expected string or array of blocks"),
        ({"source": {"type": "content", "content": [{"type": "text"}]}}, ".source.content[0].text", "Required"),
        ({"source": {"type": "text", "data": "a"}, "title": 5}, ".title", "Expected string, received number"),
    ],
)
def test_a_member_that_cannot_be_read_is_named(block: dict[str, Any], place: str, told: str) -> None:
    with pytest.raises(InvalidBody, match=told) as caught:
        heard({"type": "document", **block})
    assert caught.value.param == f"messages[0].content[0]{place}"
