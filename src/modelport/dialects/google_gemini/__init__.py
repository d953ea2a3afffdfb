"""Google's Gemini API (`generateContent`), called.

Shapes: https://ai.google.dev/api/generate-content (read 2026-11-22).
"""

from modelport.dialects.google_gemini.faults import fault
from modelport.dialects.google_gemini.reply import decode
from modelport.dialects.google_gemini.request import encode
from modelport.dialects.google_gemini.stream import GeminiReader
from modelport.dialects.wire import Called, Target, UpstreamFault, UpstreamRequest
from modelport.operations.conversation import Conversation
from modelport.operations.reply import Reply

__all__ = ["CALLED", "GoogleGemini"]


class GoogleGemini:
    """The wire format of `models/…:generateContent`."""

    def encode(self, talk: Conversation, target: Target, *, is_streaming: bool) -> UpstreamRequest:
        """Write a call; raises `NotExpressible` for what must not be left out."""
        return encode(talk, target, is_streaming=is_streaming)

    def decode(self, body: bytes) -> Reply:
        """Read a whole answer; raises `MalformedReply` or `UpstreamFault`."""
        return decode(body)

    def reader(self) -> GeminiReader:
        """Begin to read a streamed answer."""
        return GeminiReader()

    def fault(self, status: int, retry_after: bytes | None, body: bytes) -> UpstreamFault:
        """Say what went wrong from a refusal, and whether another offer is worth trying."""
        return fault(status, retry_after, body)


CALLED: Called = GoogleGemini()
