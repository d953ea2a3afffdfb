"""An answer that is data, not text: it has usage and faults, but no stream."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.fake.completions import Completion
from tests.fake.form import Event
from tests.fake.vendor import Refusal, Vendor, error_body


@dataclass(frozen=True, slots=True)
class DataForm:
    """A body that is ready, with the place where its usage stands."""

    id: str
    body: Callable[[], dict[str, Any]]
    usage_at: str
    told: Mapping[str, Any]
    line_end: bytes = b"\n"
    huge: tuple[bytes, bytes] = (b'{"object":"list","data":[{"embedding":"', b'data: {"embedding":"')

    @property
    def wrong_usage(self) -> dict[str, Any]:
        """Usage of the wrong types."""
        return dict.fromkeys(self.told, "seven")

    def whole(self, vendor: Vendor, completion: Completion) -> dict[str, Any]:
        """Return the body with its usage."""
        return self.body() | {self.usage_at: dict(self.told)}

    def events(self, vendor: Vendor, completion: Completion, *, wants_usage: bool) -> Iterator[Event]:
        """There is no stream."""
        return iter(())

    def usage(self, vendor: Vendor, completion: Completion) -> dict[str, Any]:
        """Return the usage."""
        return dict(self.told)

    def with_usage(self, data: dict[str, Any], usage: dict[str, Any] | None) -> dict[str, Any]:
        """Put other usage into the body, or take it out."""
        rest = {name: value for name, value in data.items() if name != self.usage_at}
        return rest if usage is None else rest | {self.usage_at: usage}

    def growing(self, vendor: Vendor, completion: Completion, events: Iterator[Event]) -> Iterator[Event]:
        """There is no stream."""
        return events

    def again(self, event: Event) -> Event:
        """There is no stream."""
        return event

    def error(self, vendor: Vendor, refusal: Refusal) -> bytes:
        """Encode a refusal."""
        return error_body(vendor, refusal)

    def failure(self, vendor: Vendor, completion: Completion, refusal: Refusal, *, first: bool) -> Iterator[Event]:
        """There is no stream."""
        return iter(())
