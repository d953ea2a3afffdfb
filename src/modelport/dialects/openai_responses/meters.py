"""Usage of Responses: read into disjoint meters, and written from them."""

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from modelport.dialects.told_cost import CostTold, nano_usd
from modelport.operations.usage import SEARCH_METER, Usage


class _InputDetails(Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputDetails(Struct):
    reasoning_tokens: int | None = None


class _Usage(CostTold):
    input_tokens: int
    output_tokens: int = 0
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None


class _Action(Struct):
    type: str = "search"


class _Called(Struct):
    type: str = ""
    action: _Action | None = None


_USAGE = msgspec.json.Decoder(_Usage)
_CALLED = msgspec.json.Decoder(_Called)


def meters(raw: bytes, searches: int = 0) -> Usage | None:
    """Split a `usage` object into disjoint meters whose sum is what was reported; None when there is none to trust.

    Tokens read from and written to the cache are part of the input, reasoning is part of the output.
    """
    try:
        usage = _USAGE.decode(raw)
    except msgspec.DecodeError:
        return None
    given, taken = usage.input_tokens_details or _InputDetails(), usage.output_tokens_details or _OutputDetails()
    cached, written = given.cached_tokens or 0, given.cache_write_tokens or 0
    thought = taken.reasoning_tokens or 0
    read, said = usage.input_tokens - cached - written, usage.output_tokens - thought
    if min(read, said, cached, written, thought) < 0:
        return None
    rare = {"cached_read": cached, "cached_write": written, "reasoning": thought, SEARCH_METER: searches}
    found = {"input": read, "output": said, **{meter: units for meter, units in rare.items() if units}}
    return Usage(found, "provider", nano_usd(usage))


def searches_of(items: Sequence[Raw | bytes]) -> int:
    """Count the searches of the web among the items of an answer; opening a page it found is none."""
    return sum(is_search(item) for item in items if b'"web_search_call"' in bytes(item))


def is_search(item: Raw | bytes) -> bool:
    """Whether an item is a search of the web that the provider ran."""
    try:
        told = _CALLED.decode(item)
    except msgspec.DecodeError:
        return False
    return told.type == "web_search_call" and (told.action is None or told.action.type == "search")


def reported(usage: Usage) -> bytes:
    """Print usage in the form of this format."""
    units = usage.by_meter
    return (
        b'{"input_tokens":%d,"input_tokens_details":{"cached_tokens":%d,"cache_write_tokens":%d},'
        b'"output_tokens":%d,"output_tokens_details":{"reasoning_tokens":%d},"total_tokens":%d}'
    ) % (
        usage.input_tokens,
        units.get("cached_read", 0),
        units.get("cached_write", 0) + units.get("cached_write_1h", 0),
        usage.output_tokens,
        units.get("reasoning", 0),
        usage.input_tokens + usage.output_tokens,
    )
