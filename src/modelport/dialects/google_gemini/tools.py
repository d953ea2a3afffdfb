"""Writing tools and the choice among them in Google's form.

Shapes: https://ai.google.dev/api/caching#Tool, https://ai.google.dev/gemini-api/docs/function-calling,
https://ai.google.dev/gemini-api/docs/google-search (read 2026-11-22).
"""

import re

from msgspec import Raw

from modelport.dialects.google_gemini.parts import Wire
from modelport.dialects.google_gemini.reading import ORIGIN
from modelport.dialects.tool_schemas import SchemaRefused, rewrite
from modelport.dialects.wire import CannotSearch, NotExpressible, Target
from modelport.operations.conversation import Conversation, Tool, ToolChoice

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:\-]{0,127}")
_CUSTOM = Raw(b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}')
_EMPTY_OBJECT = re.compile(rb'\{\s*\}|\{\s*"type"\s*:\s*"object"\s*(?:,\s*"properties"\s*:\s*\{\s*\}\s*)?\}')


class ToolsWriting:
    """The tools of one call while they are written; collects what had to be left out."""

    def __init__(self, talk: Conversation, target: Target) -> None:
        self.dropped: list[str] = []
        self._talk = talk
        self._quirks = target.offer.quirks
        self._provider = target.offer.provider.name
        self._is_normalized = (
            self._quirks.tool_schemas == "gemini" or talk.extra.get("normalize_tool_schemas") != b"false"
        )

    def tools(self) -> list[object]:
        """Write all tools: those of the caller as one, then those that run at Google."""
        talk = self._talk
        chosen = _allowed(talk.tool_choice)
        declared = [
            self._declaration(tool, index)
            for index, tool in enumerate(talk.tools)
            if chosen is None or tool.name in chosen
        ]
        made: list[object] = [{"functionDeclarations": declared}] if declared else []
        for index, tool in enumerate(talk.foreign_tools):
            if tool.dialect != ORIGIN:
                raise NotExpressible(f"tools[{index}]", self._provider, f"has no tool of type '{tool.kind}'")
            made.append(Raw(tool.raw))
        if self._searches():
            made.append({"googleSearch": {}})
        return made

    def config(self) -> Wire:
        """Write the `toolConfig`; empty when there is nothing to say."""
        made: Wire = {}
        calling = self._calling(self._talk.tool_choice)
        if calling:
            made["functionCallingConfig"] = calling
        if self._talk.tools and self._searches():
            if self._quirks.reasoning != "level":
                place = self._talk.spelling("search")
                raise NotExpressible(place, self._provider, "cannot search the web in a call that has other tools")
            made["includeServerSideToolInvocations"] = True
        return made

    def _searches(self) -> bool:
        return self._talk.search is not None and self._quirks.search == "native"

    def check_search(self) -> None:
        """Refuse a search that the model cannot do, and name what of it is left out."""
        search, place = self._talk.search, self._talk.spelling("search")
        if search is None:
            return
        if self._quirks.search not in ("native", "always"):
            raise CannotSearch(place, self._provider)
        told = {
            "search_context_size": search.context_size,
            "user_location": search.place,
            "allowed_domains": search.allowed_domains,
            "blocked_domains": search.blocked_domains,
            "max_uses": search.max_uses,
            "forced_search": search.is_forced,
        }
        self.dropped.extend(f"{place}.{name}" for name, value in told.items() if value)

    def _declaration(self, tool: Tool, index: int) -> Wire:
        place = f"tools[{index}]"
        if _NAME.fullmatch(tool.name) is None:
            what = "takes names of tools that begin with a letter or _ and go on with letters, digits, _ . : -"
            raise NotExpressible(f"{place}.name", self._provider, what)
        made: Wire = {"name": tool.name}
        if tool.description:
            made["description"] = tool.description
        if tool.cache is not None:
            self._drop("cache_control")
        if tool.strict:
            self._drop("tools.strict")
        if tool.kind == "custom":
            self._custom(made, tool)
        elif tool.parameters and _EMPTY_OBJECT.fullmatch(tool.parameters) is None:
            made.update(self._parameters(tool.parameters, place))
        return made

    def _custom(self, made: Wire, tool: Tool) -> None:
        """Write a tool that takes free text as one that takes an object with it."""
        made["parameters"] = _CUSTOM
        if tool.format and b'"grammar"' in tool.format:
            self._drop("tools.format")
            told = f"The input has this format: {tool.format.decode()}"
            made["description"] = f"{tool.description}\n\n{told}" if tool.description else told

    def _parameters(self, schema: bytes, place: str) -> Wire:
        if not self._is_normalized:
            return {"parametersJsonSchema": Raw(schema)}
        try:
            made = rewrite(schema, "gemini")
        except SchemaRefused as refused:
            if self._quirks.tool_schemas == "gemini":
                raise NotExpressible(
                    f"{place}.parameters", self._provider, f"cannot be given it: it {refused}"
                ) from None
            return {"parametersJsonSchema": Raw(schema)}
        return {} if _EMPTY_OBJECT.fullmatch(made) is not None else {"parameters": Raw(made)}

    def _calling(self, choice: ToolChoice | None) -> Wire:
        if choice is None or (not self._talk.tools and choice.mode in ("none", "auto")):
            return {}
        if choice.mode == "named":
            return {"mode": "ANY", "allowedFunctionNames": [choice.name]}
        if choice.mode == "allowed":
            return {"mode": "ANY" if choice.is_required else "AUTO"}
        return {"mode": {"none": "NONE", "auto": "AUTO", "required": "ANY"}[choice.mode]}

    def _drop(self, name: str) -> None:
        if name not in self.dropped:
            self.dropped.append(name)


def _allowed(choice: ToolChoice | None) -> frozenset[str] | None:
    """Return the only tools to be declared: Google takes a choice of names only for calls that must be made."""
    return frozenset(choice.allowed) if choice is not None and choice.mode == "allowed" else None
