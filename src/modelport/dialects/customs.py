"""Custom tools at providers that know functions only: they are sent as functions of one text, and turned back here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec
from msgspec.structs import replace

from modelport.operations.content import Part, ToolUse
from modelport.operations.conversation import Conversation
from modelport.operations.reply import Closed, Event, Grew, Opened, Reply


class _Given(msgspec.Struct):
    input: str
    """The one argument of such a function."""


_GIVEN = msgspec.json.Decoder(_Given)


def custom_names(talk: Conversation) -> frozenset[str]:
    """Name the custom tools of a call."""
    return frozenset(tool.name for tool in talk.tools if tool.kind == "custom")


def restored(reply: Reply, names: frozenset[str]) -> Reply:
    """Return a whole answer whose calls of these tools are calls of custom tools again."""
    choices = tuple(
        replace(choice, parts=tuple(_restored(part, names) for part in choice.parts)) for choice in reply.choices
    )
    return replace(reply, choices=choices)


def _restored(part: Part, names: frozenset[str]) -> Part:
    if isinstance(part, ToolUse) and part.kind == "function" and part.name in names:
        return replace(part, kind="custom", arguments=unwrapped(part.arguments))
    return part


def unwrapped(arguments: str) -> str:
    """Return the text that such a function was called with."""
    try:
        return _GIVEN.decode(arguments).input
    except msgspec.DecodeError:
        return arguments  # Cut off, or not as it was asked for: the caller sees what the model wrote.


@dataclass(slots=True)
class Restoring:
    """Does the same to a stream: the arguments of such a call are held back until they are complete."""

    names: frozenset[str]
    _held: dict[tuple[int, int], list[str]] = field(default_factory=dict[tuple[int, int], list[str]])

    def restored(self, events: Iterable[Event]) -> Iterator[Event]:
        """Return the events to go on with."""
        for event in events:
            match event:
                case Opened(part=ToolUse(kind="function", name=name) as part) if name in self.names:
                    self._held[event.choice, event.block] = [part.arguments]
                    yield replace(event, part=replace(part, kind="custom", arguments=""))
                case Grew() if (event.choice, event.block) in self._held:
                    self._held[event.choice, event.block].append(event.text)
                case Closed() if (event.choice, event.block) in self._held:
                    yield Grew(
                        event.block, unwrapped("".join(self._held.pop((event.choice, event.block)))), event.choice
                    )
                    yield event
                case _:
                    yield event
