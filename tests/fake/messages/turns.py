"""What Anthropic refuses in a conversation: the order of turns, tools and their results, thoughts, empty texts.

In the words that users report, read on 2026-11-22: tools without results,
`https://github.com/anthropics/claude-code/issues/8210`; results without tools,
`https://github.com/anthropics/claude-code/issues/18947`; signatures,
`https://github.com/anthropics/claude-code/issues/10627` and
`https://github.com/anthropics/anthropic-sdk-python/issues/1598`; thoughts that are missing,
`https://github.com/lbjlaq/Antigravity-Manager/issues/139`; empty texts,
`https://github.com/anthropics/claude-code/issues/59812`; prefill,
`https://github.com/agenticloops-ai/agentic-ai-engineering/issues/43`. The other sentences are worded by us.
"""

import re
from collections.abc import Iterator, Sequence

from tests.fake.issued import is_issued, looks_issued
from tests.fake.messages.files import file_problems
from tests.fake.messages.rules import Rules
from tests.fake.messages.types import (
    Block,
    DocumentBlock,
    ImageBlock,
    Message,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
)

_ID = re.compile(r"[a-zA-Z0-9_-]+")
_LONE = "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
_STRAY = "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
_PREFILL = "This model does not support assistant message prefill. The conversation must end with a user message."
_THOUGHTS = (
    "When `thinking` is enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost "
    "set of `tool_use` and `tool_result` blocks). We recommend you include thinking blocks from previous turns. To "
    "avoid this requirement, disable `thinking`. Please consult our documentation at "
    "https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
)


def blocks_of(message: Message) -> Sequence[Block]:
    """The content of a message as blocks."""
    return [TextBlock(message.content)] if isinstance(message.content, str) else message.content


def turn_problems(messages: Sequence[Message], rules: Rules, *, thinks: bool, is_new: bool) -> Iterator[str]:
    """Say what is wrong with a conversation; `thinks` when thinking is asked for, `is_new` by the API's version."""
    if not messages:
        yield "messages: at least one message is required"
        return
    if messages[0].role != "user":
        yield 'messages: first message must use the "user" role'
    for index, message in enumerate(messages):
        yield from _message(index, message, is_last=index == len(messages) - 1, is_new=is_new)
        if message.role == "system" and not rules.system_turns:
            yield f"messages.{index}: role 'system' is not supported on this model"
    yield from _tools(messages)
    yield from _end(messages, rules, thinks=thinks)


def _message(index: int, message: Message, *, is_last: bool, is_new: bool) -> Iterator[str]:
    is_answer = message.role == "assistant"
    if not message.content and not (is_answer and is_last):
        text = "all messages must have non-empty content except for the optional final assistant message"
        yield f"messages.{index}: {text}"
    if isinstance(message.content, str):
        return
    for at, block in enumerate(message.content):
        where = f"messages.{index}.content.{at}"
        yield from _block(where, block)
        yield from _place(where, block, is_answer=is_answer, is_new=is_new)


def _block(where: str, block: Block) -> Iterator[str]:
    if isinstance(block, TextBlock):
        yield from _spoken(block)
    elif isinstance(block, ThinkingBlock | RedactedThinkingBlock):
        yield from _thought(where, block)
    elif isinstance(block, ToolUseBlock):
        if not _ID.fullmatch(block.id):
            yield f"{where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
    elif isinstance(block, ToolResultBlock) and isinstance(block.content, list):
        for at, inner in enumerate(block.content):
            yield from file_problems(f"{where}.tool_result.content.{at}", inner)
            if isinstance(inner, TextBlock) and not inner.text:
                yield "messages: text content blocks must be non-empty"
    yield from file_problems(where, block)


def _spoken(block: TextBlock) -> Iterator[str]:
    if not block.text:
        yield "messages: text content blocks must be non-empty"
    elif not block.text.strip():
        yield "messages: text content blocks must contain non-whitespace text"


def _thought(where: str, block: ThinkingBlock | RedactedThinkingBlock) -> Iterator[str]:
    if isinstance(block, RedactedThinkingBlock):
        if not looks_issued("redacted", block.data):
            yield f"{where}: Invalid `data` in `redacted_thinking` block"
    elif not is_issued("signature", block.thinking, block.signature):
        yield f"{where}: Invalid `signature` in `thinking` block"


