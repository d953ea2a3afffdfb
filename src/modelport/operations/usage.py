"""What a call used, in disjoint meters."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

UsageSource = Literal["provider", "counted", "estimated", "none"]

TEXT_METERS = (
    "input",
    "cached_read",
    "cached_write",
    "cached_write_1h",
    "audio_input",
    "image_input",
    "output",
    "reasoning",
    "audio_output",
)
"""The meters of text operations, in tokens; each token is counted by exactly one of them."""
SEARCH_METER = "search"
"""Searches of the web that the provider ran; beside the tokens, and priced for a million of them as everything is."""

INPUT_METERS = frozenset({"input", "cached_read", "cached_write", "cached_write_1h", "audio_input", "image_input"})
OUTPUT_METERS = frozenset({"output", "reasoning", "audio_output"})


class Usage(Struct, frozen=True):
    """Units per meter, and how they are known."""

    by_meter: Mapping[str, int]
    source: UsageSource
    provider_nano_usd: int | None = None
    """What the provider says that it costs, in billionths of a dollar; None when it says nothing."""

    @property
    def input_tokens(self) -> int:
        """Tokens that went in, cached ones included."""
        return sum(units for meter, units in self.by_meter.items() if meter in INPUT_METERS)

    @property
    def output_tokens(self) -> int:
        """Tokens that came out, reasoning included."""
        return sum(units for meter, units in self.by_meter.items() if meter in OUTPUT_METERS)


NOTHING_USED = Usage({}, "none")
