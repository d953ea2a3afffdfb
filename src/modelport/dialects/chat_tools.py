"""Tools and the choice among them in chat: every form that callers send, and the one that is written."""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Raw, Struct

from modelport.dialects.chat_node import Node, items, text_of
from modelport.dialects.chat_parts import cache
from modelport.dialects.chat_request import SEARCH
from modelport.dialects.wire import NotExpressible
from modelport.operations.content import CacheMark
from modelport.operations.conversation import ForeignTool, Tool, ToolChoice


class Tools(Struct):
    """What `tools` says, gathered while it is read."""

    own: list[Tool]
    foreign: list[ForeignTool]
    search: Node | None = None
    """The tool that asks for a search of the web: `$web_search`, or Zhipu's `web_search`."""

    @property
    def is_dollar_search(self) -> bool:
        """Whether the search was asked for by `$web_search`."""
        return self.search is not None and "web_search" not in self.search.members


def read(raw: bytes) -> Tools:
    """Read `tools`."""
    told = Tools([], [])
    for index, item in enumerate(items(raw, "tools")):
        _read(told, Node.of(item, f"tools[{index}]"), bytes(item))
    return told


def _read(told: Tools, node: Node, raw: bytes) -> None:
    kind = node.text("type")
    match kind:
        case "" if "name" in node.members:
            schema, strict = node.raw("input_schema"), node.flag("strict")
            told.own.append(_function(node, schema, strict, cache(node)))
        case "function" | "builtin_function":
            function = node.needed_node("function")
            if function.text("name") == SEARCH:
                told.search = node
            else:
                mark = cache(node) or cache(function)
                told.own.append(_function(function, function.raw("parameters"), function.flag("strict"), mark))
        case "custom" if node.raw("custom"):
            custom = node.needed_node("custom")
            text, form = custom.text("description"), custom.raw("format")
            told.own.append(Tool(custom.needed("name"), text, "custom", format=form, cache=cache(node)))
        case "web_search" if node.raw("web_search"):
            told.search = node
        case _:
            told.foreign.append(ForeignTool("openai_chat", kind, raw))


def _function(node: Node, schema: bytes, strict: bool | None, mark: CacheMark | None) -> Tool:
    return Tool(node.needed("name"), node.text("description"), "function", schema, strict, cache=mark)


def functions(raw: bytes) -> list[Tool]:
    """Read the older `functions`."""
    listed = (Node.of(item, f"functions[{index}]") for index, item in enumerate(items(raw, "functions")))
    return [_function(node, node.raw("parameters"), node.flag("strict"), None) for node in listed]


def function_choice(raw: bytes) -> ToolChoice:
    """Read the older `function_call`."""
    if raw.startswith(b'"'):
        return ToolChoice("none" if text_of(raw, "function_call") == "none" else "auto")
    return ToolChoice("named", Node.of(raw, "function_call").needed("name"))


_MODES: Mapping[str, ToolChoice] = {
    "none": ToolChoice("none"),
    "auto": ToolChoice("auto"),
    "required": ToolChoice("required"),
    "any": ToolChoice("required"),
}


def choice(raw: bytes) -> tuple[ToolChoice, bool | None]:
    """Read `tool_choice`; beside it, what Anthropic's form says about parallel calls."""
    if raw.startswith(b'"'):
        return _MODES[text_of(raw, "tool_choice")], None
    node = Node.of(raw, "tool_choice")
    kind = node.text("type")
    is_serial = node.flag("disable_parallel_tool_use")
    parallel = None if is_serial is None else not is_serial
    match kind:
        case "function" | "custom":
            return ToolChoice("named", node.needed_node(kind).needed("name"), kind), None
        case "tool":
            return ToolChoice("named", node.needed("name")), parallel
        case "allowed_tools":
            allowed = node.needed_node("allowed_tools")
            names = tuple(_allowed(tool) for tool in allowed.nodes("tools"))
            return ToolChoice("allowed", allowed=names, is_required=allowed.text("mode") == "required"), None
        case _:
            return _MODES[kind], parallel


def _allowed(tool: Node) -> str:
    inner = tool.node("function") or tool.node("custom") or tool
    return inner.needed("name")


def written(tools: Iterable[Tool], foreign: Iterable[ForeignTool], provider: str, *, marks: bool) -> list[Raw]:
    """Write tools; raises `NotExpressible` for those of other wire formats."""
    listed = [Raw(msgspec.json.encode(_written(tool, marks=marks))) for tool in tools]
    for tool in foreign:
        if tool.dialect != "openai_chat":
            raise NotExpressible("tools", provider, f"has no tool of type '{tool.kind}'; leave it out")
        listed.append(Raw(tool.raw))
    return listed


def _written(tool: Tool, *, marks: bool) -> dict[str, object]:
    mark = {"cache_control": cache_control(tool.cache)} if marks and tool.cache is not None else {}
    described: dict[str, object] = {"name": tool.name}
    if tool.description:
        described["description"] = tool.description
    if tool.kind == "custom":
        if tool.format:
            described["format"] = Raw(tool.format)
        return {"type": "custom", "custom": described, **mark}
    if tool.parameters:
        described["parameters"] = Raw(tool.parameters)
    if tool.strict is not None:
        described["strict"] = tool.strict
    return {"type": "function", "function": described, **mark}


def cache_control(mark: CacheMark) -> dict[str, str]:
    """Write a mark of what is to be remembered."""
    return {"type": "ephemeral", "ttl": mark.ttl} if mark.ttl else {"type": "ephemeral"}


def choice_written(choice: ToolChoice, tools: Iterable[Tool]) -> bytes:
    """Write `tool_choice`."""
    match choice.mode:
        case "named":
            return msgspec.json.encode({"type": choice.kind, choice.kind: {"name": choice.name}})
        case "allowed":
            kinds = {tool.name: tool.kind for tool in tools}
            named = [(name, kinds.get(name, "function")) for name in choice.allowed]
            listed = [{"type": kind, kind: {"name": name}} for name, kind in named]
            mode = "required" if choice.is_required else "auto"
            return msgspec.json.encode({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": listed}})
        case mode:
            return msgspec.json.encode(mode)
