"""The way of an answer where provider and caller both speak OpenAI's chat: its bytes pass."""

from modelport.dialects.chat_body import Reply, decode, meters, said_bytes, with_cost
from modelport.dialects.openai_chat_stream import StreamRelay
from modelport.dialects.wire import Ending, NewIdentity, Target
from modelport.operations.chat import ChatCall
from modelport.operations.usage import Usage


class Relay(StreamRelay):
    """Relays one answer, whole or streamed; what it lacks of the promised form is added on the way."""

    __slots__ = ("_body", "_choices", "_reply")

    def __init__(self, call: ChatCall, target: Target, identity: NewIdentity) -> None:
        if call.is_streaming:
            super().__init__(target.offer.quirks.reasoning_field, identity)
        else:  # the state of a stream would cost each whole answer
            self._reasoning_field = target.offer.quirks.reasoning_field
            self._identity = identity
        self._choices = call.choices
        self._body = b""
        self._reply: Reply | None = None

    def take(self, body: bytes) -> None:
        """Take a whole answer; raises `MalformedReply`, or `UpstreamFault` for an error inside a success."""
        self._reply = decode(body)
        self._body = body

    def usage(self) -> Usage | None:
        """Return what the provider reported so far; None when it reported nothing to trust."""
        return super().usage() if self._reply is None else meters(bytes(self._reply.usage))

    def said_bytes(self) -> int:
        """Measure what a whole answer says."""
        return said_bytes(bytes(self._taken().choices))

    def whole(self, ending: Ending) -> bytes:
        """Write the whole answer with `meta.usage`."""
        answer, field = self._taken(), self._reasoning_field
        return with_cost(
            self._body, answer, ending.charged, reasoning_field=field, identity=self._identity, notice=ending.notice
        )

    def ending(self, ending: Ending) -> bytes:
        """Write the end of a stream."""
        return self.last(
            ending.usage,
            ending.charged,
            wants_usage=ending.wants_usage,
            notice=ending.notice,
            stopped_choices=self._choices if ending.is_stopped else 0,
        )

    def failing(self, error: bytes) -> bytes:
        """Wrap an error body (JSON) as the event that ends a stream which cannot go on."""
        return b"data: %b\n\n" % error

    def final(self) -> None:
        """Answers of this format are not kept."""
        return

    def _taken(self) -> Reply:
        assert self._reply is not None, "a whole answer is taken before it is written"
        return self._reply
