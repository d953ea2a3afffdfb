"""Writing the turns of a canonical conversation as `system` and `messages`.

Instructions in the middle: models since Claude Opus 4.8 take messages of role `system` there, and offers of such models
say so by the quirk `developer_role`. Elsewhere they become text of the user between `<system>` marks, which is what the
model reads in their place, and the change of role is reported.
As reported in https://github.com/simonw/llm-anthropic/issues/73 (read 2026-11-22).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import replace

from modelport.catalogue.facts import Quirks
from modelport.dialects.anthropic_messages.blocks_out import BlockWriter
from modelport.dialects.anthropic_messages.shapes import DIALECT, list_of
from modelport.dialects.wire import NotExpressible
from modelport.operations.chat import said_in
from modelport.operations.content import Part, Text, Turn
from modelport.operations.conversation import Conversation

_INSTRUCTIONS = ("system", "developer")


@dataclass(slots=True)
class Message:
    """One message while its blocks are gathered; a user's results of tools come before all else."""

    role: str
    results: list[bytes] = field(default_factory=list[bytes])
    others: list[bytes] = field(default_factory=list[bytes])

    @property
    def blocks(self) -> list[bytes]:
        """All blocks, in the order that Anthropic wants."""
        return [*self.results, *self.others]

    def write(self) -> bytes:
        """Write the message."""
        return b'{"role":"%b","content":%b}' % (self.role.encode(), list_of(self.blocks))


@dataclass(slots=True)
class Turns:
    """The written turns of a conversation."""

    system: list[bytes]
    messages: list[Message]

    @property
    def is_in_tool_loop(self) -> bool:
        """Whether the model is to go on from results of its tools."""
        return bool(self.messages) and bool(self.messages[-1].results)

    @property
    def has_thought_before_tools(self) -> bool:
        """Whether the loop of tools began with reasoning, as Anthropic wants of it while thinking is on."""
        for message in reversed(self.messages):
            if message.role == "assistant" and _begins_with_thinking(message):
                return True
            if message.role == "user" and not message.results:
                break
        return False


def _begins_with_thinking(message: Message) -> bool:
    return message.others[0].startswith((b'{"type":"thinking"', b'{"type":"redacted_thinking"'))


def turns_of(talk: Conversation, quirks: Quirks, writer: BlockWriter) -> Turns:
    """Write all turns. Raises `NotExpressible`."""
    leading = _leading(talk.turns)
    system: list[bytes] = []
    places = [talk.place(index) for index in range(len(talk.turns))]
    for turn, place in zip(talk.turns[:leading], places, strict=False):
        system.extend(_system_blocks(turn, place, writer))
    written = Turns(system, [])
    for turn, place in zip(talk.turns[leading:], places[leading:], strict=True):
        _add(written, turn, place, quirks, writer)
    if any(turn.name and turn.role != "tool" for turn in talk.turns):
        writer.dropped.append(f"{said_in(talk.dialect)}.name")
    return written


def _leading(turns: Sequence[Turn]) -> int:
    """Count the instructions at the beginning; the last of nothing but instructions is what is asked."""
    count = next((index for index, turn in enumerate(turns) if turn.role not in _INSTRUCTIONS), len(turns))
    return count - 1 if count == len(turns) else count


def _system_blocks(turn: Turn, place: str, writer: BlockWriter) -> list[bytes]:
    for number, part in enumerate(turn.parts):
        if not isinstance(part, Text):
            raise NotExpressible(f"{place}.content[{number}]", writer.provider, "takes only text as instructions")
    return writer.blocks(turn.parts, f"{place}.content")


def _add(written: Turns, turn: Turn, place: str, quirks: Quirks, writer: BlockWriter) -> None:
    if turn.role in _INSTRUCTIONS:
        _add_instructions(written, turn, place, quirks, writer)
        return
    if turn.is_prefix:
        if not quirks.prefix:
            told = place if writer.dialect == DIALECT else f"{place}.prefix"
            raise NotExpressible(told, writer.provider, "cannot continue a message of this model; leave it out")
        turn = replace(turn, parts=_without_end_space(turn.parts))
    role = "assistant" if turn.role == "assistant" else "user"
    blocks = writer.blocks(turn.parts, f"{place}.content")
    if not blocks:
        return
    message = _message(written, role)
    (message.results if turn.role == "tool" else message.others).extend(blocks)


def _message(written: Turns, role: str) -> Message:
    """Return the last message if it is of that role, which Anthropic would merge anyway, else a new one."""
    if not written.messages or written.messages[-1].role != role:
        written.messages.append(Message(role))
    return written.messages[-1]


def _add_instructions(written: Turns, turn: Turn, place: str, quirks: Quirks, writer: BlockWriter) -> None:
    blocks = _system_blocks(turn, place, writer)
    if not blocks:
        return
    after = written.messages[-1].role if written.messages else ""
    if quirks.developer_role and after in ("user", "system"):
        _message(written, "system").others.extend(blocks)
        return
    writer.dropped.append(f"{place}.role")
    texts = [part.text for part in turn.parts if isinstance(part, Text)]
    alone = not written.messages
    said = "\n".join(texts) if alone else "<system>\n" + "\n".join(texts) + "\n</system>"
    _message(written, "user").others.append(msgspec.json.encode({"type": "text", "text": said}))


def _without_end_space(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Cut the space at the end of a message to continue, which Anthropic refuses."""
    if parts and isinstance(last := parts[-1], Text):
        return (*parts[:-1], replace(last, text=last.text.rstrip()))
    return parts
