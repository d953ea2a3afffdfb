"""Functions that a model may call: told to it in words, written under a grammar, read back as calls. Pure.

The tags are those that Qwen models were trained with, as the chat template inside their files says.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from modelport.engines.refusals import wrong
from modelport.engines.schemas import GRAMMAR, Schema, compiled, not_held

CALL_PREFIX = "<tool_call>\n"
"""What an answer begins with that calls a function."""
FENCE = "```"
CLEAR = 0.6
"""A model that may choose calls a function when it is at least this sure: small ones call too much."""
MOST_TOOLS = 128
_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")
_ANY_CASE_BEGINS = ("{", "<")

_WORDS = """# Tools

You may call one of these functions to help with the user query. Each line between the tags describes one:
<tools>
{tools}
</tools>

To call a function, return a JSON object with its name and its arguments between tags:
<tool_call>
{{"name": <function-name>, "arguments": <arguments-object>}}
</tool_call>"""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function, or a custom tool, whose only argument is a text."""

    name: str
    description: str
    is_custom: bool
    told: str
    """Its parameters, as JSON."""
    schema: Schema

    @property
    def head(self) -> str:
        """What the text of a call begins with."""
        return f'{{"name": "{self.name}", "arguments": '


@dataclass(frozen=True, slots=True)
class Toolbox:
    """The functions of one call and how free the model is."""

    tools: tuple[Tool, ...]
    mode: Literal["none", "auto", "required"]

    @property
    def words(self) -> str:
        """Tell the model about the functions."""
        lines = [
            f'{{"type": "function", "function": {{"name": "{tool.name}", "description": {_json(tool.description)}, '
            f'"parameters": {tool.told}}}}}'
            for tool in self.tools
        ]
        return _WORDS.format(tools="\n".join(lines))

    @property
    def grammar(self) -> str:
        """Return the grammar of one call."""
        rules = [f"start: {' | '.join(f'call{place}' for place in range(len(self.tools)))}"]
        for place, tool in enumerate(self.tools):
            rules.append(f'call{place}: {_json(tool.head)} arguments{place} "}}"')
            rules.append(f"arguments{place}: {tool.schema.rule}")
        return GRAMMAR + "\n".join(rules) + "\n"


class _Function(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: dict[str, object] | None = None


class _CustomFormat(msgspec.Struct):
    type: str = "text"


class _Custom(msgspec.Struct):
    name: str
    description: str | None = None
    format: _CustomFormat | None = None


class _ToolGiven(msgspec.Struct):
    type: Literal["function", "custom"]
    function: _Function | None = None
    custom: _Custom | None = None


class _Named(msgspec.Struct):
    name: str


class _Allowed(msgspec.Struct):
    mode: Literal["auto", "required"]
    tools: list["_Chosen"]


class _Chosen(msgspec.Struct):
    type: Literal["function", "custom", "allowed_tools"]
    function: _Named | None = None
    custom: _Named | None = None
    allowed_tools: _Allowed | None = None

    @property
    def name(self) -> str:
        named = self.function or self.custom
        return named.name if named else ""


class ToolsAsked(msgspec.Struct):
    """What a call says about functions."""

    tools: list[_ToolGiven] | None = None
    tool_choice: Literal["none", "auto", "required"] | _Chosen | None = None


Entry = dict[str, object]

NO_TOOLS = Toolbox((), "none")
_ONLY_INPUT: dict[str, object] = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
    "additionalProperties": False,
}
_NO_PARAMETERS: dict[str, object] = {"type": "object", "properties": {}, "additionalProperties": False}


def toolbox(asked: ToolsAsked) -> Toolbox:
    """Say which functions may be called; raises `Refusal` when what is asked contradicts itself."""
    given = asked.tools or []
    if len(given) > MOST_TOOLS:
        raise wrong(f"'tools' has {len(given)} entries; at most {MOST_TOOLS} fit into one call.", "tools")
    mode, wanted = _choice(asked.tool_choice, is_given=bool(given))
    if mode == "none":
        return NO_TOOLS
    tools = tuple(_tool(one, index) for index, one in enumerate(given))
    for name in wanted or ():
        if name not in {tool.name for tool in tools}:
            raise wrong(f"'tool_choice' names '{name}', which is not among 'tools'.", "tool_choice")
    usable = tools if wanted is None else tuple(tool for tool in tools if tool.name in wanted)
    if not usable:
        raise wrong(f"'tool_choice' is '{mode}', but there are no 'tools' to choose from.", "tool_choice")
    return Toolbox(usable, mode)


def _choice(
    choice: Literal["none", "auto", "required"] | _Chosen | None, *, is_given: bool
) -> tuple[Literal["none", "auto", "required"], Sequence[str] | None]:
    """Return how free the model is, and among which functions; None for all."""
    if choice is None:
        return ("auto" if is_given else "none"), None
    if isinstance(choice, str):
        return ("none" if choice == "auto" and not is_given else choice), None
    if choice.allowed_tools is not None:
        return choice.allowed_tools.mode, [one.name for one in choice.allowed_tools.tools]
    return "required", [choice.name]


