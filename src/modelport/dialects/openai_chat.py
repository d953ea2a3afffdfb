"""OpenAI's Chat Completions, served and called: the same format on both sides, so bodies pass without being rebuilt.

Shapes: https://platform.openai.com/docs/api-reference/chat (read 2026-11-22).
"""

from msgspec import Struct

from modelport.catalogue.facts import Quirks
from modelport.dialects import chat_read, chat_reply, chat_write
from modelport.dialects.chat_body import (
    Reply,
    cost_block,
    decode,
    error_inside,
    fault,
    meters,
    said_bytes,
    with_cost,
)
from modelport.dialects.chat_reader import ChatReader
from modelport.dialects.chat_relay import Relay
from modelport.dialects.chat_request import parse
from modelport.dialects.chat_sending import OWN_FIELDS, PATH, encode, relay_request, unable
from modelport.dialects.chat_writer import ChatWriter
from modelport.dialects.chat_written import THINK_TAGS
from modelport.dialects.translated import Translated
from modelport.dialects.wire import (
    Ending,
    Identity,
    NewIdentity,
    StreamReader,
    StreamWriter,
    Target,
    UpstreamFault,
    UpstreamRequest,
)
from modelport.operations import reply as replies
from modelport.operations.chat import ChatCall
from modelport.operations.conversation import Conversation

__all__ = [
    "CALLED",
    "OWN_FIELDS",
    "PATH",
    "SERVED",
    "Relay",
    "Reply",
    "called",
    "cost_block",
    "decode",
    "encode",
    "error_inside",
    "fault",
    "meters",
    "parse",
    "relay",
    "relay_request",
    "said_bytes",
    "unable",
    "with_cost",
]


class ChatServed:
    """Chat as callers speak it."""

    __slots__ = ()
    is_divisible = True

    def parse(self, body: bytes, model: str | None = None) -> ChatCall:
        """Read and validate a request."""
        return parse(body, model)

    def read(self, call: ChatCall) -> Conversation:
        """Read a parsed call into the canonical form."""
        return chat_read.read(call)

    def whole(self, call: ChatCall, reply: replies.Reply, ending: Ending, identity: Identity) -> bytes:
        """Write a whole answer."""
        return chat_reply.whole(call, reply, ending, identity)

    def writer(self, call: ChatCall, identity: Identity) -> StreamWriter:
        """Begin to write a streamed answer."""
        return ChatWriter(call, identity)

    def said_bytes(self, passed: bytes) -> int:
        """Measure what a piece of a written stream says."""
        return said_bytes(passed)


class ChatCalled(Struct, frozen=True):
    """Chat as one provider speaks it."""

    quirks: Quirks = Quirks()

    def encode(self, talk: Conversation, target: Target, *, is_streaming: bool) -> UpstreamRequest:
        """Write a call."""
        return chat_write.request(talk, target, is_streaming=is_streaming)

    def decode(self, body: bytes) -> replies.Reply:
        """Read a whole answer."""
        return ChatReader(self.quirks).take(body)

    def reader(self) -> StreamReader:
        """Begin to read a streamed answer."""
        return ChatReader(self.quirks)

    def fault(self, status: int, retry_after: bytes | None, body: bytes) -> UpstreamFault:
        """Say what went wrong from a refusal."""
        return fault(status, retry_after, body)


SERVED = ChatServed()
CALLED = ChatCalled()
"""For providers without quirks of their answers; `called` is for a given one."""


def called(target: Target) -> ChatCalled:
    """Return the format as an offer speaks it."""
    return ChatCalled(target.offer.quirks)


def relay(call: ChatCall, target: Target, identity: NewIdentity) -> tuple[UpstreamRequest, Relay | Translated]:
    """Open the way of a call to an offer of the same format; raises `NotExpressible` for what it cannot do at all.

    The bytes of question and answer pass as they are, unless the answer itself has to be taken apart.
    """
    quirks = target.offer.quirks
    if quirks.reasoning_field == THINK_TAGS:
        spoken = called(target)
        sent = spoken.encode(SERVED.read(call), target, is_streaming=call.is_streaming)
        return sent, Translated(call, SERVED, spoken, identity)
    sent = relay_request(call, target)
    if sent.is_streaming != call.is_streaming:
        return sent, Translated(call, SERVED, called(target), identity)
    return sent, Relay(call, target, identity)
