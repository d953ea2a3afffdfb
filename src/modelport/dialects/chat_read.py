"""Reading a chat call into the canonical form."""

from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from modelport.core.errors import InvalidBody
from modelport.dialects import chat_tools, reasoning, web_search
from modelport.dialects.chat_node import Node, refused
from modelport.dialects.chat_turns import turns
from modelport.operations.chat import ChatCall
from modelport.operations.conversation import AnswerFormat, Conversation, Tool, ToolChoice


def read(call: ChatCall) -> Conversation:
    """Read a parsed call; raises `InvalidBody` for what cannot be told apart."""
    fields = call.fields
    said, unknown = turns(fields["messages"])
    tools = chat_tools.read(fields["tools"]) if "tools" in fields else None
    asked = web_search.read(fields, tools)
    given: dict[str, object] = {canon: reader(fields[name]) for name, canon, reader in _PLAIN if name in fields}
    chosen = _choice(fields)
    if chosen.parallel is not None:
        given["parallel_tools"] = chosen.parallel
    try:
        return Conversation(
            turns=said,
            max_tokens=call.max_tokens,
            choices=call.choices,
            tools=(*(tools.own if tools is not None else ()), *_functions(fields)),
            foreign_tools=tuple(tools.foreign) if tools is not None else (),
            tool_choice=chosen.choice,
            reasoning=reasoning.read(fields),
            search=asked.search,
            extra=_extra(fields, asked, unknown),
            spelled=_spelled(fields, asked),
            **given,  # pyright: ignore[reportArgumentType]  # each reader returns what its field holds
        )
    except msgspec.DecodeError as error:
        raise InvalidBody((f"Expected JSON: {error}",)) from None


class _Chosen(Struct):
    choice: ToolChoice | None
    parallel: bool | None


def _choice(fields: Mapping[str, bytes]) -> _Chosen:
    if raw := fields.get("tool_choice"):
        return _Chosen(*chat_tools.choice(raw))
    # Callers of the older form have no place for a second call.
    parallel = False if "functions" in fields else None
    raw = fields.get("function_call")
    return _Chosen(None if raw is None else chat_tools.function_choice(raw), parallel)


def _functions(fields: Mapping[str, bytes]) -> list[Tool]:
    raw = fields.get("functions")
    return [] if raw is None else chat_tools.functions(raw)


def _extra(fields: Mapping[str, bytes], asked: web_search.Asked, unknown: Mapping[str, bytes]) -> dict[str, bytes]:
    extra = {name: raw for name, raw in fields.items() if name not in _READ and raw != b"null"}
    if asked.settings:
        extra[web_search.SETTINGS] = asked.settings
    if asked.strategy:
        extra["search_options"] = asked.strategy
    return {**extra, **unknown}


def _spelled(fields: Mapping[str, bytes], asked: web_search.Asked) -> dict[str, str]:
    """Note the caller's word for each field that has several."""
    spelled = {canon: name for name, canon in _SPELLINGS if name in fields}
    if asked.search is not None and "search" not in spelled:
        spelled["search"] = "tools"
    return spelled


def _text(raw: bytes) -> str:
    return msgspec.json.decode(raw, type=str)


def _number(raw: bytes) -> float:
    return msgspec.json.decode(raw, type=float)


def _whole(raw: bytes) -> int:
    try:
        return int(raw)
    except ValueError:
        return int(msgspec.json.decode(raw, type=float))


def _flag(raw: bytes) -> bool:
    return raw == b"true"


def _raw(raw: bytes) -> bytes:
    return raw


def _texts(raw: bytes) -> tuple[str, ...]:
    if raw.startswith(b'"'):
        return (_text(raw),)
    return msgspec.json.decode(raw, type=tuple[str, ...])


def _format(raw: bytes) -> AnswerFormat:
    node = Node.of(raw, "response_format")
    match node.needed("type"):
        case "json_schema":
            schema = node.needed_node("json_schema")
            return AnswerFormat(
                "json_schema",
                schema.needed("name"),
                schema.raw("schema"),
                schema.flag("strict"),
                schema.text("description"),
            )
        case "json_object":
            return AnswerFormat("json_object")
        case "text":
            return AnswerFormat("text")
        case kind:
            raise refused(
                "response_format.type", "one of 'text', 'json_object', 'json_schema'", msgspec.json.encode(kind)
            )


_Reader = Callable[[bytes], object]
_PLAIN: tuple[tuple[str, str, _Reader], ...] = (
    ("temperature", "temperature", _number),
    ("top_p", "top_p", _number),
    ("top_k", "top_k", _number),
    ("min_p", "min_p", _number),
    ("stop", "stop", _texts),
    ("seed", "seed", _whole),
    ("frequency_penalty", "frequency_penalty", _number),
    ("presence_penalty", "presence_penalty", _number),
    ("logit_bias", "logit_bias", _raw),
    ("logprobs", "logprobs", _flag),
    ("top_logprobs", "top_logprobs", _whole),
    ("parallel_tool_calls", "parallel_tools", _flag),
    ("response_format", "format", _format),
    ("modalities", "modalities", _texts),
    ("audio", "audio", _raw),
    ("prediction", "prediction", _raw),
    ("user", "user", _text),
    ("metadata", "metadata", _raw),
    ("service_tier", "service_tier", _text),
    ("verbosity", "verbosity", _text),
    ("prompt_cache_key", "prompt_cache_key", _text),
    ("safety_identifier", "safety_identifier", _text),
)
_SPELLINGS = (
    ("max_completion_tokens", "max_tokens"),
    ("n", "choices"),
    ("parallel_tool_calls", "parallel_tools"),
    ("functions", "tools"),
    ("functions", "parallel_tools"),
    ("function_call", "tool_choice"),
    ("response_format", "format"),
    ("reasoning_effort", "reasoning"),
    ("thinking", "reasoning"),
    ("thinking_budget", "reasoning"),
    ("enable_thinking", "reasoning"),
    ("search_options", "search"),
    ("enable_search", "search"),
    ("web_search_options", "search"),
)
_READ = frozenset(
    {
        *(name for name, _, _ in _PLAIN), "messages", "max_tokens", "max_completion_tokens", "n", "stream",
        "stream_options", "tools", "tool_choice", "functions", "function_call", *reasoning.WORDS, *web_search.WORDS,
    }
)  # fmt: skip
