import json

import pytest

from modelport.engines.filling import FillChunks, fill_choice, joined_fill, middle_prompt, read_fill, read_filled
from modelport.engines.refusals import Refusal

MARKS = [[1], [2], [3]]


def body(**fields: object) -> bytes:
    return json.dumps({"prompt": "def f():", **fields}).encode()


def answer(text: str, finish: str | None = "stop", tokens: int | None = 2) -> bytes:
    usage = {"prompt_tokens": 5, "completion_tokens": tokens, "total_tokens": 0}
    facts = {"id": f"chatcmpl-{text}", "object": "text_completion", "created": 1, "model": "m", "timings": {}}
    choices = [{"text": text, "index": 0, "finish_reason": finish, "logprobs": None}]
    return json.dumps({**facts, "choices": choices, **({} if tokens is None else {"usage": usage})}).encode()


def test_the_middle_is_asked_for_between_marks() -> None:
    assert middle_prompt(MARKS, [10, 11], [20]) == [1, 10, 11, 2, 20, 3]


def test_a_model_without_the_marks_cannot_fill() -> None:
    with pytest.raises(Refusal, match="cannot fill in the middle") as refused:
        middle_prompt([[1, 4], [2], [3]], [10], [20])
    assert (refused.value.status, refused.value.param) == (400, "suffix")


def test_the_call_carries_tokens_a_bound_and_a_seed_of_its_own() -> None:
    call = read_fill(body(suffix="x", seed=7, n=2, stop=["\n"], top_k=3, logprobs=None, stream=True), 64)
    sent = json.loads(fill_choice(call, [1, 2], 1))
    assert sent == {
        "prompt": [1, 2],
        "seed": 8,
        "stop": ["\n"],
        "top_k": 3,
        "max_tokens": 64,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert json.loads(fill_choice(read_fill(body(max_tokens=5), 64), [1], 0)) == {"prompt": [1], "max_tokens": 5}


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"{bad", "not a completions call"),
        (b"{}", "prompt"),
        (body(prompt=["a", "b"]), "'prompt' has 2 entries"),
        (body(n=17), "'n' is 17"),
        (body(logprobs=1), "'logprobs' is not supported"),
        (body(echo=True), "'echo' is not supported"),
    ],
)
def test_what_does_not_fit_is_refused(sent: bytes, told: str) -> None:
    with pytest.raises(Refusal, match=told) as refused:
        read_fill(sent, 64)
    assert refused.value.status == 400


def test_answers_are_joined_and_only_openais_members_shown() -> None:
    joined = json.loads(joined_fill([read_filled(answer("a")), read_filled(answer("b", "length", 3))]))
    assert joined == {
        "id": "cmpl-a",
        "object": "text_completion",
        "created": 1,
        "model": "m",
        "choices": [
            {"text": "a", "index": 0, "finish_reason": "stop", "logprobs": None},
            {"text": "b", "index": 1, "finish_reason": "length", "logprobs": None},
        ],
        "usage": {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10},
    }


def test_streams_of_several_choices_become_one() -> None:
    chunks = FillChunks()
    shown = [
        chunks.shown(read_filled(data), index)
        for index, data in ((0, answer("a", None, None)), (0, answer("", "stop", 2)), (1, answer("b", "length", 3)))
    ]
    events = [json.loads(event.removeprefix(b"data: ")) for event in shown if event is not None]
    assert [(one["id"], one["choices"][0]["index"], one["choices"][0]["text"]) for one in events] == [
        ("cmpl-a", 0, "a"),
        ("cmpl-a", 0, ""),
        ("cmpl-a", 1, "b"),
    ]
    assert all("usage" not in event for event in events)
    usage = json.loads((chunks.usage() or b"").removeprefix(b"data: "))
    assert (usage["choices"], usage["usage"]["completion_tokens"]) == ([], 5)
