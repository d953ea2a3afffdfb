"""Between the two forms of an answer: events joined to a whole one, and a whole one told as events."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from modelport.operations.content import Audio, Citation, Foreign, Part, Refusal, Text, Thinking, ToolUse
from modelport.operations.reply import (
    Began,
    Choice,
    Cited,
    Closed,
    Ended,
    Event,
    Finish,
    Grew,
    Opened,
    Reply,
    Signed,
    Told,
)
from modelport.operations.usage import Usage

_LOGPROBS = msgspec.json.Decoder(dict[str, list[Raw] | None])


@dataclass(slots=True)
class _Growing:
    """A part while its pieces come in."""

    part: Part
    pieces: list[str] = field(default_factory=list[str])
    signature: list[str] = field(default_factory=list[str])
    encrypted: list[str] = field(default_factory=list[str])
    citations: list[Citation] = field(default_factory=list[Citation])

    def done(self) -> Part:
        """Return the part with all its pieces."""
        part, more = self.part, "".join(self.pieces)
        match part:
            case Text():
                return replace(part, text=part.text + more, citations=(*part.citations, *self.citations))
            case Refusal():
                return replace(part, text=part.text + more)
            case Thinking():
                return replace(
                    part,
                    text=part.text + more,
                    signature=part.signature + "".join(self.signature),
                    encrypted=part.encrypted + "".join(self.encrypted),
                )
            case ToolUse():
                signature = part.signature + "".join(self.signature)
                return replace(part, arguments=part.arguments + more, signature=signature)
            case Audio():
                return replace(part, source=replace(part.source, data=part.source.data + more))
            case _:
                return part


@dataclass(slots=True)
class _Answer:
    """One choice while its parts come in."""

    parts: dict[int, _Growing] = field(default_factory=dict[int, _Growing])
    logprobs: list[bytes] = field(default_factory=list[bytes])
    finish: Finish = "stop"
    stop_sequence: str = ""


class Assembly:
    """Joins the events of a stream to a whole answer."""

    __slots__ = ("_began", "_choices", "_extra")

    def __init__(self) -> None:
        self._began = Began()
        self._choices: dict[int, _Answer] = {}
        self._extra: dict[str, bytes] = {}

    def add(self, events: Iterable[Event]) -> None:
        """Take in events."""
        for event in events:
            match event:
                case Began():
                    self._began = event
                case Told(extra=extra):
                    self._extra.update(extra)
                case _:
                    self._grow(self._choices.setdefault(event.choice, _Answer()), event)

    def _grow(self, answer: _Answer, event: Opened | Grew | Signed | Cited | Closed | Ended) -> None:
        match event:
            case Opened():
                answer.parts[event.block] = _Growing(event.part)
            case Grew():
                answer.parts[event.block].pieces.append(event.text)
                if event.logprobs:
                    answer.logprobs.append(event.logprobs)
            case Signed():
                answer.parts[event.block].signature.append(event.signature)
                answer.parts[event.block].encrypted.append(event.encrypted)
            case Cited():
                answer.parts[event.block].citations.append(event.citation)
            case Closed(part=part):
                if part is not None:
                    answer.parts[event.block] = _Growing(part)
            case Ended():
                answer.finish, answer.stop_sequence = event.finish, event.stop_sequence

    def reply(self, usage: Usage | None) -> Reply:
        """Return the answer as far as it came."""
        began = self._began
        return Reply(
            tuple(_choice(index, self._choices[index]) for index in sorted(self._choices)),
            usage,
            began.id,
            began.model,
            began.created,
            began.service_tier,
            began.fingerprint,
            self._extra,
        )


def _choice(index: int, answer: _Answer) -> Choice:
    parts = tuple(answer.parts[block].done() for block in sorted(answer.parts))
    return Choice(index, parts, answer.finish, answer.stop_sequence, joined_logprobs(answer.logprobs))


def joined_logprobs(pieces: list[bytes]) -> bytes:
    """Join the `logprobs` objects of the pieces of a text to the one of all of it."""
    if len(pieces) <= 1:
        return b"".join(pieces)
    joined: dict[str, list[Raw]] = {}
    for piece in pieces:
        for name, tokens in _LOGPROBS.decode(piece).items():
            if tokens is not None:
                joined.setdefault(name, []).extend(tokens)
    return msgspec.json.encode(joined)


def told(reply: Reply) -> Iterator[Event]:
    """Tell a whole answer as the events of a stream."""
    yield Began(reply.id, reply.model, reply.created, reply.service_tier, reply.fingerprint)
    for choice in reply.choices:
        logprobs = choice.logprobs
        for block, part in enumerate(choice.parts):
            yield from _told_part(choice.index, block, part, logprobs if isinstance(part, Text) else b"")
            if isinstance(part, Text):
                logprobs = b""
        yield Ended(choice.finish, choice.index, choice.stop_sequence)
    if reply.extra:
        yield Told(reply.extra)


def _told_part(choice: int, block: int, part: Part, logprobs: bytes) -> Iterator[Event]:
    match part:
        case Text(text=text):
            yield Opened(block, replace(part, text="", citations=()), choice)
            yield Grew(block, text, choice, logprobs)
            for citation in part.citations:
                yield Cited(block, citation, choice)
        case Refusal(text=text):
            yield Opened(block, Refusal(""), choice)
            yield Grew(block, text, choice)
        case Thinking(text=text):
            yield Opened(block, replace(part, text="", signature="", encrypted=""), choice)
            if text:
                yield Grew(block, text, choice)
            if part.signature or part.encrypted:
                yield Signed(block, part.signature, part.encrypted, choice)
        case ToolUse(arguments=arguments):
            yield Opened(block, replace(part, arguments=""), choice)
            yield Grew(block, arguments, choice)
        case _:
            yield Opened(block, part, choice)
    yield Closed(block, choice)


def said_by(reply: Reply) -> int:
    """Measure what a whole answer says, in bytes, as the base of a guess at its tokens."""
    return sum(_said(part) for choice in reply.choices for part in choice.parts)


def _said(part: Part) -> int:
    match part:
        case Text(text=text) | Refusal(text=text) | Thinking(text=text):
            return len(text.encode())
        case ToolUse(name=name, arguments=arguments):
            return len(name) + len(arguments.encode())
        case Foreign(raw=raw):
            return len(raw)
        case _:
            return 0
