"""Chat answers in the canonical form: read from every kind of provider, written for callers, wherever they are cut."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelport.catalogue.facts import Quirks
from modelport.dialects import openai_chat
from modelport.dialects.assembling import Assembly, told
from modelport.dialects.chat_answer import SPENT_ON_REASONING
from modelport.dialects.chat_reader import ChatReader
from modelport.dialects.chat_think import ThinkSplitter
from modelport.dialects.wire import Ending, Identity, MalformedReply, UpstreamFault
from modelport.operations.chat import ChatCall
from modelport.operations.content import (
    Audio,
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
from modelport.operations.reply import Choice, Ended, Opened, Reply
from modelport.operations.usage import Usage

CASES = sorted(path.parent for path in Path(__file__).parent.glob("openai_chat/*/source.toml"))
IDENTITY = Identity("ours", 1777550000, "acme/small")
USED = Usage({"input": 3, "cached_read": 2, "output": 4, "reasoning": 1}, "provider")
ENDING = Ending(USED, 156)


def call(fields: str = "", messages: str = '[{"role":"user","content":"a"}]') -> ChatCall:
    return openai_chat.parse(f'{{"model":"m","messages":{messages}{fields}}}'.encode())


PLAIN = call()
OLDER = call(',"functions":[{"name":"f"}]')
HIDDEN = call(',"reasoning":{"exclude":true,"effort":"low"}')


def stream(*deltas: Any, **members: Any) -> bytes:
    """Build a provider's stream: each delta a dict, a pair with its finish reason, or a whole chunk."""
    head = {"id": "gen-1", "object": "chat.completion.chunk", "created": 7, "model": "up"}
    chunks: list[dict[str, Any]] = []
    for delta in deltas:
        said, reason = delta if isinstance(delta, tuple) else (delta, None)
        chunks.append({**head, "choices": [{"index": 0, "delta": said, "finish_reason": reason}], **members})
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"


def read(sent: bytes, cuts: tuple[int, ...] = (), **quirks: Any) -> Reply:
    reader = ChatReader(Quirks(**quirks))
    assembly = Assembly()
    begin = 0
    for end in (*cuts, len(sent)):
        assembly.add(reader.feed(sent[begin:end]))
        begin = end
    assert reader.problem is None
    assert reader.is_done
    return assembly.reply(reader.usage())


def parts(sent: bytes, **quirks: Any) -> tuple[Part, ...]:
    return read(sent, **quirks).choices[0].parts


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_recorded_answers_read_the_same_whole_and_cut_anywhere(case: Path) -> None:
    sse = case / "response.sse"
    if not sse.exists():
        reply = openai_chat.CALLED.decode((case / "response.json").read_bytes())
        assert reply.usage == openai_chat.meters(bytes(openai_chat.decode((case / "response.json").read_bytes()).usage))
        return
    sent = sse.read_bytes()
    expected = read(sent)
    assert expected.usage is not None
    for cut in range(len(sent)):
        assert read(sent, (cut,)) == expected
    assert read(sent, tuple(range(1, len(sent)))) == expected


words = st.text(min_size=1, max_size=12)
ids = st.from_regex(r"call_[A-Za-z0-9]{4,8}", fullmatch=True)
citations = st.builds(
    Citation, st.sampled_from(["https://a.example", "https://b.example"]), words, st.integers(1, 9), st.integers(10, 20)
)
texts = st.builds(Text, words, st.lists(citations, max_size=2).map(tuple))
thoughts = st.builds(Thinking, words) | st.builds(Thinking, words, words, origin=st.just("anthropic_messages"))
encrypted = st.builds(
    Thinking, words, encrypted=words, id=st.just("rs_1"), is_summary=st.just(True), origin=st.just("openai_responses")
)
uses = st.builds(ToolUse, ids, words, words) | st.builds(ToolUse, ids, words, words, st.just("custom"))
signed = st.builds(ToolUse, ids, words, words, signature=words, origin=st.just("google_gemini"))
audio = st.just(Audio(Source(data="AAAA"), id="audio_1", transcript="hi", expires_at=9))


