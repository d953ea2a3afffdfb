"""What a call of Responses asks for."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.fake.asked import Asked, Said, Tool, joined
from tests.fake.completions import implicit_cache
from tests.fake.memory import Memory
from tests.fake.responses.refusals import is_made_up_reasoner, items_of, read_item
from tests.fake.responses.types import (
    CustomCall,
    CustomCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputImage,
    InputText,
    ItemReference,
    JsonObject,
    JsonSchema,
    Message,
    OutputRefusal,
    OutputText,
    ReasoningItem,
    ResponsesCall,
)
from tests.fake.vendor import thinks


def conversation_of(call: ResponsesCall, memory: Memory) -> list[Any]:
    """Every item of the conversation, stored ones included."""
    return [*memory.responses.get(call.previous_response_id or "", []), *items_of(call)]


def asked_in_responses(call: ResponsesCall, memory: Memory) -> Asked:
    """Read a call that was not refused."""
    said = tuple(_said(call, memory))
    asked = Asked(call.model, said)
    form = call.text.format
    wants_logprobs = "message.output_text.logprobs" in (call.include or ()) or bool(call.top_logprobs)
    return Asked(
        model=call.model,
        said=said,
        limit=call.max_output_tokens,
        tools=tuple(_tools(call.tools)),
        choice=_choice(call),
        is_parallel=call.parallel_tool_calls is not False,
        thinks=reasons(call),
        form=form.schema if isinstance(form, JsonSchema) else {} if isinstance(form, JsonObject) else None,
        logprobs=(call.top_logprobs or 0) if wants_logprobs else None,
        searches=any(str(tool.get("type", "")).startswith("web_search") for tool in call.tools),
        cache=implicit_cache(call.model, asked.prompt_tokens),
    )


def reasons(call: ResponsesCall) -> bool:
    """Whether the model reasons in this call."""
    effort = None if call.reasoning is None else call.reasoning.effort
    if effort is not None and is_made_up_reasoner(call.model):
        return effort != "none"
    return (thinks(call.model) or call.model == "redacted") and effort != "none"


def _said(call: ResponsesCall, memory: Memory) -> Iterator[Said]:
    if call.instructions:
        yield Said("system", call.instructions)
    for item in conversation_of(call, memory):
        read = read_item(0, item)
        if isinstance(read, ItemReference):
            read = read_item(0, memory.items[read.id])
        yield from _item(read)


def _item(item: Any) -> Iterator[Said]:
    if isinstance(item, Message):
        role = "system" if item.role == "developer" else item.role
        parts = [InputText(text=item.content)] if isinstance(item.content, str) else item.content
        yield Said(role, joined(_texts(parts)), sum(isinstance(part, InputImage) for part in parts))
    elif isinstance(item, FunctionCall | CustomCall):
        yield Said("assistant", item.name)
    elif isinstance(item, FunctionCallOutput | CustomCallOutput):
        text = item.output if isinstance(item.output, str) else joined(_texts(item.output))
        yield Said("tool", text)
    elif isinstance(item, ReasoningItem):
        yield Said("assistant", joined(part.text for part in item.summary))


def _texts(parts: Sequence[Any]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, InputText | OutputText):
            yield part.text
        elif isinstance(part, OutputRefusal):
            yield part.refusal
        else:
            yield "[image]" if isinstance(part, InputImage) else "[file]"


def _tools(tools: Sequence[Mapping[str, Any]]) -> Iterator[Tool]:
    for tool in tools:
        if tool["type"] == "function":
            yield Tool(tool["name"], tool.get("parameters") or {"type": "object"})
        elif tool["type"] == "custom":
            yield Tool(tool["name"], None)


def _choice(call: ResponsesCall) -> str:
    choice = call.tool_choice
    if isinstance(choice, str):
        return choice
    if choice.get("type") == "allowed_tools":
        return str(choice.get("mode", "auto"))
    return str(choice.get("name", "auto"))
