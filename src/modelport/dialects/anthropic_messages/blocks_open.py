"""Content blocks of a streamed answer while they grow: each turns what comes for it into steps on the wire."""

from typing import Literal

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from modelport.dialects.anthropic_messages.answer_out import (
    Ids,
    citation,
    sealed_value,
    signature_block,
    tool_block,
    unspeakable,
)
from modelport.dialects.anthropic_messages.shapes import DIALECT, is_object
from modelport.dialects.wire import MalformedReply
from modelport.operations.content import Citation, Foreign, Part, Refusal, Text, Thinking, ToolUse

Step = tuple[Literal["start", "delta", "stop"], bytes]
"""A block begins with so much of it, gets more, or ends."""

_STOP: Step = ("stop", b"")
_TEXT_START = b'{"type":"text","text":""}'
_THINKING_START = b'{"type":"thinking","thinking":"","signature":""}'
_EMPTY = Raw(b"{}")


class Block:
    """One block. What it has to say is collected until it is its turn."""

    __slots__ = ("_steps", "is_closed", "is_started", "part")

    yields = True
    """Whether it may be ended, and begun anew later, when another block begins."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.is_started = False
        self.is_closed = False
        self._steps: list[Step] = []

    @property
    def has_more(self) -> bool:
        """Whether there is something to write."""
        return bool(self._steps)

    def drain(self) -> list[Step]:
        """Hand out the steps collected so far."""
        steps, self._steps = self._steps, []
        return steps

    def delta(self, text: str) -> bytes:
        """Write a piece as the `delta` of an event."""
        return b'{"type":"text_delta","text":' + msgspec.json.encode(text) + b"}"

    def grow(self, text: str) -> None:
        """Take more of the part."""
        if text:
            self._start()
            self._steps.append(("delta", self.delta(text)))

    def cite(self, cited: Citation) -> None:
        """Take a citation."""
        if raw := citation(cited):
            self._start()
            self._steps.append(("delta", b'{"type":"citations_delta","citation":' + _line(raw) + b"}"))

    def sign(self, signature: str, encrypted: str) -> None:
        """Take what the provider wants back with it."""

    def learn(self, part: Part) -> None:
        """Take what is told of the part at its end."""

    def interrupt(self) -> None:
        """End it on the wire, since another begins."""
        if self.is_started:
            self._steps.append(_STOP)
            self.is_started = False

    def close(self) -> None:
        """Take that it is complete."""
        self.interrupt()
        self.is_closed = True

    def problem(self) -> MalformedReply | None:
        """Say what is wrong with it now that it is complete."""
        return None

    def _start(self) -> None:
        if not self.is_started:
            self.is_started = True
            self._steps.append(("start", self._head()))

    def _head(self) -> bytes:
        return _TEXT_START


class ThinkingBlock(Block):
    """Reasoning; its proof comes in one piece, before its end."""

    __slots__ = ("_thinking",)

    def __init__(self, part: Thinking) -> None:
        super().__init__(part)
        self._thinking = replace(part, text="")
        self.grow(part.text)

    def delta(self, text: str) -> bytes:
        """Write a piece as the `delta` of an event."""
        return b'{"type":"thinking_delta","thinking":' + msgspec.json.encode(text) + b"}"

    def sign(self, signature: str, encrypted: str) -> None:
        """Join pieces of what the provider wants back."""
        known = self._thinking
        self._thinking = replace(known, signature=known.signature + signature, encrypted=known.encrypted + encrypted)

    def learn(self, part: Part) -> None:
        """Take what is told of the reasoning at its end."""
        if isinstance(part, Thinking):
            known = self._thinking
            self._thinking = replace(
                known,
                signature=part.signature or known.signature,
                encrypted=part.encrypted or known.encrypted,
                id=part.id or known.id,
                origin=part.origin or known.origin,
            )

    def interrupt(self) -> None:
        """End it on the wire, with its proof where that came."""
        if self.is_started:
            self._prove()
        super().interrupt()

    def close(self) -> None:
        """Take that it is complete; reasoning that cannot be read is one step."""
        known = self._thinking
        if self.is_started or not (known.signature or known.encrypted):
            super().close()
            return
        if known.encrypted and not known.signature:
            head = {"type": "redacted_thinking", "data": sealed_value(known)}
            self._steps.append(("start", msgspec.json.encode(head)))
            self._steps.append(_STOP)
        else:
            self._start()
            self.interrupt()
        self.is_closed = True

    def _prove(self) -> None:
        if value := sealed_value(self._thinking):
            self._steps.append(("delta", _signature(value)))
        self._thinking = replace(self._thinking, signature="", encrypted="")

    def _head(self) -> bytes:
        return _THINKING_START


class ToolBlock(Block):
    """A call of a tool, which cannot be interrupted."""

    __slots__ = ("_arguments", "_call", "_late")

    yields = False

    def __init__(self, part: ToolUse, ids: Ids) -> None:
        super().__init__(part)
        self._call = replace(part, id=ids.of(part.id), arguments="")
        self._arguments: list[str] = []
        self._late = ""
        if part.signature and part.origin != DIALECT:
            self._sign_apart(signature_block(part))
        self._start()
        self.grow(part.arguments)

    def delta(self, text: str) -> bytes:
        """Write a piece as the `delta` of an event; free text becomes the one member of an object."""
        if self._call.kind == "custom":
            inside = msgspec.json.encode(text).decode()[1:-1]
            text = inside if self._arguments else '{"input":"' + inside
        self._arguments.append(text)
        return _input(text)

    def sign(self, signature: str, encrypted: str) -> None:
        """Take a signature that comes when the call has begun."""
        self._late += signature

    def learn(self, part: Part) -> None:
        """Take what is told of the call at its end."""
        if isinstance(part, ToolUse) and part.signature and part.signature != self._call.signature:
            self._late = part.signature
            self._call = replace(self._call, origin=part.origin or self._call.origin)

    def close(self) -> None:
        """Take that it is complete."""
        if self._call.kind == "custom":
            self._steps.append(("delta", _input('"}' if self._arguments else '{"input":""}')))
        super().close()
        if self._late and self._call.origin != DIALECT and "." not in self._call.id:
            self._sign_apart(signature_block(replace(self._call, signature=self._late), self._call.id))

    def problem(self) -> MalformedReply | None:
        """Say whether its input is no object."""
        arguments = "".join(self._arguments)
        if self._call.kind == "custom" or not arguments.strip() or is_object(arguments):
            return None
        return MalformedReply(f"the model called the tool '{self._call.name}' with arguments that are no JSON object")

    def _sign_apart(self, block: dict[str, object]) -> None:
        self._steps.extend((("start", _THINKING_START), ("delta", _signature(str(block["signature"]))), _STOP))

    def _head(self) -> bytes:
        return msgspec.json.encode(tool_block(self._call, _EMPTY))


class WholeBlock(Block):
    """A block that does not grow."""

    __slots__ = ()

    def __init__(self, part: Foreign) -> None:
        super().__init__(part)
        if part.dialect == DIALECT:
            self._steps.extend((("start", _line(part.raw)), _STOP))

    def grow(self, text: str) -> None:
        """Take nothing more."""


def block_for(part: Part, ids: Ids) -> Block:
    """Begin a block; raises `MalformedReply` for what this format has no place for."""
    match part:
        case Text() | Refusal():
            block = Block(part)
            block.grow(part.text)
            for cited in part.citations if isinstance(part, Text) else ():
                block.cite(cited)
            return block
        case Thinking():
            return ThinkingBlock(part)
        case ToolUse():
            return ToolBlock(part, ids)
        case Foreign():
            return WholeBlock(part)
        case _:
            raise unspeakable(part)


def _line(raw: bytes) -> bytes:
    """Bring JSON onto the one line that an event has; breaks are only ever between its tokens."""
    return raw.replace(b"\r", b" ").replace(b"\n", b" ")


def _signature(value: str) -> bytes:
    return b'{"type":"signature_delta","signature":' + msgspec.json.encode(value) + b"}"


def _input(text: str) -> bytes:
    return b'{"type":"input_json_delta","partial_json":' + msgspec.json.encode(text) + b"}"
