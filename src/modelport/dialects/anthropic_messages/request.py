"""Reading a Messages request: top-level members as raw slices, documented ones checked."""

from collections.abc import Mapping
from typing import cast

from msgspec import Raw

from modelport.core.errors import InvalidBody
from modelport.dialects.anthropic_messages.fields import FIELDS, WHOLE_NUMBERS, is_chat_tool
from modelport.dialects.anthropic_messages.heads import heads
from modelport.dialects.anthropic_messages.shapes import DIALECT, NULL
from modelport.dialects.chat_fields import fault
from modelport.dialects.chat_messages import decoded
from modelport.dialects.chat_request import MAX_FIELD_BYTES, MAX_FIELDS, members
from modelport.dialects.signatures import SEALED_MARK
from modelport.operations.chat import ChatCall

_READ = ("system", "tools", "output_config", "output_format")
"""Fields beside the messages that a model reads."""


def parse(body: bytes, model: str | None = None) -> ChatCall:
    """Read and validate a request; raises `InvalidBody` naming every field that does not fit."""
    stated = members(body)
    if len(stated) > MAX_FIELDS:
        raise InvalidBody((f"Expected at most {MAX_FIELDS} fields, received {len(stated)}",))
    faults: list[str] = []
    name = _model(stated, faults) if model is None else model
    fields, known = _checked(stated, faults)
    told = heads(stated.get("messages"), faults)
    _contradictions(known, faults)
    if faults:
        raise InvalidBody(tuple(faults), _param(faults[0]))
    fields["messages"] = bytes(stated["messages"])
    roles = {"system": 0, **told.roles} if "system" in fields else told.roles
    bound = known.get("max_tokens")
    return ChatCall(
        model=name,
        fields=fields,
        is_streaming=known.get("stream") is True,
        wants_usage=True,
        max_tokens=None if bound is None else int(cast(float, bound)),
        choices=1,
        text_bytes=told.text_bytes + sum(len(fields[name]) for name in _READ if name in fields),
        attachments=told.attachments,
        roles=roles,
        provider=_pin(known.get("provider")),
        messages=told.messages,
        has_reasoning=told.has_reasoning,
        dialect=DIALECT,
        is_mixed=told.has_unsigned or SEALED_MARK in body or _is_mixed(known),
    )


def _model(stated: Mapping[str, Raw], faults: list[str]) -> str:
    raw = stated.get("model")
    value: object = None if raw is None else decoded(raw)
    if isinstance(value, str) and value:
        return value
    faults.append("'model': Required" if value is None else fault("model", "string of at least 1 character", value))
    return ""


def _checked(stated: Mapping[str, Raw], faults: list[str]) -> tuple[dict[str, bytes], dict[str, object]]:
    """Check each documented field; return the raw members, and the decoded values of documented ones."""
    fields: dict[str, bytes] = {}
    known: dict[str, object] = {}
    for name, raw in stated.items():
        slice_ = bytes(raw)
        if name in ("messages", "model") or slice_ == NULL:
            continue
        check = FIELDS.get(name)
        if check is not None:
            if len(slice_) > MAX_FIELD_BYTES:
                faults.append(f"'{name}': Expected at most {MAX_FIELD_BYTES} bytes, received {len(slice_)}")
                continue
            value = decoded(slice_)
            if wanted := check(value):
                faults.append(fault(name, wanted, value))
                continue
            known[name] = value
            if type(value) is float and name in WHOLE_NUMBERS:
                slice_ = b"%d" % int(value)
        if name != "provider":
            fields[name] = slice_
    _leave_out_nothing(fields, known)
    return fields, known


def _leave_out_nothing(fields: dict[str, bytes], known: Mapping[str, object]) -> None:
    """Leave out lists that say nothing, which some providers refuse, and a choice among no tools."""
    for name in ("stop_sequences", "system"):
        if known.get(name) in ([], ""):
            del fields[name]
    if known.get("tools") == []:
        del fields["tools"]
        choice = known.get("tool_choice")
        kind = cast(dict[str, object], choice).get("type") if isinstance(choice, dict) else choice
        if kind in ("auto", "none"):
            del fields["tool_choice"]


def _contradictions(known: Mapping[str, object], faults: list[str]) -> None:
    thinking, bound = known.get("thinking"), known.get("max_tokens")
    if isinstance(thinking, dict) and bound is not None:
        budget = cast(dict[str, object], thinking).get("budget_tokens")
        if budget is not None and cast(float, budget) >= cast(float, bound):
            faults.append(fault("thinking.budget_tokens", f"integer less than 'max_tokens' ({bound})", budget))
    if wrong := _unknown_tool(known):
        faults.append(fault("tool_choice.name", *wrong))
    if known.get("output_format") is not None and "format" in cast(dict[str, object], known.get("output_config", {})):
        faults.append("'output_format': Expected either it or 'output_config.format', not both")


def _unknown_tool(known: Mapping[str, object]) -> tuple[str, object] | None:
    """Say what a choice should have named, and what it names; None where it names one of the tools, or nothing."""
    choice = known.get("tool_choice")
    if not isinstance(choice, dict) or cast(dict[str, object], choice)["type"] != "tool":
        return None
    name = cast(dict[str, object], choice)["name"]
    tools = cast(list[dict[str, object]], known.get("tools") or [])
    names = [inner.get("name") for tool in tools for inner in (tool, *_inner(tool))]
    return None if name in names else ("the name of one of 'tools'", name)


def _inner(tool: Mapping[str, object]) -> list[dict[str, object]]:
    """Return where OpenAI's form of a tool has its name."""
    inner = [tool.get("function"), tool.get("custom")]
    return [cast(dict[str, object], one) for one in inner if isinstance(one, dict)]


def _is_mixed(known: Mapping[str, object]) -> bool:
    """Whether tools, or the choice among them, are said in OpenAI's words."""
    tools = cast(list[dict[str, object]], known.get("tools") or [])
    if any(is_chat_tool(tool) for tool in tools):
        return True
    choice = known.get("tool_choice")
    if isinstance(choice, dict):
        return cast(dict[str, object], choice)["type"] not in ("auto", "any", "tool", "none")
    return choice is not None


def _pin(provider: object) -> str | None:
    return provider.lower() if isinstance(provider, str) and provider.lower() != "auto" else None


def _param(line: str) -> str | None:
    return line.split("'")[1] if line.startswith("'") else None
