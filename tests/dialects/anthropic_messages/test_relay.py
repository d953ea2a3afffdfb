"""Relayed streams, and those that are read, when a provider misbehaves or the gateway ends them."""

import json

import pytest

from modelport.dialects.anthropic_messages import CALLED, Relay
from modelport.dialects.wire import MalformedReply, UpstreamFault
from modelport.operations.usage import Usage
from tests.dialects.anthropic_messages.factories import assembled, ending, events_of, identity

START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",'
    b'"model":"c","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1}}}\n\n'
)
OPEN = (
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    b'"content_block":{"type":"%b","%b":""}}\n\n'
)
TEXT = OPEN % (b"text", b"text")
PIECE = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"abc"}}\n\n'
)
STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
ERROR = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
DELTA = (
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},'
    b'"usage":{"output_tokens":9}}\n\n'
)
DONE = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def test_pieces_pass_as_they_came() -> None:
    relay = Relay(identity)
    relay.feed(START + TEXT)
    strange = PIECE.replace(b'{"type":"text_delta","text":"abc"}', b'{ "text":"a\\u00e9c" ,"type":"text_delta"}')
    assert relay.feed(PIECE + strange) == PIECE + strange
    assert relay.events == 2


def test_an_error_ends_the_stream_after_what_came_before_it() -> None:
    for cut in range(len(ERROR)):
        relay = Relay(identity)
        passed = relay.feed(START + TEXT + PIECE + ERROR[:cut]) + relay.feed(ERROR[cut:] + PIECE)
        assert passed == START + TEXT + PIECE
        assert isinstance(relay.problem, UpstreamFault)
        assert not relay.is_done
        assert relay.feed(DELTA + DONE) == b""
    reader = CALLED.reader()
    assert len(reader.feed(START + ERROR)) == 1
    assert isinstance(reader.problem, UpstreamFault)
    assert "Overloaded" in reader.problem.message


@pytest.mark.parametrize("event", [b"data: oops\n\n", b"data: []\n\n", PIECE[:-20] + b"\n\n", b"event: x\ndata: {\n\n"])
def test_an_event_that_is_no_json_object_ends_the_stream(event: bytes) -> None:
    relay, reader = Relay(identity), CALLED.reader()
    assert relay.feed(START + TEXT + event) == START + TEXT
    reader.feed(START + TEXT + event)
    assert isinstance(relay.problem, MalformedReply)
    assert isinstance(reader.problem, MalformedReply)


def test_a_stream_must_begin_at_its_beginning() -> None:
    relay, reader = Relay(identity), CALLED.reader()
    assert relay.feed(PIECE) == b""
    assert reader.feed(PIECE) == []
    assert isinstance(relay.problem, MalformedReply)
    assert isinstance(reader.problem, MalformedReply)


def test_a_piece_of_a_block_that_is_not_open_is_malformed() -> None:
    for event in (PIECE, STOP):
        reader = CALLED.reader()
        reader.feed(START + event)
        assert isinstance(reader.problem, MalformedReply)


def test_an_event_without_bounds_is_refused() -> None:
    relay, reader = Relay(identity), CALLED.reader()
    for _ in range(9):
        relay.feed(b"x" * 1024 * 1024)
        reader.feed(b"x" * 1024 * 1024)
    assert isinstance(relay.problem, MalformedReply)
    assert isinstance(reader.problem, MalformedReply)


def test_usage_is_only_known_once_the_provider_has_said_all_of_it() -> None:
    relay, reader = Relay(identity), CALLED.reader()
    for way in (relay, reader):
        way.feed(START + TEXT + PIECE)
        assert way.usage() is None
        way.feed(STOP + DELTA)
        assert way.usage() == Usage({"input": 3, "output": 9}, "provider")
        assert way.has_finish
        assert not way.is_done


def test_usage_that_no_provider_reported_is_shown_as_counted() -> None:
    relay = Relay(identity)
    passed = relay.feed(START + TEXT + PIECE + STOP + DELTA.replace(b',"usage":{"output_tokens":9}', b"") + DONE)
    assert relay.is_done
    answer = assembled(passed + relay.ending(ending(Usage({"input": 7, "output": 2}, "counted"))))
    assert (answer["usage"]["input_tokens"], answer["usage"]["output_tokens"]) == (7, 2)


def test_a_stream_that_the_gateway_stops_is_closed_and_says_so() -> None:
    relay = Relay(identity)
    passed = relay.feed(START + TEXT + PIECE + PIECE[:9])
    answer = assembled(passed + relay.ending(ending(None, is_stopped=True)))
    assert (answer["content"][0]["text"], answer["stop_reason"]) == ("abc", "max_tokens")
    nothing = Relay(identity)
    assert assembled(nothing.ending(ending(None, is_stopped=True)))["id"] == "msg_ours"


def test_nothing_but_reasoning_before_the_bound_is_noted() -> None:
    relay = Relay(identity)
    thought = PIECE.replace(b'"text_delta","text"', b'"thinking_delta","thinking"')
    cut = DELTA.replace(b"end_turn", b"max_tokens")
    passed = relay.feed(START + OPEN % (b"thinking", b"thinking") + thought + STOP + cut + DONE)
    assert "reasoning" in assembled(passed + relay.ending(ending(relay.usage())))["meta"]["notice"]


def test_what_comes_after_the_end_is_passed_over() -> None:
    relay, reader = Relay(identity), CALLED.reader()
    relay.feed(START + DELTA + DONE + DONE + ERROR)
    reader.feed(START + DELTA + DONE + DONE + ERROR)
    assert (relay.is_done, relay.problem, reader.is_done, reader.problem) == (True, None, True, None)
    assert relay.feed(PIECE) == b""


def test_data_in_several_lines_is_one_event() -> None:
    relay = Relay(identity)
    event = b'data: {"type":"content_block_delta","index":0,\ndata: "delta":{"type":"text_delta","text":"a"}}\n\n'
    kind, told = events_of(START + relay.feed(START + TEXT + event).removeprefix(START))[-1]
    assert (kind, told["delta"]["text"]) == ("content_block_delta", "a")


def test_a_whole_answer_gets_its_cost_whatever_else_it_has() -> None:
    body = b'{"type":"message","content":[{"type":"text","text":"four"}],"meta":{"x":1},"usage":null,"y":1}'
    relay = Relay(identity)
    relay.take(body)
    assert relay.usage() is None
    assert relay.said_bytes() == 4
    answer = json.loads(relay.whole(ending(Usage({"input": 1, "output": 2}, "estimated"), notice="n")))
    assert answer["meta"]["notice"] == "n"
    assert answer["usage"]["output_tokens"] == 2
    assert answer["y"] == 1


def test_an_error_in_place_of_an_answer_is_a_fault() -> None:
    with pytest.raises(UpstreamFault, match="Overloaded"):
        Relay(identity).take(ERROR.split(b"data: ")[1])
    with pytest.raises(MalformedReply):
        Relay(identity).take(b"<html>")