def _tool(given: _ToolGiven, index: int) -> Tool:
    described = given.function or given.custom
    place = f"tools[{index}]"
    if described is None:
        raise wrong(f"'{place}' describes no {given.type}.", place)
    if not _NAME.fullmatch(described.name):
        raise wrong(f"'{place}' has the name '{described.name}'; letters, digits, _ and - make a name.", place)
    if isinstance(described, _Custom):
        if described.format is not None and described.format.type != "text":
            raise wrong(f"'{place}.custom.format' is no text; the local engine has no other custom tools.", place)
        parameters = _ONLY_INPUT
    else:
        parameters = _as_object(described.parameters)
    schema = compiled(parameters, f"{place}.function.parameters")
    told = msgspec.json.encode(parameters).decode()
    return Tool(described.name, described.description or "", isinstance(described, _Custom), told, schema)


def _as_object(parameters: dict[str, object] | None) -> dict[str, object]:
    """Arguments are an object, also where the schema does not say so."""
    if parameters is None:
        return _NO_PARAMETERS
    return (
        parameters
        if {"type", "$ref", "anyOf", "oneOf", "allOf"} & parameters.keys()
        else {
            **parameters,
            "type": "object",
        }
    )


def call_likelihood(first: Mapping[str, float], after_fence: Mapping[str, float] | None = None) -> float:
    """Tell how likely an answer begins as a call, from the likelihood of its first tokens.

    Models that were not trained to call write the object at once, or as a fenced block of JSON: `after_fence` has the
    tokens that follow a fence.
    """
    share = _sum(first, _ANY_CASE_BEGINS)
    fenced = _sum(after_fence, ("json",)) if after_fence else 0.0
    return share + _sum(first, (FENCE,)) * fenced


def is_fence_likely(first: Mapping[str, float]) -> bool:
    """Whether it matters for `call_likelihood` what follows a fence."""
    share = _sum(first, _ANY_CASE_BEGINS)
    return share < CLEAR <= share + _sum(first, (FENCE,))


def _sum(logprobs: Mapping[str, float], begins: tuple[str, ...]) -> float:
    return sum(math.exp(value) for token, value in logprobs.items() if token.strip().startswith(begins))


class CallText:
    """Reads a call out of the text that a model writes under the grammar of a toolbox, piece by piece."""

    def __init__(self, box: Toolbox, call_id: str) -> None:
        self._box = box
        self._id = call_id
        self._tool: Tool | None = None
        self._pending = ""
        self._arguments = ""

    def feed(self, text: str) -> list[Entry]:
        """Take in more text; returns entries of `delta.tool_calls`: first the name, then pieces of the arguments."""
        self._pending += text
        if self._tool is None:
            return self._opening()
        if self._tool.is_custom:
            return []
        piece, self._pending = self._pending[:-1], self._pending[-1:]  # the last may be the brace around it all
        return self._said(piece)

    def finish(self, *, is_cut: bool) -> list[Entry]:
        """Return the last entries; raises `Refusal` when what was written whole is no call that holds."""
        tool = self._tool
        if tool is None:
            if is_cut:
                return []
            raise not_held("The answer is not the call of a function")
        rest = self._pending if is_cut and not _is_whole(self._arguments) else self._pending[:-1]
        self._pending = ""
        if tool.is_custom:
            self._arguments = rest
            piece = _input_of(rest)
            shown: list[Entry] = [{"index": 0, "custom": {"input": piece}}] if piece else []
        else:
            shown = self._said(rest)
        if not is_cut:
            tool.schema.check(self._arguments, f"The call of '{tool.name}'")
        return shown

    def whole(self) -> list[Entry]:
        """Return `message.tool_calls` after `finish`; nothing when the name was not reached."""
        if (tool := self._tool) is None:
            return []
        if tool.is_custom:
            body = {"name": tool.name, "input": _input_of(self._arguments)}
            return [{"id": self._id, "type": "custom", "custom": body}]
        return [{"id": self._id, "type": "function", "function": {"name": tool.name, "arguments": self._arguments}}]

    def _opening(self) -> list[Entry]:
        for tool in self._box.tools:
            if self._pending.startswith(tool.head):
                self._tool, self._pending = tool, self._pending.removeprefix(tool.head)
                body = {"name": tool.name, ("input" if tool.is_custom else "arguments"): ""}
                kind = "custom" if tool.is_custom else "function"
                return [{"index": 0, "id": self._id, "type": kind, kind: body}]
        if not any(tool.head.startswith(self._pending) for tool in self._box.tools):
            raise not_held("The answer is not the call of a function")
        return []

    def _said(self, piece: str) -> list[Entry]:
        self._arguments += piece
        return [{"index": 0, "function": {"arguments": piece}}] if piece else []


def _is_whole(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True


def _input_of(arguments: str) -> str:
    """Read the text of a custom tool's call, also where it was cut."""
    start = arguments.find(":") + 1
    for text in (arguments[start:].strip().removesuffix("}").strip(), arguments[start:].strip() + '"'):
        try:
            return msgspec.json.decode(text, type=str)
        except msgspec.DecodeError:
            continue
    return ""


def _json(text: str) -> str:
    return msgspec.json.encode(text).decode()