@st.composite
def answers(draw: st.DrawFn) -> Reply:
    found: list[Choice] = []
    for index in range(draw(st.integers(1, 2))):
        thought = draw(st.lists(thoughts | encrypted, max_size=1))
        said = draw(st.lists(texts, max_size=1)) or draw(st.lists(st.builds(Refusal, words) | audio, max_size=1))
        calls = draw(st.lists(uses | signed, max_size=3, unique_by=lambda use: use.id))
        finish = "tool_calls" if calls else draw(st.sampled_from(["stop", "length", "content_filter"]))
        logprobs = b'{"content":[]}' if said and isinstance(said[0], Text) and draw(st.booleans()) else b""
        found.append(Choice(index, (*thought, *said, *calls), finish, logprobs=logprobs))
    extra = draw(st.sampled_from([{}, {"citations": b'["https://c.example"]'}]))
    if extra and any(isinstance(part, Text) and not part.citations for one in found for part in one.parts):
        extra = {}
    return Reply(tuple(found), USED, "id-1", "up", 7, "default", "fp", extra)


@settings(max_examples=40, deadline=None)
@given(answers())
def test_what_is_written_whole_reads_the_same(reply: Reply) -> None:
    body = openai_chat.SERVED.whole(PLAIN, reply, ENDING, IDENTITY)
    assert openai_chat.CALLED.decode(body) == reply


@settings(max_examples=40, deadline=None)
@given(answers(), st.data())
def test_what_is_streamed_reads_the_same(reply: Reply, data: st.DataObject) -> None:
    writer = openai_chat.SERVED.writer(PLAIN, IDENTITY)
    sent = writer.write(list(told(reply))) + writer.ending(ENDING)
    cut = data.draw(st.integers(0, len(sent)))
    assert read(sent, (cut,)) == reply


THINKING = [
    ("<think>\nso it is\n</think>\n\nFour.", "so it is", "Four."),
    ("<think></think>Four.", "", "Four."),
    ("\n<think>a < b</ think>\n", "a < b</ think>\n", ""),
    ("<think>a\n\n</think>\n<think>b</think>", "a\n", "<think>b</think>"),
    ("Say <think>", "", "Say <think>"),
    ("<thin", "", "<thin"),
    ("<think>never ends</thi", "never ends</thi", ""),
]


@pytest.mark.parametrize(("text", "thought", "said"), THINKING)
def test_thought_between_tags_is_split_wherever_the_text_is_cut(text: str, thought: str, said: str) -> None:
    for first in range(len(text) + 1):
        for second in range(first, len(text) + 1):
            splitter = ThinkSplitter()
            cut = (text[:first], text[first:second], text[second:])
            pieces = [piece for part in cut for piece in splitter.feed(part)] + splitter.flush()
            assert "".join(piece for kind, piece in pieces if kind == "thought") == thought
            assert "".join(piece for kind, piece in pieces if kind == "said") == said


def test_tags_in_the_content_become_reasoning() -> None:
    sent = stream({"role": "assistant", "content": "<thi"}, {"content": "nk>\nso</thi"}, {"content": "nk>\n\nFour."},
                  ({}, "stop"))  # fmt: skip
    assert parts(sent, reasoning_field="think_tags") == (Thinking("so"), Text("Four."))
    assert parts(sent) == (Text("<think>\nso</think>\n\nFour."),)


def test_reasoning_is_read_from_the_member_that_the_provider_uses() -> None:
    for field in ("reasoning_content", "reasoning", "thoughts"):
        sent = stream({field: "so", "content": None}, {"content": "a", "reasoning": None}, ({}, "stop"))
        assert parts(sent, reasoning_field="thoughts") == (Thinking("so"), Text("a"))


def detail(**members: Any) -> dict[str, Any]:
    return {"reasoning_details": [{"format": "anthropic-claude-v1", "index": 0, **members}]}


def test_details_of_reasoning_keep_their_proofs() -> None:
    sent = stream(
        {"reasoning": "so ", **detail(type="reasoning.text", text="so ")},
        {"reasoning": "it", **detail(type="reasoning.text", text="it")},
        detail(type="reasoning.text", signature="sig"),
        detail(type="reasoning.encrypted", data="enc", index=1),
        {"content": "a"},
        ({}, "stop"),
    )
    assert parts(sent) == (
        Thinking("so it", "sig", origin="anthropic_messages"),
        Thinking(encrypted="enc", origin="anthropic_messages"),
        Text("a"),
    )


