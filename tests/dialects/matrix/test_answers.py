"""Every answer that a provider can give, in every format, to callers of every format, whole and as a stream."""

import json
from itertools import product
from typing import Any

import pytest

from modelport.catalogue.facts import Dialect
from modelport.dialects.assembling import Assembly, told
from modelport.dialects.table import called as called_as
from modelport.dialects.table import served as served_as
from modelport.dialects.translated import Translated
from modelport.dialects.wire import Ending, Identity
from modelport.operations.chat import ChatCall
from modelport.operations.content import Part, Text, Thinking, ToolUse
from modelport.operations.conversation import Conversation
from modelport.operations.reply import Reply
from tests.dialects.matrix.corpus import REPLIES, TIME, USAGE, WEATHER, talk, user
from tests.dialects.matrix.test_requests import FORMATS, PROVIDERS, target, written

IDENTITY = Identity("inference1", 1_777_550_000, "acme/all")
ENDING = Ending(USAGE, 12)
ASKED: Conversation = talk(user("Weather?"), tools=(WEATHER, TIME))


def asked(dialect: Dialect, *, is_streaming: bool = False) -> ChatCall:
    """A parsed call of a format."""
    body = json.loads(written(ASKED, dialect).body)
    return served_as(dialect).parse(json.dumps({**body, "stream": is_streaming}).encode())


def whole_of(reply: Reply, dialect: Dialect) -> bytes:
    """A provider's whole answer."""
    if dialect == "google_gemini":
        return json.dumps(gemini(reply)).encode()
    return served_as(dialect).whole(asked(dialect), reply, ENDING, IDENTITY)


def stream_of(reply: Reply, dialect: Dialect) -> bytes:
    """A provider's streamed answer."""
    if dialect == "google_gemini":
        return b"".join(b"data: %b\r\n\r\n" % json.dumps(chunk).encode() for chunk in gemini_chunks(reply))
    writer = served_as(dialect).writer(asked(dialect, is_streaming=True), IDENTITY)
    return writer.write(list(told(reply))) + writer.ending(ENDING)


_FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}
_COUNTED = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}


def gemini(reply: Reply) -> dict[str, Any]:
    """An answer of Gemini."""
    [choice] = reply.choices
    candidate: dict[str, Any] = {
        "content": {"role": "model", "parts": [_gemini_part(part) for part in choice.parts]},
        "finishReason": _FINISH[choice.finish],
        "index": 0,
    }
    citations = [citation for part in choice.parts if isinstance(part, Text) for citation in part.citations]
    if citations:
        candidate["groundingMetadata"] = {
            "groundingChunks": [{"web": {"uri": one.url, "title": one.title}} for one in citations],
            "groundingSupports": [
                {"segment": {"startIndex": one.start, "endIndex": one.end}, "groundingChunkIndices": [at]}
                for at, one in enumerate(citations)
            ],
        }
    return {"candidates": [candidate], "usageMetadata": _COUNTED, "modelVersion": "model-1", "responseId": "answer-1"}


def gemini_chunks(reply: Reply) -> list[dict[str, Any]]:
    """The same as a stream: a chunk for each part."""
    full = gemini(reply)
    [candidate] = full["candidates"]
    parts = candidate["content"]["parts"]
    last = len(parts) - 1
    return [
        {
            **full,
            "candidates": [
                {**candidate, "content": {"role": "model", "parts": [part]}}
                if at == last
                else {"content": {"role": "model", "parts": [part]}, "index": 0}
            ],
        }
        for at, part in enumerate(parts)
    ]


def _gemini_part(part: Part) -> dict[str, Any]:
    match part:
        case Text(text=text):
            return {"text": text}
        case Thinking(text=text):
            return {"text": text, "thought": True}
        case ToolUse(name=name, arguments=arguments, id=call_id):
            return {"functionCall": {"id": call_id, "name": name, "args": json.loads(arguments)}}
        case _:
            raise AssertionError(part)


def essence(reply: Reply) -> object:
    """What an answer says, without what formats call it."""
    [choice] = reply.choices
    return [_part(part) for part in choice.parts if part != Thinking()], choice.finish, reply.usage


def _part(part: Part) -> object:
    match part:
        case Text(text=text, citations=citations):
            return text, [(one.url, one.title) for one in citations]
        case Thinking(text=text):
            return "thinking", text
        case ToolUse(id=call_id, name=name, arguments=arguments):
            return call_id, name, json.loads(arguments)
        case _:
            return part


PAIRS = list(product(REPLIES, FORMATS, PROVIDERS))


@pytest.mark.parametrize(("name", "served", "called"), PAIRS)
def test_an_answer_says_the_same_to_callers_of_every_format(name: str, served: Dialect, called: Dialect) -> None:
    reply = REPLIES[name]
    passage = Translated(asked(served), served_as(served), called_as(called, target(called)), lambda: IDENTITY)
    passage.take(whole_of(reply, called))
    answer = passage.whole(ENDING)
    assert json.loads(answer)["meta"] == {"usage": {"credits_used": 12, "usd_spent": 0.000006}}
    assert essence(called_as(served, target(served)).decode(answer)) == essence(reply)


@pytest.mark.parametrize(("name", "served", "called"), PAIRS)
def test_a_stream_says_the_same_to_callers_of_every_format(name: str, served: Dialect, called: Dialect) -> None:
    reply = REPLIES[name]
    stream = stream_of(reply, called)
    written_whole = translated(served, called, stream)
    assert essence(reread(served, written_whole)) == essence(reply)
    for cut in range(0, len(stream), 61):
        assert essence(reread(served, translated(served, called, stream[:cut], stream[cut:]))) == essence(reply)


def translated(served: Dialect, called: Dialect, *pieces: bytes) -> bytes:
    """Pass a stream on to a caller of another format."""
    call = asked(served, is_streaming=True)
    passage = Translated(call, served_as(served), called_as(called, target(called)), lambda: IDENTITY)
    passed = b"".join(passage.feed(piece) for piece in pieces)
    assert passage.problem is None
    assert passage.has_finish
    usage = passage.usage()
    assert usage == USAGE
    return passed + passage.ending(ENDING)


def reread(served: Dialect, stream: bytes) -> Reply:
    """Read a stream as a client of the format does."""
    reader = called_as(served, target(served)).reader()
    assembly = Assembly()
    assembly.add(reader.feed(stream))
    assert reader.problem is None
    assert reader.is_done
    return assembly.reply(reader.usage())


@pytest.mark.parametrize(("served", "called"), list(product(FORMATS, PROVIDERS)))
def test_a_stream_may_be_asked_for_and_a_whole_answer_given(served: Dialect, called: Dialect) -> None:
    for reply in REPLIES.values():
        passage = Translated(asked(served), served_as(served), called_as(called, target(called)), lambda: IDENTITY)
        assert passage.feed(stream_of(reply, called)) == b""
        passage.assemble()
        assert essence(called_as(served, target(served)).decode(passage.whole(ENDING))) == essence(reply)


@pytest.mark.parametrize(("served", "called"), list(product(FORMATS, PROVIDERS)))
def test_a_whole_answer_may_be_given_as_a_stream(served: Dialect, called: Dialect) -> None:
    for reply in REPLIES.values():
        call = asked(served, is_streaming=True)
        passage = Translated(call, served_as(served), called_as(called, target(called)), lambda: IDENTITY)
        passage.take(whole_of(reply, called))
        assert essence(reread(served, passage.unfold() + passage.ending(ENDING))) == essence(reply)
