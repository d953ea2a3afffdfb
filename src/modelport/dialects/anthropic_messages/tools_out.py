"""Writing tools, the choice among them and a search of the web."""

from collections.abc import Iterator

import msgspec
from msgspec import Raw

from modelport.catalogue.facts import Quirks
from modelport.dialects.anthropic_messages.shapes import DIALECT, OBJECT, cache_member, list_of
from modelport.dialects.tool_schemas import fitted
from modelport.dialects.wire import CannotSearch, NotExpressible
from modelport.operations.conversation import Conversation, Tool, ToolChoice, WebSearch

SEARCH_TOOL = "web_search_20250305"
SEARCH_NAME = "web_search"
_NO_PARAMETERS = Raw(b'{"type":"object","properties":{}}')
_FREE_TEXT = Raw(
    b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}'
)
"""What a custom tool's free text is asked for as, since this format's tools take objects."""

_SCHEMA_WORDS = {DIALECT: "input_schema", "openai_responses": "parameters"}
"""Where callers of each format say what a function takes."""


class _Grammar(msgspec.Struct):
    syntax: str = ""
    definition: str = ""


class _Form(msgspec.Struct):
    type: str = "text"
    syntax: str = ""
    definition: str = ""
    grammar: _Grammar | None = None


_FORM = msgspec.json.Decoder(_Form)


def tools_of(talk: Conversation, quirks: Quirks, provider: str, dropped: list[str]) -> bytes:
    """Write `tools`; empty when there are none. Raises `NotExpressible` for what would run at another provider."""
    written = list(_written(talk, quirks, provider, dropped))
    return list_of(written) if written else b""


def _written(talk: Conversation, quirks: Quirks, provider: str, dropped: list[str]) -> Iterator[bytes]:
    choice = talk.tool_choice
    allowed = choice.allowed if choice is not None and choice.mode == "allowed" else None
    word = _SCHEMA_WORDS.get(talk.dialect, "function.parameters")
    for index, tool in enumerate(talk.tools):
        if allowed is None or tool.name in allowed:
            place = f"tools[{index}]"
            schema = fitted(tool.parameters, quirks.tool_schemas, f"{place}.{word}", provider)
            yield _tool(tool, schema, place, quirks, dropped)
    for tool in talk.foreign_tools:
        if tool.dialect != DIALECT:
            raise NotExpressible(talk.spelling("foreign_tools"), provider, f"has no tool '{tool.kind}'")
        yield tool.raw
    if talk.search is not None:
        if quirks.search != "native":
            raise CannotSearch(talk.spelling("search"), provider)
        if talk.search.context_size:
            dropped.append(f"{talk.spelling('search')}.search_context_size")
        yield _search(talk.search)


def _tool(tool: Tool, parameters: bytes, place: str, quirks: Quirks, dropped: list[str]) -> bytes:
    written: dict[str, object] = {"name": tool.name}
    description, schema = tool.description, _FREE_TEXT
    if tool.kind == "custom":
        if grammar := _grammar(tool.format):
            dropped.append(f"{place}.custom.format")
            description = f"{description}\n\n{grammar}".strip()
    else:
        schema = _schema(parameters)
    if description:
        written["description"] = description
    written["input_schema"] = schema
    if tool.strict is not None:
        if "strict" in quirks.drop:
            dropped.append(f"{place}.strict")
        else:
            written["strict"] = tool.strict
    return msgspec.json.encode({**written, **cache_member(tool.cache)})


def _schema(parameters: bytes) -> Raw:
    """Return a schema bit for bit, but for the `type` that Anthropic requires and OpenAI does not."""
    if not parameters:
        return _NO_PARAMETERS
    members = OBJECT.decode(parameters)
    if "type" in members:
        return Raw(parameters)
    return Raw(msgspec.json.encode({"type": "object", **members}))


def _grammar(form: bytes) -> str:
    """Tell the model of a grammar that its provider cannot enforce; empty for free text."""
    told = _FORM.decode(form) if form else _Form()
    if told.type != "grammar":
        return ""
    inner = told.grammar or _Grammar(told.syntax, told.definition)
    return f"The input must follow this {inner.syntax} grammar:\n{inner.definition}"


def _search(search: WebSearch) -> bytes:
    written: dict[str, object] = {"type": SEARCH_TOOL, "name": SEARCH_NAME}
    if search.max_uses is not None:
        written["max_uses"] = search.max_uses
    if search.allowed_domains:
        written["allowed_domains"] = search.allowed_domains
    if search.blocked_domains:
        written["blocked_domains"] = search.blocked_domains
    if search.place is not None:
        known = {name: getattr(search.place, name) for name in search.place.__struct_fields__}
        where = {name: value for name, value in known.items() if value}
        written["user_location"] = {"type": "approximate", **where}
    return msgspec.json.encode(written)


def choice_of(talk: Conversation, *, has_tools: bool) -> bytes:
    """Write `tool_choice`; empty where nothing has to be said."""
    choice = talk.tool_choice
    is_single = talk.parallel_tools is False
    if choice is None and talk.search is not None and talk.search.is_forced:
        written: dict[str, object] = {"type": "tool", "name": SEARCH_NAME}
    elif choice is None or (not has_tools and choice.mode in ("none", "auto")):
        if not (is_single and has_tools):
            return b""
        written = {"type": "auto"}
    else:
        written = _chosen(choice)
    if is_single and written["type"] != "none":
        written["disable_parallel_tool_use"] = True
    return msgspec.json.encode(written)


def _chosen(choice: ToolChoice) -> dict[str, object]:
    if choice.mode == "named":
        return {"type": "tool", "name": choice.name}
    if choice.mode == "required" or (choice.mode == "allowed" and choice.is_required):
        return {"type": "any"}
    return {"type": "none" if choice.mode == "none" else "auto"}


def is_forced(choice: bytes) -> bool:
    """Whether a written choice makes the model use a tool, which it cannot while it thinks."""
    return choice.startswith((b'{"type":"any"', b'{"type":"tool"'))
