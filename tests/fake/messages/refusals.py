"""What Anthropic refuses in a call, and how it says so.

Unknown fields, `https://github.com/goruck/home-generative-agent/releases/tag/v3.45.1` ("temperature: Extra inputs are
not permitted", "max_tokens: 128000 > 64000"); what thinking excludes,
`https://github.com/MartialBE/one-hub/issues/529` and `https://github.com/mastra-ai/mastra/issues/7507`; a budget
above max_tokens, `https://github.com/kaitranntt/ccs/issues/56`; markers of the cache,
`https://github.com/Wei-Shaw/sub2api/issues/176`, `https://github.com/headroomlabs-ai/headroom/issues/2939`; the
version, `https://platform.claude.com/docs/en/api/versioning`; read on 2026-11-22. Sentences that no source gives are
worded by us.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from tests.fake.convert import Wrong, convert
from tests.fake.messages.cache import markers
from tests.fake.messages.rules import Rules, rules_of
from tests.fake.messages.turns import thought_problems, turn_problems
from tests.fake.messages.types import (
    NEW_VERSION,
    SAMPLING,
    ChoiceAny,
    ChoiceTool,
    CountCall,
    CustomTool,
    MessagesCall,
    TextBlock,
    ThinkingAdaptive,
    ThinkingEnabled,
    WebSearchTool,
)

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_SERVER_TOOL = re.compile(
    r"(bash|text_editor|code_execution|memory|web_fetch|tool_search_tool_regex|tool_search_tool_bm25|computer_toolset"
    r"|browser_toolset)(_20\d{6})?"
)
_TYPES = {
    "int": "Input should be a valid integer",
    "str": "Input should be a valid string",
    "bool": "Input should be a valid boolean",
    "float": "Input should be a valid number",
    "object": "Input should be an object",
    "array": "Input should be a valid array",
}
_THINKING_DOCS = (
    "Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
    "#important-considerations-when-using-extended-thinking"
)
_MARKERS = 4


def explain(wrong: Wrong) -> str:
    """Say what was wrong with a body in the vendor's words."""
    where = ".".join(wrong.path)
    if wrong.kind == "unknown":
        return f"{where}: Extra inputs are not permitted"
    if wrong.kind == "missing":
        return f"{where}: Field required"
    if wrong.kind == "value":
        return f"{where}: Input should be a valid value, got '{wrong.detail}'"
    return f"{where}: {_TYPES.get(wrong.detail.split(' ')[0], 'Input should be valid: ' + wrong.detail)}"


def read(body: Mapping[str, Any], kind: type[MessagesCall] | type[CountCall]) -> MessagesCall | CountCall | str:
    """Read a body, or say what is wrong with its form."""
    read = convert(body, kind)
    return explain(read) if isinstance(read, Wrong) else read


def call_problems(call: MessagesCall, version: str) -> Iterator[str]:
    """Say everything that is wrong with a call whose form is right."""
    rules = rules_of(call.model)
    is_new = version == NEW_VERSION
    yield from _limits(call, rules)
    yield from _sampling(call, rules, is_new=is_new)
    yield from _thinking(call, rules)
    yield from conversation_problems(call, rules, is_new=is_new)
    if call.output_config.effort is not None and call.output_config.effort not in rules.efforts:
        yield f"output_config.effort: This model does not support effort level '{call.output_config.effort}'."


def conversation_problems(call: MessagesCall | CountCall, rules: Rules, *, is_new: bool) -> Iterator[str]:
    """Say what is wrong with what is counted as well as answered."""
    thinks = isinstance(call.thinking, ThinkingEnabled | ThinkingAdaptive)
    yield from _tools(call)
    yield from _choice(call, rules)
    if isinstance(call.system, list):
        for block in call.system:
            yield from _system(block)
    yield from turn_problems(call.messages, rules, thinks=thinks, is_new=is_new)
    if isinstance(call.thinking, ThinkingEnabled):
        yield from thought_problems(call.messages)
    yield from _markers(call)


def _limits(call: MessagesCall, rules: Rules) -> Iterator[str]:
    if call.max_tokens < 0:
        yield "max_tokens: Input should be greater than or equal to 0"
    if call.max_tokens > rules.output_limit:
        text = f"max_tokens: {call.max_tokens} > {rules.output_limit}, which is the maximum allowed number of output"
        yield f"{text} tokens for {call.model}"
    if any(not word.strip() for word in call.stop_sequences):
        yield "stop_sequences: each stop sequence must contain non-whitespace"


