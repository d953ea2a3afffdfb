"""The request fields of chat: for each the check of its type and range, as the public contract gives them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import cast

from modelport.core.received import received


@dataclass(frozen=True, slots=True)
class Misfit:
    """What was expected somewhere inside a value, and what stands there."""

    place: str
    """Below the value: `.function.name`, `[0]`."""
    expected: str
    """Empty for a member that is missing."""
    value: object


Check = Callable[[object], str | Misfit | None]
"""Takes a decoded value; returns what was expected of it or inside it, or None when it fits."""


def _within(step: str, wrong: str | Misfit, value: object) -> Misfit:
    """Say where in a larger value something does not fit."""
    if isinstance(wrong, Misfit):
        return replace(wrong, place=step + wrong.place)
    return Misfit(step, wrong, value)


def boolean(value: object) -> str | None:
    """Accept true and false."""
    return None if isinstance(value, bool) else "boolean"


def text(value: object) -> str | None:
    """Accept a string."""
    return None if isinstance(value, str) else "string"


def mapping(value: object) -> str | None:
    """Accept an object."""
    return None if isinstance(value, dict) else "object"


def number(least: float | None = None, most: float | None = None) -> Check:
    """Accept a number within bounds."""
    return _bounded("number", (int, float), least, most)


def integer(least: int | None = None, most: int | None = None) -> Check:
    """Accept a whole number within bounds, also written as `8.0`."""
    inner = _bounded("integer", (int, float), least, most)

    def check(value: object) -> str | Misfit | None:
        if type(value) is float and not value.is_integer():
            return "integer"
        return inner(value)

    return check


def _bounded(kind: str, types: tuple[type, ...], least: float | None, most: float | None) -> Check:
    low = float("-inf") if least is None else least
    high = float("inf") if most is None else most

    def check(value: object) -> str | None:
        if type(value) not in types:  # by type, since booleans are integers to Python
            return kind
        if low <= cast(float, value) <= high:
            return None
        return f"{kind} at least {least:g}" if cast(float, value) < low else f"{kind} at most {most:g}"

    return check


def one_of(*literals: str) -> Check:
    """Accept one of some words."""
    allowed = frozenset(literals)
    expected = "one of " + ", ".join(f"'{word}'" for word in literals)
    return lambda value: None if isinstance(value, str) and value in allowed else expected


def texts(most: int | None = None) -> Check:
    """Accept a list of strings."""
    expected = "array of strings" if most is None else f"array of at most {most} strings"

    def check(value: object) -> str | Misfit | None:
        if not isinstance(value, list) or (most is not None and len(cast(list[object], value)) > most):
            return expected
        return _misfit_of(text, cast(list[object], value))

    return check


def either(*checks: Check) -> Check:
    """Accept what any of the checks accepts; a misfit inside the value tells more than one of its kind."""

    def check(value: object) -> str | Misfit | None:
        expected: list[str] = []
        inside: Misfit | None = None
        for one in checks:
            wanted = one(value)
            if wanted is None:
                return None
            if isinstance(wanted, Misfit):
                inside = wanted
            else:
                expected.append(wanted)
        return inside or " or ".join(expected)

    return check


def items(inner: Check, most: int | None = None) -> Check:
    """Accept a list whose items all pass."""

    def check(value: object) -> str | Misfit | None:
        if not isinstance(value, list):
            return "array"
        values = cast(list[object], value)
        if most is not None and len(values) > most:
            return f"array of at most {most} items"
        return _misfit_of(inner, values)

    return check


def _misfit_of(inner: Check, values: list[object]) -> Misfit | None:
    for index, item in enumerate(values):
        if wanted := inner(item):
            return _within(f"[{index}]", wanted, item)
    return None


def values(inner: Check) -> Check:
    """Accept an object whose values all pass."""

    def check(value: object) -> str | Misfit | None:
        if not isinstance(value, dict):
            return "object"
        for name, item in cast(dict[str, object], value).items():
            if wanted := inner(item):
                return _within(f".{name[:100]}", wanted, item)
        return None

    return check


def members(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """Accept an object with some members; others are left alone."""
    known = {**required, **(optional or {})}

    def check(value: object) -> str | Misfit | None:
        if not isinstance(value, dict):
            return "object"
        found = cast(dict[str, object], value)
        for name, inner in known.items():
            item = found.get(name)
            if item is None:
                if name in required:
                    return Misfit(f".{name}", "", None)
            elif wanted := inner(item):
                return _within(f".{name}", wanted, item)
        return None

    return check


def _reasoning(value: object) -> str | Misfit | None:
    wanted = members({}, {"effort": EFFORT, "max_tokens": integer(1), "exclude": boolean})(value)
    if wanted is None and isinstance(value, dict):
        given = cast(dict[str, object], value)
        if given.get("effort") is not None and given.get("max_tokens") is not None:
            return "either 'effort' or 'max_tokens', not both"
    return wanted


def _thinking(value: object) -> str | Misfit | None:
    wanted = members({"type": one_of("enabled", "disabled", "adaptive")}, {"budget_tokens": integer(1)})(value)
    if wanted is None and isinstance(value, dict):
        budget = cast(dict[str, object], value).get("budget_tokens")
        if isinstance(budget, int) and budget < 1024:
            return Misfit(".budget_tokens", "integer at least 1024", budget)
    return wanted


_DATE = re.compile(r"(0?[1-9]|1[0-2])/(0?[1-9]|[12]\d|3[01])/\d{4}")


def _date(value: object) -> str | None:
    return None if isinstance(value, str) and _DATE.fullmatch(value) else "date as M/D/YYYY"


_NAME = re.compile(r"[A-Za-z0-9_.\-$:]{1,64}")


def _tool_name(value: object) -> str | None:
    return None if isinstance(value, str) and _NAME.fullmatch(value) else "name of letters, digits, _ and -, at most 64"


def _tool(value: object) -> str | Misfit | None:
    if not isinstance(value, dict):
        return "object"
    tool = cast(dict[str, object], value)
    if "type" not in tool and "name" in tool:  # the Anthropic form, accepted on this path
        return members({"name": _tool_name}, {"input_schema": mapping, "description": text})(tool)
    if tool.get("type") in ("function", "builtin_function"):
        inner = members({"name": _tool_name}, {"description": text, "parameters": mapping, "strict": boolean})
        return members({"function": inner})(tool)
    if tool.get("type") == "custom":
        return members({"custom": members({"name": _tool_name})})(tool)
    return members({"type": text})(tool)


def _tool_choice(value: object) -> str | Misfit | None:
    if isinstance(value, str):
        return one_of("none", "auto", "required")(value)
    if not isinstance(value, dict):
        return "string or object"
    named = members({"name": _tool_name})
    choice = cast(dict[str, object], value)
    kind = choice.get("type")
    if kind == "function":
        return members({"function": named})(choice)
    if kind == "custom":
        return members({"custom": named})(choice)
    if kind == "allowed_tools":
        return members({"allowed_tools": members({"mode": one_of("auto", "required")})})(choice)
    if kind == "tool":
        return named(choice)
    if kind in ("auto", "any", "none"):
        return None
    return "'none', 'auto', 'required' or an object naming a tool"


_SCHEMA_NAME = re.compile(r"[A-Za-z0-9_\-]{1,64}")


def _schema_name(value: object) -> str | None:
    fits = isinstance(value, str) and _SCHEMA_NAME.fullmatch(value)
    return None if fits else "name of letters, digits, _ and -, at most 64"


def _response_format(value: object) -> str | Misfit | None:
    kind = members({"type": one_of("text", "json_object", "json_schema")})(value)
    if kind is None and cast(dict[str, object], value)["type"] == "json_schema":
        schema = members({"name": _schema_name}, {"schema": mapping, "strict": boolean, "description": text})
        return members({"json_schema": schema})(value)
    return kind


EFFORT = one_of("none", "minimal", "low", "medium", "high", "xhigh")
_TEXT_PARTS = either(text, items(members({"type": text}, {"text": text})))
MAX_CHOICES = 1024
"""The contract names no most for `n`; OpenAI takes 128, engines of one's own what fits their memory."""

