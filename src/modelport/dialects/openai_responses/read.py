"""Reading a parsed Responses call into the canonical form."""

from collections.abc import Mapping
from typing import Literal, TypeVar, cast

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from modelport.core.errors import InvalidBody
from modelport.dialects.openai_responses.items_in import NAME, turns_of
from modelport.operations.chat import ChatCall
from modelport.operations.content import Text, Turn
from modelport.operations.conversation import (
    AnswerFormat,
    Conversation,
    ForeignTool,
    Place,
    Reasoning,
    Tool,
    ToolChoice,
    WebSearch,
)

ENCRYPTED = "reasoning.encrypted_content"
LOGPROBS = "message.output_text.logprobs"
SPELLED: Mapping[str, str] = {
    "max_tokens": "max_output_tokens",
    "format": "text.format",
    "verbosity": "text.verbosity",
    "search": "tools",
    "foreign_tools": "tools",
    "parallel_tools": "parallel_tool_calls",
    "logprobs": "include",
}
_STORED_THERE = {
    "prompt": "a template stored at OpenAI is known only to OpenAI; send its text as 'instructions' and 'input'",
    "conversation": "a conversation stored at OpenAI is known only to OpenAI; continue with 'previous_response_id'",
}
_READ = frozenset(
    {"input", "instructions", "max_output_tokens", "stream", "text", "reasoning", "temperature", "top_p", "tools",
     "tool_choice", "parallel_tool_calls", "top_logprobs", "include", "truncation", "metadata", "user",
     "safety_identifier", "prompt_cache_key", "service_tier"}
)  # fmt: skip
"""Fields that have a place in the canonical form; the others go into its `extra`."""
_FUNCTION = frozenset({"type", "name", "description", "parameters", "strict"})
_CUSTOM = frozenset({"type", "name", "description", "format"})
_SEARCH = frozenset({"type", "search_context_size", "user_location", "filters"})
_IDLE = (b"null", b"false")
"""Values of a member that ask for nothing."""


class _Tool(Struct):
    type: str
    name: str = ""
    description: str | None = None
    parameters: Raw = Raw(b"")
    strict: bool | None = None
    format: Raw = Raw(b"")


class _Location(Struct):
    city: str | None = None
    country: str | None = None
    region: str | None = None
    timezone: str | None = None


class _Filters(Struct, forbid_unknown_fields=True):
    allowed_domains: list[str] | None = None
    blocked_domains: list[str] | None = None


class _Search(Struct):
    search_context_size: str | None = None
    user_location: _Location | None = None
    filters: _Filters | None = None


class _Format(Struct):
    type: str
    name: str = ""
    schema: Raw = Raw(b"")
    strict: bool | None = None
    description: str | None = None


class _TextConfig(Struct):
    format: _Format | None = None
    verbosity: str | None = None


class _Reasoning(Struct):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None


class _Choice(Struct):
    type: str
    name: str = ""
    mode: str = "auto"
    tools: list[dict[str, object]] = []


_RAWS = msgspec.json.Decoder(list[Raw])
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])


def read(call: ChatCall) -> Conversation:
    """Read a parsed call; raises `InvalidBody` for what has no meaning outside of OpenAI."""
    fields = call.fields
    for name, told in _STORED_THERE.items():
        if name in fields:
            raise InvalidBody((f"'{name}': {told}",), name)
    turns, places = _turns(fields)
    tools = _Tools()
    for raw in _RAWS.decode(fields.get("tools", b"[]")):
        tools.add(bytes(raw))
    choice, extra_choice = _tool_choice(fields.get("tool_choice"), tools)
    includes = cast(list[str], msgspec.json.decode(fields.get("include", b"[]")))
    top = _int(fields, "top_logprobs")
    text = _decoded(fields, "text", _TextConfig) or _TextConfig()
    return Conversation(
        turns=tuple(turns),
        max_tokens=call.max_tokens,
        temperature=_number(fields, "temperature"),
        top_p=_number(fields, "top_p"),
        logprobs=True if LOGPROBS in includes or top else None,
        top_logprobs=top,
        tools=tuple(tools.own),
        foreign_tools=tuple(tools.foreign),
        tool_choice=choice,
        parallel_tools=_decoded(fields, "parallel_tool_calls", bool),
        format=_format(text.format),
        reasoning=_reasoning(fields),
        search=tools.search,
        user=_string(fields, "user"),
        metadata=fields.get("metadata", b""),
        service_tier=_string(fields, "service_tier"),
        verbosity=text.verbosity or "",
        prompt_cache_key=_string(fields, "prompt_cache_key"),
        safety_identifier=_string(fields, "safety_identifier"),
        truncation=_string(fields, "truncation"),
        extra=_extra(fields, includes, extra_choice),
        spelled={**SPELLED, **{f"messages[{index}]": place for index, place in enumerate(places)}},
        dialect=NAME,
    )


T = TypeVar("T")


def _decoded(fields: Mapping[str, bytes], name: str, kind: type[T]) -> T | None:
    raw = fields.get(name)
    return None if raw is None else msgspec.json.decode(raw, type=kind)