def tool(arguments: Any = None, **members: Any) -> dict[str, Any]:
    name = members.pop("name", None)
    return {"function": {"name": name, "arguments": arguments} if name else {"arguments": arguments}, **members}


def test_calls_of_tools_are_told_apart_however_they_are_numbered() -> None:
    streams = [
        stream({"tool_calls": [tool("", index=0, id="a1", name="f", type="function")]},
               {"tool_calls": [tool('{"x"', index=0)]}, {"tool_calls": [tool(":1}", index=0)]},
               {"tool_calls": [tool("{}", index=1, id="a2", name="g")]}, ({}, "tool_calls")),
        stream({"tool_calls": [tool('{"x":1}', id="a1", name="f"), tool("{}", id="a2", name="g")]}, ({}, "stop")),
        stream({"tool_calls": [tool('{"x":1}', index=0, id="a1", name="f")]},
               {"tool_calls": [tool("{}", index=0, id="a2", name="g")]}, ({}, "tool_calls")),
        stream({"tool_calls": [tool('{"x"', index=0, id="a1", name="f")]},
               {"tool_calls": [tool(":1}", index=0, id="a1")]},
               {"tool_calls": [tool("{}", index=1, id="a2", name="g")]}, ({"content": ""}, "tool_calls")),
    ]  # fmt: skip
    for sent in streams:
        choice = read(sent).choices[0]
        assert choice.parts == (ToolUse("a1", "f", '{"x":1}'), ToolUse("a2", "g", "{}"))
        assert choice.finish == "tool_calls"


def test_calls_without_ids_get_ones_that_stay() -> None:
    sent = stream({"tool_calls": [tool({"x": 1}, name="f"), tool("{}", name="f")]}, ({}, "tool_calls"))
    first, second = parts(sent)
    assert isinstance(first, ToolUse)
    assert isinstance(second, ToolUse)
    assert first.id != second.id
    assert json.loads(first.arguments) == {"x": 1}
    assert parts(sent) == (first, second)


def test_googles_proof_of_a_call_is_kept() -> None:
    extra = {"google": {"thought_signature": "sig"}}
    sent = stream({"tool_calls": [tool("{}", index=0, id="a", name="f", extra_content=extra)]}, ({}, "tool_calls"))
    assert parts(sent) == (ToolUse("a", "f", "{}", signature="sig", origin="google_gemini"),)


def test_sources_beside_the_answer_become_citations_and_stay() -> None:
    found = [{"title": "T", "url": "https://a.example", "date": "2026-01-01"}]
    sent = stream({"content": "It is so [1]."}, ({}, "stop"), citations=["https://a.example"], search_results=found)
    reply = read(sent)
    assert reply.choices[0].parts == (Text("It is so [1].", (Citation("https://a.example", "T"),)),)
    assert json.loads(reply.extra["search_results"]) == found
    body = json.loads(openai_chat.SERVED.whole(PLAIN, reply, ENDING, IDENTITY))
    assert body["choices"][0]["message"]["annotations"] == [
        {"type": "url_citation",
         "url_citation": {"start_index": 0, "end_index": 0, "title": "T", "url": "https://a.example"}}
    ]  # fmt: skip
    assert body["citations"] == ["https://a.example"]


def test_a_message_so_far_beside_each_delta_is_not_read_twice() -> None:
    head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunks = [
        {**head, "choices": [{"index": 0, "delta": {"content": "a"}, "message": {"content": "a"}}]},
        {**head, "choices": [{"index": 0, "delta": {}, "message": {"content": "a"}, "finish_reason": "stop"}]},
    ]
    sent = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
    assert parts(sent) == (Text("a"),)


def test_content_in_parts_is_read() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "so"}]}
    sent = stream({"content": [thinking]}, {"content": [{"type": "text", "text": "a"}]}, ({}, "stop"))
    assert parts(sent) == (Thinking("so"), Text("a"))


def test_usage_may_be_missing_or_stand_in_a_choice_and_done_may_come_twice() -> None:
    sent = stream({"content": "a"}, ({}, "stop"))
    assert read(sent + b"data: [DONE]\n\n").usage is None
    choice = {"index": 0, "delta": {}, "finish_reason": "stop", "usage": {"prompt_tokens": 1, "completion_tokens": 2}}
    sent = b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\ndata: [DONE]\n\n"
    assert read(sent).usage == Usage({"input": 1, "output": 2}, "provider")


