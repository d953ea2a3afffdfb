"""Responses as providers speak it."""

from modelport.dialects.openai_responses.reply_in import decode, fault
from modelport.dialects.openai_responses.request_out import encode
from modelport.dialects.openai_responses.stream_in import ResponsesReader
from modelport.dialects.wire import Target, UpstreamFault, UpstreamRequest
from modelport.operations.conversation import Conversation
from modelport.operations.reply import Reply


class CalledResponses:
    """The `Called` of OpenAI's Responses."""

    def encode(self, talk: Conversation, target: Target, *, is_streaming: bool) -> UpstreamRequest:
        """Write a call. Raises `NotExpressible` for what must not be left out; the rest goes into `dropped`."""
        return encode(talk, target, is_streaming=is_streaming)

    def decode(self, body: bytes) -> Reply:
        """Read a whole answer; raises `MalformedReply`, or `UpstreamFault` for an error inside a success."""
        return decode(body)

    def reader(self) -> ResponsesReader:
        """Begin to read a streamed answer."""
        return ResponsesReader()

    def fault(self, status: int, retry_after: bytes | None, body: bytes) -> UpstreamFault:
        """Say what went wrong from a refusal, and whether another offer is worth trying."""
        return fault(status, retry_after, body)


CALLED = CalledResponses()