def _place(where: str, block: Block, *, is_answer: bool, is_new: bool) -> Iterator[str]:
    kind = type(block).__struct_config__.tag
    if isinstance(block, ToolResultBlock) and is_answer:
        yield f"{where}: `tool_result` blocks can only be in `user` messages"
    if isinstance(block, ToolUseBlock | ThinkingBlock | RedactedThinkingBlock) and not is_answer:
        yield f"{where}: `{kind}` blocks can only be in `assistant` messages"
    if isinstance(block, ImageBlock) and is_answer:
        yield f"{where}: `image` blocks are not permitted within assistant turns"
    if isinstance(block, DocumentBlock) and is_answer and is_new:
        yield f"{where}: `document` blocks are not permitted within assistant turns"
    if isinstance(block, TextBlock) and block.citations and not is_answer and is_new:
        yield f"{where}.text.citations: citations are not permitted on text blocks in user messages"


def _merged(messages: Sequence[Message]) -> Iterator[tuple[int, str, list[Block]]]:
    """Join neighbours of one role, as the vendor does, and leave `system` out."""
    joined: list[tuple[int, str, list[Block]]] = []
    for index, message in enumerate(messages):
        if message.role == "system":
            continue
        if joined and joined[-1][1] == message.role:
            joined[-1][2].extend(blocks_of(message))
        else:
            joined.append((index, message.role, list(blocks_of(message))))
    return iter(joined)


def _tools(messages: Sequence[Message]) -> Iterator[str]:
    turns = list(_merged(messages))
    seen: set[str] = set()
    for at, (index, _, blocks) in enumerate(turns):
        uses = [block.id for block in blocks if isinstance(block, ToolUseBlock)]
        results = [block.tool_use_id for block in blocks if isinstance(block, ToolResultBlock)]
        before = [] if at == 0 else [block.id for block in turns[at - 1][2] if isinstance(block, ToolUseBlock)]
        yield from _results(index, blocks, results, before)
        if len(set(uses)) != len(uses) or seen & set(uses):
            yield f"messages.{index}.content: `tool_use` ids must be unique"
        seen.update(uses)
        following = turns[at + 1][2] if at + 1 < len(turns) else []
        answered = _leading_results(following)
        if lone := [use for use in uses if use not in answered]:
            text = f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: "
            yield f"{text}{', '.join(lone)}. {_LONE}"


def _leading_results(blocks: Sequence[Block]) -> set[str]:
    """The results that come first in the content; what follows a text does not count."""
    found: set[str] = set()
    for block in blocks:
        if not isinstance(block, ToolResultBlock):
            break
        found.add(block.tool_use_id)
    return found


def _results(index: int, blocks: Sequence[Block], results: list[str], before: list[str]) -> Iterator[str]:
    for at, block in enumerate(blocks):
        if isinstance(block, ToolResultBlock) and block.tool_use_id not in before:
            text = f"messages.{index}.content.{at}: unexpected `tool_use_id` found in `tool_result` blocks: "
            yield f"{text}{block.tool_use_id}. {_STRAY}"
    for twice in {result for result in results if results.count(result) > 1}:
        text = "each tool_use must have a single result. Found multiple `tool_result` blocks with id: "
        yield f"messages.{index}.content: {text}{twice}"


def _end(messages: Sequence[Message], rules: Rules, *, thinks: bool) -> Iterator[str]:
    last = messages[-1]
    if last.role == "assistant":
        if not rules.prefill or thinks:
            yield _PREFILL
        end = blocks_of(last)[-1] if last.content else None
        if isinstance(end, TextBlock) and end.text != end.text.rstrip():
            yield "messages: final assistant content cannot end with trailing whitespace"


def thought_problems(messages: Sequence[Message]) -> Iterator[str]:
    """Say where thoughts are missing, for a call that thinks within a budget and answers a call of a tool."""
    turns = list(_merged(messages))
    if len(turns) < 2 or not any(isinstance(block, ToolResultBlock) for block in turns[-1][2]):
        return
    index, _, blocks = turns[-2]
    if blocks and not isinstance(blocks[0], ThinkingBlock | RedactedThinkingBlock):
        kind = type(blocks[0]).__struct_config__.tag
        found = f"Expected `thinking` or `redacted_thinking`, but found `{kind}`."
        yield f"messages.{index}.content.0.type: {found} {_THOUGHTS}"
