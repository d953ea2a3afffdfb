"""The request fields of Responses: for each the check of its type and range, as the public contract gives them."""

import re
from collections.abc import Mapping
from typing import cast

from modelport.dialects.chat_fields import (
    Check,
    Misfit,
    boolean,
    either,
    integer,
    items,
    mapping,
    members,
    number,
    one_of,
    text,
    texts,
    values,
)

LEAST_OUTPUT_TOKENS = 16
"""Providers of this format refuse a lower bound on output."""
MAX_TOOLS = 128
_NAME = re.compile(r"[A-Za-z0-9_.\-$:]{1,128}")
_EFFORT = one_of("none", "minimal", "low", "medium", "high", "xhigh", "max")
_SUMMARY = one_of("auto", "concise", "detailed")


def _name(value: object) -> str | None:
    fits = isinstance(value, str) and _NAME.fullmatch(value)
    return None if fits else "name of letters, digits, _ and -, at most 128"


def _tool(value: object) -> str | Misfit | None:
    wanted = members({"type": text})(value)
    if wanted is not None:
        return wanted
    tool = cast(dict[str, object], value)
    if tool["type"] == "function":
        return members({"name": _name}, {"parameters": mapping, "strict": boolean, "description": text})(tool)
    if tool["type"] == "custom":
        return members({"name": _name}, {"description": text, "format": mapping})(tool)
    return None


_ALLOWED = members({"mode": one_of("auto", "required"), "tools": items(members({"type": text}), MAX_TOOLS)})


def _tool_choice(value: object) -> str | Misfit | None:
    if isinstance(value, str):
        return one_of("none", "auto", "required")(value)
    wanted = members({"type": text})(value)
    if wanted is not None:
        return wanted if isinstance(wanted, Misfit) else "string or object"
    choice = cast(dict[str, object], value)
    if choice["type"] in ("function", "custom"):
        return members({"name": _name})(choice)
    return _ALLOWED(choice) if choice["type"] == "allowed_tools" else None


def _format(value: object) -> str | Misfit | None:
    kind = members({"type": one_of("text", "json_object", "json_schema")})(value)
    if kind is None and cast(dict[str, object], value)["type"] == "json_schema":
        return members({"name": _name, "schema": mapping}, {"strict": boolean, "description": text})(value)
    return kind


CHECKS: Mapping[str, Check] = {
    "instructions": text,
    "max_output_tokens": integer(LEAST_OUTPUT_TOKENS),
    "previous_response_id": text,
    "store": boolean,
    "stream": boolean,
    "stream_options": mapping,
    "background": boolean,
    "include": texts(100),
    "text": members({}, {"format": _format, "verbosity": one_of("low", "medium", "high")}),
    "reasoning": members({}, {"effort": _EFFORT, "summary": _SUMMARY, "generate_summary": _SUMMARY}),
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "top_logprobs": integer(0, 20),
    "truncation": one_of("auto", "disabled"),
    "prompt": members({"id": text}),
    "conversation": either(text, members({"id": text})),
    "tools": items(_tool, MAX_TOOLS),
    "tool_choice": _tool_choice,
    "parallel_tool_calls": boolean,
    "max_tool_calls": integer(1),
    "metadata": values(text),
    "user": text,
    "safety_identifier": text,
    "prompt_cache_key": text,
    "service_tier": text,
    "provider": text,
}
"""Every field that the contract gives a type; null always means absent."""

GATEWAY_FIELDS = frozenset({"model", "provider"})
"""Fields that are for the gateway itself and never sent on."""

OPTION_FIELDS = frozenset({"store", "previous_response_id", "background"})
"""Fields that the gateway itself answers for: what it remembers of a response, and how it is waited for."""

OWN_FIELDS = frozenset(
    {
        "input", "instructions", "max_output_tokens", "stream", "stream_options", "include", "text", "reasoning",
        "temperature", "top_p", "top_logprobs", "truncation", "prompt", "conversation", "tools", "tool_choice",
        "parallel_tool_calls", "max_tool_calls", "metadata", "user", "safety_identifier", "prompt_cache_key",
        "prompt_cache_retention", "prompt_cache_options", "service_tier", "context_management", "moderation",
        "store", "image", "access_programs",
    }
)  # fmt: skip
"""Fields of the format itself; what else a provider takes is in its quirks."""

WHOLE = frozenset({"max_output_tokens", "top_logprobs", "max_tool_calls"})
"""Integers, which some callers write as `8.0`."""
