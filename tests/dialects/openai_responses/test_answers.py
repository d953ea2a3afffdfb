"""Answers in the Responses format: written for callers, and read from providers that leave things out."""

import json
from typing import Any

import httpx
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from openai.types.responses import Response

from modelport.dialects.assembling import Assembly, told
from modelport.dialects.openai_responses import CALLED, SERVED
from modelport.dialects.openai_responses.meters import meters
from modelport.dialects.openai_responses.relay import ResponsesRelay
from modelport.dialects.wire import Ending, MalformedReply, UpstreamFault
from modelport.operations.content import Citation, Foreign, Image, Refusal, Source, Text, Thinking, ToolUse
from modelport.operations.reply import Choice, Closed, Ended, Event, Finish, Grew, Opened, Reply, Signed
from modelport.operations.usage import Usage
from tests.dialects.openai_responses.making import ENDING, IDENTITY, META, events_in, followed, identity, shown

CALL = SERVED.parse(b'{"model":"m","input":"hi"}')
ERROR = b'{"message":"m","statusCode":502,"error":{"message":"gone","type":"api_error","code":"cut","param":null}}'


def answer(*parts: Any, finish: Finish = "stop") -> Reply:
    return Reply((Choice(0, parts, finish),), None)


def written(events: list[Event], *, ending: Ending = ENDING) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    writer = SERVED.writer(CALL, IDENTITY)
    events_written = events_in(writer.write(events) + writer.ending(ending))
    followed(events_written)
    return events_written, json.loads(writer.final() or b"")


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "incomplete", {"reason": "content_filter"}),
        ("pause", "incomplete", {"reason": "pause_turn"}),
    ],
)
def test_an_answer_says_how_it_ended(finish: Finish, status: str, reason: Any) -> None:
    body = json.loads(SERVED.whole(CALL, answer(Text("a"), finish=finish), ENDING, IDENTITY))
    assert (body["status"], body["incomplete_details"]) == (status, reason)


def test_a_whole_answer_echoes_the_call_and_has_its_cost() -> None:
    fields = {
        "instructions": "i", "max_output_tokens": 64, "metadata": {"a": "b"}, "parallel_tool_calls": False,
        "top_p": 0.5, "reasoning": {"effort": "low"}, "temperature": 0.5, "truncation": "auto", "user": "u",
        "service_tier": "auto",
        "tools": [{"type": "function", "name": "f", "parameters": {}, "strict": True}], "tool_choice": "required",
        "text": {"format": {"type": "json_object"}}, "store": True, "previous_response_id": "resp_0",
    }  # fmt: skip
    call = SERVED.parse(json.dumps({"model": "m", "input": "hi", **fields}, indent=1).encode())
    body = SERVED.whole(call, answer(Text("a"), Text("b")), ENDING, IDENTITY)
    Response.model_validate_json(body)
    members = json.loads(body)
    assert members.items() >= fields.items()
    assert members["meta"] == META
    assert (members["id"], members["created_at"], members["model"]) == ("resp_0001ours", 1777550000, "acme/small")
    assert (members["output_text"], members["background"], members["error"]) == ("ab", False, None)
    assert members["usage"] == {
        "input_tokens": 5, "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0}, "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 8,
    }  # fmt: skip


def test_proofs_of_other_providers_travel_sealed() -> None:
    events, final = written(
        list(told(answer(
            Thinking("hm", signature="S", origin="anthropic_messages"),
            Thinking(encrypted="E", origin="anthropic_messages"),
            ToolUse("c1", "f", "{}", signature="T", origin="google_gemini"),
            ToolUse("c.2", "f", "{}", signature="U", origin="google_gemini"),
        )))
    )  # fmt: skip
    assert [item.get("encrypted_content") or item["call_id"] for item in final["output"]] == [
        "mp1.anthropic_messages.signature..S", "mp1.anthropic_messages.encrypted..E", "mp1.google_gemini.tool.c1.T",
        "c1", "mp1.google_gemini.tool..U", "c.2",
    ]  # fmt: skip
    assert final["output"][0]["content"] == [{"type": "reasoning_text", "text": "hm"}]
    back = SERVED.read(SERVED.parse(json.dumps({"model": "m", "input": final["output"]}).encode()))
    assert [getattr(part, "signature", "") for part in back.turns[0].parts] == ["S", "", "T", "U"]
    assert events[-1]["type"] == "response.completed"


