"""Golden answers of Google's: what comes back, what is made of it, wherever a stream is cut."""

import json
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelport.catalogue.facts import Model, Offer, Provider
from modelport.dialects.google_gemini import CALLED
from modelport.dialects.google_gemini.meters import meters, searches
from modelport.dialects.google_gemini.reply import choices_of
from modelport.dialects.google_gemini.stream import GeminiReader
from modelport.dialects.wire import MalformedReply, Target, UpstreamFault
from modelport.operations.content import Text, ToolUse, Turn
from modelport.operations.conversation import Conversation
from modelport.operations.reply import Began, Closed, Ended, Event, Opened, Reply
from modelport.operations.usage import SEARCH_METER, Usage
from tests.dialects.cuts import cuts

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/source.toml"))
STREAMS = [case for case in CASES if (case / "response.sse").exists()]
WHOLE = [case for case in CASES if (case / "response.json").exists()]

PROVIDER = Provider(id="google", name="Google", base_url="https://g.example", speaks={"chat": ("google_gemini",)})
TARGET = Target(Offer("google/m", PROVIDER, "m"), Model("google/m", "M", "google", "chat", ""))


def source(case: Path) -> dict[str, Any]:
    return tomllib.loads((case / "source.toml").read_text())


def shown(reply: Reply) -> Any:
    """A reply as JSON, so that it can be read beside the answer."""

    def part(one: Any) -> Any:
        plain = msgspec.to_builtins(one, builtin_types=(bytes,))
        defaults = {name: value for name, value in plain.items() if value not in ("", (), [], None, b"", False)}
        return json.loads(json.dumps(defaults, default=lambda value: value.decode()))

    choices = [
        {
            "index": choice.index,
            "finish": choice.finish,
            "parts": [part(one) for one in choice.parts],
            **({"logprobs": json.loads(choice.logprobs)} if choice.logprobs else {}),
        }
        for choice in reply.choices
    ]
    return {"id": reply.id, "model": reply.model, "choices": choices}


def expected(case: Path) -> Any:
    return json.loads((case / "reply.json").read_text())


def case_id(case: Path) -> str:
    return case.name


@pytest.mark.parametrize("case", WHOLE, ids=case_id)
def test_a_whole_answer_is_read_as_recorded(case: Path) -> None:
    reply = CALLED.decode((case / "response.json").read_bytes())
    assert shown(reply) == expected(case)
    assert reply.usage == Usage(source(case)["meters"], "provider")


@pytest.mark.parametrize("case", [*WHOLE, *STREAMS], ids=case_id)
def test_the_meters_sum_up_to_the_reported_total(case: Path) -> None:
    path = case / "response.json"
    if path.exists():
        total = json.loads(path.read_bytes())["usageMetadata"]["totalTokenCount"]
    else:
        last = (case / "response.sse").read_bytes().strip().splitlines()[-1]
        total = json.loads(last.removeprefix(b"data: "))["usageMetadata"]["totalTokenCount"]
    assert sum(units for meter, units in source(case)["meters"].items() if meter != SEARCH_METER) == total


@pytest.mark.parametrize("case", STREAMS, ids=case_id)
def test_a_stream_tells_the_same_wherever_it_is_cut(case: Path) -> None:
    sent = (case / "response.sse").read_bytes()
    facts, told = source(case), expected(case)
    for cut in cuts(sent):
        assert streamed([sent[:cut], sent[cut:]], facts) == told
    for body in (sent, sent.replace(b"\r\n", b"\n")):
        assert streamed([body[at : at + 1] for at in range(len(body))], facts) == told


def streamed(pieces: list[bytes], case: dict[str, Any]) -> Any:
    reader = GeminiReader()
    events = [event for piece in pieces for event in reader.feed(piece)]
    assert reader.problem is None
    assert reader.has_finish
    assert not reader.is_done
    assert reader.usage() == Usage(case["meters"], "provider")
    assert_orderly(events)
    began = events[0]
    assert isinstance(began, Began)
    return shown(Reply(choices_of(events), None, began.id, began.model))


