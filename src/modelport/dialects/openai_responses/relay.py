"""The way of an answer where provider and caller both speak Responses: its events pass as they came.

Only what speaks of the whole response is written anew, since the response is stored here and not there: its id, what
it continues, its cost. Deltas are not decoded, unless the gateway ends the answer itself and has to close what is open.
"""

import re

import msgspec
from msgspec import Raw, Struct

from modelport.dialects.openai_responses.folding import OpenItems
from modelport.dialects.openai_responses.meters import is_search, meters, reported, searches_of
from modelport.dialects.openai_responses.reply_in import NOTHING, answer_of, failed
from modelport.dialects.openai_responses.request_out import relay_request
from modelport.dialects.openai_responses.response import (
    base_of,
    ended,
    error_event,
    failure_of,
    meta_of,
    own_members,
    text_of,
)
from modelport.dialects.sse import MAX_EVENT_BYTES, event_of, whole_events
from modelport.dialects.wire import Ending, MalformedReply, NewIdentity, Target, UpstreamFault, UpstreamRequest
from modelport.operations.chat import ChatCall
from modelport.operations.usage import Usage

_TYPE = re.compile(rb'"type"\s*:\s*"(response\.[a-z_.]+|error)"')
_SAYS = re.compile(rb'"(?:text|arguments|input|refusal)"\s*:\s*"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BEGINS = frozenset({b"response.created", b"response.queued", b"response.in_progress"})
_ENDS = frozenset({b"response.completed", b"response.incomplete", b"response.failed", b"response.cancelled"})
_ADDED, _DONE = b"response.output_item.added", b"response.output_item.done"
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_RAWS = msgspec.json.Decoder(list[Raw])
_NULL = Raw(b"null")
_NAMED = b"event: "
_DELTA = b".delta\ndata: "
_MOST_NAME = 100


class _Of(Struct):
    item: Raw = _NULL
    sequence_number: int = 0


_OF = msgspec.json.Decoder(_Of)


def relay(call: ChatCall, target: Target, identity: NewIdentity) -> "tuple[UpstreamRequest, ResponsesRelay]":
    """Open the way of a call to an offer of its own format, and of the answer back."""
    return relay_request(call, target), ResponsesRelay(call, identity)


class ResponsesRelay:
    """Relays one answer, whole or streamed."""

    def __init__(self, call: ChatCall, identity: NewIdentity) -> None:
        self._call = call
        self._named = identity()
        self._rest = b""
        self._base: dict[str, Raw] = {}
        self._answer: dict[str, Raw] | None = None
        """The response as the provider ended it."""
        self._open = OpenItems()
        self._searches = 0
        self._number = -1
        """Of the last event that was looked into."""
        self._since = 0
        """Events that were passed on after it."""
        self._final: bytes | None = None
        self.events = 0
        self.has_finish = False
        self.is_done = False
        self.problem: UpstreamFault | MalformedReply | None = None

    def feed(self, data: bytes) -> bytes:
        """Return the events that became whole; the last one, which says how the answer ended, is kept back."""
        if self.is_done or self.problem is not None:
            return b""
        data, self._rest = whole_events(self._rest + data)
        if len(self._rest) > MAX_EVENT_BYTES:
            self._rest = b""
            self.problem = MalformedReply(f"an event of the provider's stream exceeds {MAX_EVENT_BYTES} bytes")
        return b"".join([self._passed(block) for block in data.split(b"\n\n") if block])

    def _passed(self, block: bytes) -> bytes:
        """Pass on one event, or nothing once the stream has ended or gone wrong."""
        if self.is_done or self.problem is not None:
            return b""
        try:
            return self._event(block)
        except (UpstreamFault, MalformedReply) as problem:
            self.problem = problem
        except (msgspec.DecodeError, KeyError, RecursionError, UnicodeDecodeError):
            self.problem = MalformedReply("an event of the provider's stream is not one of a response")
        return b""

    def _event(self, block: bytes) -> bytes:
        """Pass on one event; those that nobody waits for, such as comments, are left out."""
        at = block.find(_DELTA, 0, _MOST_NAME)
        if at > 0 and block.startswith(_NAMED) and block.find(b"\n", at + len(_DELTA)) < 0:
            self.events += 1
            self._since += 1
            self._open.hear(block[at + len(_DELTA) :])
            return block + b"\n\n"
        name, data = _parts(block)
        if not data or data == b"[DONE]":
            return b""
        if name.endswith(b".delta"):
            self.events += 1
            self._since += 1
            passed = event_of(data, name)
            self._open.hear(data)
            return passed
        return self._weighty(name, data)

    def _weighty(self, name: bytes, data: bytes) -> bytes:
        """Look into an event that is more than a piece of something."""
        if name == b"error" or (not name and b'"error"' in data):
            error = bytes(_OBJECT.decode(data).get("error", _NULL))
            raise failed(data if error in NOTHING else error)
        told = _OF.decode(data)
        if name in _ENDS:
            self._end(data)  # raises for one that failed, in place of which another is told, with the next number
        self._number, self._since = told.sequence_number, 0
        if name in _ENDS:
            return b""
        if name in _BEGINS:
            return event_of(self._renamed(data), name)
        if name == _DONE and is_search(told.item):
            self._searches += 1
        if name == _ADDED and b'_call"' in bytes(told.item):
            self.events += 1
        self._open.see(name, data)
        return event_of(data, name) if name else b""

    def _renamed(self, data: bytes) -> bytes:
        members = _OBJECT.decode(data)
        self._base = {**_OBJECT.decode(members["response"]), **own_members(self._call, self._named)}
        return msgspec.json.encode({**members, "response": self._base})

    def _end(self, data: bytes) -> None:
        """Keep the response as it ended; raises for one that failed."""
        response = _OBJECT.decode(data)["response"]
        self._answer = _OBJECT.decode(response)
        answer_of(bytes(response))
        self.has_finish = self.is_done = True

    def take(self, body: bytes) -> None:
        """Take a whole answer; raises `MalformedReply`, or `UpstreamFault` for an error inside a success."""
        answer = answer_of(body)
        self._answer = _OBJECT.decode(body)
        self._searches = searches_of(answer.output or [])

    def usage(self) -> Usage | None:
        """Return what the provider reported so far; None when it reported nothing to trust."""
        return None if self._answer is None else meters(bytes(self._answer.get("usage", _NULL)), self._searches)

    def said_bytes(self) -> int:
        """Measure what a whole answer says."""
        output = bytes((self._answer or {}).get("output", _NULL))
        return sum(len(said) for said in _SAYS.findall(output))

    def whole(self, ending: Ending) -> bytes:
        """Write the whole answer with `meta.usage`."""
        assert self._answer is not None, "a whole answer is taken before it is written"
        self._final = msgspec.json.encode(self._costed(self._answer, ending))
        return self._final

    def ending(self, ending: Ending) -> bytes:
        """Write the end of a stream; one that the gateway ends is closed where it is, and is incomplete."""
        closing, number = b"", self._number
        if self._answer is None:
            closing, number = self._open.closed(self._number + self._since + 1)
            begun = self._base or base_of(self._call, self._named)
            output = Raw(msgspec.json.encode(self._open.output()))
            answer = {**begun, **ended("length"), "output": output, "usage": _NULL}
        else:
            answer = dict(self._answer)
            if bytes(answer.get("output", _NULL)) in (b"null", b"[]"):
                answer["output"] = Raw(msgspec.json.encode(self._open.output()))
        self._final = msgspec.json.encode(self._costed(answer, ending))
        kind = b"response.completed" if bytes(answer["status"]) == b'"completed"' else b"response.incomplete"
        data = {"type": kind.decode(), "response": Raw(self._final), "sequence_number": number}
        return closing + event_of(msgspec.json.encode(data), kind)

    def _costed(self, answer: dict[str, Raw], ending: Ending) -> dict[str, object]:
        """Write a response as stored here, with what it cost."""
        usage = answer.get("usage", _NULL)
        if ending.usage.source != "provider" or bytes(usage) in NOTHING:
            usage = Raw(reported(ending.usage))
        output = _RAWS.decode(answer.get("output", Raw(b"[]")))
        said = {"output_text": text_of(output), "usage": usage, "meta": meta_of(ending.charged, ending.notice)}
        return {**answer, **own_members(self._call, self._named), **said}

    def failing(self, error: bytes) -> bytes:
        """Write that the response failed, for clients that wait for it, and the error, at which SDKs raise."""
        number = self._number + self._since + 1
        told = b""
        if self._base:
            output = self._open.output()
            failure = {**self._base, "status": "failed", "error": failure_of(error), "output": output}
            data = {"type": "response.failed", "response": failure, "sequence_number": number}
            told = event_of(msgspec.json.encode(data), b"response.failed")
            number += 1
        return told + event_of(error_event(error, number), b"error")

    def final(self) -> bytes | None:
        """Return the response as it was written at the end; None before, and for one that failed."""
        return self._final


def _parts(block: bytes) -> tuple[bytes, bytes]:
    """Return the type and the data of an event, whichever of its lines says so."""
    if block.startswith(_NAMED):
        line, _, rest = block.partition(b"\n")
        if rest.startswith(b"data: ") and b"\n" not in rest:
            return line[len(_NAMED) :], rest[6:]
    lines = [line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:")]
    data = b"\n".join(lines)
    if len(lines) > 1:
        data = msgspec.json.format(data, indent=-1)
    found = _TYPE.search(data)
    return b"" if found is None else found[1], data
