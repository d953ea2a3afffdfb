"""Usage between Anthropic's form and disjoint meters whose sum is what the provider reported.

Shapes: the types of https://github.com/anthropics/anthropic-sdk-python 2.12.0 (read 2026-11-22).
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from modelport.dialects.anthropic_messages.shapes import NULL, OBJECT
from modelport.dialects.told_cost import CostTold, nano_usd
from modelport.operations.usage import SEARCH_METER, Usage


class _CacheCreation(msgspec.Struct):
    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class _ServerTools(msgspec.Struct):
    web_search_requests: int | None = None


class _OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class _Usage(CostTold):
    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: _CacheCreation | None = None
    server_tool_use: _ServerTools | None = None
    output_tokens_details: _OutputDetails | None = None


_USAGE = msgspec.json.Decoder(_Usage)


def meters(raw: bytes | Raw) -> Usage | None:
    """Split a `usage` object into disjoint meters; None when there is none to trust."""
    try:
        usage = _USAGE.decode(raw)
    except msgspec.DecodeError:
        return None
    written_5m, written_1h = _written(usage)
    thought = (usage.output_tokens_details and usage.output_tokens_details.thinking_tokens) or 0
    searches = (usage.server_tool_use and usage.server_tool_use.web_search_requests) or 0
    found = {"input": usage.input_tokens, "output": usage.output_tokens - thought}
    rare = {
        "cached_read": usage.cache_read_input_tokens or 0,
        "cached_write": written_5m,
        "cached_write_1h": written_1h,
        "reasoning": thought,
        SEARCH_METER: searches,
    }
    if min(*found.values(), *rare.values()) < 0:
        return None
    return Usage(found | {meter: units for meter, units in rare.items() if units}, "provider", nano_usd(usage))


def _written(usage: _Usage) -> tuple[int, int]:
    """Return what was written to the cache for five minutes and for an hour.

    The total rules where both are told: a stream's last event repeats it, but not how it is divided.
    """
    divided = usage.cache_creation
    if divided is None:
        return usage.cache_creation_input_tokens or 0, 0
    short, long = divided.ephemeral_5m_input_tokens or 0, divided.ephemeral_1h_input_tokens or 0
    total = usage.cache_creation_input_tokens
    if total is None or total == short + long or min(short, long, total) < 0:
        return short, long
    return total - min(long, total), min(long, total)


def overlaid(first: Mapping[str, Raw], raw: bytes | Raw) -> dict[str, Raw]:
    """Lay a later object, as a `usage` whose counts are totals, over an earlier one; null says nothing new."""
    try:
        later = OBJECT.decode(raw)
    except msgspec.DecodeError:
        return dict(first)
    return {**first, **{name: value for name, value in later.items() if name not in first or bytes(value) != NULL}}


def totals(usage: Usage) -> dict[str, object]:
    """Write the counts that a stream's last event carries."""
    units = usage.by_meter
    short, long = units.get("cached_write", 0), units.get("cached_write_1h", 0)
    read = units.get("cached_read", 0)
    written: dict[str, object] = {
        "input_tokens": usage.input_tokens - read - short - long,
        "cache_creation_input_tokens": short + long,
        "cache_read_input_tokens": read,
        "output_tokens": usage.output_tokens,
    }
    if short or long:
        written["cache_creation"] = _divided(usage)
    if thought := units.get("reasoning", 0):
        written["output_tokens_details"] = {"thinking_tokens": thought}
    if searches := units.get(SEARCH_METER, 0):
        written["server_tool_use"] = {"web_search_requests": searches, "web_fetch_requests": 0}
    return written


def whole_usage(usage: Usage, tier: str = "standard") -> dict[str, object]:
    """Write all of a `usage` object."""
    about = {"cache_creation": _divided(usage), "service_tier": tier, "inference_geo": "not_available"}
    return {**totals(usage), **about}


def _divided(usage: Usage) -> dict[str, int]:
    """Write what was written to the cache, by how long it stays there."""
    units = usage.by_meter
    return {
        "ephemeral_5m_input_tokens": units.get("cached_write", 0),
        "ephemeral_1h_input_tokens": units.get("cached_write_1h", 0),
    }