def test_a_signature_that_comes_after_a_call_began_is_not_lost() -> None:
    _, final = written(
        [Opened(0, ToolUse("c1", "f", "", origin="google_gemini")), Grew(0, "{}"), Signed(0, "T"), Closed(0),
         Ended("tool_calls")]
    )  # fmt: skip
    assert [item["type"] for item in final["output"]] == ["function_call", "reasoning"]
    back = SERVED.read(SERVED.parse(json.dumps({"model": "m", "input": final["output"]}).encode()))
    assert back.turns[0].parts == (
        ToolUse("c1", "f", "{}", signature="T", origin="google_gemini", item_id="fc_0001ours_0"),
    )


def test_reasoning_is_shown_where_the_caller_looks_for_it() -> None:
    call = SERVED.parse(b'{"model":"m","input":"hi","reasoning":{"summary": "auto"}}')
    body = json.loads(SERVED.whole(call, answer(Thinking("hm")), ENDING, IDENTITY))
    assert body["output"][0]["summary"] == [{"type": "summary_text", "text": "hm"}]


def test_blocks_that_are_told_in_turns_stay_apart() -> None:
    events, final = written(
        [Opened(0, Text("")), Grew(0, "a"), Opened(1, ToolUse("c1", "f", "")), Opened(2, ToolUse("c2", "g", "")),
         Grew(2, "2"), Grew(1, "1"), Grew(0, "b"), Closed(0), Closed(2), Closed(1), Ended("tool_calls")]
    )  # fmt: skip
    message, first, second = final["output"]
    assert message["content"][0]["text"] == "ab"
    assert (first["arguments"], second["arguments"]) == ("1", "2")
    assert {event["output_index"] for event in events if "output_index" in event} == {0, 1, 2}


def test_what_the_gateway_ends_is_closed_and_incomplete() -> None:
    stopped = Ending(ENDING.usage, 156, notice="used up", is_stopped=True)
    events, final = written(
        [Opened(0, Text("")), Grew(0, "a"), Opened(1, ToolUse("c", "f", "")), Grew(1, '{"')], ending=stopped
    )
    assert events[-1]["type"] == "response.incomplete"
    assert [item["status"] for item in final["output"]] == ["incomplete", "incomplete"]
    assert final["meta"]["notice"] == "used up"


def test_an_answer_that_was_all_thought_says_so() -> None:
    body = json.loads(SERVED.whole(CALL, answer(Thinking("hm"), finish="length"), ENDING, IDENTITY))
    assert "reasoning" in body["meta"]["notice"]


def test_log_probabilities_and_searches_and_pictures_are_told() -> None:
    token = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
    use = Foreign("anthropic_messages", "server_tool_use", b'{"name":"web_search","input":{"query":"q"}}')
    own = Foreign("openai_responses", "web_search_call", b'{"type":"web_search_call",\n"id":"ws_1","status":"completed","action":{"type":"search"}}')  # fmt: skip  # noqa: E501
    picture = Image(Source(data="aGk=", media_type="image/png"))
    logged = Choice(0, (Text("a", (Citation("https://a.example", "A"),)), use, own, picture), "stop", logprobs=json.dumps({"content": [token]}).encode())  # fmt: skip  # noqa: E501
    _, final = written(list(told(Reply((logged,), None))))
    message, search, second, image = final["output"]
    assert message["content"][0]["logprobs"] == [token]
    assert message["content"][0]["annotations"] == [
        {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 0, "end_index": 1}
    ]
    assert (search["action"]["query"], second["id"], image["result"]) == ("q", "ws_1", "aGk=")
    assert json.loads(CALLED.decode(json.dumps(final).encode()).choices[0].logprobs)["content"] == [token]


def test_pieces_are_counted_and_measured() -> None:
    writer = SERVED.writer(CALL, IDENTITY)
    passed = writer.write([Opened(0, Text("")), Grew(0, "ab"), Grew(0, "c")])
    assert writer.events == 2
    assert SERVED.said_bytes(passed) == 3
    assert writer.final() is None


KINDS = some.sampled_from(["function", "custom"])
PIECES = some.one_of(
    some.builds(Text, some.text(max_size=9)),
    some.builds(Refusal, some.text(min_size=1, max_size=9)),
    some.builds(Thinking, some.text(min_size=1, max_size=9), is_summary=some.booleans()),
    some.builds(ToolUse, some.uuids().map(str), some.just("f"), some.text(max_size=9), KINDS),
)  # fmt: skip


@settings(max_examples=30)
@given(some.lists(PIECES, max_size=6), some.data())
def test_an_answer_survives_being_written_and_read_again(parts: list[Any], data: some.DataObject) -> None:
    writer = SERVED.writer(CALL, IDENTITY)
    stream = writer.write(list(told(answer(*parts)))) + writer.ending(ENDING)
    cut = data.draw(some.integers(0, len(stream)))
    reader, assembly = CALLED.reader(), Assembly()
    assembly.add(reader.feed(stream[:cut]))
    assembly.add(reader.feed(stream[cut:]))
    assert reader.problem is None
    again = [shown(part) for part in assembly.reply(None).choices[0].parts]
    expected = [shown(part) for part in parts]
    for one in (*again, *expected):
        if one[0] == "thinking":
            one[3] = ""  # The id is ours.
    assert again == expected
    whole = SERVED.whole(CALL, answer(*parts), ENDING, IDENTITY)
    assert whole == writer.final()
    Response.model_validate_json(whole)


