"""Reading the messages of a chat call into turns."""

from collections.abc import Iterable

import msgspec

from modelport.core.errors import InvalidBody
from modelport.dialects.chat_node import Node, nodes, refused
from modelport.dialects.chat_parts import cache, citations, content
from modelport.dialects.chat_thought import DETAILS, Detail, signature_of, signed_calls, thoughts
from modelport.operations.content import Audio, Part, Refusal, Role, Text, ToolKind, ToolResult, ToolUse, Turn

_KNOWN = frozenset(
    {
        "role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal", "audio", "annotations",
        "reasoning_content", "reasoning", "reasoning_details", "prefix", "is_error", "cache_control", "id",
    }
)  # fmt: skip
"""Members of a message that are read; `reasoning` says the same as `reasoning_content`."""


class Reading:
    """Reads messages one after the other; calls of the older kind get ids on the way."""

    __slots__ = ("_unanswered", "turns", "unknown")

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.unknown: dict[str, bytes] = {}
        """Members of messages that have no canonical form, by a name such as `messages.weight`."""
        self._unanswered: list[ToolUse] = []
        """Calls by `function_call`, which a message of role `function` answers by name."""

    def message(self, node: Node) -> None:
        """Read one message."""
        for name in node.members.keys() - _KNOWN:
            if raw := node.raw(name):
                self.unknown[f"messages.{name}"] = raw
        match node.text("role") or "user":
            case "assistant":
                self.turns.append(self._assistant(node))
            case "tool":
                self._tool(node)
            case "function":
                self._function(node)
            case "user":
                self._user(node)
            case "developer":
                self._plain("developer", node, content(node))
            case _:
                self._plain("system", node, content(node))

    def _plain(self, role: Role, node: Node, parts: Iterable[Part]) -> None:
        self.turns.append(Turn(role, tuple(parts), node.text("name")))

    def _user(self, node: Node) -> None:
        """Read a message that may hold what tools gave back, each of which is a turn of its own."""
        held: list[Part] = []
        has_results = False
        for part in content(node):
            if isinstance(part, ToolResult):
                if held:
                    self._plain("user", node, held)
                self.turns.append(Turn("tool", (part,)))
                held, has_results = [], True
            else:
                held.append(part)
        if held or not has_results:
            self._plain("user", node, held)

    def _tool(self, node: Node) -> None:
        result = ToolResult(
            node.needed("tool_call_id"),
            tuple(content(node)),
            is_error=node.flag("is_error") is True,
            name=node.text("name"),
            kind=self._kind(node.needed("tool_call_id")),
            cache=cache(node),
        )
        self.turns.append(Turn("tool", (result,)))

    def _kind(self, call_id: str) -> ToolKind:
        for turn in reversed(self.turns):
            for part in turn.parts:
                if isinstance(part, ToolUse) and part.id == call_id:
                    return part.kind
        return "function"

    def _function(self, node: Node) -> None:
        name = node.needed("name")
        asked = next((call for call in self._unanswered if call.name == name), None)
        if asked is None:
            told = f"'{node.at('name')}': Expected the name of a function that an earlier message calls"
            raise InvalidBody((told,), node.at("name"))
        self._unanswered.remove(asked)
        self.turns.append(Turn("tool", (ToolResult(asked.id, tuple(content(node)), name=name),)))

    def _assistant(self, node: Node) -> Turn:
        calls = [_call(call) for call in node.nodes("tool_calls")]
        if (older := node.node("function_call")) is not None:
            signature = signature_of(older.raw("extra_content") or b"{}")
            call = ToolUse(
                f"call_{len(self.turns)}",
                older.needed("name"),
                older.text("arguments"),
                signature=signature,
                origin="google_gemini" if signature else "",
            )
            self._unanswered.append(call)
            calls.append(call)
        plain = node.text("reasoning_content") or node.text("reasoning")
        raw = node.raw("reasoning_details")
        told = _details(raw, node) if raw else []
        told, calls = signed_calls(told, calls)
        said = content(node)
        if (notes := node.raw("annotations")) and said:
            _cite(said, notes, node.at("annotations"))
        if refusal := node.text("refusal"):
            said.extend(_refusal(refusal))
        if (audio := node.node("audio")) is not None:
            said.append(Audio(id=audio.needed("id")))
        parts = (*thoughts(told, plain), *said, *calls)
        return Turn("assistant", parts, node.text("name"), is_prefix=node.flag("prefix") is True)


def _details(raw: bytes, node: Node) -> list[Detail]:
    try:
        return DETAILS.decode(raw)
    except msgspec.DecodeError:
        raise refused(node.at("reasoning_details"), "array of objects with 'type'", raw) from None


def _refusal(text: str) -> list[Part]:
    return [Refusal(text)]


def _cite(said: list[Part], notes: bytes, place: str) -> None:
    """Give the annotations of a message to its last text."""
    for index in range(len(said) - 1, -1, -1):
        part = said[index]
        if isinstance(part, Text):
            said[index] = msgspec.structs.replace(part, citations=citations(notes, place))
            return


def _call(node: Node) -> ToolUse:
    identity = node.needed("id")
    signature = signature_of(node.raw("extra_content") or b"{}")
    origin = "google_gemini" if signature else ""
    mark = cache(node)
    if node.text("type") == "custom":
        custom = node.needed_node("custom")
        return ToolUse(identity, custom.needed("name"), custom.text("input"), "custom", signature, origin, cache=mark)
    function = node.needed_node("function")
    name, arguments = function.needed("name"), function.text("arguments")
    return ToolUse(identity, name, arguments, "function", signature, origin, cache=mark)


def turns(messages: bytes) -> tuple[tuple[Turn, ...], dict[str, bytes]]:
    """Read messages; beside them, what some of them say that has no canonical form."""
    reading = Reading()
    for node in nodes(messages, "messages"):
        reading.message(node)
    return tuple(reading.turns), reading.unknown
