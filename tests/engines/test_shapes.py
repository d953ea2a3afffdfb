import json

import pytest

from modelport.engines.calls import choice_call, read_call
from modelport.engines.refusals import Refusal, error_body
from modelport.engines.shapes import (
    Chunks,
    joined_reply,
    read_answer,
    refusal_of,
)

MESSAGES = [{"role": "user", "content": "hi"}]


def body(**fields: object) -> bytes:
    return json.dumps({"messages": MESSAGES, **fields}).encode()


def answer(text: str, tokens: int, **more: object) -> bytes:
    usage = {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": 9 + tokens}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    facts = {"id": f"id-{text}", "object": "chat.completion", "created": 1, "model": "m", "timings": {"prompt_ms": 1.5}}
    return json.dumps({**facts, "choices": [choice], "usage": usage, **more}).encode()


def chunk(
    identity: str, delta: dict[str, object] | None, finish: str | None = None, tokens: int | None = None
) -> bytes:
    choices = [] if delta is None else [{"index": 0, "finish_reason": finish, "delta": delta}]
    usage = {} if tokens is None else {"usage": {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": 0}}
    facts = {"id": identity, "object": "chat.completion.chunk", "created": 1, "model": "m", "timings": {}}
    return json.dumps({**facts, "choices": choices, **usage}).encode()


CALL = read_call(body(), 64)


@pytest.mark.parametrize("bound", [{"max_tokens": 5}, {"max_completion_tokens": 5}])
def test_a_bound_of_the_caller_is_kept(bound: dict[str, int]) -> None:
    sent = json.loads(choice_call(read_call(body(**bound), 64), 0))
    assert {name: value for name, value in sent.items() if name.startswith("max")} == bound


def test_a_call_without_a_bound_gets_one() -> None:
    assert json.loads(choice_call(read_call(body(max_tokens=None), 64), 0))["max_tokens"] == 64


def test_each_choice_is_a_call_of_its_own_with_a_seed_of_its_own() -> None:
    call = read_call(body(n=2, seed=7, top_k=3), 64)
    sent = [json.loads(choice_call(call, index)) for index in range(call.choices)]
    assert [one["seed"] for one in sent] == [7, 8]
    assert all("n" not in one and one["top_k"] == 3 for one in sent)


def test_streams_always_ask_for_usage() -> None:
    call = read_call(body(stream=True), 64)
    assert json.loads(choice_call(call, 0))["stream_options"] == {"include_usage": True}
    assert not call.wants_usage
    assert read_call(body(stream=True, stream_options={"include_usage": True}), 64).wants_usage


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"{bad", "malformed"),
        (b'{"messages": "hi"}', r"\$\.messages"),
        (b'{"messages": []}', "'messages' is empty"),
        (b'{"messages": [{"role": "user"}], "n": 0}', "'n' is 0"),
        (b'{"messages": [{"role": "user\xff"}]}', "not a chat call"),
    ],
)
def test_a_body_that_is_no_chat_call_is_refused(sent: bytes, told: str) -> None:
    with pytest.raises(Refusal, match=told) as refused:
        read_call(sent, 64)
    assert refused.value.status == 400


def test_the_usage_of_all_choices_is_summed_and_the_prompt_counted_once() -> None:
    joined = json.loads(joined_reply([read_answer(answer("a", 3), CALL), read_answer(answer("b", 4), CALL)]))
    assert joined["usage"] == {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16}
    assert [(choice["index"], choice["message"]["content"]) for choice in joined["choices"]] == [(0, "a"), (1, "b")]
    assert "timings" not in joined


def test_streams_of_several_choices_become_one() -> None:
    chunks = Chunks()
    shown = [
        chunks.shown(read_answer(data, CALL), index)
        for index, data in (
            (0, chunk("first", {"role": "assistant", "content": None})),
            (0, chunk("first", {}, "length")),
            (0, chunk("first", None, tokens=3)),
            (1, chunk("second", {"content": "b"})),
            (1, chunk("second", None, tokens=4)),
        )
    ]
    events = [json.loads(event.removeprefix(b"data: ")) for event in shown if event is not None]
    assert [(event["id"], event["choices"][0]["index"]) for event in events] == [
        ("first", 0),
        ("first", 0),
        ("first", 1),
    ]
    assert events[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert all("timings" not in event and "usage" not in event for event in events)
    usage = json.loads((chunks.usage() or b"").removeprefix(b"data: "))
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] == 7


def test_likelihoods_without_alternatives_have_none() -> None:
    token = {"id": 5, "token": "a", "bytes": [97], "logprob": -0.5}
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "message": {},
        "logprobs": {"content": [{**token, "top_logprobs": [token]}]},
    }
    bare = read_call(body(logprobs=True), 64)
    assert json.loads(choice_call(bare, 0))["top_logprobs"] == 1
    shown = json.loads(joined_reply([read_answer(answer("a", 1, choices=[choice]), bare)]))
    assert shown["choices"][0]["logprobs"] == {
        "content": [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}]
    }
    asked = read_call(body(logprobs=True, top_logprobs=1), 64)
    shown = json.loads(joined_reply([read_answer(answer("a", 1, choices=[choice]), asked)]))
    assert [one["token"] for one in shown["choices"][0]["logprobs"]["content"][0]["top_logprobs"]] == ["a"]


@pytest.mark.parametrize(
    ("status", "kind", "message", "shown", "code"),
    [
        (400, "exceed_context_size_error", "9 exceeds 8", 400, "context_length_exceeded"),
        (500, "server_error", "image input is not supported - hint", 400, "invalid_request"),
        (500, "server_error", "Failed to parse messages: Missing 'role'", 400, "invalid_request"),
        (400, "invalid_request_error", "schema", 400, "invalid_request"),
        (500, "server_error", "out of memory", 500, "engine_failed"),
        (503, "unavailable_error", "Loading model", 503, "engine_failed"),
    ],
)
def test_errors_say_whose_fault_it_is(status: int, kind: str, message: str, shown: int, code: str) -> None:
    refusal = refusal_of(status, json.dumps({"error": {"code": status, "message": message, "type": kind}}).encode())
    assert (refusal.status, refusal.code) == (shown, code)
    error = json.loads(error_body(refusal))["error"]
    assert message in error["message"]
    assert error["type"] == ("invalid_request_error" if shown < 500 else "server_error")
    assert set(error) == {"message", "type", "param", "code"}


def test_an_answer_that_cannot_be_read_is_the_engines_fault() -> None:
    with pytest.raises(Refusal, match="could not be read") as refused:
        read_answer(b"<html>", CALL)
    assert refused.value.status == 502
