"""Responses as callers speak it."""

import re

from modelport.dialects.assembling import told
from modelport.dialects.openai_responses.read import read
from modelport.dialects.openai_responses.request_in import parse
from modelport.dialects.openai_responses.stream_out import ResponsesWriter
from modelport.dialects.wire import Ending, Identity
from modelport.operations.chat import ChatCall
from modelport.operations.conversation import Conversation
from modelport.operations.reply import Reply

_SAID = re.compile(rb'"delta"\s*:\s*"((?:[^"\\]|\\.)*)"', re.DOTALL)


class ServedResponses:
    """The `Served` of OpenAI's Responses."""

    is_divisible = False
    """Its events are numbered, and what they open they must close."""

    def parse(self, body: bytes, model: str | None = None) -> ChatCall:
        """Read and validate a request; raises `InvalidBody` naming every field that does not fit."""
        return parse(body, model)

    def read(self, call: ChatCall) -> Conversation:
        """Read a parsed call into the canonical form; raises `InvalidBody`."""
        return read(call)

    def whole(self, call: ChatCall, reply: Reply, ending: Ending, identity: Identity) -> bytes:
        """Write a whole answer with `meta.usage`: what a stream of it would end with."""
        writer = ResponsesWriter(call, identity)
        writer.write(list(told(reply)))
        writer.ending(ending)
        return writer.final() or b"{}"

    def writer(self, call: ChatCall, identity: Identity) -> ResponsesWriter:
        """Begin to write a streamed answer."""
        return ResponsesWriter(call, identity)

    def said_bytes(self, passed: bytes) -> int:
        """Measure what a piece of a written stream says."""
        return sum(len(said) for said in _SAID.findall(passed))


SERVED = ServedResponses()
