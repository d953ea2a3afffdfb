"""Answers of any provider written as Messages, whole and streamed, and Messages answers read."""

import json
from typing import Any

import pytest

from modelport.dialects.anthropic_messages import CALLED, SERVED, meters
from modelport.dialects.assembling import told
from modelport.dialects.signatures import Sealed, seal
from modelport.dialects.wire import Identity, MalformedReply, UpstreamFault
from modelport.operations.content import (
    Citation,
    Foreign,
    Image,
    Part,
    Refusal,
    Source,
    Text,
    Thinking,
    ToolUse,
)
from modelport.operations.reply import (
    Began,
    Choice,
    Cited,
    Closed,
    Ended,
    Event,
    Finish,
    Grew,
    Opened,
    Reply,
    Signed,
)
from modelport.operations.usage import Usage
from tests.dialects.anthropic_messages.factories import IDENTITY, assembled, body, ending, events_of

CALL = SERVED.parse(body())
USAGE = Usage({"input": 5, "audio_input": 1, "cached_read": 2, "output": 3, "reasoning": 4, "search": 1}, "provider")


def whole(*parts: Part, finish: Finish = "stop", stop: str = "", **rest: Any) -> dict[str, Any]:
    reply = Reply((Choice(0, parts, finish, stop),), USAGE, **rest)
    answered: dict[str, Any] = json.loads(SERVED.whole(CALL, reply, ending(USAGE), IDENTITY))
    return answered


def written(*events: Event, is_stopped: bool = False) -> bytes:
    writer = SERVED.writer(CALL, IDENTITY)
    return writer.write(events) + writer.ending(ending(USAGE, is_stopped=is_stopped))


PARTS: list[tuple[Part, list[dict[str, Any]]]] = [
    (Text("a"), [{"type": "text", "text": "a"}]),
    (Text(""), []),
    (Thinking(""), []),
    (Thinking("h"), [{"type": "thinking", "thinking": "h", "signature": ""}]),
    (
        Thinking("h", "S", origin="anthropic_messages"),
        [{"type": "thinking", "thinking": "h", "signature": "S"}],
    ),
    (
        Thinking("h", encrypted="E", id="rs_1", origin="openai_responses"),
        [
            {
                "type": "thinking",
                "thinking": "h",
                "signature": seal(Sealed("openai_responses", "encrypted", "E", "rs_1")),
            }
        ],
    ),
    (
        Thinking(encrypted="E", id="rs_1", origin="openai_responses"),
        [{"type": "redacted_thinking", "data": seal(Sealed("openai_responses", "encrypted", "E", "rs_1"))}],
    ),
    (
        Thinking("", "S", origin="google_gemini"),
        [{"type": "thinking", "thinking": "", "signature": seal(Sealed("google_gemini", "signature", "S"))}],
    ),
    (
        ToolUse("call_1", "f", '{"a": 1.0}', signature="G", origin="google_gemini"),
        [
            {"type": "thinking", "thinking": "", "signature": seal(Sealed("google_gemini", "tool", "G"))},
            {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1.0}},
        ],
    ),
    (ToolUse("", "f", ""), [{"type": "tool_use", "id": "toolu_ours_0", "name": "f", "input": {}}]),
    (ToolUse("t", "f", 'a "b"', "custom"), [{"type": "tool_use", "id": "t", "name": "f", "input": {"input": 'a "b"'}}]),
    (ToolUse("t", "f", "", "custom"), [{"type": "tool_use", "id": "t", "name": "f", "input": {"input": ""}}]),
    (
        Text("a", (Citation("https://a", "T", quote="q", raw=b'{"type":"url_citation"}'),)),
        [
            {
                "type": "text",
                "text": "a",
                "citations": [
                    {
                        "type": "web_search_result_location",
                        "cited_text": "q",
                        "url": "https://a",
                        "title": "T",
                        "encrypted_index": "",
                    }
                ],
            }
        ],
    ),
    (Foreign("openai_responses", "web_search_call", b"{}"), []),
    (Foreign("anthropic_messages", "x", b'{"type":\n"x"}'), [{"type": "x"}]),
]


@pytest.mark.parametrize(("part", "blocks"), PARTS)
def test_a_part_is_written_alike_whole_and_streamed(part: Part, blocks: list[dict[str, Any]]) -> None:
    assert whole(part)["content"] == blocks
    reply = Reply((Choice(0, (part,), "stop"),), USAGE)
    assert assembled(written(*told(reply)))["content"] == blocks


