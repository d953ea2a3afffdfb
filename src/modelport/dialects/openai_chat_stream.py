"""OpenAI's chat stream: whole events are passed on, usage is kept back, and the end is ours to write."""

import re

import msgspec
from msgspec import Raw

from modelport.dialects.chat_answer import (
    CUT,
    SPEAKS,
    SPENT_ON_REASONING,
    THINKS,
    cost_with_notice,
    merged,
    missing,
    unnamed,
    with_reasoning,
)
from modelport.dialects.chat_body import chunk_head, cost_block, meters, reported
from modelport.dialects.sse import MAX_EVENT_BYTES, unix_lines
from modelport.dialects.wire import MalformedReply, NewIdentity, UpstreamFault
from modelport.operations.usage import Usage

_USAGE_OBJECT = re.compile(rb'"usage"\s*:\s*\{')
_FINISHED = re.compile(rb'"finish_reason"\s*:\s*"')
_SAYS = re.compile(rb'"(?:content|reasoning_content|reasoning|refusal|name|arguments)"\s*:\s*"[^"]')
_SAYS_NOTHING = re.compile(rb'"delta"\s*:\s*\{\s*\}')
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_NULL = Raw(b"null")
_STOPPED = b',"choices":[{"index":%d,"delta":{},"logprobs":null,"finish_reason":"length"}],"usage":null}\n\n'
DONE = b"data: [DONE]\n\n"