def assert_orderly(events: list[Event]) -> None:
    """One part at a time in each choice, counted from 0, closed before the end."""
    opened: dict[int, int] = {}
    is_open: dict[int, bool] = {}
    for event in events[1:]:
        choice: int = event.choice  # type: ignore[union-attr]
        assert not isinstance(event, Began)
        if isinstance(event, Opened):
            assert event.block == opened.get(choice, 0)
            assert not is_open.get(choice, False)
            opened[choice] = event.block + 1
            is_open[choice] = True
        elif isinstance(event, Ended):
            assert not is_open.get(choice, False)
        else:
            assert is_open[choice]
            assert event.block == opened[choice] - 1  # type: ignore[union-attr]
            is_open[choice] = not isinstance(event, Closed)


def piece(**members: Any) -> bytes:
    return b"data: " + json.dumps(members).encode() + b"\n\n"


def said(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"content": {"parts": [{"text": text}]}, **({"finishReason": finish} if finish else {})}


def test_ids_of_calls_are_unique_and_the_same_whole_and_streamed() -> None:
    parts = [{"functionCall": {"name": "f", "args": {"a": 1}}}] * 3
    whole = {"responseId": "r1", "candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]}
    reader = GeminiReader()
    events = [
        event
        for part in parts
        for event in reader.feed(piece(responseId="r1", candidates=[{"content": {"parts": [part]}}]))
    ]
    streamed_ids = [part.id for choice in choices_of(events) for part in choice.parts if isinstance(part, ToolUse)]
    again = CALLED.decode(json.dumps(whole).encode()).choices[0]
    assert streamed_ids == [part.id for part in again.parts if isinstance(part, ToolUse)]
    other = CALLED.decode(json.dumps({**whole, "responseId": "r2"}).encode()).choices[0]
    ids = [*streamed_ids, *(part.id for part in other.parts if isinstance(part, ToolUse))]
    assert len(set(ids)) == 6
    assert again.finish == "tool_calls"


def test_arguments_keep_their_bytes() -> None:
    call = b'{"id":"1","name":"f","args":{ "b":1.50,"a":"\\u00e9"}}'
    body = b'{"candidates":[{"content":{"parts":[{"functionCall":%b}]}}]}' % call
    part = CALLED.decode(body).choices[0].parts[0]
    assert isinstance(part, ToolUse)
    assert part.arguments == '{ "b":1.50,"a":"\\u00e9"}'


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("STOP", "stop"), ("MAX_TOKENS", "length"), ("CONTINUATION", "length"), ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"), ("BLOCKLIST", "content_filter"), ("PROHIBITED_CONTENT", "content_filter"),
        ("SPII", "content_filter"), ("IMAGE_SAFETY", "content_filter"), ("LANGUAGE", "content_filter"),
        ("OTHER", "content_filter"), ("NOT_YET_KNOWN", "content_filter"),
    ],
)  # fmt: skip
def test_why_an_answer_ended(reason: str, finish: str) -> None:
    body = json.dumps({"candidates": [said("a", reason)]}).encode()
    assert CALLED.decode(body).choices[0].finish == finish


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MISSING_THOUGHT_SIGNATURE"])
def test_an_answer_that_the_model_spoiled_is_a_fault(reason: str) -> None:
    candidate = {**said("", reason), "finishMessage": "print(default_api.f("}
    with pytest.raises(UpstreamFault, match=reason) as fault:
        CALLED.decode(json.dumps({"candidates": [candidate]}).encode())
    assert fault.value.retryable
    reader = GeminiReader()
    reader.feed(piece(candidates=[said("a")]))
    reader.feed(piece(candidates=[candidate]))
    assert isinstance(reader.problem, UpstreamFault)
    assert not reader.has_finish