@pytest.mark.parametrize(
    ("finish", "stop", "reason", "sequence"),
    [
        ("stop", "", "end_turn", None),
        ("stop", "END", "stop_sequence", "END"),
        ("length", "", "max_tokens", None),
        ("tool_calls", "", "tool_use", None),
        ("content_filter", "", "refusal", None),
        ("pause", "", "pause_turn", None),
    ],
)
def test_reasons_to_stop_are_anthropics(finish: Finish, stop: str, reason: str, sequence: str | None) -> None:
    streamed = assembled(written(Began(), Ended(finish, stop_sequence=stop)))
    for answer in (whole(Text("a"), finish=finish, stop=stop), streamed):
        assert (answer["stop_reason"], answer["stop_sequence"]) == (reason, sequence)


def test_a_refusal_is_text_that_stops_with_refusal() -> None:
    streamed = assembled(written(Opened(0, Refusal("")), Grew(0, "I will "), Grew(0, "not"), Closed(0), Ended("stop")))
    for answer in (whole(Refusal("I will not")), streamed):
        assert answer["content"] == [{"type": "text", "text": "I will not"}]
        assert answer["stop_reason"] == "refusal"
        assert answer["stop_details"] == {"type": "refusal", "category": None, "explanation": "I will not"}


def test_an_answer_is_named_and_metered() -> None:
    answer = whole(Text("a"), service_tier="priority")
    assert answer["id"] == "msg_ours"
    assert answer["model"] == "acme/small"
    assert answer["usage"] == {
        "input_tokens": 6,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 2,
        "output_tokens": 7,
        "output_tokens_details": {"thinking_tokens": 4},
        "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0},
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "service_tier": "priority",
        "inference_geo": "not_available",
    }
    assert whole(Text("a"), id="msg_1", model="claude")["id"] == "msg_1"
    assert assembled(written(Began("chatcmpl-1", "gpt"), Ended("stop")))["model"] == "gpt"


@pytest.mark.parametrize("arguments", ["[1]", '{"a":', "7"])
def test_arguments_that_are_no_object_are_no_answer_unless_it_was_cut_off(arguments: str) -> None:
    events = (Opened(0, ToolUse("t", "f", "")), Grew(0, arguments), Closed(0))
    with pytest.raises(MalformedReply, match="'f'"):
        whole(ToolUse("t", "f", arguments), finish="tool_calls")
    with pytest.raises(MalformedReply, match="'f'"):
        SERVED.writer(CALL, IDENTITY).write((*events, Ended("tool_calls")))
    assert whole(ToolUse("t", "f", arguments), finish="length")["content"][0]["input"] == {}
    assert SERVED.writer(CALL, IDENTITY).write((*events, Ended("length")))


def test_what_this_format_has_no_place_for_is_no_answer() -> None:
    with pytest.raises(MalformedReply, match="image"):
        whole(Image(Source(url="https://a")))
    with pytest.raises(MalformedReply, match="image"):
        SERVED.writer(CALL, IDENTITY).write((Opened(0, Image(Source(url="https://a"))),))


def test_ids_of_calls_are_unique() -> None:
    calls = [block["id"] for block in whole(*(ToolUse(name, "f", "{}") for name in ("a", "a", "", "")))["content"]]
    assert len(set(calls)) == 4
    assert calls[0] == "a"


