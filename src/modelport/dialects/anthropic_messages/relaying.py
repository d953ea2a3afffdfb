"""The way of an answer from a provider of Messages to a caller of Messages: whole events pass as bytes."""

import re

import msgspec
from msgspec import Raw

from modelport.dialects.anthropic_messages.metering import meters, overlaid, totals
from modelport.dialects.anthropic_messages.relay_request import relay_request
from modelport.dialects.anthropic_messages.reply import Body, body_of, decode
from modelport.dialects.anthropic_messages.shapes import ABSENT, NULL, OBJECT, shown
from modelport.dialects.anthropic_messages.stream_out import block_stop, last_events, message_start
from modelport.dialects.anthropic_messages.whole import stopping
from modelport.dialects.assembling import said_by
from modelport.dialects.chat_answer import SPENT_ON_REASONING, cost_with_notice, merged
from modelport.dialects.chat_body import cost_block
from modelport.dialects.sse import MAX_EVENT_BYTES, event_of, whole_events
from modelport.dialects.wire import (
    Ending,
    MalformedReply,
    NewIdentity,
    Target,
    UpstreamFault,
    UpstreamRequest,
)
from modelport.operations.chat import ChatCall
from modelport.operations.reply import Began
from modelport.operations.usage import Usage

_SAID = re.compile(rb'"(?:text|thinking|partial_json|name)"\s*:\s*"((?:[^"\\]|\\.)*)"', re.DOTALL)
_SPECIAL = re.compile(rb"message_|content_block_st|\"error\"|event: error")
"""Found in events that may be more than a piece of content."""
_PIECE = b"event: content_block_delta\ndata: {"


def said_bytes(passed: bytes) -> int:
    """Measure what a piece of a stream says."""
    return sum(map(len, _SAID.findall(passed)))


class _Event(msgspec.Struct):
    type: str = ""
    index: int = -1
    message: Raw = ABSENT


_EVENT = msgspec.json.Decoder(_Event)
_USAGE_OF = msgspec.json.Decoder(dict[str, Raw])