def _string(fields: Mapping[str, bytes], name: str) -> str:
    return _decoded(fields, name, str) or ""


def _number(fields: Mapping[str, bytes], name: str) -> float | None:
    return _decoded(fields, name, float)


def _int(fields: Mapping[str, bytes], name: str) -> int | None:
    return _decoded(fields, name, int)


def _turns(fields: Mapping[str, bytes]) -> tuple[list[Turn], list[str]]:
    """Read what was said, and where each turn stands."""
    turns, places = turns_of(fields["input"]) if "input" in fields else ([], [])
    if "instructions" not in fields:
        return turns, places
    return [Turn("system", (Text(_string(fields, "instructions")),)), *turns], ["instructions", *places]


class _Tools:
    """Tools while they are read."""

    def __init__(self) -> None:
        self.own: list[Tool] = []
        self.foreign: list[ForeignTool] = []
        self.search: WebSearch | None = None

    def add(self, raw: bytes) -> None:
        """Take in a tool; one that asks for more than has a place in the canonical form stays as it is."""
        tool = msgspec.json.decode(raw, type=_Tool)
        if tool.type == "function" and _says_only(raw, _FUNCTION):
            schema = b"" if bytes(tool.parameters) == b"null" else bytes(tool.parameters)
            self.own.append(Tool(tool.name, tool.description or "", "function", schema, tool.strict))
        elif tool.type == "custom" and _says_only(raw, _CUSTOM):
            self.own.append(Tool(tool.name, tool.description or "", "custom", format=bytes(tool.format)))
        elif tool.type.startswith("web_search") and self.search is None and (search := _search(raw)) is not None:
            self.search = search
        else:
            self.foreign.append(ForeignTool(NAME, tool.type, raw))


def _says_only(raw: bytes, known: frozenset[str]) -> bool:
    return all(name in known or bytes(value) in _IDLE for name, value in _MEMBERS.decode(raw).items())


def _search(raw: bytes) -> WebSearch | None:
    """Read a search tool; None when it restricts the search in a way that others do not know."""
    others = {name: value for name, value in _MEMBERS.decode(raw).items() if name not in _SEARCH}
    if any(bytes(value) not in (b"null", b"true") or name != "external_web_access" for name, value in others.items()):
        return None
    try:
        told = msgspec.json.decode(raw, type=_Search)
    except msgspec.ValidationError:
        return None
    place, filters = told.user_location, told.filters or _Filters()
    return WebSearch(
        context_size=told.search_context_size or "",
        place=None
        if place is None
        else Place(place.city or "", place.country or "", place.region or "", place.timezone or ""),
        allowed_domains=tuple(filters.allowed_domains or ()),
        blocked_domains=tuple(filters.blocked_domains or ()),
    )


def _tool_choice(raw: bytes | None, tools: _Tools) -> tuple[ToolChoice | None, bytes | None]:
    """Read the choice of a tool; what only this format knows comes back as it is."""
    if raw is None:
        return None, None
    if raw.startswith(b'"'):
        return ToolChoice(msgspec.json.decode(raw, type=Literal["none", "auto", "required"])), None
    choice = msgspec.json.decode(raw, type=_Choice)
    if choice.type in ("function", "custom"):
        return ToolChoice("named", choice.name, choice.type), None
    if choice.type == "allowed_tools" and all(tool.get("type") in ("function", "custom") for tool in choice.tools):
        names = tuple(str(tool.get("name", "")) for tool in choice.tools)
        return ToolChoice("allowed", allowed=names, is_required=choice.mode == "required"), None
    if choice.type.startswith("web_search") and tools.search is not None:
        tools.search = replace(tools.search, is_forced=True)
        return None, None
    return None, raw


def _format(told: _Format | None) -> AnswerFormat | None:
    if told is None:
        return None
    kind = cast(Literal["text", "json_object", "json_schema"], told.type)
    return AnswerFormat(kind, told.name, bytes(told.schema), told.strict, told.description or "")


def _reasoning(fields: Mapping[str, bytes]) -> Reasoning | None:
    told = _decoded(fields, "reasoning", _Reasoning)
    if told is None:
        return None
    summary = told.summary or told.generate_summary or ""
    if not told.effort and not summary:
        return None
    return Reasoning(is_on=False if told.effort == "none" else None, effort=told.effort or "", summary=summary)


def _extra(fields: Mapping[str, bytes], includes: list[str], choice: bytes | None) -> dict[str, bytes]:
    """Gather what has no place in the canonical form, under the caller's names."""
    extra = {name: raw for name, raw in fields.items() if name not in _READ}
    if any(name not in (ENCRYPTED, LOGPROBS) for name in includes):
        extra["include"] = fields["include"]
    if choice is not None:
        extra["tool_choice"] = choice
    for name, raw in _MEMBERS.decode(fields.get("reasoning", b"{}")).items():
        if name not in ("effort", "summary", "generate_summary") and bytes(raw) != b"null":
            extra[f"reasoning.{name}"] = bytes(raw)
    return extra
