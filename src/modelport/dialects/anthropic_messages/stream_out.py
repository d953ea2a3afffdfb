"""Writing a streamed answer for a caller of Messages.

Blocks follow each other, whatever their order in the canonical stream: one that begins while text is open ends it, and
what comes for others while a call of a tool is open waits for its turn.
Events: the types of https://github.com/anthropics/anthropic-sdk-python 2.12.0 (read 2026-11-22).
"""

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from modelport.dialects.anthropic_messages.answer_out import Ids
from modelport.dialects.anthropic_messages.blocks_open import Block, Step, block_for
from modelport.dialects.anthropic_messages.metering import totals, whole_usage
from modelport.dialects.anthropic_messages.shapes import ANSWERED_TIERS
from modelport.dialects.anthropic_messages.whole import message_id, stopping
from modelport.dialects.chat_answer import SPENT_ON_REASONING, cost_with_notice
from modelport.dialects.chat_body import cost_block
from modelport.dialects.sse import event_of
from modelport.dialects.wire import Ending, Identity, MalformedReply
from modelport.operations.content import Refusal, Thinking, ToolUse
from modelport.operations.reply import Began, Cited, Closed, Ended, Event, Finish, Grew, Opened, Signed
from modelport.operations.usage import NOTHING_USED

PING = event_of(b'{"type":"ping"}', b"ping")
STOPPED = event_of(b'{"type":"message_stop"}', b"message_stop")
_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":%b}\n\n'
_START = b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":%b}\n\n'
_STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'


def message_start(began: Began, identity: Identity) -> bytes:
    """Write the first event; what was used is only known at the end."""
    message = {
        "id": message_id(began.id, identity),
        "type": "message",
        "role": "assistant",
        "model": began.model or identity.model,
        "content": (),
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": whole_usage(NOTHING_USED, ANSWERED_TIERS.get(began.service_tier, "standard")),
    }
    return event_of(msgspec.json.encode({"type": "message_start", "message": message}), b"message_start")


def block_stop(index: int) -> bytes:
    """Write the event that ends a block."""
    return _STOP % index


def last_events(delta: object, usage: object, ending: Ending, notice: str | None) -> bytes:
    """Write why it stopped, what was used and what it cost, and the mark of completion."""
    meta = Raw(cost_with_notice(cost_block(ending.charged), notice))
    told = {"type": "message_delta", "delta": delta, "usage": usage, "meta": meta}
    return event_of(msgspec.json.encode(told), b"message_delta") + STOPPED