class Relay:
    """Passes one answer on; fresh for each attempt."""

    __slots__ = (
        "_body",
        "_delta",
        "_has_begun",
        "_has_thought",
        "_has_totals",
        "_identity",
        "_is_mute",
        "_message",
        "_open",
        "_rest",
        "_usage",
        "events",
        "has_begun",
        "has_finish",
        "is_done",
        "problem",
    )

    def __init__(self, identity: NewIdentity) -> None:
        self._identity = identity
        self._rest = b""
        self._open: set[int] = set()
        self._delta: dict[str, Raw] = {}
        """What the last event but one says of why it stopped."""
        self._usage: dict[str, Raw] = {}
        self._has_totals = False
        self._is_mute = True
        """Whether nothing but reasoning came yet."""
        self._has_thought = False
        self._body = b""
        self._message: Body | None = None
        self.has_begun = False
        """Whether content came, after which a provider rarely fails."""
        self._has_begun = False
        self.events = 0
        self.has_finish = False
        self.is_done = False
        self.problem: UpstreamFault | MalformedReply | None = None

    def feed(self, data: bytes) -> bytes:
        """Return the events that became whole, but for those that end the answer."""
        if self.is_done or self.problem is not None:
            return b""
        if self._rest:
            data = self._rest + data
        data, self._rest = whole_events(data)
        if len(self._rest) > MAX_EVENT_BYTES:
            self._rest = b""
            self.problem = MalformedReply(f"an event of the provider's stream exceeds {MAX_EVENT_BYTES} bytes")
            return b""
        return data if self._is_plain(data) else self._sorted(data)

    def _is_plain(self, data: bytes) -> bool:
        """Say whether events can go as they are: each is a piece of a block, in the form that Anthropic gives it."""
        events = data.count(b"\n\n")
        if not self._has_begun or not events or not data.startswith(_PIECE):
            return False
        if data.count(_PIECE) != events or data.count(b"}\n\n") != events or data.count(b"\n") != 3 * events:
            return False
        if _SPECIAL.search(data) is not None:
            return False
        self.events += events
        self._listen(data)
        return True

    def _listen(self, data: bytes) -> None:
        self.has_begun = True
        if self._is_mute:
            self._is_mute = b'"text_delta"' not in data and b'"input_json_delta"' not in data
            self._has_thought = self._has_thought or b'"thinking_delta"' in data

    def _sorted(self, data: bytes) -> bytes:
        """Go through events one by one."""
        passed: list[bytes] = []
        try:
            for block in data.split(b"\n\n"):
                name, payload = _fields(block)
                if payload:
                    passed.append(self._event(name, payload))
                if self.is_done:
                    break
        except (UpstreamFault, MalformedReply) as problem:
            self.problem = problem
        except (msgspec.DecodeError, RecursionError):
            self.problem = MalformedReply("an event of the provider's stream is not a JSON object")
        return b"".join(passed)

    def _event(self, name: bytes, payload: bytes) -> bytes:
        event = _EVENT.decode(payload)
        kind = event.type or name.decode("utf-8", "replace")
        if kind == "error":
            raise UpstreamFault(200, f"200 {shown(payload)}", retryable=True)
        if kind == "message_start":
            self._begin(event)
        elif not self._has_begun and kind != "ping":
            raise MalformedReply("the provider's stream does not begin with message_start")
        elif kind in ("message_delta", "message_stop"):
            self._end(kind, payload)
            return b""
        else:
            self._follow(kind, event.index, payload)
        return event_of(payload.replace(b"\n", b" "), kind.encode())

    def _begin(self, event: _Event) -> None:
        message = _USAGE_OF.decode(event.message)
        self._has_begun = True
        self._usage = overlaid({}, message.get("usage", Raw(b"{}")))

    def _follow(self, kind: str, index: int, payload: bytes) -> None:
        """Note which blocks are open, and what was said."""
        if kind == "content_block_start":
            self._open.add(index)
            self._listen(payload)
            self._is_mute = self._is_mute and b'"tool_use"' not in payload
        elif kind == "content_block_stop":
            self._open.discard(index)
        elif kind == "content_block_delta":
            self.events += 1
            self._listen(payload)

    def _end(self, kind: str, payload: bytes) -> None:
        """Keep back what only the end may say."""
        if kind == "message_stop":
            self.is_done = True
            return
        members = OBJECT.decode(payload)
        if bytes(usage := members.get("usage", Raw(NULL))) != NULL:
            self._usage = overlaid(self._usage, usage)
            self._has_totals = True
        self._delta = overlaid(self._delta, members.get("delta", Raw(b"{}")))
        self.has_finish = bytes(self._delta.get("stop_reason", Raw(NULL))) != NULL

    def take(self, body: bytes) -> None:
        """Take a whole answer; raises `MalformedReply` or `UpstreamFault`."""
        self._message = body_of(body)
        self._body = body

    def usage(self) -> Usage | None:
        """Return what the provider reported; None when it reported nothing to trust."""
        if self._message is not None:
            return meters(self._message.usage)
        return meters(msgspec.json.encode(self._usage)) if self._has_totals else None

    def said_bytes(self) -> int:
        """Measure what a whole answer says."""
        if self._message is None:
            return 0
        try:
            return said_by(decode(self._body))
        except MalformedReply:
            return said_bytes(self._body)  # It was passed on with a block that nobody can read.

    def whole(self, ending: Ending) -> bytes:
        """Return the whole answer with `meta.usage`, its other bytes as they came."""
        assert self._message is not None, "a whole answer is taken before it is written"
        meta = cost_with_notice(cost_block(ending.charged), ending.notice or self._notice_of(self._message))
        if bytes(self._message.meta) or bytes(self._message.usage) == NULL:
            changed = {"meta": Raw(meta)}
            if bytes(self._message.usage) == NULL:
                changed["usage"] = Raw(msgspec.json.encode(totals(ending.usage)))
            return merged(OBJECT.decode(self._body), changed)
        end = self._body.rindex(b"}")
        return self._body[:end] + b',"meta":' + meta + b"}"

    def _notice_of(self, message: Body) -> str | None:
        content = bytes(message.content)
        if message.stop_reason != "max_tokens" or b'"text":' in content or b'"tool_use"' in content:
            return None
        return SPENT_ON_REASONING if b'"thinking"' in content else None

    def ending(self, ending: Ending) -> bytes:
        """Write the end of a stream; what is still open in one that the gateway stops is closed."""
        began = b"" if self._has_begun else message_start(Began(), self._identity())
        closed = b"".join(map(block_stop, sorted(self._open)))
        delta: object = self._delta or stopping("stop", "", None)
        if ending.is_stopped:
            delta = stopping("length", "", None)
        is_cut = ending.is_stopped or bytes(self._delta.get("stop_reason", ABSENT)) == b'"max_tokens"'
        notice = SPENT_ON_REASONING if is_cut and self._is_mute and self._has_thought else None
        is_reported = self._has_totals and ending.usage.source == "provider"
        usage: object = self._usage if is_reported else totals(ending.usage)
        return began + closed + last_events(delta, usage, ending, ending.notice or notice)

    def failing(self, error: bytes) -> bytes:
        """Wrap an error body as the event that ends a stream which cannot go on."""
        return event_of(error, b"error")

    def final(self) -> bytes | None:
        """Answers of this format are not kept."""
        return None


def _fields(block: bytes) -> tuple[bytes, bytes]:
    """Return the name and the data of an event; comments say nothing."""
    name, data = b"", list[bytes]()
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.strip()
    return name, b"\n".join(data)


def relay(call: ChatCall, target: Target, identity: NewIdentity) -> tuple[UpstreamRequest, Relay]:
    """Open the way of a call to a provider of the same format, and of its answer back."""
    return relay_request(call, target), Relay(identity)