@pytest.mark.parametrize("reason", ["error", "insufficient_system_resource"])
def test_an_answer_that_ended_in_failure_is_one(reason: str) -> None:
    reader = ChatReader(Quirks())
    events = reader.feed(stream({"content": "a"}, ({}, reason)))
    assert isinstance(reader.problem, UpstreamFault)
    assert not any(isinstance(event, Ended) for event in events)


def test_an_error_event_ends_the_reading_after_what_came_before_it() -> None:
    reader = ChatReader(Quirks())
    events = reader.feed(stream({"content": "a"})[:-14] + b'data: {"error":{"message":"no capacity"}}\n\n')
    assert any(isinstance(event, Opened) for event in events)
    assert isinstance(reader.problem, UpstreamFault)
    assert reader.feed(b"data: [DONE]\n\n") == []


@pytest.mark.parametrize(
    "sent",
    [b"data: oops\n\n", b'data: {"choices":7}\n\n', stream({"tool_calls": [{"index": 0, "id": "a"}]}),
     stream({"content": "a"}, ({}, "stop"), {"content": "b"}), stream({"tool_calls": 5}),
     stream({"tool_calls": [tool("", index=0, id="a", name="f")]},
            {"tool_calls": [tool("", index=1, id="b", name="g")]}, {"tool_calls": [tool("", index=0)]})],
)  # fmt: skip
def test_what_is_no_chat_stream_is_malformed(sent: bytes) -> None:
    reader = ChatReader(Quirks())
    reader.feed(sent)
    assert isinstance(reader.problem, MalformedReply)


def chunks(sent: bytes) -> list[dict[str, Any]]:
    events = sent.decode().split("\n\n")[:-1]
    assert events[-1] == "data: [DONE]"
    return [json.loads(event.removeprefix("data: ")) for event in events[:-1]]


def streamed(reply: Reply, to: ChatCall = PLAIN, ending: Ending = ENDING) -> list[dict[str, Any]]:
    writer = openai_chat.SERVED.writer(to, IDENTITY)
    return chunks(writer.write(list(told(reply))) + writer.ending(ending))


CALLS = (Text("Let me see."), ToolUse("call_1", "f", '{"a":1}'))
CALLED = Reply((Choice(0, CALLS, "tool_calls"),), USED)


def test_chunks_have_the_promised_form() -> None:
    written = streamed(CALLED)
    assert {(chunk["id"], chunk["object"], chunk["created"], chunk["model"]) for chunk in written} == {
        ("chatcmpl-ours", "chat.completion.chunk", 1777550000, "acme/small")
    }
    deltas = [chunk["choices"][0]["delta"] for chunk in written[:-1]]
    assert deltas == [
        {"role": "assistant", "content": ""},
        {"content": "Let me see."},
        {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1}'}}]},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in written[:-1]] == [None] * 4 + ["tool_calls"]
    assert all(chunk["usage"] is None for chunk in written[:-1])
    assert written[-1]["choices"] == []
    assert written[-1]["usage"] == {
        "prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 2, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 1, "audio_tokens": 0},
    }  # fmt: skip
    assert written[-1]["meta"]["usage"] == {"credits_used": 156, "usd_spent": 0.000078}


def test_a_whole_answer_has_the_promised_form() -> None:
    body = json.loads(openai_chat.SERVED.whole(PLAIN, CALLED, ENDING, IDENTITY))
    assert body["id"] == "chatcmpl-ours"
    assert body["object"] == "chat.completion"
    assert body["choices"] == [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "logprobs": None,
            "message": {
                "role": "assistant",
                "content": "Let me see.",
                "refusal": None,
                "annotations": [],
                "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}],
            },
        }
    ]
    alone = Reply((Choice(0, CALLS[1:], "tool_calls"),), USED)
    message = json.loads(openai_chat.SERVED.whole(PLAIN, alone, ENDING, IDENTITY))["choices"][0]["message"]
    assert message["content"] is None
    assert streamed(alone)[0]["choices"][0]["delta"] == {"role": "assistant", "content": None}