class MessagesWriter:
    """Writes one stream; fresh for each. `write` raises `MalformedReply` for what this format has no place for."""

    __slots__ = (
        "_blocks",
        "_broken",
        "_current",
        "_finish",
        "_has_begun",
        "_has_called",
        "_has_said",
        "_identity",
        "_ids",
        "_index",
        "_refusal",
        "_stop_sequence",
        "_waiting",
        "events",
    )

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._ids = Ids(identity.id)
        self._blocks: dict[int, Block] = {}
        """Those that are not complete."""
        self._current: Block | None = None
        """The one whose turn it is."""
        self._waiting: list[Block] = []
        self._index = 0
        self._has_begun = False
        self._has_called = False
        self._has_said = False
        """Whether something else than reasoning came."""
        self._broken: MalformedReply | None = None
        self._refusal: list[str] | None = None
        self._finish: Finish | None = None
        self._stop_sequence = ""
        self.events = 0

    def write(self, events: Sequence[Event]) -> bytes:
        """Write events; what only the end may say is kept back."""
        out: list[bytes] = []
        for event in events:
            if getattr(event, "choice", 0) == 0:  # Callers of this format cannot ask for more than one answer.
                self._event(event, out)
        return b"".join(out)

    def _event(self, event: Event, out: list[bytes]) -> None:
        match event:
            case Grew():
                self._grow(event, out)
            case Began():
                self._begin(event, out)
            case Opened():
                self._begin(Began(), out)
                self._open(event, out)
            case Signed() | Cited() | Closed():
                self._change(event, out)
            case Ended():
                self._finish, self._stop_sequence = event.finish, event.stop_sequence
                if self._broken is not None and event.finish != "length":
                    raise self._broken
            case _:
                pass

    def _begin(self, began: Began, out: list[bytes]) -> None:
        if not self._has_begun:
            self._has_begun = True
            out.append(message_start(began, self._identity) + PING)

    def _open(self, event: Opened, out: list[bytes]) -> None:
        part = event.part
        block = self._blocks[event.block] = block_for(part, self._ids)
        self.events += block.has_more
        self._has_called = self._has_called or isinstance(part, ToolUse)
        self._has_said = self._has_said or not isinstance(part, Thinking)
        if isinstance(part, Refusal):
            self._refusal = [part.text]
        self._turn(block, out)

    def _grow(self, event: Grew, out: list[bytes]) -> None:
        block = self._blocks.get(event.block)
        if block is None or not event.text:
            return
        self.events += 1
        if self._refusal is not None and isinstance(block.part, Refusal):
            self._refusal.append(event.text)
        if block is self._current and block.is_started and not block.has_more:
            out.append(_DELTA % (self._index, block.delta(event.text)))
            return
        block.grow(event.text)
        self._turn(block, out)

    def _change(self, event: Signed | Cited | Closed, out: list[bytes]) -> None:
        block = self._blocks.get(event.block)
        if block is None:
            return
        match event:
            case Signed():
                block.sign(event.signature, event.encrypted)
            case Cited():
                block.cite(event.citation)
            case Closed():
                if event.part is not None:
                    block.learn(event.part)
                block.close()
                self._broken = self._broken or block.problem()
                del self._blocks[event.block]
        self._turn(block, out)

    def _turn(self, block: Block, out: list[bytes]) -> None:
        """Let a block speak if it is its turn, or if the one that speaks lets it."""
        current = self._current
        if current is not block:
            if not block.has_more:
                return
            if current is not None and not current.yields:
                if block not in self._waiting:
                    self._waiting.append(block)
                return
            if current is not None:
                current.interrupt()
                self._steps(current.drain(), out)
            self._current = block
        self._speak(out)

    def _speak(self, out: list[bytes]) -> None:
        """Write what the current block has to say, and the next ones where it is complete."""
        while (block := self._current) is not None:
            self._steps(block.drain(), out)
            if not block.is_closed:
                return
            self._current = self._waiting.pop(0) if self._waiting else None

    def _steps(self, steps: list[Step], out: list[bytes]) -> None:
        for kind, content in steps:
            if kind == "delta":
                out.append(_DELTA % (self._index, content))
            elif kind == "start":
                out.append(_START % (self._index, content))
            else:
                out.append(block_stop(self._index))
                self._index += 1

    def ending(self, ending: Ending) -> bytes:
        """Write the end, with usage and `meta.usage`; parts that are still open are closed."""
        out: list[bytes] = []
        self._begin(Began(), out)
        for block in self._blocks.values():
            block.close()
            self._turn(block, out)
        self._blocks.clear()
        finish: Finish = "length" if ending.is_stopped else self._finish or self._usual_finish()
        refusal = None if self._refusal is None or ending.is_stopped else "".join(self._refusal)
        notice = SPENT_ON_REASONING if finish == "length" and not self._has_said and self.events else None
        delta = stopping(finish, self._stop_sequence, refusal)
        return b"".join(out) + last_events(delta, totals(ending.usage), ending, ending.notice or notice)

    def _usual_finish(self) -> Finish:
        return "tool_calls" if self._has_called else "stop"

    def failing(self, error: bytes) -> bytes:
        """Wrap an error body as the event that ends a stream which cannot go on."""
        return event_of(error, b"error")