def test_a_stream_begins_as_anthropics_does() -> None:
    events = events_of(written(Began("x", "gpt"), Opened(0, Text("")), Grew(0, "a"), Closed(0), Ended("stop")))
    assert [kind for kind, _ in events] == [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert events[0][1]["message"]["content"] == []
    assert events[-2][1]["meta"]["usage"]["credits_used"] == 156


def test_blocks_that_grow_at_once_follow_each_other() -> None:
    tool = ToolUse("a", "f", "")
    stream = written(
        Opened(0, Thinking("", origin="google_gemini")),
        Grew(0, "hm"),
        Opened(1, Text("")),
        Grew(1, "one"),
        Opened(2, tool),
        Grew(2, '{"x"'),
        Opened(3, ToolUse("b", "g", "")),
        Grew(3, '{"y":2}'),
        Grew(1, "two"),
        Grew(2, ":1}"),
        Signed(0, "S"),
        Closed(2),
        Closed(3),
        Closed(1),
        Closed(0),
        Ended("tool_calls"),
    )
    content = assembled(stream)["content"]
    assert [block["type"] for block in content] == ["thinking", "text", "tool_use", "tool_use", "text", "thinking"]
    assert [block.get("input") for block in content[2:4]] == [{"x": 1}, {"y": 2}]
    assert [content[1]["text"], content[4]["text"]] == ["one", "two"]
    assert content[5]["signature"] == seal(Sealed("google_gemini", "signature", "S"))


def test_proofs_that_come_late_come_back_all_the_same() -> None:
    stream = written(
        Opened(0, Thinking("")),
        Grew(0, "hm"),
        Signed(0, "S1"),
        Signed(0, "S2"),
        Closed(0, part=Thinking(origin="google_gemini")),
        Opened(1, ToolUse("t", "f", "", origin="google_gemini")),
        Grew(1, "{}"),
        Signed(1, "T"),
        Closed(1),
        Ended("tool_calls"),
    )
    content = assembled(stream)["content"]
    back = SERVED.read(SERVED.parse(body({"role": "assistant", "content": content}))).turns[0].parts
    assert back == (
        Thinking("hm", "S1S2", origin="google_gemini"),
        ToolUse("t", "f", "{}", signature="T", origin="google_gemini"),
    )


def test_citations_are_streamed() -> None:
    stream = written(Opened(0, Text("")), Grew(0, "a"), Cited(0, Citation("https://a", "T")), Closed(0), Ended("stop"))
    assert assembled(stream)["content"][0]["citations"][0]["url"] == "https://a"


def test_an_answer_that_the_gateway_stops_is_closed_and_says_so() -> None:
    events = (Opened(0, Text("")), Grew(0, "a"), Opened(1, ToolUse("t", "f", "")), Grew(1, '{"a'))
    stream = written(*events, is_stopped=True)
    assert stream.count(b"event: content_block_stop") == 2
    assert b'"stop_reason":"max_tokens"' in stream
    assert stream.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')


def test_nothing_but_reasoning_before_the_bound_is_noted() -> None:
    assert "reasoning" in whole(Thinking("hm"), finish="length")["meta"]["notice"]
    streamed = assembled(written(Opened(0, Thinking("")), Grew(0, "hm"), Closed(0), Ended("length")))
    assert "reasoning" in streamed["meta"]["notice"]
    assert "notice" not in whole(Text("a"), finish="length")["meta"]


def test_an_error_is_an_event_of_its_own() -> None:
    error = b'{"type":"error","error":{"type":"api_error","message":"x"}}'
    assert SERVED.writer(CALL, IDENTITY).failing(error) == b"event: error\ndata: " + error + b"\n\n"


def test_pieces_are_counted() -> None:
    writer = SERVED.writer(CALL, IDENTITY)
    passed = writer.write((Opened(0, Text("")), Grew(0, "abc"), Grew(0, "de"), Grew(0, ""), Closed(0)))
    assert writer.events == 2
    assert SERVED.said_bytes(passed) == 5


def test_only_the_first_of_several_answers_is_written() -> None:
    stream = written(Opened(0, Text("a")), Opened(0, Text("b"), choice=1), Closed(0), Ended("stop"), Ended("length", 1))
    answer = assembled(stream)
    assert (answer["content"], answer["stop_reason"]) == ([{"type": "text", "text": "a"}], "end_turn")


@pytest.mark.parametrize(
    "sent", [b"", b"<html>", b"[]", b'{"id":"x"}', b'{"content":{}}', b'{"content":[{"type":"text"}]}']
)
def test_an_answer_that_is_no_message_is_malformed(sent: bytes) -> None:
    with pytest.raises(MalformedReply):
        CALLED.decode(sent)


@pytest.mark.parametrize("sent", [b'{"type":"error","error":{"message":"busy"}}', b'{"error":{"message":"busy"}}'])
def test_an_error_inside_a_success_is_a_fault(sent: bytes) -> None:
    with pytest.raises(UpstreamFault, match="busy"):
        CALLED.decode(sent)


def test_a_refusal_of_the_provider_says_whether_another_offer_is_worth_trying() -> None:
    error = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    assert CALLED.fault(529, b"7", error).retryable
    assert CALLED.fault(529, b"7", error).retry_after_s == 7
    assert CALLED.fault(429, b"soon", error).retry_after_s is None
    assert not CALLED.fault(400, None, b"x").retryable
    assert CALLED.fault(400, None, b"Your credit balance is too low to access the API").retryable


@pytest.mark.parametrize(
    "usage",
    [
        b"null",
        b"[]",
        b'{"input_tokens":"a","output_tokens":1}',
        b'{"input_tokens":-1,"output_tokens":1}',
        b'{"input_tokens":1,"output_tokens":1,"output_tokens_details":{"thinking_tokens":2}}',
    ],
)
def test_usage_that_makes_no_sense_is_not_trusted(usage: bytes) -> None:
    assert meters(usage) is None


def test_the_total_rules_where_the_cache_is_told_twice() -> None:
    usage = meters(
        b'{"input_tokens":1,"output_tokens":2,"cache_creation_input_tokens":10,'
        b'"cache_creation":{"ephemeral_5m_input_tokens":1,"ephemeral_1h_input_tokens":4}}'
    )
    assert usage == Usage({"input": 1, "output": 2, "cached_write": 6, "cached_write_1h": 4}, "provider")


def test_a_name_of_ours_is_only_lent() -> None:
    reply = Reply((), None)
    assert json.loads(SERVED.whole(CALL, reply, ending(None), Identity("z", 0, "m")))["id"] == "msg_z"
