"""Messages as callers speak it."""

from dataclasses import dataclass

from modelport.dialects.anthropic_messages import conversation_in, relaying, request, whole
from modelport.dialects.anthropic_messages.stream_out import MessagesWriter
from modelport.dialects.wire import Ending, Identity
from modelport.operations.chat import ChatCall
from modelport.operations.conversation import Conversation
from modelport.operations.reply import Reply


@dataclass(frozen=True, slots=True)
class ServedMessages:
    """From Messages requests to the canonical call, and from canonical answers to Messages; a `Served`."""

    @property
    def is_divisible(self) -> bool:
        """Whether a stream may be cut anywhere: blocks here must be closed."""
        return False

    def parse(self, body: bytes, model: str | None = None) -> ChatCall:
        """Read and validate a request, of `count_tokens` too; raises `InvalidBody`."""
        return request.parse(body, model)

    def read(self, call: ChatCall) -> Conversation:
        """Read a parsed call into the canonical form; raises `InvalidBody`."""
        return conversation_in.read(call)

    def whole(self, call: ChatCall, reply: Reply, ending: Ending, identity: Identity) -> bytes:
        """Write a whole answer with `meta.usage`; raises `MalformedReply` for what has no place in this format."""
        return whole.whole(reply, ending, identity)

    def writer(self, call: ChatCall, identity: Identity) -> MessagesWriter:
        """Begin to write a streamed answer."""
        return MessagesWriter(identity)

    def said_bytes(self, passed: bytes) -> int:
        """Measure what a piece of a written stream says."""
        return relaying.said_bytes(passed)


SERVED = ServedMessages()
