"""Golden exchanges of Responses: a call, what is sent, what comes back, what is made of it."""

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from openai.types.responses import Response

from modelport.dialects.assembling import Assembly
from modelport.dialects.openai_responses import CALLED, SERVED, relay
from modelport.dialects.openai_responses.relay import ResponsesRelay
from modelport.dialects.wire import Ending
from modelport.operations.chat import ChatCall
from modelport.operations.reply import Reply
from modelport.operations.usage import Usage
from tests.dialects.cuts import cuts
from tests.dialects.openai_responses.making import ENDING, IDENTITY, META, events_in, followed, identity, shown, target

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/source.toml"))
STREAMS = [case for case in CASES if (case / "response.sse").exists()]
WHOLE = [case for case in CASES if (case / "response.json").exists()]

SHORTEST_BYTES = min((case / "response.sse").stat().st_size for case in STREAMS)


@cache
def source(case: Path) -> dict[str, Any]:
    return tomllib.loads((case / "source.toml").read_text())


def load(case: Path, name: str) -> Any:
    return json.loads((case / name).read_text())


@cache
def call_of(case: Path) -> ChatCall:
    return SERVED.parse((case / "call.json").read_bytes())


def name_of(case: Path) -> str:
    return case.name


def ending(case: Path) -> Ending:
    return Ending(Usage(source(case)["meters"], "provider"), 156)


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_call_is_relayed_as_recorded(case: Path) -> None:
    facts = source(case)
    request, _ = relay(call_of(case), target(facts["quirks"], facts["capabilities"]), identity)
    assert request.path == "/responses"
    assert json.loads(request.body) == load(case, "relayed.json")
    assert list(request.dropped) == facts["dropped"]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_call_is_translated_as_recorded(case: Path) -> None:
    facts, call = source(case), call_of(case)
    sent = target(facts["quirks"], facts["capabilities"])
    request = CALLED.encode(SERVED.read(call), sent, is_streaming=call.is_streaming)
    assert json.loads(request.body) == load(case, "request.json")
    assert list(request.dropped) == facts["dropped"]


@pytest.mark.parametrize("case", WHOLE, ids=name_of)
def test_a_whole_answer_is_read(case: Path) -> None:
    expect(case, CALLED.decode((case / "response.json").read_bytes()))


def expect(case: Path, reply: Reply) -> None:
    facts = source(case)
    (choice,) = reply.choices
    assert [shown(part) for part in choice.parts] == load(case, "told.json")
    assert choice.finish == facts["finish"]
    assert reply.usage == Usage(facts["meters"], "provider")


@pytest.mark.parametrize("case", WHOLE, ids=name_of)
def test_a_whole_answer_is_relayed_under_our_name_and_with_its_cost(case: Path) -> None:
    given = load(case, "response.json")
    passage = ResponsesRelay(call_of(case), identity)
    passage.take((case / "response.json").read_bytes())
    assert passage.usage() == Usage(source(case)["meters"], "provider")
    assert passage.said_bytes() > 0
    body = passage.whole(ending(case))
    Response.model_validate_json(body)
    answer = json.loads(body)
    assert answer.pop("meta") == META
    assert answer.pop("output_text") == "".join(part[1] for part in load(case, "told.json") if part[0] == "text")
    assert answer == {**given, "id": "resp_0001ours", "store": load(case, "call.json").get("store", False)}
    assert passage.final() == body


@pytest.mark.parametrize("case", STREAMS, ids=name_of)
def test_a_stream_is_read_alike_wherever_it_is_cut(case: Path) -> None:
    sent = (case / "response.sse").read_bytes()
    for data in (sent, b": hello\r\n\r\n" + sent.replace(b"\n", b"\r\n"), sent + b"data: [DONE]\n\n"):
        expect(case, read([data]))
    expected = read([sent])
    for cut in cuts(sent, SHORTEST_BYTES):
        assert read([sent[:cut], sent[cut:]]) == expected
    expect(case, read([sent[index : index + 1] for index in range(len(sent))]))