@pytest.mark.parametrize("is_relayed", [False, True])
def test_a_stream_that_fails_raises_in_the_sdk(is_relayed: bool) -> None:
    if is_relayed:
        passage = ResponsesRelay(CALL, identity)
        first = passage.feed(b'event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":{"id":"r","object":"response","created_at":1,"model":"m","output":[],"parallel_tool_calls":true,"tool_choice":"auto","tools":[],"status":"in_progress"}}\n\n')  # fmt: skip  # noqa: E501
        body = first + passage.failing(ERROR)
        assert passage.final() is None
    else:
        writer = SERVED.writer(CALL, IDENTITY)
        body = writer.write([Opened(0, Text("")), Grew(0, "a")]) + writer.failing(ERROR)
        assert writer.final() is None
    events = events_in(body)
    assert [event["type"] for event in events[-2:]] == ["response.failed", "error"]
    assert events[-2]["response"]["error"] == {"code": "server_error", "message": "gone"}
    assert events[-1]["error"]["code"] == events[-1]["code"] == "cut"
    headers = {"content-type": "text/event-stream"}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body, headers=headers))
    seen: list[str] = []
    client = openai.OpenAI(api_key="k", http_client=httpx.Client(transport=transport))
    with client, pytest.raises(openai.APIError, match="gone"):
        for event in client.responses.create(model="m", input="hi", stream=True):
            seen.append(event.type)  # noqa: PERF401  what came before the error counts
    assert seen[-1] == "response.failed"
    assert "response.completed" not in seen


def test_a_stream_that_fails_before_it_began_is_only_an_error() -> None:
    for failed in (SERVED.writer(CALL, IDENTITY).failing(ERROR), ResponsesRelay(CALL, identity).failing(ERROR)):
        (event,) = events_in(failed)
        assert (event["type"], event["message"], event["param"]) == ("error", "gone", None)
    assert b'"message":' in SERVED.writer(CALL, IDENTITY).failing(b"nonsense")


def test_the_number_of_a_failure_follows_on_whatever_the_provider_gave_it() -> None:
    passage = ResponsesRelay(CALL, identity)
    begun = b'event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":{"id":"r","object":"response","created_at":1,"model":"m","output":[],"parallel_tool_calls":true,"tool_choice":"auto","tools":[],"status":"in_progress"}}\n\n'  # fmt: skip  # noqa: E501
    body = passage.feed(begun) + passage.feed(FAILED.replace(b'"sequence_number":1', b'"sequence_number":99'))
    assert passage.problem is not None
    events = events_in(body + passage.failing(ERROR))
    assert [event["sequence_number"] for event in events] == [0, 1, 2]


def test_a_message_that_was_cut_off_says_that_it_is_not_complete() -> None:
    for finish, status in (("length", "incomplete"), ("content_filter", "incomplete"), ("stop", "completed")):
        reply = Reply((Choice(0, (Text("so f"),), finish),), Usage({"input": 1, "output": 2}, "provider"))
        written = json.loads(SERVED.whole(CALL, reply, Ending(reply.usage, 1), IDENTITY))
        assert (written["status"], written["output"][0]["status"]) == (status, status)


FAILED = (
    b'event: response.failed\ndata: {"type":"response.failed","sequence_number":1,"response":{"id":"r",'
    b'"status":"failed","error":{"code":"server_error","message":"overloaded"},"output":[]}}\n\n'
)
BARE = (
    b'data: {"type":"error","code":"rate_limit_exceeded","message":"overloaded","param":null,"sequence_number":1}\n\n'
)
INVALID = b'data: {"error":{"type":"invalid_request_error","message":"overloaded"}}\n\n'


@pytest.mark.parametrize(("event", "retryable"), [(FAILED, True), (BARE, True), (INVALID, False)])
def test_a_provider_that_fails_inside_a_stream_is_a_fault(event: bytes, retryable: bool) -> None:
    for reading in (CALLED.reader(), ResponsesRelay(CALL, identity)):
        assert not reading.feed(event)
        assert isinstance(reading.problem, UpstreamFault)
        assert (reading.problem.retryable, reading.is_done) == (retryable, False)
        assert "overloaded" in reading.problem.message
        assert not reading.feed(event)


