"""Messages as providers speak it."""

from dataclasses import dataclass

from modelport.dialects.anthropic_messages import reply, request_out
from modelport.dialects.anthropic_messages.stream_in import MessagesReader
from modelport.dialects.wire import Target, UpstreamFault, UpstreamRequest
from modelport.operations.conversation import Conversation
from modelport.operations.reply import Reply


@dataclass(frozen=True, slots=True)
class CalledMessages:
    """From the canonical call to a provider of Messages, and back from its answers; a `Called`."""

    def encode(self, talk: Conversation, target: Target, *, is_streaming: bool) -> UpstreamRequest:
        """Write a call; raises `NotExpressible` for what must not be left out."""
        return request_out.encode(talk, target, is_streaming=is_streaming)

    def decode(self, body: bytes) -> Reply:
        """Read a whole answer; raises `MalformedReply`, or `UpstreamFault` for an error inside a success."""
        return reply.decode(body)

    def reader(self) -> MessagesReader:
        """Begin to read a streamed answer."""
        return MessagesReader()

    def fault(self, status: int, retry_after: bytes | None, body: bytes) -> UpstreamFault:
        """Say what went wrong from a refusal, and whether another offer is worth trying."""
        return reply.fault(status, retry_after, body)


CALLED = CalledMessages()