def _sampling(call: MessagesCall, rules: Rules, *, is_new: bool) -> Iterator[str]:
    given = [name for name in SAMPLING if getattr(call, name) is not None]
    for name in given:
        if is_new:
            yield f"{name}: Extra inputs are not permitted"
        elif not rules.sampling:
            yield f"`{name}` is deprecated for this model."
    if {"temperature", "top_p"} <= set(given) and not rules.both_samplings:
        yield "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
    for name in ("temperature", "top_p"):
        value = getattr(call, name)
        if value is not None and value > 1:
            yield f"{name}: Input should be less than or equal to 1"
        if value is not None and value < 0:
            yield f"{name}: Input should be greater than or equal to 0"
    if call.top_k is not None and call.top_k < 0:
        yield "top_k: Input should be greater than or equal to 0"


def _thinking(call: MessagesCall, rules: Rules) -> Iterator[str]:
    if call.thinking is None:
        return
    kind = str(type(call.thinking).__struct_config__.tag)
    if kind not in rules.thinking:
        text = 'Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
        yield f'"thinking.type.{kind}" is not supported for this model. {text if kind != "adaptive" else ""}'.strip()
    if isinstance(call.thinking, ThinkingEnabled):
        if call.thinking.budget_tokens < 1024:
            yield "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
        if call.thinking.budget_tokens >= call.max_tokens:
            yield f"`max_tokens` must be greater than `thinking.budget_tokens`. {_THINKING_DOCS}"
    if isinstance(call.thinking, ThinkingEnabled | ThinkingAdaptive):
        yield from _excluded(call)


def _excluded(call: MessagesCall) -> Iterator[str]:
    """What does not go with thinking."""
    if call.temperature is not None and call.temperature != 1:
        yield f"`temperature` may only be set to 1 when thinking is enabled. {_THINKING_DOCS}"
    if call.top_k is not None:
        yield f"`top_k` must be unset when thinking is enabled. {_THINKING_DOCS}"
    if call.top_p is not None and call.top_p < 0.95:
        yield f"`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled. {_THINKING_DOCS}"
    if isinstance(call.tool_choice, ChoiceAny | ChoiceTool):
        yield "Thinking may not be enabled when tool_choice forces tool use."


def _tools(call: MessagesCall | CountCall) -> Iterator[str]:
    names = [str(tool.get("name", "")) for tool in call.tools]
    if len(set(names)) != len(names):
        yield "tools: Tool names must be unique."
    for index, tool in enumerate(call.tools):
        yield from _tool(index, tool)


def _tool(index: int, tool: Mapping[str, Any]) -> Iterator[str]:
    kind = tool.get("type")
    if isinstance(kind, str) and _SERVER_TOOL.fullmatch(kind):
        return
    is_search = isinstance(kind, str) and kind.startswith("web_search_")
    if not is_search and kind not in {None, "custom"}:
        yield f"tools.{index}: Input tag '{kind}' found using 'type' does not match any of the expected tags"
        return
    wanted: type[Struct] = WebSearchTool if is_search else CustomTool
    read = convert(tool, wanted)
    if isinstance(read, Wrong):
        inner = Wrong(("tools", str(index), kind or "custom", *read.path), read.kind, read.detail)
        yield explain(inner)
    elif isinstance(read, CustomTool):
        yield from _custom(f"tools.{index}.custom", read)
    elif isinstance(read, WebSearchTool) and read.allowed_domains and read.blocked_domains:
        yield f"tools.{index}: only one of allowed_domains and blocked_domains may be specified"


def _custom(where: str, tool: CustomTool) -> Iterator[str]:
    if not _NAME.fullmatch(tool.name):
        yield f"{where}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
    if "type" not in tool.input_schema:
        yield f"{where}.input_schema.type: Field required"
    elif tool.input_schema["type"] != "object":
        yield f"{where}.input_schema.type: Input should be 'object'"
    if {"oneOf", "allOf", "anyOf"} & tool.input_schema.keys():
        yield f"{where}.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level"


def _choice(call: MessagesCall | CountCall, rules: Rules) -> Iterator[str]:
    choice = call.tool_choice
    if choice is None:
        return
    if not call.tools:
        yield "tool_choice may only be specified while providing tools."
    if isinstance(choice, ChoiceTool) and choice.name not in {tool.get("name") for tool in call.tools}:
        yield f"Tool '{choice.name}' not found in provided tools"
    if isinstance(choice, ChoiceAny | ChoiceTool) and not rules.forced_tools:
        yield "tool_choice: forced tool use is not supported for this model. Use 'auto' or 'none'."


def _system(block: TextBlock) -> Iterator[str]:
    if not block.text:
        yield "system: text content blocks must be non-empty"


def _markers(call: MessagesCall | CountCall) -> Iterator[str]:
    found = markers(call)
    if len(found) > _MARKERS:
        yield f"A maximum of {_MARKERS} blocks with cache_control may be provided. Found {len(found)}."
    short = False
    for where, ttl in found:
        if ttl == "1h" and short:
            text = "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that"
            order = "blocks are processed in the following order: `tools`, `system`, `messages`."
            yield f"{where}.cache_control.ttl: {text} {order}"
        short = short or ttl == "5m"