@pytest.mark.parametrize("event", [b"data: oops\n\n", b"data: []\n\n", b'data: {"type":"response.completed"}\n\n'])
def test_an_event_that_is_none_of_a_response_ends_the_stream(event: bytes) -> None:
    for reading in (CALLED.reader(), ResponsesRelay(CALL, identity)):
        reading.feed(event)
        assert isinstance(reading.problem, MalformedReply)


def test_events_that_nobody_knows_are_passed_on_but_not_read() -> None:
    event = b'event: response.new\ndata: {"type":"response.new","delta":{"a":1},"sequence_number":3}\n\n'
    reader, passage = CALLED.reader(), ResponsesRelay(CALL, identity)
    assert reader.feed(event) == []
    assert reader.problem is None
    assert passage.feed(event) == event


def test_a_provider_may_leave_out_all_but_the_deltas() -> None:
    stream = (
        b'data: {"type":"response.output_text.delta","delta":"a"}\n\n'
        b'data: {"type":"response.completed","response":{"status":"completed","output":[]}}\n\n'
    )
    reader, assembly = CALLED.reader(), Assembly()
    assembly.add(reader.feed(stream))
    reply = assembly.reply(reader.usage())
    assert reply.choices[0].parts == (Text("a"),)
    assert reply.usage is None


def test_a_provider_may_tell_all_only_at_the_end() -> None:
    items = (
        b'[{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]},'
        b'{"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]},'
        b'{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}]'
    )
    reader, assembly = CALLED.reader(), Assembly()
    assembly.add(reader.feed(b'data: {"type":"response.completed","response":{"output":%b}}\n\n' % items))
    reply = assembly.reply(None)
    assert [shown(part)[:2] for part in reply.choices[0].parts] == [["thinking", "hm"], ["text", "a"], ["call", "c"]]
    assert reply.choices[0].finish == "tool_calls"


def test_a_relay_finds_the_items_that_the_end_leaves_out() -> None:
    item = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "a", "annotations": []}]}  # fmt: skip  # noqa: E501
    events = [
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {"status": "completed", "output": []}},
    ]
    passage = ResponsesRelay(CALL, identity)
    passage.feed(b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events))
    passage.ending(ENDING)
    final = json.loads(passage.final() or b"")
    assert (final["output"], final["output_text"], final["usage"]["total_tokens"]) == ([item], "a", 8)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'{"id": 1}', b'{"output": {}}', b'{"output": [', b'{"output": [7]}',
     b'{"output": [], "status": "in_progress"}', b'{"output": [{"type":"message","content":[{"type":"odd"}]}]}'],
)  # fmt: skip
def test_an_answer_that_is_no_response_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedReply):
        CALLED.decode(body)


@pytest.mark.parametrize(
    "body",
    [b'{"error": {"message": "no capacity"}}',
     b'{"output": [], "status": "failed", "error": {"message": "no capacity"}}'],
)  # fmt: skip
def test_an_error_inside_a_success_is_a_fault(body: bytes) -> None:
    for read in (CALLED.decode, ResponsesRelay(CALL, identity).take):
        with pytest.raises(UpstreamFault, match="no capacity"):
            read(body)


@pytest.mark.parametrize(("status", "retryable"), [(400, False), (401, True), (422, False), (429, True), (500, True)])
def test_a_refusal_says_whether_another_offer_may_help(status: int, retryable: bool) -> None:
    fault = CALLED.fault(status, b"7", b'{"error":{"message":"why"}}')
    assert (fault.status, fault.retryable, fault.retry_after_s) == (status, retryable, 7)
    assert "why" in fault.message


@pytest.mark.parametrize(
    "usage", [b"null", b"[]", b'{"input_tokens":"x"}', b'{"input_tokens":-1}',
              b'{"input_tokens":5,"output_tokens":2,"input_tokens_details":{"cached_tokens":9}}'],
)  # fmt: skip
def test_usage_that_makes_no_sense_is_not_trusted(usage: bytes) -> None:
    assert meters(usage) is None


@settings(max_examples=50)
@given(*(some.integers(0, 10**6) for _ in range(5)))
def test_meters_are_disjoint_and_sum_to_what_was_reported(
    read: int, cached: int, new: int, said: int, thought: int
) -> None:
    reported = {
        "input_tokens": read + cached + new, "output_tokens": said + thought,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": new},
        "output_tokens_details": {"reasoning_tokens": thought},
    }  # fmt: skip
    usage = meters(json.dumps(reported).encode())
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (read + cached + new, said + thought)
    given_back = json.loads(SERVED.whole(CALL, answer(), Ending(usage, 0), IDENTITY))["usage"]
    assert meters(json.dumps(given_back).encode()) == Usage(usage.by_meter, "provider")
