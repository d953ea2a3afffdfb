"""Reading tools and the choice among them: Anthropic's own forms, and OpenAI's, which are accepted too."""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from modelport.dialects.anthropic_messages.shapes import (
    ABSENT,
    DIALECT,
    NULL,
    OBJECT,
    RAW_LIST,
    CacheControl,
    given,
    mark_of,
)
from modelport.operations.content import ToolKind
from modelport.operations.conversation import ForeignTool, Place, Tool, ToolChoice, WebSearch


class Toolbox(msgspec.Struct, frozen=True):
    """The tools of a call and which of them is to be used."""

    tools: tuple[Tool, ...] = ()
    foreign: tuple[ForeignTool, ...] = ()
    search: WebSearch | None = None
    choice: ToolChoice | None = None
    parallel: bool | None = None
    extra: Mapping[str, bytes] = {}
    """Options of tools that only this format knows, by their place, with the names of the tools that have them."""


class _Inner(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: Raw = ABSENT
    strict: bool | None = None
    format: Raw = ABSENT


class _Tool(msgspec.Struct):
    name: str = ""
    type: str | None = None
    description: str | None = None
    input_schema: Raw = ABSENT
    parameters: Raw = ABSENT
    strict: bool | None = None
    cache_control: CacheControl | None = None
    function: _Inner | None = None
    custom: _Inner | None = None


class _Place(msgspec.Struct):
    city: str | None = None
    country: str | None = None
    region: str | None = None
    timezone: str | None = None


class _Search(msgspec.Struct):
    name: str = "web_search"
    allowed_domains: tuple[str, ...] | None = None
    blocked_domains: tuple[str, ...] | None = None
    max_uses: int | None = None
    user_location: _Place | None = None


class _Named(msgspec.Struct):
    name: str = ""


class _Listed(msgspec.Struct):
    name: str = ""
    function: _Named | None = None
    custom: _Named | None = None


class _Allowed(msgspec.Struct):
    mode: str = "auto"
    tools: tuple[_Listed, ...] = ()


class _Choice(msgspec.Struct):
    type: str
    name: str = ""
    disable_parallel_tool_use: bool | None = None
    function: _Named | None = None
    custom: _Named | None = None
    allowed_tools: _Allowed | None = None
    mode: str | None = None
    tools: tuple[_Listed, ...] = ()


_TOOL = msgspec.json.Decoder(_Tool)
_SEARCH = msgspec.json.Decoder(_Search)
_CHOICE = msgspec.json.Decoder(_Choice)
_STRING = msgspec.json.Decoder(str)
_SEARCHES = ("web_search_2025", "web_search_2026")
_OPTIONS = ("defer_loading", "input_examples", "allowed_callers", "eager_input_streaming")
_SAYS_NOTHING = (b"", NULL, b"false", b"[]", b'["direct"]')


def toolbox(tools: bytes | None, choice: bytes | None) -> Toolbox:
    """Read `tools` and `tool_choice`."""
    own: list[Tool] = []
    foreign: list[ForeignTool] = []
    search: WebSearch | None = None
    search_name = ""
    options: dict[str, list[str]] = {}
    for raw in RAW_LIST.decode(tools) if tools else ():
        told = _TOOL.decode(raw)
        if told.type is not None and told.type.startswith(_SEARCHES):
            search, search_name = _search(raw), told.name or "web_search"
            _note_options(raw, search_name, (*_OPTIONS, "cache_control"), options)
        elif told.type in (None, "custom", "function"):
            own.append(_own(told))
            _note_options(raw, own[-1].name, _OPTIONS, options)
        else:
            foreign.append(ForeignTool(DIALECT, told.type, bytes(raw)))
    chosen, parallel = _choice(choice, {tool.name: tool.kind for tool in own})
    if search is not None and chosen is not None and chosen.mode == "named" and chosen.name == search_name:
        search, chosen = msgspec.structs.replace(search, is_forced=True), None
    extra = {f"tools.{name}": msgspec.json.encode(names) for name, names in options.items()}
    return Toolbox(tuple(own), tuple(foreign), search, chosen, parallel, extra)


def _note_options(raw: Raw, name: str, known: tuple[str, ...], options: dict[str, list[str]]) -> None:
    members = OBJECT.decode(raw)
    for option in known:
        if option in members and bytes(members[option]) not in _SAYS_NOTHING:
            options.setdefault(option, []).append(name)


def _own(told: _Tool) -> Tool:
    mark = mark_of(told.cache_control)
    inner = told.custom if told.type == "custom" else told.function
    if inner is None:
        schema = given(told.input_schema) or given(told.parameters)
        return Tool(told.name, told.description or "", "function", schema, told.strict, cache=mark)
    kind: ToolKind = "custom" if told.type == "custom" else "function"
    return Tool(
        inner.name,
        inner.description or "",
        kind,
        given(inner.parameters) if kind == "function" else b"",
        inner.strict,
        given(inner.format) if kind == "custom" else b"",
        mark,
    )


def _search(raw: Raw) -> WebSearch:
    told = _SEARCH.decode(raw)
    where = told.user_location
    place = None
    if where is not None:
        place = Place(where.city or "", where.country or "", where.region or "", where.timezone or "")
    return WebSearch(
        place=place,
        allowed_domains=told.allowed_domains or (),
        blocked_domains=told.blocked_domains or (),
        max_uses=told.max_uses,
    )


def _choice(raw: bytes | None, kinds: Mapping[str, ToolKind]) -> tuple[ToolChoice | None, bool | None]:
    if raw is None:
        return None, None
    if raw.startswith(b'"'):
        return _plain(_STRING.decode(raw)), None
    told = _CHOICE.decode(raw)
    parallel = None if told.disable_parallel_tool_use is None else not told.disable_parallel_tool_use
    if told.type == "allowed_tools":
        allowed = told.allowed_tools or _Allowed(told.mode or "auto", told.tools)
        names = tuple(_name(one) for one in allowed.tools)
        return ToolChoice("allowed", allowed=names, is_required=allowed.mode == "required"), parallel
    if told.type in ("tool", "function", "custom"):
        name = _name(told)
        return ToolChoice("named", name, kinds.get(name, "function")), parallel
    return _plain(told.type), parallel


def _name(told: _Listed | _Choice) -> str:
    inner = told.function or told.custom
    return told.name or (inner.name if inner is not None else "")


def _plain(word: str) -> ToolChoice:
    if word == "none":
        return ToolChoice("none")
    return ToolChoice("required" if word in ("any", "required") else "auto")
