"""What a wire format must be able to do to be played: answers, streams, and their faults."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import msgspec

from tests.fake.completions import Completion
from tests.fake.models import Pace
from tests.fake.vendors import Refusal, Vendor

Kind = Literal["start", "piece", "mark", "finish", "usage", "end"]
"""Before the first piece · part of what is said · a frame around pieces · why it ended · usage alone · the last one."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream; `raw` takes the place of `data` where that is not JSON."""

    kind: Kind
    data: dict[str, Any]
    name: str | None = None
    has_usage: bool = False
    raw: bytes | None = None

    @property
    def encoded(self) -> bytes:
        """What follows `data:`."""
        return msgspec.json.encode(self.data) if self.raw is None else self.raw

    def holding(self, data: dict[str, Any]) -> "Event":
        """The same event with other data."""
        return replace(self, data=data)


class Form(Protocol):
    """One wire format. Pure: what it is given is all it knows."""

    @property
    def id(self) -> str:
        """The name of the format."""
        ...

    @property
    def line_end(self) -> bytes:
        """What ends the lines of a stream."""
        ...

    @property
    def wrong_usage(self) -> Mapping[str, Any]:
        """Usage whose members are of the wrong types."""
        ...

    @property
    def huge(self) -> tuple[bytes, bytes]:
        """How a whole answer, and an event of a stream, begins up to inside its text."""
        ...

    def whole(self, vendor: Vendor, completion: Completion) -> dict[str, Any]:
        """Give an answer the form of one JSON object."""
        ...

    def events(self, vendor: Vendor, completion: Completion, *, wants_usage: bool) -> Iterator[Event]:
        """Give an answer the form of the events of a stream, to the very last."""
        ...

    def usage(self, vendor: Vendor, completion: Completion) -> dict[str, Any]:
        """Give usage its form."""
        ...

    def with_usage(self, data: dict[str, Any], usage: dict[str, Any] | None) -> dict[str, Any]:
        """Put other usage into an answer or event, or take it out."""
        ...

    def growing(self, vendor: Vendor, completion: Completion, events: Iterator[Event]) -> Iterator[Event]:
        """Tell usage again and again while it grows, where the format has a place for it."""
        ...

    def again(self, event: Event) -> Event:
        """The last event, as it would be repeated."""
        ...

    def error(self, vendor: Vendor, refusal: Refusal) -> bytes:
        """Encode a refusal."""
        ...

    def failure(self, vendor: Vendor, completion: Completion, refusal: Refusal, *, first: bool) -> Iterator[Event]:
        """Tell of an error inside a stream, and end it."""
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """All that is needed to answer a call."""

    vendor: Vendor
    form: Form
    completion: Completion
    is_streaming: bool
    wants_usage: bool
    pace: Pace
