"""What callers are told when a whole budget went into reasoning, and answers that providers do not name."""

import json

import pytest

from modelport.dialects import openai_chat
from modelport.dialects.chat_answer import SPENT_ON_REASONING, Identity
from modelport.dialects.openai_chat_stream import ChatStream
from modelport.operations.usage import Usage

NAMES = b'"id":"1","object":"chat.completion","created":1,"model":"m"'
THOUGHT = b'"usage":{"prompt_tokens":1,"completion_tokens":9,"completion_tokens_details":{"reasoning_tokens":9}}'
PLAIN = b'"usage":{"prompt_tokens":1,"completion_tokens":9}'


def named() -> Identity:
    return Identity("ours", 7, "acme/small")


@pytest.mark.parametrize(
    ("message", "reason", "usage", "is_told"),
    [
        (b'"content":""', b"length", THOUGHT, True),
        (b'"content":null,"reasoning_content":"so"', b"length", PLAIN, True),
        (b'"content":"","reasoning":"so"', b"length", PLAIN, True),
        (b'"content":"a"', b"length", THOUGHT, False),
        (b'"content":""', b"stop", THOUGHT, False),
        (b'"content":""', b"length", PLAIN, False),
    ],
)
def test_a_budget_spent_on_reasoning_is_told(message: bytes, reason: bytes, usage: bytes, is_told: bool) -> None:
    choice = b'{"index":0,"message":{"role":"assistant",%b},"finish_reason":"%b"}' % (message, reason)
    body = b'{%b,"choices":[%b],%b}' % (NAMES, choice, usage)
    meta = json.loads(openai_chat.with_cost(body, openai_chat.decode(body), 3))["meta"]
    assert meta.get("notice") == (SPENT_ON_REASONING if is_told else None)
    assert meta["usage"]["credits_used"] == 3


def ending(
    stream: ChatStream, deltas: list[tuple[bytes, bytes]], usage: Usage, notice: str | None = None
) -> str | None:
    for delta, reason in deltas:
        stream.feed(b'data: {%b,"choices":[{"index":0,"delta":{%b},"finish_reason":%b}]}\n\n' % (NAMES, delta, reason))
    last = stream.ending(usage, 3, wants_usage=True, notice=notice).split(b"\n\n")[0]
    return json.loads(last.removeprefix(b"data: "))["meta"].get("notice")


COUNTED = Usage({"input": 1, "output": 1}, "counted")
REPORTED = Usage({"input": 1, "output": 0, "reasoning": 9}, "provider")
START = (b'"role":"assistant","content":""', b"null")
THINK = (b'"reasoning_content":"so"', b"null")
SAY = (b'"content":"a"', b"null")
CUT = (b"", b'"length"')


@pytest.mark.parametrize(
    ("deltas", "usage", "is_told"),
    [
        ([START, THINK, CUT], COUNTED, True),
        ([START, CUT], REPORTED, True),
        ([START, THINK, SAY, CUT], REPORTED, False),
        ([START, CUT], COUNTED, False),
        ([START, THINK, (b"", b'"stop"')], REPORTED, False),
    ],
)
def test_a_stream_tells_it_at_its_end(deltas: list[tuple[bytes, bytes]], usage: Usage, is_told: bool) -> None:
    assert ending(ChatStream(), deltas, usage) == (SPENT_ON_REASONING if is_told else None)


def test_another_notice_comes_first() -> None:
    assert ending(ChatStream(), [START, THINK, CUT], REPORTED, "no more credit") == "no more credit"


@pytest.mark.parametrize("member", ["id", "object", "created", "model"])
@pytest.mark.parametrize("given", ["absent", "null"])
def test_only_what_a_provider_does_not_say_is_filled_in(member: str, given: str) -> None:
    answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": []}
    full = {**answer, member: None} if given == "null" else {k: v for k, v in answer.items() if k != member}
    body = json.dumps(full).encode()
    told = json.loads(openai_chat.with_cost(body, openai_chat.decode(body), 1, identity=named))
    expected = {"id": "chatcmpl-ours", "object": "chat.completion", "created": 7, "model": "acme/small"}[member]
    assert told.pop("meta")
    assert told == {**answer, member: expected}


def test_reasoning_that_is_already_in_its_place_stays() -> None:
    message = {"role": "assistant", "content": "a", "reasoning": "x", "reasoning_content": "y"}
    body = json.dumps({"choices": [{"index": 0, "message": message}]}).encode()
    told = json.loads(openai_chat.with_cost(body, openai_chat.decode(body), 1, reasoning_field="reasoning"))
    assert told["choices"][0]["message"] == message


@pytest.mark.parametrize("choices", [b"[5]", b'[{"message":7}]', b"[]"])
def test_choices_of_an_unknown_form_pass(choices: bytes) -> None:
    body = b'{%b,"choices":%b}' % (NAMES, choices)
    told = json.loads(openai_chat.with_cost(body, openai_chat.decode(body), 1, reasoning_field="reasoning"))
    assert told["choices"] == json.loads(choices)


def test_a_stream_without_a_chunk_ends_with_a_named_one() -> None:
    stream = ChatStream("", named)
    stream.feed(b"data: [DONE]\n\n")
    last = json.loads(stream.ending(COUNTED, 1, wants_usage=False).split(b"\n\n")[0].removeprefix(b"data: "))
    assert (last["id"], last["created"], last["model"]) == ("chatcmpl-ours", 7, "acme/small")