CHECKS: Mapping[str, Check] = {
    "max_tokens": integer(1),
    "max_completion_tokens": integer(1),
    "stream": boolean,
    "stream_options": members({}, {"include_usage": boolean, "include_obfuscation": boolean}),
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "top_k": number(0),
    "min_p": number(0, 1),
    "top_a": number(0, 1),
    "n": integer(1, MAX_CHOICES),
    "stop": either(text, texts(4)),
    "seed": integer(),
    "frequency_penalty": number(-2, 2),
    "presence_penalty": number(-2, 2),
    "repetition_penalty": number(0),
    "logit_bias": values(number(-100, 100)),
    "logprobs": boolean,
    "top_logprobs": integer(0, 20),
    "echo": boolean,
    "prediction": members({"type": one_of("content"), "content": _TEXT_PARTS}),
    "response_format": _response_format,
    "tools": items(_tool, 128),
    "tool_choice": _tool_choice,
    "functions": items(members({"name": _tool_name}), 128),
    "function_call": either(one_of("none", "auto"), members({"name": _tool_name})),
    "parallel_tool_calls": boolean,
    "user": text,
    "reasoning_effort": EFFORT,
    "reasoning": _reasoning,
    "enable_thinking": boolean,
    "thinking_budget": integer(1),
    "thinking": _thinking,
    "system": _TEXT_PARTS,
    "stop_sequences": texts(),
    "metadata": values(text),
    "web_search_options": members({}, {"search_context_size": one_of("low", "medium", "high")}),
    "search_mode": one_of("academic", "web"),
    "search_domain_filter": texts(10),
    "return_images": boolean,
    "return_related_questions": boolean,
    "search_recency_filter": one_of("day", "week", "month", "year"),
    "search_after_date_filter": _date,
    "search_before_date_filter": _date,
    "last_updated_after_filter": _date,
    "last_updated_before_filter": _date,
    "enable_search": boolean,
    "search_options": members(
        {}, {"forced_search": boolean, "search_strategy": one_of("turbo", "max", "agent"), "enable_source": boolean}
    ),
    "modalities": items(one_of("text", "audio")),
    "audio": members({"voice": either(text, mapping), "format": one_of("wav", "mp3", "flac", "opus", "pcm16", "aac")}),
    "mask_sensitive_info": boolean,
    "normalize_tool_schemas": boolean,
    "provider": text,
    "store": boolean,
    "service_tier": text,
    "verbosity": one_of("low", "medium", "high"),
    "guided_decoding_backend": one_of("outlines", "lm-format-enforcer"),
    "best_of": integer(1),
}
"""Every field that the contract gives a type; null always means absent."""

GATEWAY_FIELDS = frozenset({"model", "provider"})
"""Fields that are for the gateway itself and never sent on."""

IGNORED_FIELDS = frozenset({"normalize_tool_schemas", "plugins"})
"""Fields that are accepted, never sent on, and named among the dropped ones."""


def fault(name: str, expected: str | Misfit, value: object) -> str:
    """Print one line of a validation error."""
    if isinstance(expected, Misfit):
        name, expected, value = name + expected.place, expected.expected, expected.value
    return f"'{name}': Expected {expected}, received {received(value)}" if expected else f"'{name}': Required"