def test_sources_that_come_after_their_text_get_a_text_of_their_own() -> None:
    reader = GeminiReader()
    chunk = {"web": {"uri": "https://a.example", "title": "A"}}
    call = {"content": {"parts": [{"functionCall": {"name": "f"}}]}}
    events = reader.feed(piece(candidates=[said("Hm.")]) + piece(candidates=[call]))
    events += reader.feed(
        piece(candidates=[{"finishReason": "STOP", "groundingMetadata": {"groundingChunks": [chunk]}}])
    )
    late = choices_of(events)[0].parts[-1]
    assert isinstance(late, Text)
    assert [(one.url, one.start) for one in late.citations] == [("https://a.example", None)]
    assert_orderly(events)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"candidates":[]}', b'{"candidates":7}', b'{"candidates":[{"content"']
)
def test_an_answer_that_is_none_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedReply):
        CALLED.decode(body)


ERROR = {
    "error": {
        "code": 429, "message": "You exceeded your current quota.", "status": "RESOURCE_EXHAUSTED",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": "x"}]},
            {"@type": "type.googleapis.com/google.rpc.Help", "links": [{"description": "Learn more"}]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.074824224s"},
        ],
    }
}  # fmt: skip


@pytest.mark.parametrize("body", [ERROR, [ERROR]], ids=["alone", "in a list"])
def test_an_error_says_when_to_come_back(body: object) -> None:
    raw = json.dumps(body, indent=2).encode()
    fault = CALLED.fault(429, None, raw)
    assert (fault.retryable, fault.retry_after_s) == (True, 35)
    assert fault.message == "429 RESOURCE_EXHAUSTED You exceeded your current quota."
    assert CALLED.fault(429, b"7", raw).retry_after_s == 7
    with pytest.raises(UpstreamFault):
        CALLED.decode(raw)


@pytest.mark.parametrize(
    ("status", "told", "retryable"),
    [
        (400, {"status": "INVALID_ARGUMENT", "message": "Unknown name \"x\""}, False),
        (400, {"message": "Not valid.", "details": [{"reason": "API_KEY_INVALID"}]}, True),
        (400, {"status": "FAILED_PRECONDITION", "message": "User location is not supported for the API use."}, True),
        (403, {"status": "PERMISSION_DENIED", "message": "no"}, True),
        (503, {"status": "UNAVAILABLE", "message": "The model is overloaded."}, True),
    ],
)  # fmt: skip
def test_whether_another_offer_is_worth_trying(status: int, told: dict[str, object], retryable: bool) -> None:
    assert CALLED.fault(status, None, json.dumps({"error": told}).encode()).retryable == retryable


def test_a_refusal_that_is_no_json_is_shown() -> None:
    assert CALLED.fault(502, None, b"<html>Bad gateway").message == "502 <html>Bad gateway"


@pytest.mark.parametrize("body", [piece(**ERROR), b"data: " + json.dumps([ERROR]).encode() + b"\n\n"])
def test_an_error_inside_a_stream_ends_it_after_what_came_before(body: bytes) -> None:
    reader = GeminiReader()
    good = piece(candidates=[said("a")])
    events = reader.feed(good + body + good)
    assert [type(event).__name__ for event in events] == ["Began", "Opened", "Grew"]
    assert isinstance(reader.problem, UpstreamFault)
    assert reader.problem.retry_after_s == 35
    assert reader.feed(good) == []


@pytest.mark.parametrize("cut", [1, 10, 200])
def test_an_error_instead_of_a_stream_is_found(cut: int) -> None:
    body = json.dumps([ERROR], indent=2).encode()
    reader = GeminiReader()
    assert reader.feed(body[:cut]) + reader.feed(body[cut:]) == []
    assert isinstance(reader.problem, UpstreamFault)


@pytest.mark.parametrize("event", [b"data: oops\n\n", b"data: []\n\n", b'data: {"candidates":7}\n\n'])
def test_an_event_that_is_no_response_ends_the_stream(event: bytes) -> None:
    reader = GeminiReader()
    assert reader.feed(event) == []
    assert isinstance(reader.problem, MalformedReply)


def test_a_stream_that_goes_on_after_its_end_is_malformed_but_an_empty_piece_is_not() -> None:
    reader = GeminiReader()
    reader.feed(piece(candidates=[said("a", "STOP")]) + piece(candidates=[said("", "STOP")]))
    assert reader.problem is None
    reader.feed(piece(candidates=[said("b", "STOP")]))
    assert isinstance(reader.problem, MalformedReply)


COUNTS = st.integers(0, 5000)


@given(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, st.data())
@settings(max_examples=50, deadline=None)
def test_the_meters_are_disjoint_and_sum_up(
    prompt: int, cached: int, said_tokens: int, thought: int, tool: int, data: st.DataObject
) -> None:
    kinds = ["TEXT", "IMAGE", "AUDIO", "VIDEO", "DOCUMENT"]
    details = data.draw(
        st.lists(st.builds(lambda kind, count: {"modality": kind, "tokenCount": count}, st.sampled_from(kinds), COUNTS))
    )
    usage = {
        "promptTokenCount": prompt + cached, "cachedContentTokenCount": cached, "candidatesTokenCount": said_tokens,
        "thoughtsTokenCount": thought, "toolUsePromptTokenCount": tool, "promptTokensDetails": details,
        "cacheTokensDetails": data.draw(st.sampled_from([None, details[:1]])),
        "totalTokenCount": prompt + cached + said_tokens + thought + tool,
    }  # fmt: skip
    found = meters(json.dumps(usage).encode())
    assert found is not None
    assert sum(found.by_meter.values()) == usage["totalTokenCount"]
    assert min(found.by_meter.values()) >= 0


def test_thoughts_that_are_counted_twice_or_not_at_all_are_settled_by_the_total() -> None:
    inside = b'{"promptTokenCount":5,"candidatesTokenCount":9,"thoughtsTokenCount":4,"totalTokenCount":14}'
    assert meters(inside) == Usage({"input": 5, "output": 9}, "provider")
    untold = b'{"promptTokenCount":5,"candidatesTokenCount":2,"totalTokenCount":17}'
    assert meters(untold) == Usage({"input": 5, "output": 2, "reasoning": 10}, "provider")


@pytest.mark.parametrize(
    "raw", [b"{}", b"[]", b'{"promptTokenCount":"x"}', b'{"promptTokenCount":5,"cachedContentTokenCount":9}']
)
def test_usage_that_makes_no_sense_is_not_trusted(raw: bytes) -> None:
    assert meters(raw) is None


def test_a_search_is_counted_as_it_is_billed() -> None:
    assert searches("gemini-2.5-pro", ["a", "b"]) == 1
    assert searches("gemini-3.1-pro-preview", ["a", "b", "a", ""]) == 2
    assert searches("gemini-2.5-pro", []) == 0


@pytest.mark.parametrize("case", WHOLE, ids=case_id)
def test_what_google_said_is_sent_back_as_it_was(case: Path) -> None:
    body = json.loads((case / "response.json").read_bytes())
    choices = CALLED.decode((case / "response.json").read_bytes()).choices
    candidates = body.get("candidates", [{}])
    for choice, candidate in zip(choices, candidates, strict=True):
        said_parts = candidate.get("content", {}).get("parts", [])
        talk = Conversation(turns=(Turn("user", (Text("Hi"),)), Turn("assistant", choice.parts)))
        sent = json.loads(CALLED.encode(talk, TARGET, is_streaming=False).body)
        back = sent["contents"][1]["parts"] if said_parts else []
        for part in (*back, *said_parts):
            part.get("functionCall", {}).pop("id", None)
            part.get("functionCall", {}).setdefault("args", {})
        assert back == said_parts
        assert len(sent["contents"]) == (2 if said_parts else 1)
