"""Text completions through chat, and filling in the middle."""

import json
from typing import Any

import pytest

from modelport.catalogue.facts import Model, Offer, Provider, Quirks
from modelport.core.errors import InvalidBody
from modelport.dialects import fill, openai_chat
from modelport.dialects.assembling import Assembly, told
from modelport.dialects.completions import SERVED
from modelport.dialects.wire import Ending, Identity, Target
from modelport.operations.content import Text, Thinking, Turn
from modelport.operations.reply import Choice, Ended, Event, Reply
from modelport.operations.usage import Usage

MODEL = Model(id="m", name="M", maker="acme", operation="chat", description="")
IDENTITY = Identity("ours", 7, "acme/coder")
USED = Usage({"input": 3, "output": 4}, "provider")
ENDING = Ending(USED, 156)


def target(**quirks: Any) -> Target:
    provider = Provider(id="p", name="Acme", base_url="https://p.example", speaks={"chat": ("openai_chat",)})
    return Target(Offer(model_id="m", provider=provider, upstream="u", quirks=Quirks(**quirks)), MODEL)


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "prompt": "def f():", **fields}).encode()


def chunks(sent: bytes) -> list[dict[str, Any]]:
    events = sent.decode().split("\n\n")[:-1]
    assert events[-1] == "data: [DONE]"
    return [json.loads(event.removeprefix("data: ")) for event in events[:-1]]


def test_a_prompt_becomes_the_users_message() -> None:
    for prompt in ("def f():", ["def f():"]):
        call = SERVED.parse(body(prompt=prompt, max_tokens=5, stop="\n", best_of=2))
        talk = SERVED.read(call)
        assert talk.turns == (Turn("user", (Text("def f():"),)),)
        assert (talk.max_tokens, talk.stop, talk.dialect) == (5, ("\n",), "openai_completions")
        request = openai_chat.CALLED.encode(talk, target(), is_streaming=False)
        assert json.loads(request.body)["messages"] == [{"role": "user", "content": "def f():"}]
        assert request.dropped == ("best_of",)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"prompt": None}, "'prompt': Required"),
        ({"prompt": ["a", "b"]}, "'prompt': Expected a string, or an array of one string"),
        ({"prompt": [1, 2]}, "token ids as text"),
        ({"suffix": 5}, "'suffix': Expected string"),
        ({"echo": "yes"}, "'echo': Expected boolean"),
        ({"logprobs": 3}, "'logprobs': Expected to be left out"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "'tools': Expected to be left out"),
        ({"functions": [{"name": "f"}]}, "'functions': Expected to be left out"),
        ({"messages": [{"role": "user", "content": "hi"}]}, "'messages': Expected to be left out"),
        ({"temperature": 9}, "'temperature': Expected number at most 2"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidBody) as refused:
        SERVED.parse(body(**fields))
    assert told in refused.value.message


ANSWER = Reply((Choice(0, (Thinking("so"), Text(" return 4")), "stop"), Choice(1, (Text("x"),), "length")), USED)


def test_a_whole_completion_has_the_promised_form() -> None:
    call = SERVED.parse(body(n=2, logprobs=None))
    written = json.loads(SERVED.whole(call, ANSWER, ENDING, IDENTITY))
    assert written.pop("meta") == {"usage": {"credits_used": 156, "usd_spent": 0.000078}}
    assert written.pop("usage")["total_tokens"] == 7
    assert written == {
        "id": "cmpl-ours",
        "object": "text_completion",
        "created": 7,
        "model": "acme/coder",
        "choices": [
            {"text": " return 4", "index": 0, "logprobs": None, "finish_reason": "stop"},
            {"text": "x", "index": 1, "logprobs": None, "finish_reason": "length"},
        ],
    }