class StreamRelay:
    """Passes on one streamed answer; `feed` takes bytes cut anywhere and returns the whole events to pass on.

    Reasoning in `reasoning_field` is given as `reasoning_content` too, and a provider that does not name its answer
    has it named by `identity`, in every chunk alike.
    """

    __slots__ = (
        "_has_thought",
        "_head",
        "_identity",
        "_is_cut",
        "_is_mute",
        "_missing",
        "_reasoning",
        "_reasoning_field",
        "_reported",
        "_rest",
        "events",
        "has_finish",
        "is_done",
        "problem",
    )

    def __init__(self, reasoning_field: str = "", identity: NewIdentity = unnamed) -> None:
        self._reasoning_field = reasoning_field
        self._reasoning = b'"%b"' % reasoning_field.encode() if reasoning_field else None
        self._identity = identity
        self._missing: dict[str, Raw] = {}
        self._is_mute = True
        """Whether nothing but reasoning came yet."""
        self._has_thought = False
        self._is_cut = False
        self._rest = b""
        self._head: bytes | None = None
        self._reported: bytes | None = None
        self.events = 0
        """Events passed on that say something: about one token each, for usage that must be counted."""
        self.has_finish = False
        """Whether some choice named its reason to finish."""
        self.is_done = False
        """Whether the provider said that the stream is complete."""
        self.problem: UpstreamFault | MalformedReply | None = None
        """Why no more can come: an error event, or something that is no chat stream."""

    def feed(self, data: bytes) -> bytes:
        """Return the events that became whole, without usage; look at `is_done` and `problem` afterwards."""
        if self.is_done or self.problem is not None:
            return b""
        if self._rest:
            data = self._rest + data
        if b"\r" in data:
            data = unix_lines(data)
        end = data.rfind(b"\n\n") + 2
        if end == 1:
            self._keep(data)
            return b""
        if end < len(data):
            self._keep(data[end:])
            data = data[:end]
        else:
            self._rest = b""
        return data if self._is_plain(data) else self._sorted(data)

    def _keep(self, rest: bytes) -> None:
        if len(rest) > MAX_EVENT_BYTES:
            self.problem = MalformedReply(f"an event of the provider's stream exceeds {MAX_EVENT_BYTES} bytes")
            rest = b""
        self._rest = rest

    def _is_plain(self, data: bytes) -> bool:
        """Say whether events can go as they are: nothing in them is for us, and each is one line with an object."""
        if self._head is None or self._missing or b"[DONE]" in data or b'"error"' in data:
            return False
        if self._reasoning is not None and self._reasoning in data:
            return False
        if b'"usage"' in data and _USAGE_OBJECT.search(data) is not None:
            return False
        events = data.count(b"\n\n")
        if data.count(b"\ndata: {") + data.startswith(b"data: {") != events or data.count(b"\n") != 2 * events:
            return False
        if data.count(b"}\n\n") != events:
            return False  # Cut off: found without reading each event, which would cost every stream.
        if not self.has_finish and b'"finish_reason"' in data:
            self._finish(data)
        if self._is_mute:
            self._listen(data)
        self.events += events - (len(_SAYS_NOTHING.findall(data)) if self.has_finish else 0)
        return True

    def _sorted(self, data: bytes) -> bytes:
        """Go through events one by one."""
        passed: list[bytes] = []
        for event in data.split(b"\n\n"):
            payload = _payload(event)
            if payload == b"[DONE]":
                self.is_done = True
                break
            if payload:
                try:
                    passed.append(self._chunk(payload))
                except (UpstreamFault, MalformedReply) as problem:
                    self.problem = problem
                    break
        return b"".join(passed)

    def _chunk(self, payload: bytes) -> bytes:
        try:
            members = _OBJECT.decode(payload)
        except (msgspec.DecodeError, RecursionError):
            raise MalformedReply("an event of the provider's stream is not a JSON object") from None
        error = bytes(members.get("error", _NULL))
        if error != b"null":
            raise UpstreamFault(200, f"200 {error[:2000].decode('utf-8', 'replace')}", retryable=True)
        choices = bytes(members.get("choices", _NULL))
        if not choices.startswith(b"["):
            raise MalformedReply("an event of the provider's stream has no list of choices")
        changed = self._normal(members, choices)
        if not self.has_finish:
            self._finish(choices)
        if self._is_mute:
            self._listen(choices)
        usage = bytes(members.get("usage", _NULL))
        if usage != b"null":
            self._reported = usage
            if choices[1:-1].strip() == b"":
                return b""
            changed = {**changed, "usage": _NULL}
        if changed:
            payload = merged(members, changed)
        if _SAYS.search(choices):
            self.events += 1
        return b"data: " + payload + b"\n\n"

    def _normal(self, members: dict[str, Raw], choices: bytes) -> dict[str, Raw]:
        """Return what has to be written otherwise for a chunk to have the promised form."""
        if self._head is None:
            self._missing = missing(members, "chat.completion.chunk", self._identity)
            self._head = chunk_head({**members, **self._missing})
        if self._reasoning is None or self._reasoning not in choices:
            return self._missing
        return {**self._missing, "choices": Raw(with_reasoning(choices, "delta", self._reasoning_field))}

    def _finish(self, data: bytes) -> None:
        if _FINISHED.search(data) is not None:
            self.has_finish = True
            self._is_cut = CUT.search(data) is not None

    def _listen(self, data: bytes) -> None:
        if SPEAKS.search(data) is not None:
            self._is_mute = False
        elif not self._has_thought and THINKS.search(data) is not None:
            self._has_thought = True

    def _notice(self, usage: Usage) -> str | None:
        has_thought = self._has_thought or usage.by_meter.get("reasoning", 0) > 0
        return SPENT_ON_REASONING if self._is_cut and self._is_mute and has_thought else None

    def usage(self) -> Usage | None:
        """Return what the provider reported so far; None when it reported nothing to trust."""
        return None if self._reported is None else meters(self._reported)

    def last(self, usage: Usage, charged: int, *, wants_usage: bool, notice: str | None, stopped_choices: int) -> bytes:
        """Write the last chunk, with usage and cost and perhaps a notice, and the mark of completion.

        Before it so many choices are given the reason `length`: those of an answer that the gateway stops.
        """
        shown = b"null"
        if wants_usage:
            shown = self._reported if self._reported and usage.source == "provider" else reported(usage)
        head = self._head or chunk_head(missing({}, "chat.completion.chunk", self._identity))
        stop = b"".join(b"data: " + head + _STOPPED % index for index in range(stopped_choices))
        meta = cost_with_notice(cost_block(charged), notice or self._notice(usage))
        return stop + b"data: " + head + b',"choices":[],"usage":' + shown + b',"meta":' + meta + b"}\n\n" + DONE


class ChatStream(StreamRelay):
    """One streamed answer, relayed."""

    __slots__ = ()

    def ending(
        self, usage: Usage, charged: int, *, wants_usage: bool, notice: str | None = None, stopped_choices: int = 0
    ) -> bytes:
        """Write the end of the stream."""
        return self.last(usage, charged, wants_usage=wants_usage, notice=notice, stopped_choices=stopped_choices)


def _payload(event: bytes) -> bytes:
    """Join the `data` lines of an event; comments and other fields say nothing to a chat client."""
    lines = [line[5:] for line in event.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(line[1:] if line.startswith(b" ") else line for line in lines)
