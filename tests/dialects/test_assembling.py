"""Whole answers as events, and events as whole answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.dialects.assembling import Assembly, joined_logprobs, said_by, told
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
from modelport.operations.reply import Choice, Closed, Ended, Event, Grew, Opened, Reply
from tests.dialects.matrix.corpus import REPLIES, USAGE

WORDS = st.text(max_size=12)
PARTS = st.one_of(
    st.builds(Text, WORDS, st.tuples(st.builds(Citation, WORDS, WORDS))),
    st.builds(Refusal, WORDS),
    st.builds(Thinking, WORDS, signature=WORDS, encrypted=WORDS, is_summary=st.booleans()),
    st.builds(ToolUse, WORDS, WORDS, WORDS),
    st.builds(Image, st.builds(Source, data=WORDS)),
    st.builds(Audio, st.builds(Source, data=WORDS), transcript=WORDS),
    st.builds(Foreign, WORDS, WORDS, st.binary(max_size=4)),
)
CHOICES = st.lists(
    st.tuples(st.lists(PARTS, max_size=4), st.sampled_from(["stop", "length", "tool_calls"])), max_size=3
)


def assembled(events: list[Event]) -> Reply:
    assembly = Assembly()
    for event in events:
        assembly.add([event])
    return assembly.reply(USAGE)


@pytest.mark.parametrize("name", REPLIES)
def test_an_answer_told_as_events_is_the_same_answer(name: str) -> None:
    assert assembled(list(told(REPLIES[name]))) == REPLIES[name]


@given(CHOICES)
def test_any_answer_told_as_events_is_the_same_answer(choices: list[tuple[list[Part], str]]) -> None:
    made = tuple(Choice(at, tuple(parts), finish) for at, (parts, finish) in enumerate(choices))  # type: ignore[arg-type]
    whole = Reply(made, USAGE, "id", "model", 7, extra={"citations": b"[]"})
    assert assembled(list(told(whole))) == whole


def test_pieces_of_several_choices_and_parts_may_come_mixed() -> None:
    events: list[Event] = [
        Opened(0, Text(""), 0),
        Opened(0, Text(""), 1),
        Grew(0, "a", 0),
        Opened(1, ToolUse("c", "f", ""), 0),
        Grew(0, "x", 1),
        Grew(1, "{", 0),
        Grew(0, "b", 0),
        Grew(1, "}", 0),
        Closed(0, 0),
        Closed(1, 0),
        Ended("tool_calls", 0),
        Closed(0, 1),
        Ended("stop", 1),
    ]
    first, second = assembled(events).choices
    assert first.parts == (Text("ab"), ToolUse("c", "f", "{}"))
    assert (second.parts, second.finish) == ((Text("x"),), "stop")


def test_likelihoods_of_pieces_are_joined_in_order() -> None:
    pieces = [b'{"content":[{"token":"a"}],"refusal":null}', b'{"content":[{"token":"b"}],"refusal":null}']
    assert joined_logprobs(pieces) == b'{"content":[{"token":"a"},{"token":"b"}]}'


def test_what_an_answer_says_is_measured_in_bytes() -> None:
    assert said_by(Reply((Choice(0, (Text("äb"), ToolUse("id", "fn", "{}")), "stop"),), None)) == 3 + 4
