"""Google's usage in disjoint meters.

Fields: https://ai.google.dev/api/generate-content#UsageMetadata; a search is paid for by the query from Gemini 3 on,
and by the call before: https://ai.google.dev/gemini-api/docs/google-search#pricing (read 2026-11-22).
"""

import re
from collections.abc import Iterable

import msgspec

from modelport.dialects.google_gemini.shapes import ModalityCount, UsageMetadata
from modelport.operations.usage import SEARCH_METER, Usage

_USAGE = msgspec.json.Decoder(UsageMetadata)
_GENERATION = re.compile(r"gemini-(\d+)")
_FIRST_PRICED_BY_QUERY = 3


def meters(raw: bytes, searches: int = 0) -> Usage | None:
    """Split a `usageMetadata` into disjoint meters; None when there is none to trust.

    Their sum is its total; what was searched stands beside it.
    """
    try:
        usage = _USAGE.decode(raw)
    except msgspec.DecodeError:
        return None
    if usage.prompt_token_count is None:
        return None
    given, taken = _input(usage), _output(usage)
    found = {**given, **taken}
    rest = _unaccounted(usage, sum(found.values()))
    found["reasoning"] += rest
    if found["reasoning"] < 0:
        found["output"] += found["reasoning"]
        found["reasoning"] = 0
    if min(found.values()) < 0:
        return None
    kept = {meter: units for meter, units in found.items() if units or meter in ("input", "output")}
    if searches:
        kept[SEARCH_METER] = searches
    return Usage(kept, "provider")


def _input(usage: UsageMetadata) -> dict[str, int]:
    cached = usage.cached_content_token_count or 0
    given, kept = _by_kind(usage.prompt_tokens_details), _by_kind(usage.cache_tokens_details)
    heard = max(given["AUDIO"] - kept["AUDIO"], 0)
    seen = max(given["IMAGE"] + given["VIDEO"] - kept["IMAGE"] - kept["VIDEO"], 0)
    rest = (usage.prompt_token_count or 0) - cached
    if heard + seen > rest >= 0:  # The details contradict the count that is billed.
        heard = seen = 0
    read = rest - heard - seen + (usage.tool_use_prompt_token_count or 0)
    return {"input": read, "cached_read": cached, "audio_input": heard, "image_input": seen}


def _output(usage: UsageMetadata) -> dict[str, int]:
    said = usage.candidates_token_count or 0
    spoken = _by_kind(usage.candidates_tokens_details)["AUDIO"]
    spoken = spoken if 0 <= spoken <= said else 0
    return {"output": said - spoken, "reasoning": usage.thoughts_token_count or 0, "audio_output": spoken}


def _unaccounted(usage: UsageMetadata, counted: int) -> int:
    """Return by how much the total exceeds its parts: thoughts that are not counted apart, or were counted twice."""
    total = usage.total_token_count
    if total is None:
        return 0
    rest = total - counted
    return rest if rest >= 0 or -rest == (usage.thoughts_token_count or 0) else 0


def _by_kind(details: list[ModalityCount] | None) -> dict[str, int]:
    found = {"TEXT": 0, "AUDIO": 0, "IMAGE": 0, "VIDEO": 0, "DOCUMENT": 0}
    for detail in details or ():
        kind = detail.modality or "TEXT"
        found[kind] = found.get(kind, 0) + (detail.token_count or 0)
    return found


def searches(model_version: str, queries: Iterable[str]) -> int:
    """Count what a grounded answer is billed for: each query that is not empty, or the call as a whole."""
    count = len({query for query in queries if query.strip()})
    generation = _GENERATION.search(model_version)
    by_query = generation is None or int(generation[1]) >= _FIRST_PRICED_BY_QUERY
    return count if by_query else min(count, 1)