def test_callers_of_the_older_form_get_it_back() -> None:
    choice = json.loads(openai_chat.SERVED.whole(OLDER, CALLED, ENDING, IDENTITY))["choices"][0]
    assert choice["finish_reason"] == "function_call"
    assert choice["message"]["function_call"] == {"name": "f", "arguments": '{"a":1}'}
    assert "tool_calls" not in choice["message"]
    written = streamed(CALLED, OLDER)
    assert [chunk["choices"][0]["delta"] for chunk in written[2:4]] == [
        {"function_call": {"name": "f", "arguments": ""}},
        {"function_call": {"arguments": '{"a":1}'}},
    ]
    assert written[-2]["choices"][0]["finish_reason"] == "function_call"


def test_reasoning_that_shall_not_be_seen_is_left_out() -> None:
    thought = Thinking("so", "sig", origin="anthropic_messages")
    reply = Reply((Choice(0, (thought, Text("a")), "stop"),), USED)
    assert b"reasoning_content" in openai_chat.SERVED.whole(PLAIN, reply, ENDING, IDENTITY)
    hidden = json.loads(openai_chat.SERVED.whole(HIDDEN, reply, ENDING, IDENTITY))["choices"][0]["message"]
    assert hidden.keys().isdisjoint({"reasoning_content", "reasoning_details"})
    assert "sig" not in json.dumps(streamed(reply, HIDDEN))
    assert "reasoning_content" not in json.dumps(streamed(reply, HIDDEN))


def test_a_budget_spent_on_reasoning_is_told() -> None:
    reply = Reply((Choice(0, (Thinking("so"),), "length"),), USED)
    for meta in (
        json.loads(openai_chat.SERVED.whole(PLAIN, reply, ENDING, IDENTITY))["meta"],
        streamed(reply)[-1]["meta"],
    ):
        assert meta["notice"] == SPENT_ON_REASONING
    assert streamed(reply, ending=Ending(USED, 1, notice="no credit"))[-1]["meta"]["notice"] == "no credit"


def test_an_answer_that_is_stopped_ends_each_of_its_choices() -> None:
    writer = openai_chat.SERVED.writer(call(',"n":2'), IDENTITY)
    sent = writer.write([Opened(0, Text("")), Opened(0, Text("b"), 1), Ended("stop", 1)])
    ended = chunks(sent + writer.ending(Ending(USED, 1, is_stopped=True)))
    reasons = [chunk["choices"][0] for chunk in ended[:-1] if chunk["choices"][0]["finish_reason"]]
    assert [(reason["index"], reason["finish_reason"]) for reason in reasons] == [(1, "stop"), (0, "length")]


def test_usage_is_left_out_when_the_caller_said_so() -> None:
    assert streamed(CALLED, ending=Ending(USED, 1, wants_usage=False))[-1]["usage"] is None


def test_pictures_are_given_and_parts_of_other_formats_are_not() -> None:
    image = Image(Source(data="AA==", media_type="image/png"))
    reply = Reply(
        (Choice(0, (Foreign("anthropic_messages", "server_tool_use", b"{}"), Text("a"), image), "stop"),), USED
    )
    message = json.loads(openai_chat.SERVED.whole(PLAIN, reply, ENDING, IDENTITY))["choices"][0]["message"]
    assert message["images"][0]["image_url"]["url"] == "data:image/png;base64,AA=="
    assert "server_tool_use" not in json.dumps(streamed(reply))


def test_places_of_citations_count_from_the_beginning_of_all_that_is_said() -> None:
    texts = (Text("One. "), Text("Two.", (Citation("https://a.example", "A", 0, 4),)))
    reply = Reply((Choice(0, texts, "stop"),), USED)
    cited = json.loads(openai_chat.SERVED.whole(PLAIN, reply, ENDING, IDENTITY))["choices"][0]["message"]["annotations"]
    assert (cited[0]["url_citation"]["start_index"], cited[0]["url_citation"]["end_index"]) == (5, 9)
    noted = [chunk["choices"][0]["delta"].get("annotations") for chunk in streamed(reply)[:-1]]
    assert [note[0]["url_citation"]["start_index"] for note in noted if note] == [5]


def test_what_a_written_stream_says_can_be_measured_and_an_error_ends_it() -> None:
    writer = openai_chat.SERVED.writer(PLAIN, IDENTITY)
    sent = writer.write(list(told(CALLED)))
    assert openai_chat.SERVED.said_bytes(sent) >= len('Let me see.f{"a":1}')
    assert writer.events == 3
    assert writer.failing(b'{"error":{}}') == b'data: {"error":{}}\n\n'