def test_a_stream_of_completions_says_the_same() -> None:
    call = SERVED.parse(body(stream=True, echo=True))
    writer = SERVED.writer(call, IDENTITY)
    written = chunks(writer.write(list(told(ANSWER))) + writer.ending(ENDING))
    said = [choice["text"] for chunk in written for choice in chunk["choices"] if choice["index"] == 0]
    assert "".join(said) == "def f(): return 4"
    assert {chunk["object"] for chunk in written} == {"text_completion"}
    assert written[-1]["choices"] == []
    assert written[-1]["meta"]["usage"]["credits_used"] == 156
    assert json.loads(SERVED.whole(call, ANSWER, ENDING, IDENTITY))["choices"][0]["text"] == "def f(): return 4"
    assert writer.events == 3
    assert SERVED.said_bytes(b'data: {"text":"abc"}') == 3
    assert writer.failing(b"{}") == b"data: {}\n\n"


def test_a_stream_that_is_stopped_ends_with_length() -> None:
    writer = SERVED.writer(SERVED.parse(body(stream=True)), IDENTITY)
    ended = chunks(writer.ending(Ending(USED, 1, notice="no credit", is_stopped=True)))
    assert ended[0]["choices"][0]["finish_reason"] == "length"
    assert ended[1]["meta"]["notice"] == "no credit"


def test_a_suffix_needs_an_offer_that_fills_in() -> None:
    call = SERVED.parse(body(suffix="return x"))
    assert call.suffix == "return x"
    assert not fill.can_fill(target().offer)
    for ask in (lambda: SERVED.read(call), lambda: fill.fill_request(call, target())):
        with pytest.raises(fill.CannotFill, match="'m' fills in the middle"):
            ask()


def test_a_gap_is_sent_with_both_its_sides() -> None:
    call = SERVED.parse(body(suffix="return x", max_tokens=90, seed=5, top_k=3, stream=True, user="u"))
    to = target(fill_path="/fim/completions", rename={"seed": "random_seed", "max_tokens": "max_completion_tokens"})
    request = fill.fill_request(call, to)
    assert request.path == "/fim/completions"
    assert request.is_streaming
    assert json.loads(request.body) == {
        "model": "u", "prompt": "def f():", "suffix": "return x", "max_tokens": 90, "random_seed": 5, "stream": True,
        "stream_options": {"include_usage": True},
    }  # fmt: skip
    assert request.dropped == ("top_k", "user")
    bounded = Target(to.offer, MODEL, output_bound=7)
    assert json.loads(fill.fill_request(call, bounded).body)["max_tokens"] == 7


HEAD = {"id": "1", "created": 1, "model": "u", "usage": {"prompt_tokens": 3, "completion_tokens": 4}}


@pytest.mark.parametrize(
    "choice",
    [{"index": 0, "text": "a = 1", "finish_reason": "stop"},
     {"index": 0, "message": {"role": "assistant", "content": "a = 1"}, "finish_reason": "stop"}],
)  # fmt: skip
def test_both_forms_of_a_filling_are_read(choice: dict[str, Any]) -> None:
    reply = openai_chat.called(target()).decode(json.dumps({**HEAD, "choices": [choice]}).encode())
    assert reply.choices == (Choice(0, (Text("a = 1"),), "stop"),)
    assert reply.usage == USED


@pytest.mark.parametrize(
    "pieces",
    [[{"text": "a ="}, {"text": " 1"}, {"text": "", "finish_reason": "stop"}],
     [{"delta": {"role": "assistant", "content": "a ="}}, {"delta": {"content": " 1"}, "finish_reason": "stop"}]],
)  # fmt: skip
def test_both_forms_of_a_streamed_filling_are_read_wherever_they_are_cut(pieces: list[dict[str, Any]]) -> None:
    events = [json.dumps({**HEAD, "choices": [{"index": 0, **piece}]}) for piece in pieces]
    sent = "".join(f"data: {event}\n\n" for event in events).encode() + b"data: [DONE]\n\n"
    for cut in range(len(sent) + 1):
        reader = openai_chat.called(target()).reader()
        read: list[Event] = [*reader.feed(sent[:cut]), *reader.feed(sent[cut:])]
        assembly = Assembly()
        assembly.add(read)
        assert assembly.reply(None).choices == (Choice(0, (Text("a = 1"),), "stop"),)
        assert any(isinstance(event, Ended) for event in read)
        assert reader.usage() == USED
