"""Reading a parsed Messages call into the canonical conversation."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from modelport.core.errors import InvalidBody
from modelport.dialects.anthropic_messages.blocks_in import content_parts, tool_signature
from modelport.dialects.anthropic_messages.shapes import (
    ABSENT,
    DIALECT,
    NULL,
    OBJECT,
    RAW_LIST,
    TIERS_IN,
    given,
)
from modelport.dialects.anthropic_messages.tools_in import toolbox
from modelport.dialects.chat_messages import told_at
from modelport.dialects.signatures import SEALED_MARK, Sealed
from modelport.operations.chat import ChatCall
from modelport.operations.content import Part, Role, Text, Thinking, ToolResult, ToolUse, Turn
from modelport.operations.conversation import AnswerFormat, Conversation, Reasoning


class _Message(msgspec.Struct):
    role: Role
    content: Raw


class _Thinking(msgspec.Struct):
    type: str
    budget_tokens: float | None = None
    display: str | None = None


class _OutputConfig(msgspec.Struct):
    effort: str | None = None
    format: Raw = ABSENT


class _Format(msgspec.Struct):
    type: str
    schema: Raw


_MESSAGES = msgspec.json.Decoder(list[_Message])
_THINKING = msgspec.json.Decoder(_Thinking)
_OUTPUT_CONFIG = msgspec.json.Decoder(_OutputConfig)
_FORMAT = msgspec.json.Decoder(_Format)
_TEXTS = msgspec.json.Decoder(tuple[str, ...])
_NUMBER = msgspec.json.Decoder(float)
_STRING = msgspec.json.Decoder(str)
_METADATA = msgspec.json.Decoder(dict[str, str | None])
_READ = frozenset(
    {
        "messages", "system", "max_tokens", "stream", "stop_sequences", "temperature", "top_p", "top_k", "metadata",
        "tools", "tool_choice", "thinking", "service_tier", "output_config", "output_format",
    }
)  # fmt: skip
_SPELLED = {
    "stop": "stop_sequences",
    "reasoning": "thinking",
    "user": "metadata.user_id",
    "format": "output_config.format",
    "search": "tools",
    "foreign_tools": "tools",
    "parallel_tools": "tool_choice.disable_parallel_tool_use",
}


def read(call: ChatCall) -> Conversation:
    """Read a parsed call into the canonical form; raises `InvalidBody` naming what cannot be read."""
    fields = call.fields
    box = toolbox(fields.get("tools"), fields.get("tool_choice"))
    reasoning, thinking_extra = _reasoning(fields)
    format_, config_extra = _format(fields)
    turns = _said_in(fields)
    return Conversation(
        turns=_continued(tuple(turn for _, turn in turns)),
        max_tokens=call.max_tokens,
        temperature=_number(fields, "temperature"),
        top_p=_number(fields, "top_p"),
        top_k=_number(fields, "top_k"),
        stop=_TEXTS.decode(fields["stop_sequences"]) if "stop_sequences" in fields else (),
        tools=box.tools,
        foreign_tools=box.foreign,
        tool_choice=box.choice,
        parallel_tools=box.parallel,
        search=box.search,
        format=format_,
        reasoning=reasoning,
        user=_user(fields),
        metadata=fields.get("metadata", b""),
        service_tier=_tier(fields),
        extra={**_others(fields), **thinking_extra, **config_extra, **box.extra},
        spelled=_spelled(fields, turns),
        dialect=DIALECT,
    )


def _continued(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """Mark a final answer that ends in text: this format asks by it alone that the answer goes on from there."""
    last = turns[-1]
    if last.role != "assistant" or not last.parts or not isinstance(last.parts[-1], Text):
        return turns
    return (*turns[:-1], replace(last, is_prefix=True))


def _number(fields: Mapping[str, bytes], name: str) -> float | None:
    return _NUMBER.decode(fields[name]) if name in fields else None


def _user(fields: Mapping[str, bytes]) -> str:
    return (_METADATA.decode(fields["metadata"]).get("user_id") if "metadata" in fields else None) or ""


def _tier(fields: Mapping[str, bytes]) -> str:
    tier = _STRING.decode(fields["service_tier"]) if "service_tier" in fields else ""
    return TIERS_IN.get(tier, tier)


def _others(fields: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: raw for name, raw in fields.items() if name not in _READ}


def _spelled(fields: Mapping[str, bytes], turns: Sequence[tuple[str, Turn]]) -> dict[str, str]:
    spelled = {**_SPELLED, **{f"messages[{index}]": place for index, (place, _) in enumerate(turns)}}
    if "thinking" not in fields:
        spelled["reasoning"] = "output_config.effort"
    if "output_format" in fields:
        spelled["format"] = "output_format"
    return spelled


def _reasoning(fields: Mapping[str, bytes]) -> tuple[Reasoning | None, dict[str, bytes]]:
    """Read how much to think; `between_tools`, which is no thinking with a twist, also stays as it is."""
    effort = (_OUTPUT_CONFIG.decode(fields["output_config"]).effort if "output_config" in fields else None) or ""
    raw = fields.get("thinking")
    if raw is None:
        return (Reasoning(effort=effort) if effort else None), {}
    told = _THINKING.decode(raw)
    reasoning = Reasoning(
        is_on=told.type in ("enabled", "adaptive"),
        effort=effort,
        budget_tokens=None if told.budget_tokens is None else int(told.budget_tokens),
        is_adaptive=told.type == "adaptive",
        is_hidden=told.display == "omitted",
        summary="auto" if told.display == "summarized" else "",
    )
    return reasoning, ({"thinking": raw} if told.type == "between_tools" else {})


def _format(fields: Mapping[str, bytes]) -> tuple[AnswerFormat | None, dict[str, bytes]]:
    """Read the form of the answer, and what else is configured about it."""
    others: dict[str, bytes] = {}
    raw = fields.get("output_format", b"")
    if "output_config" in fields:
        raw = raw or given(_OUTPUT_CONFIG.decode(fields["output_config"]).format)
        for name, value in OBJECT.decode(fields["output_config"]).items():
            if name not in ("effort", "format") and bytes(value) != NULL:
                others[f"output_config.{name}"] = bytes(value)
    if not raw:
        return None, others
    return AnswerFormat("json_schema", schema=bytes(_FORMAT.decode(raw).schema), strict=True), others


def _said_in(fields: Mapping[str, bytes]) -> list[tuple[str, Turn]]:
    """Read what was said, each turn with where it stands."""
    turns = list(_turns(fields["messages"]))
    if "system" in fields:
        turns.insert(0, ("system", Turn("system", tuple(content_parts(fields["system"], "system")))))
    return turns


def _turns(raw: bytes) -> Iterator[tuple[str, Turn]]:
    try:
        messages = _MESSAGES.decode(raw)
    except msgspec.ValidationError as error:
        raise InvalidBody((told_at("messages", error),), "messages") from None
    for index, message in enumerate(messages):
        place = f"messages[{index}]"
        content = f"{place}.content"
        if message.role == "assistant":
            yield place, Turn("assistant", tuple(_said(message.content, content)))
        elif message.role == "user":
            for turn in _heard(content_parts(message.content, content)):
                yield place, turn
        else:
            yield place, Turn("system", tuple(content_parts(message.content, content)))


def _heard(parts: list[Part]) -> Iterator[Turn]:
    """Split what a user says: results of tools are turns of their own, before all else."""
    results = [part for part in parts if isinstance(part, ToolResult)]
    for result in results:
        yield Turn("tool", (result,))
    others = tuple(part for part in parts if not isinstance(part, ToolResult))
    if others or not results:
        yield Turn("user", others)


def _said(content: Raw, place: str) -> list[Part]:
    """Read what an assistant said; blocks that stand for the signature of a call are put back onto it."""
    parts = content_parts(content, place)
    if SEALED_MARK not in bytes(content) or bytes(content).startswith(b'"'):
        return parts
    signatures = [tool_signature(block) for block in RAW_LIST.decode(content)]
    return list(_signed(parts, signatures))


def _signed(parts: list[Part], signatures: list[Sealed | None]) -> Iterator[Part]:
    by_id = {sealed.id: sealed for sealed in signatures if sealed is not None and sealed.id}
    waiting: Sealed | None = None
    for part, sealed in zip(parts, signatures, strict=True):
        if sealed is not None:
            waiting = None if sealed.id else sealed
            if isinstance(part, Thinking) and part.text:
                yield Thinking(part.text)
        elif isinstance(part, ToolUse):
            own = by_id.get(part.id) or waiting
            waiting = None
            yield part if own is None else replace(part, signature=own.value, origin=own.origin)
        else:
            yield part
