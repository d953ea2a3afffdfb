"""The way of an answer from a provider of one wire format to a caller of another, through the canonical form."""

from collections.abc import Callable, Sequence

from modelport.dialects.assembling import Assembly, said_by, told
from modelport.dialects.customs import Restoring, restored
from modelport.dialects.wire import (
    Called,
    Ending,
    Keepable,
    MalformedReply,
    NewIdentity,
    Served,
    StreamWriter,
    UpstreamFault,
)
from modelport.operations.chat import ChatCall
from modelport.operations.content import Refusal, Text, Thinking
from modelport.operations.reply import Began, Event, Opened, Reply
from modelport.operations.usage import NOTHING_USED, Usage

Inspect = Callable[[Reply], str | None]
"""Says how an answer breaks what was asked for; None when it holds."""


class Translated:
    """Reads a provider's answer into events and writes it anew; `Passage` for callers and providers that differ.

    A stream may become a whole answer (`assembled`) and a whole answer a stream (`unfolded`).
    """

    __slots__ = (
        "_assembly",
        "_call",
        "_called",
        "_customs",
        "_identity",
        "_reader",
        "_reply",
        "_served",
        "_writer",
        "breach",
        "has_begun",
        "has_finish",
        "is_collected",
        "is_done",
        "problem",
    )

    def __init__(
        self,
        call: ChatCall,
        served: Served,
        called: Called,
        identity: NewIdentity,
        *,
        is_collected: bool | None = None,
        customs: frozenset[str] = frozenset(),
    ) -> None:
        """Begin; `is_collected` says whether a stream is kept back to be made whole, as for callers who want none.

        `customs` names the custom tools of the call.
        """
        self._call = call
        self._served = served
        self._called = called
        self._identity = identity()
        self._reader = called.reader()
        self._writer: StreamWriter | None = None
        self._assembly = Assembly()
        self.is_collected = not call.is_streaming if is_collected is None else is_collected
        self._reply: Reply | None = None
        self._customs = Restoring(customs) if customs else None
        self.has_begun = False
        """Whether the stream told something of the answer beside names, after which a provider rarely fails."""
        self.has_finish = False
        self.is_done = False
        self.problem: UpstreamFault | MalformedReply | None = None
        self.breach: str | None = None
        """How a whole answer breaks what was asked for, where that was inspected."""

    @property
    def events(self) -> int:
        """Pieces passed on that say something."""
        return 0 if self._writer is None else self._writer.events

    def feed(self, data: bytes) -> bytes:
        """Pass on what a piece of the stream tells; nothing of a stream that a whole answer is made of."""
        events = self._reader.feed(data)
        self.has_finish, self.is_done, self.problem = (
            self._reader.has_finish,
            self._reader.is_done,
            self._reader.problem,
        )
        if self._customs is not None:
            events = list(self._customs.restored(events))
        if not self.has_begun:
            self.has_begun = any(map(_says, events))
        if self.is_collected:
            self._assembly.add(events)
            return b""
        return self._write(events)

    def _write(self, events: Sequence[Event]) -> bytes:
        if self._writer is None:
            self._writer = self._served.writer(self._call, self._identity)
        try:
            return self._writer.write(events) if events else b""
        except MalformedReply as problem:
            self.problem = problem
            return b""

    def take(self, body: bytes) -> None:
        """Take a whole answer; raises `MalformedReply`, also for one that cannot be said here, or `UpstreamFault`."""
        self._keep(self._called.decode(body))

    def _keep(self, reply: Reply) -> None:
        if self._customs is not None:
            reply = restored(reply, self._customs.names)
        self._reply = reply
        if any(not isinstance(part, Text | Thinking) for choice in reply.choices for part in choice.parts):
            self._served.whole(self._call, reply, Ending(NOTHING_USED, 0), self._identity)

    def assemble(self) -> None:
        """Make a whole answer of the stream that was fed; raises `MalformedReply` for one that cannot be said here."""
        self._keep(self._assembly.reply(self._reader.usage()))

    def inspect(self, inspect: Inspect) -> None:
        """Look whether the whole answer holds what was asked for."""
        self.breach = inspect(self._taken())

    def unfold(self) -> bytes:
        """Write the whole answer as a stream, up to its ending."""
        self.has_finish = self.is_done = True
        return self._write(list(told(self._taken())))

    def usage(self) -> Usage | None:
        """Return what the provider reported."""
        return self._reader.usage() if self._reply is None else self._reply.usage

    def said_bytes(self) -> int:
        """Measure what a whole answer says."""
        return said_by(self._taken())

    def whole(self, ending: Ending) -> bytes:
        """Write the whole answer."""
        return self._served.whole(self._call, self._taken(), ending, self._identity)

    def ending(self, ending: Ending) -> bytes:
        """Write the end of the stream."""
        if self._writer is None:
            self._writer = self._served.writer(self._call, self._identity)
        return self._writer.ending(ending)

    def failing(self, error: bytes) -> bytes:
        """Wrap an error as the last event."""
        if self._writer is None:
            self._writer = self._served.writer(self._call, self._identity)
        return self._writer.failing(error)

    def final(self) -> bytes | None:
        """Return the answer as its caller will find it again, where the caller's format keeps answers."""
        return self._writer.final() if isinstance(self._writer, Keepable) else None

    def _taken(self) -> Reply:
        assert self._reply is not None, "a whole answer is read before it is written"
        return self._reply


def _says(event: Event) -> bool:
    """Whether an event tells more than names: text may begin empty, and its provider fail right after."""
    if isinstance(event, Opened) and isinstance(event.part, Text | Thinking | Refusal):
        return event.part.text != ""
    return not isinstance(event, Began)
