"""What a call of Messages asks for."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.fake.asked import Asked, Said, Tool, joined
from tests.fake.memory import Memory
from tests.fake.messages.cache import use_cache
from tests.fake.messages.rules import rules_of
from tests.fake.messages.turns import blocks_of
from tests.fake.messages.types import (
    Block,
    ChoiceAny,
    ChoiceAuto,
    ChoiceNone,
    ChoiceTool,
    CountCall,
    DocumentBlock,
    ImageBlock,
    Message,
    MessagesCall,
    SearchResultBlock,
    TextBlock,
    ThinkingAdaptive,
    ThinkingBlock,
    ThinkingDisabled,
    ThinkingEnabled,
    ToolReference,
    ToolResultBlock,
    ToolUseBlock,
)
from tests.fake.vendor import thinks


def said_in(call: MessagesCall | CountCall) -> tuple[Said, ...]:
    """The conversation, with the system prompt first."""
    turns = [_said(message) for message in call.messages]
    if not call.system:
        return tuple(turns)
    text = call.system if isinstance(call.system, str) else joined(block.text for block in call.system)
    return (Said("system", text), *turns)


def _said(message: Message) -> Said:
    blocks = blocks_of(message)
    is_tool = any(isinstance(block, ToolResultBlock) for block in blocks)
    spoken = [block for block in blocks if isinstance(block, TextBlock | ImageBlock | DocumentBlock)]
    role = "tool" if is_tool and not spoken else message.role
    return Said(role, joined(_texts(blocks)), sum(isinstance(block, ImageBlock) for block in blocks))


def _texts(blocks: Sequence[Block | ToolReference]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, TextBlock):
            yield block.text
        elif isinstance(block, ImageBlock):
            yield "[image]"
        elif isinstance(block, DocumentBlock | SearchResultBlock):
            yield "[file]"
        elif isinstance(block, ToolResultBlock):
            yield block.content if isinstance(block.content, str) else joined(_texts(block.content))
        elif isinstance(block, ThinkingBlock):
            yield block.thinking
        elif isinstance(block, ToolUseBlock):
            yield block.name


def asked_in_messages(call: MessagesCall, memory: Memory) -> Asked:
    """Read a call that was not refused."""
    said = said_in(call)
    asked = Asked(call.model, said)
    form = call.output_config.format
    last = call.messages[-1]
    thinking = call.thinking
    return Asked(
        model=call.model,
        said=said,
        limit=call.max_tokens,
        stops=tuple(call.stop_sequences),
        tools=tuple(_tools(call.tools)),
        choice=_choice(call),
        is_parallel=not getattr(call.tool_choice, "disable_parallel_tool_use", False),
        thinks=_thinks(call),
        redacts_thoughts=call.model == "redacted",
        hides_thoughts=isinstance(thinking, ThinkingEnabled | ThinkingAdaptive) and thinking.display == "omitted",
        form=None if form is None else form.schema,
        searches=any(str(tool.get("type", "")).startswith("web_search_") for tool in call.tools),
        cache=use_cache(call, asked.prompt_tokens, memory),
        continues=joined(_texts(blocks_of(last))) if last.role == "assistant" else "",
    )


def _thinks(call: MessagesCall) -> bool:
    if call.thinking is None:
        return rules_of(call.model).thinks_by_default or thinks(call.model) or call.model == "redacted"
    return not isinstance(call.thinking, ThinkingDisabled)


def _tools(tools: Sequence[Mapping[str, Any]]) -> Iterator[Tool]:
    for tool in tools:
        if tool.get("type") in {None, "custom"}:
            yield Tool(tool["name"], tool["input_schema"])


def _choice(call: MessagesCall) -> str:
    choice = call.tool_choice
    if isinstance(choice, ChoiceTool):
        return choice.name
    return {ChoiceAny: "required", ChoiceNone: "none", ChoiceAuto: "auto"}.get(type(choice), "auto")