def read(pieces: list[bytes]) -> Reply:
    reader, assembly = CALLED.reader(), Assembly()
    for piece in pieces:
        assembly.add(reader.feed(piece))
    assert reader.problem is None
    assert reader.is_done
    assert reader.has_finish
    return assembly.reply(reader.usage())


@pytest.mark.parametrize("case", STREAMS, ids=name_of)
def test_a_stream_says_what_the_whole_answer_at_its_end_says(case: Path) -> None:
    last = (case / "response.sse").read_bytes().split(b"\n\n")[-2]
    response = json.loads(last.split(b"data: ")[1])["response"]
    whole, told = CALLED.decode(json.dumps(response).encode()), read([(case / "response.sse").read_bytes()])
    assert [shown(part) for part in whole.choices[0].parts] == [shown(part) for part in told.choices[0].parts]
    assert (whole.usage, whole.id, whole.model) == (told.usage, told.id, told.model)


@pytest.mark.parametrize("case", STREAMS, ids=name_of)
def test_a_stream_is_relayed_alike_wherever_it_is_cut(case: Path) -> None:
    sent = (case / "response.sse").read_bytes()
    expected = relayed(case, [sent])
    events = events_in(expected)
    followed(events)
    final = events[-1]["response"]
    assert final["meta"] == META
    assert {event["response"]["id"] for event in events if "response" in event} == {"resp_0001ours"}
    before = [json.loads(block.split(b"data: ")[1]) for block in sent.split(b"\n\n")[:-2]]
    assert [event for event in events[:-1] if "response" not in event] == [
        event for event in before if "response" not in event
    ]
    for cut in cuts(sent, SHORTEST_BYTES):
        assert relayed(case, [sent[:cut], sent[cut:]]) == expected
    assert relayed(case, [sent[index : index + 1] for index in range(len(sent))]) == expected
    assert relayed(case, [b": hello\r\n\r\n" + sent.replace(b"\n", b"\r\n") + b"data: [DONE]\r\n\r\n"]) == expected


def relayed(case: Path, pieces: list[bytes]) -> bytes:
    passage = ResponsesRelay(call_of(case), identity)
    passed = b"".join(passage.feed(piece) for piece in pieces)
    assert passage.problem is None
    assert passage.is_done
    assert passage.events > 0
    assert passage.usage() == Usage(source(case)["meters"], "provider")
    last = passage.ending(ending(case))
    assert (passage.final() or b"") in last
    return passed + last


@pytest.mark.parametrize("case", STREAMS, ids=name_of)
def test_a_relayed_stream_that_the_gateway_ends_is_closed_after_any_event(case: Path) -> None:
    blocks = (case / "response.sse").read_bytes().split(b"\n\n")[:-2]
    for count in range(2, len(blocks) + 1):
        passage = ResponsesRelay(call_of(case), identity)
        passed = passage.feed(b"\n\n".join(blocks[:count]) + b"\n\n")
        written = passed + passage.ending(Ending(ENDING.usage, 156, is_stopped=True))
        events = events_in(written)
        followed(events)
        final = events[-1]["response"]
        assert events[-1]["type"] == "response.incomplete"
        assert final["incomplete_details"] == {"reason": "max_output_tokens"}
        deltas = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
        assert final["output_text"] == deltas
        assert final["output"] == [event["item"] for event in events if event["type"] == "response.output_item.done"]


@pytest.mark.parametrize("case", STREAMS, ids=name_of)
def test_a_stream_that_is_written_anew_says_the_same(case: Path) -> None:
    reader, call = CALLED.reader(), call_of(case)
    writer = SERVED.writer(call, IDENTITY)
    written = b"".join(writer.write(reader.feed(piece)) for piece in pieces_of(case)) + writer.ending(ending(case))
    events = events_in(written)
    followed(events)
    assert json.loads(writer.final() or b"") == events[-1]["response"]
    expect(case, read([written]))


def pieces_of(case: Path) -> list[bytes]:
    return [block + b"\n\n" for block in (case / "response.sse").read_bytes().split(b"\n\n")]
