"""Golden exchanges of Messages: relayed, and through the canonical form and back."""

import json
from pathlib import Path
from typing import Any

import pytest

from modelport.dialects.anthropic_messages import CALLED, SERVED, Relay, relay_request
from modelport.dialects.translated import Translated
from modelport.operations.chat import ChatCall
from modelport.operations.usage import Usage
from tests.dialects.anthropic_messages.factories import (
    CASES,
    CHARGED,
    IDENTITY,
    META,
    STREAMS,
    WHOLE,
    assembled,
    ending,
    identity,
    source,
    target,
)
from tests.dialects.cuts import cuts


def case_id(case: Path) -> str:
    return case.name


def meters_of(case: Path) -> Usage:
    return Usage(source(case)["meters"], "provider")


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_a_call_is_sent_on_as_recorded(case: Path) -> None:
    call = SERVED.parse((case / "call.json").read_bytes())
    assert not call.is_mixed
    request = relay_request(call, target())
    assert json.loads(request.body) == json.loads((case / "request.json").read_text())
    assert list(request.dropped) == source(case)["dropped"]
    assert request.is_streaming == (case in STREAMS)
    assert (b"anthropic-version", b"2023-06-01") in request.headers


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_a_call_says_the_same_when_it_is_read_and_written_anew(case: Path) -> None:
    talk = SERVED.read(SERVED.parse((case / "call.json").read_bytes()))
    request = CALLED.encode(talk, target(search="native"), is_streaming=case in STREAMS)
    assert as_blocks(json.loads(request.body)) == as_blocks(json.loads((case / "request.json").read_text()))
    assert list(request.dropped) == sorted(source(case)["dropped"], reverse=True)


def as_blocks(request: dict[str, Any]) -> dict[str, Any]:
    """Write contents that are strings as the blocks that they mean, and a choice that says nothing as none."""
    for message in request["messages"]:
        if isinstance(message["content"], str):
            message["content"] = [{"type": "text", "text": message["content"]}]
    return request


@pytest.mark.parametrize("case", WHOLE, ids=case_id)
def test_a_relayed_answer_is_metered_and_only_gains_its_cost(case: Path) -> None:
    body = (case / "response.json").read_bytes()
    relay = Relay(identity)
    relay.take(body)
    assert relay.usage() == meters_of(case)
    answered = json.loads(relay.whole(ending(relay.usage())))
    assert answered.pop("meta") == META
    assert answered == json.loads(body)


@pytest.mark.parametrize("case", WHOLE, ids=case_id)
def test_an_answer_says_the_same_when_it_is_read_and_written_anew(case: Path) -> None:
    body = (case / "response.json").read_bytes()
    reply = CALLED.decode(body)
    assert reply.usage == meters_of(case)
    call = SERVED.parse((case / "call.json").read_bytes())
    answered = json.loads(SERVED.whole(call, reply, ending(reply.usage), IDENTITY))
    assert answered.pop("meta") == META
    assert essence(answered) == essence(json.loads(body))


def essence(message: dict[str, Any]) -> dict[str, Any]:
    """Leave out what the canonical form does not keep: where it was inferred, the category of a refusal."""
    usage = {name: count for name, count in message["usage"].items() if count and name != "inference_geo"}
    if "cache_creation" in usage and not any(usage["cache_creation"].values()):
        del usage["cache_creation"]
    return {**message, "usage": usage, "stop_details": None}


@pytest.mark.parametrize("case", STREAMS, ids=case_id)
def test_a_relayed_stream_gives_the_same_bytes_wherever_it_is_cut(case: Path) -> None:
    sent, expected = (case / "response.sse").read_bytes(), (case / "reply.sse").read_bytes()
    usage = meters_of(case)
    for cut in cuts(sent):
        assert relayed([sent[:cut], sent[cut:]], usage) == expected
    assert relayed([sent[index : index + 1] for index in range(len(sent))], usage) == expected


def relayed(pieces: list[bytes], usage: Usage) -> bytes:
    relay = Relay(identity)
    passed = b"".join(relay.feed(piece) for piece in pieces)
    assert relay.problem is None
    assert relay.is_done
    assert relay.has_finish
    assert relay.usage() == usage
    return passed + relay.ending(ending(relay.usage()))


@pytest.mark.parametrize("case", STREAMS, ids=case_id)
def test_a_stream_says_the_same_when_it_is_read_and_written_anew_wherever_it_is_cut(case: Path) -> None:
    sent = (case / "response.sse").read_bytes()
    call, expected = SERVED.parse((case / "call.json").read_bytes()), meters_of(case)
    once = translated([sent], call, expected)
    assert essence(assembled(once)) == essence(assembled((case / "reply.sse").read_bytes()))
    for cut in cuts(sent):
        assert translated([sent[:cut], sent[cut:]], call, expected) == once
    assert translated([sent[index : index + 1] for index in range(len(sent))], call, expected) == once


def translated(pieces: list[bytes], call: ChatCall, expected: Usage) -> bytes:
    way = Translated(call, SERVED, CALLED, identity)
    passed = b"".join(way.feed(piece) for piece in pieces)
    assert way.problem is None
    assert way.is_done
    assert way.has_finish
    assert way.usage() == expected
    return passed + way.ending(ending(way.usage()))


@pytest.mark.parametrize("case", STREAMS, ids=case_id)
def test_a_stream_that_is_cut_never_looks_complete(case: Path) -> None:
    sent = (case / "response.sse").read_bytes()
    stop = sent.rindex(b"message_stop")
    for cut in range(0, stop, 7):
        relay = Relay(identity)
        passed = relay.feed(sent[:cut])
        assert not relay.is_done
        assert b"event: message_stop" not in passed
        assert b"message_delta" not in passed
        reader = CALLED.reader()
        reader.feed(sent[:cut])
        assert not reader.is_done


def test_the_cost_is_the_one_charged() -> None:
    assert META["usage"]["credits_used"] == CHARGED
