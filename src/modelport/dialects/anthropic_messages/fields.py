"""The request fields of Messages: for each the check of its type and range, as the public contract gives them."""

from collections.abc import Mapping
from typing import cast

from modelport.dialects.anthropic_messages.shapes import LEAST_BUDGET
from modelport.dialects.chat_fields import (
    CHECKS,
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

EFFORT = one_of("none", "minimal", "low", "medium", "high", "xhigh", "max")
CACHE = members({"type": one_of("ephemeral")}, {"ttl": one_of("5m", "1h")})
"""A mark up to which the prompt is remembered."""
_SYSTEM = either(text, items(members({"type": one_of("text"), "text": text}, {"cache_control": CACHE})))
_DISPLAY = one_of("summarized", "omitted")
_FORMAT = members({"type": one_of("json_schema"), "schema": mapping})
MAX_TOOLS = 1000
"""More than agents have; each is looked at while all other calls wait."""


def _thinking(value: object) -> str | Misfit | None:
    kinds = one_of("enabled", "disabled", "adaptive", "between_tools")
    wrong = members({"type": kinds}, {"display": _DISPLAY, "budget_tokens": integer(LEAST_BUDGET)})(value)
    if wrong is None and isinstance(value, dict):
        thinking = cast(dict[str, object], value)
        if thinking["type"] == "enabled" and thinking.get("budget_tokens") is None:
            return Misfit(".budget_tokens", "", None)
    return wrong


def _nullable(inner: Check) -> Check:
    return lambda value: None if value is None else inner(value)


_TOOL_MEMBERS = {"description": text, "input_schema": mapping, "strict": boolean, "cache_control": CACHE}
_OWN_TOOL = members({"name": text}, _TOOL_MEMBERS)
_PROVIDERS_TOOL = members({"type": text}, {"name": text, **_TOOL_MEMBERS})
"""Runs at the provider; some kinds, such as sets of tools, have no name."""


def is_chat_tool(tool: Mapping[str, object]) -> bool:
    """Whether a tool is in OpenAI's form: `function`, or `custom` with its name inside."""
    kind = tool.get("type")
    return kind == "function" or (kind == "custom" and "custom" in tool)


def _tool(value: object) -> str | Misfit | None:
    if not isinstance(value, dict):
        return "object"
    tool = cast(dict[str, object], value)
    if is_chat_tool(tool):
        return _chat_tool(tool)
    if tool.get("type") not in (None, "custom"):
        return _PROVIDERS_TOOL(tool)
    wrong = _OWN_TOOL(tool)
    return Misfit(".input_schema", "", None) if wrong is None and tool.get("input_schema") is None else wrong


def _chat_tool(tool: dict[str, object]) -> str | Misfit | None:
    inner = members({"name": text}, {"description": text, "parameters": mapping, "strict": boolean})
    if tool.get("type") == "function" and "function" not in tool:  # as in Responses
        return inner(tool)
    return members({str(tool["type"]): inner})(tool)


def _tool_choice(value: object) -> str | Misfit | None:
    if isinstance(value, str):
        return one_of("none", "auto", "required", "any")(value)
    wrong = members({"type": _CHOICES}, {"disable_parallel_tool_use": boolean})(value)
    if wrong is not None:
        return wrong
    choice = cast(dict[str, object], value)
    kind = choice["type"]
    if kind == "tool":
        return members({"name": text})(choice)
    if kind in ("function", "custom"):
        named = members({"name": text})
        return named(choice) if "name" in choice else members({str(kind): named})(choice)
    if kind == "allowed_tools":
        inner = members({"mode": one_of("auto", "required"), "tools": items(mapping)})
        return inner(choice) if "mode" in choice else members({"allowed_tools": inner})(choice)
    return None


_CHOICES = one_of("auto", "any", "tool", "none", "required", "function", "custom", "allowed_tools")

FIELDS: Mapping[str, Check] = {
    "max_tokens": integer(0),
    "system": _SYSTEM,
    "metadata": values(_nullable(text)),
    "stop_sequences": texts(),
    "stream": boolean,
    "temperature": number(0, 1),
    "top_p": number(0, 1),
    "top_k": integer(0),
    "thinking": _thinking,
    "tools": items(_tool, MAX_TOOLS),
    "tool_choice": _tool_choice,
    "service_tier": text,
    "output_config": members({}, {"effort": EFFORT, "format": _FORMAT}),
    "output_format": _FORMAT,
    "cache_control": CACHE,
    "provider": CHECKS["provider"],
}
"""Every field that the contract gives a type; null always means absent."""
WHOLE_NUMBERS = frozenset({"max_tokens", "top_k"})
