"""Searching the web in chat: the fields and tools that callers know, and the form that a provider takes."""

from collections.abc import Mapping

import msgspec
from msgspec import Raw, Struct

from modelport.catalogue.facts import SearchForm
from modelport.dialects.chat_node import Node
from modelport.dialects.chat_request import SEARCH
from modelport.dialects.chat_tools import Tools
from modelport.operations.conversation import Place, WebSearch

WORDS = frozenset({"web_search_options", "enable_search", "search_options"})
"""The fields of chat that ask for a search, beside its tools."""
SETTINGS = "tools.web_search"
"""Under this name the settings of Zhipu's tool that no other form has are kept, as JSON."""
_BUILTIN = Raw(b'{"type":"builtin_function","function":{"name":"%b"}}' % SEARCH.encode())
_PLAIN = frozenset({"enable", "search_result", "require_search", "search_engine"})
_ENGINE = "search_pro_jina"


class Asked(Struct):
    """What was asked of a search, and what of it only one form can say."""

    search: WebSearch | None
    settings: bytes = b""
    """Settings of Zhipu's tool."""
    strategy: bytes = b""
    """DashScope's `search_options`."""


class Written(Struct):
    """A search in a provider's form."""

    fields: Mapping[str, bytes]
    tools: tuple[Raw, ...] = ()
    is_all: bool = True
    """Whether it says all that was asked."""


def read(fields: Mapping[str, bytes], tools: Tools | None) -> Asked:
    """Read what the fields and tools of a chat call ask of a search."""
    search: WebSearch | None = None
    asked = Asked(None)
    if raw := fields.get("web_search_options"):
        search = _options(Node.of(raw, "web_search_options"))
    if fields.get("enable_search") == b"true":
        search = search or WebSearch()
        if raw := fields.get("search_options"):
            options = Node.of(raw, "search_options")
            search = msgspec.structs.replace(search, is_forced=options.flag("forced_search") is True)
            asked.strategy = raw if options.members.keys() - {"forced_search"} else b""
    if tools is not None and tools.search is not None:
        search = search or WebSearch()
        if tools.is_dollar_search:
            search = msgspec.structs.replace(search, is_asked_by_tool=True)
        else:
            asked.settings = _settings(tools.search.needed_node("web_search"))
            if tools.search.needed_node("web_search").flag("enable") is False:
                search = None
    asked.search = search
    return asked


def _options(node: Node) -> WebSearch:
    place = node.node("user_location")
    near = None if place is None else (place.node("approximate") or place)
    where = None
    if near is not None:
        where = Place(near.text("city"), near.text("country"), near.text("region"), near.text("timezone"))
    return WebSearch(node.text("search_context_size"), where)


def _settings(node: Node) -> bytes:
    """Return the tool's settings as JSON when they say more than that a search may be made."""
    return msgspec.json.encode(node.members) if node.members.keys() - _PLAIN else b""


def is_native(fields: Mapping[str, bytes], form: SearchForm) -> bool:
    """Whether a provider takes the search fields of a call as they are, or leaves them out by its quirks."""
    asked = WORDS & fields.keys()
    match form:
        case "options" | "always":
            return asked <= {"web_search_options"}
        case "enable_search":
            return "web_search_options" not in asked
        case "builtin" | "web_search_tool":
            return not asked
        case _:
            return True


def written(asked: Asked, form: SearchForm) -> Written | None:
    """Write a search in a provider's form; None when it cannot be asked there."""
    search = asked.search
    if search is None:
        return Written({})
    match form:
        case "options" | "always":
            return Written({"web_search_options": _options_written(search)}, is_all=not _has_domains(search))
        case "enable_search":
            return Written(_switched(asked, search), is_all=_is_bare(search) and not asked.settings)
        case "builtin" if search.is_asked_by_tool:
            return Written({}, (_BUILTIN,))
        case "web_search_tool":
            return Written({}, (_tool(asked),), is_all=_is_bare(search))
        case _:
            return None


def _options_written(search: WebSearch) -> bytes:
    members: dict[str, object] = {}
    if search.context_size:
        members["search_context_size"] = search.context_size
    if search.place is not None:
        near = {name: value for name, value in msgspec.structs.asdict(search.place).items() if value}
        members["user_location"] = {"type": "approximate", "approximate": near}
    return msgspec.json.encode(members)


def _switched(asked: Asked, search: WebSearch) -> dict[str, bytes]:
    fields = {"enable_search": b"true"}
    if asked.strategy:
        fields["search_options"] = asked.strategy
    elif search.is_forced:
        fields["search_options"] = b'{"forced_search":true}'
    return fields


def _tool(asked: Asked) -> Raw:
    if asked.settings:
        return Raw(b'{"type":"web_search","web_search":' + asked.settings + b"}")
    settings: dict[str, object] = {"enable": True, "search_engine": _ENGINE, "search_result": True}
    return Raw(msgspec.json.encode({"type": "web_search", "web_search": settings}))


def _has_domains(search: WebSearch) -> bool:
    return bool(search.allowed_domains or search.blocked_domains or search.max_uses)


def _is_bare(search: WebSearch) -> bool:
    return not (_has_domains(search) or search.context_size or search.place)
