"""What holds for every conversation and every answer that this format can express."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from modelport.dialects.anthropic_messages import CALLED, SERVED, meters
from modelport.dialects.anthropic_messages.metering import whole_usage
from modelport.dialects.assembling import told
from modelport.operations.content import (
    CacheMark,
    Document,
    Image,
    Part,
    Source,
    Text,
    Thinking,
    ToolResult,
    ToolUse,
    Turn,
)
from modelport.operations.conversation import AnswerFormat, Conversation, Reasoning, Tool, ToolChoice
from modelport.operations.reply import Choice, Reply
from modelport.operations.usage import Usage
from tests.dialects.anthropic_messages.factories import IDENTITY, assembled, body, ending, target

WORDS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12).filter(
    lambda text: bool(text.strip())
)
NAMES = st.from_regex(r"[a-z]{1,6}", fullmatch=True)
MARKS = st.sampled_from((None, CacheMark(), CacheMark("5m"), CacheMark("1h")))
OBJECTS = st.dictionaries(NAMES, st.none() | st.booleans() | st.integers(-99, 99) | WORDS, max_size=3).map(json.dumps)
TEXTS = st.builds(Text, WORDS, cache=MARKS)
IMAGES = st.builds(
    Image,
    st.sampled_from((Source(url="https://a/b"), Source(data="eA==", media_type="image/png"), Source(file_id="f"))),
    cache=MARKS,
)
PDF = Source(data="eA==", media_type="application/pdf")
DOCUMENTS = st.builds(
    Document,
    st.sampled_from((Source(url="https://a"), PDF, Source(file_id="f"))),
    name=st.just("") | WORDS,
    with_citations=st.booleans(),
    cache=MARKS,
) | st.builds(Document, text=WORDS, context=st.just("") | WORDS)
SHOWN = st.lists(TEXTS | IMAGES | DOCUMENTS, min_size=1, max_size=3).map(tuple)
THOUGHTS = st.builds(Thinking, WORDS, NAMES, origin=st.just("anthropic_messages")) | st.builds(
    Thinking, encrypted=NAMES, origin=st.just("anthropic_messages")
)


@st.composite
def turns(draw: st.DrawFn) -> tuple[Turn, ...]:
    made: list[Turn] = []
    if draw(st.booleans()):
        made.append(Turn("system", (draw(TEXTS),)))
    made.append(Turn("user", draw(SHOWN)))
    for number in range(draw(st.integers(0, 3))):
        calls = tuple(
            ToolUse(f"toolu_{number}_{index}", draw(NAMES), draw(OBJECTS), cache=draw(MARKS))
            for index in range(draw(st.integers(0, 2)))
        )
        made.append(Turn("assistant", (*draw(st.lists(THOUGHTS, max_size=1)), draw(TEXTS), *calls)))
        results = draw(st.lists(SHOWN, min_size=len(calls), max_size=len(calls)))
        made.extend(
            Turn("tool", (ToolResult(call.id, shown, draw(st.booleans()), cache=draw(MARKS)),))
            for call, shown in zip(calls, results, strict=True)
        )
        if not calls or draw(st.booleans()):
            made.append(Turn("user", draw(SHOWN)))
    return tuple(made)


TOOL_LISTS = st.lists(
    st.builds(
        Tool,
        NAMES,
        st.just("") | WORDS,
        parameters=OBJECTS.map(lambda text: b'{"type":"object","x":%b}' % text.encode()),
        strict=st.sampled_from((None, True, False)),
        cache=MARKS,
    ),
    min_size=1,
    max_size=3,
).map(tuple)
UNCHOSEN = st.builds(
    Conversation,
    turns=turns(),
    max_tokens=st.integers(2000, 9000),
    temperature=st.none() | st.floats(0, 1),
    top_k=st.none() | st.integers(0, 99).map(float),
    stop=st.lists(WORDS, max_size=2).map(tuple),
    tools=TOOL_LISTS,
    format=st.sampled_from((None, AnswerFormat("json_schema", schema=b'{"type":"object"}', strict=True))),
    user=st.just("") | NAMES,
    service_tier=st.sampled_from(("", "auto", "default")),
    dialect=st.just("anthropic_messages"),
)
CONVERSATIONS = UNCHOSEN.flatmap(
    lambda talk: st.sampled_from(
        (None, ToolChoice("auto"), ToolChoice("required"), ToolChoice("named", talk.tools[-1].name))
    ).map(lambda choice: replace(talk, tool_choice=choice))
)


@settings(deadline=None, max_examples=30)
@given(CONVERSATIONS)
def test_a_conversation_that_is_written_and_read_is_the_same(talk: Conversation) -> None:
    request = CALLED.encode(talk, target(), is_streaming=False)
    assert request.dropped == ()
    back = SERVED.read(SERVED.parse(request.body))
    assert replace(back, metadata=b"", spelled={}) == talk


@settings(deadline=None, max_examples=30)
@given(turns(), st.integers(1024, 1999) | st.none())
def test_thinking_is_kept_or_told(shown: tuple[Turn, ...], budget: int | None) -> None:
    reasoning = Reasoning(is_on=budget is not None, budget_tokens=budget)
    talk = Conversation(turns=shown, max_tokens=2000, reasoning=reasoning, dialect="anthropic_messages")
    request = CALLED.encode(talk, target(), is_streaming=False)
    back = SERVED.read(SERVED.parse(request.body))
    assert (back.reasoning == reasoning) != ("reasoning" in request.dropped)


ANSWERS: st.SearchStrategy[tuple[Part, ...]] = st.lists(
    TEXTS.map(lambda text: Text(text.text)) | THOUGHTS | st.builds(ToolUse, NAMES, NAMES, OBJECTS),
    max_size=4,
    unique_by=lambda part: part.id if isinstance(part, ToolUse) else id(part),
).map(tuple)
TOKENS = st.integers(0, 5000)
USAGES = st.builds(
    lambda first, rare: Usage({**first, **{meter: units for meter, units in rare.items() if units}}, "provider"),
    st.fixed_dictionaries({"input": TOKENS, "output": TOKENS}),
    st.fixed_dictionaries(
        {
            "cached_read": TOKENS,
            "cached_write": TOKENS,
            "cached_write_1h": TOKENS,
            "reasoning": TOKENS,
            "search": TOKENS,
        }
    ),
)


@settings(deadline=None, max_examples=30)
@given(ANSWERS, USAGES)
def test_an_answer_that_is_written_and_read_is_the_same(parts: tuple[Part, ...], usage: Usage) -> None:
    call = SERVED.parse(body())
    reply = Reply((Choice(0, parts, "stop"),), usage, "msg_1", "claude", service_tier="default")
    written = SERVED.whole(call, reply, ending(usage), IDENTITY)
    assert CALLED.decode(written) == reply
    writer = SERVED.writer(call, IDENTITY)
    stream = writer.write(list(told(reply))) + writer.ending(ending(usage))
    assert assembled(stream)["content"] == json.loads(written)["content"]
    assert _assembled_by_our_reader(stream, 1) == _assembled_by_our_reader(stream, 4096)


def _assembled_by_our_reader(stream: bytes, step: int) -> tuple[Any, ...]:
    reader = CALLED.reader()
    events = [event for at in range(0, len(stream), step) for event in reader.feed(stream[at : at + step])]
    assert reader.is_done
    assert reader.problem is None
    return (*events, reader.usage())


@settings(deadline=None)
@given(USAGES)
def test_no_token_is_counted_twice_or_not_at_all(usage: Usage) -> None:
    raw = Raw(json.dumps(whole_usage(usage)).encode())
    assert meters(raw) == usage
    told_ = json.loads(bytes(raw))
    inputs = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    assert sum(told_[name] for name in inputs) == usage.input_tokens
    assert told_["output_tokens"] == usage.output_tokens
