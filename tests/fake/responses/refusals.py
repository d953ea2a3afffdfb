"""What OpenAI refuses in a call of Responses, and how it says so.

Reasoning that is not stored, `https://github.com/vercel/ai/issues/7543` and `https://github.com/can1357/oh-my-pi/issues/41`
(404); outputs without calls, `https://github.com/microsoft/vscode/issues/320060`; calls without outputs,
`https://github.com/bytedance/trae-agent/issues/245`; a previous response that is not stored,
`https://github.com/smg-project/smg/pull/916`; read on 2026-11-22. Wording beyond that follows the vendor's chat path.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import UNSET

from tests.fake.convert import Wrong, convert
from tests.fake.issued import looks_issued
from tests.fake.memory import Memory
from tests.fake.reach import is_out_of_reach
from tests.fake.responses.types import (
    ITEMS,
    OTHER_ITEMS,
    OTHER_TOOLS,
    TOOLS,
    CustomCall,
    CustomCallOutput,
    FunctionCall,
    FunctionCallOutput,
    FunctionTool,
    InputFile,
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
from tests.fake.vendor import Refusal, hides_thoughts, thinks

_MOVED = {
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "messages": "input",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
}
"""Where fields of chat completions have gone."""
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_TYPES = {"int": "an integer", "str": "a string", "bool": "a boolean", "float": "a decimal", "array": "an array"}


def explain(wrong: Wrong, *front: str) -> Refusal:
    """Say what was wrong with the form of a body in the vendor's words."""
    where = _spelled((*front, *wrong.path))
    if wrong.kind == "unknown":
        if not front and where in _MOVED:
            moved = (
                f"In the Responses API, this parameter has moved to '{_MOVED[where]}'. Try again with the new parameter"
            )
            text = f"Unsupported parameter: '{where}'. {moved}."
            return Refusal(400, text, where, "unsupported_parameter")
        return Refusal(400, f"Unknown parameter: '{where}'.", where, "unknown_parameter")
    if wrong.kind == "missing":
        return Refusal(400, f"Missing required parameter: '{where}'.", where, "missing_required_parameter")
    if wrong.kind == "value":
        return Refusal(400, f"Invalid value: '{wrong.detail}'.", where, "invalid_value")
    expected = _TYPES.get(wrong.detail.split(" ")[0], "an object")
    return Refusal(400, f"Invalid type for '{where}': expected {expected}.", where, "invalid_type")


def _spelled(path: Sequence[str]) -> str:
    """Spell a path as `input[0].content[1]`."""
    return "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in path).lstrip(".")


def items_of(call: ResponsesCall) -> list[Mapping[str, Any]]:
    """The input as items."""
    return [{"role": "user", "content": call.input}] if isinstance(call.input, str) else list(call.input)


def read_item(index: int, item: Mapping[str, Any]) -> Any:
    """Read one item; a refusal when it is wrong, None when it is not looked into."""
    kind = item.get("type") or ("message" if "role" in item else "item_reference" if "id" in item else None)
    if kind in OTHER_ITEMS:
        return None
    if not isinstance(kind, str) or kind not in ITEMS:
        return Refusal(400, f"Invalid value: '{kind}'.", f"input[{index}].type", "invalid_value")
    read = convert(item, ITEMS[kind])
    return explain(read, "input", str(index)) if isinstance(read, Wrong) else read


def call_problems(call: ResponsesCall, memory: Memory) -> Iterator[Refusal]:
    """Say everything that is wrong with a call whose outer form is right."""
    yield from _limits(call)
    yield from _model_rules(call)
    yield from _tools(call)
    yield from _stored(call, memory)
    yield from _input(call, memory)


def _limits(call: ResponsesCall) -> Iterator[Refusal]:
    if call.max_output_tokens is not None and call.max_output_tokens < 16:
        text = "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got "
        yield Refusal(400, f"{text}{call.max_output_tokens} instead.", "max_output_tokens", "integer_below_min_value")
    for name, value, high in (("temperature", call.temperature, 2), ("top_p", call.top_p, 1)):
        if value is not None and value < 0:
            yield Refusal(400, f"Invalid '{name}': expected a value >= 0.", name, "decimal_below_min_value")
        if value is not None and value > high:
            yield Refusal(400, f"Invalid '{name}': expected a value <= {high}.", name, "decimal_above_max_value")
    if call.top_logprobs is not None and not 0 <= call.top_logprobs <= 20:
        yield Refusal(400, "Invalid 'top_logprobs': expected a value <= 20.", "top_logprobs", "integer_above_max_value")
    if call.stream_options is not None and not call.stream:
        text = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        yield Refusal(400, text, "stream_options")
    if call.background and call.store is False:
        yield Refusal(400, "Background mode requires 'store' to be true.", "background")


def _model_rules(call: ResponsesCall) -> Iterator[Refusal]:
    reasons = hides_thoughts(call.model) or thinks(call.model)
    if reasons and hides_thoughts(call.model):
        for name in ("temperature", "top_p"):
            if getattr(call, name) not in {None, 1}:
                text = f"Unsupported parameter: '{name}' is not supported with this model."
                yield Refusal(400, text, name, "unsupported_parameter")
    if not reasons and not is_made_up_reasoner(call.model):
        if call.reasoning is not None and call.reasoning.effort is not None:
            text = "Unsupported parameter: 'reasoning.effort' is not supported with this model."
            yield Refusal(400, text, "reasoning.effort", "unsupported_parameter")
        if "reasoning.encrypted_content" in (call.include or ()):
            yield Refusal(400, "Encrypted content is not supported with this model.", "include")
    form = call.text.format
    if isinstance(form, JsonObject) and "json" not in (str(call.input) + (call.instructions or "")).lower():
        text = "Response input messages must contain the word 'json' in some form to use 'text.format' of type "
        yield Refusal(400, f"{text}'json_object'.", "input")
    if isinstance(form, JsonSchema) and form.strict and form.schema.get("additionalProperties") is not False:
        text = "In context=(), 'additionalProperties' is required to be supplied and to be false."
        yield Refusal(400, f"Invalid schema for response_format '{form.name}': {text}", "text.format.schema")


def is_made_up_reasoner(model: str) -> bool:
    """Whether a model that only the fake has reasons when it is asked to: all but those of the vendor's names do."""
    return not model.startswith(("gpt-", "text-", "chatgpt"))


def _tools(call: ResponsesCall) -> Iterator[Refusal]:
    for index, tool in enumerate(call.tools):
        kind = tool.get("type")
        if kind in OTHER_TOOLS:
            continue
        if not isinstance(kind, str) or kind not in TOOLS:
            if kind is None:
                yield explain(Wrong(("type",), "missing", ""), "tools", str(index))
            else:
                yield Refusal(400, f"Invalid value: '{kind}'.", f"tools[{index}].type", "invalid_value")
            continue
        read = convert(tool, TOOLS[kind])
        if isinstance(read, Wrong):
            yield explain(read, "tools", str(index))
        elif isinstance(read, FunctionTool):
            yield from _function(index, read)
    yield from _choice(call)


def _function(index: int, tool: FunctionTool) -> Iterator[Refusal]:
    if not _NAME.fullmatch(tool.name):
        text = (
            f"Invalid 'tools[{index}].name': string does not match pattern. Expected a string that matches the pattern"
        )
        yield Refusal(400, f"{text} '^[a-zA-Z0-9_-]+$'.", f"tools[{index}].name", "invalid_value")
    if tool.strict and (tool.parameters or {}).get("additionalProperties") is not False:
        text = "In context=(), 'additionalProperties' is required to be supplied and to be false."
        yield Refusal(
            400,
            f"Invalid schema for function '{tool.name}': {text}",
            f"tools[{index}].parameters",
            "invalid_function_parameters",
        )


def _choice(call: ResponsesCall) -> Iterator[Refusal]:
    choice = call.tool_choice
    if isinstance(choice, str):
        if choice not in {"none", "auto", "required"}:
            yield Refusal(400, f"Invalid value: '{choice}'.", "tool_choice", "invalid_value")
        elif choice == "required" and not call.tools:
            yield Refusal(400, "Tool choice 'required' must be specified with 'tools' parameter.", "tool_choice")
        return
    kind = choice.get("type")
    if "function" in choice:
        yield explain(Wrong(("tool_choice", "function"), "unknown", ""))
    if kind in {"function", "custom"}:
        names = {tool.get("name") for tool in call.tools if tool.get("type") == kind}
        if choice.get("name") not in names:
            yield Refusal(400, f"Tool choice '{choice.get('name')}' not found in 'tools' parameter.", "tool_choice")


def _stored(call: ResponsesCall, memory: Memory) -> Iterator[Refusal]:
    previous = call.previous_response_id
    if previous is not None and previous not in memory.responses:
        text = f"Previous response with id '{previous}' not found."
        yield Refusal(400, text, "previous_response_id", "previous_response_not_found")
    if previous is not None and call.conversation is not None:
        yield Refusal(400, "Only one of 'previous_response_id' and 'conversation' may be provided.", "conversation")


def _input(call: ResponsesCall, memory: Memory) -> Iterator[Refusal]:
    before = memory.responses.get(call.previous_response_id or "", [])
    if not call.input and not before and call.prompt is None:
        text = "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation_id' must be provided."
        yield Refusal(400, text, "input", "missing_required_parameter")
    read: list[Any] = []
    for index, item in enumerate(items_of(call)):
        found = read_item(index, item)
        if isinstance(found, Refusal):
            yield found
            return
        read.append(found)
        yield from _item(index, found, call, memory)
    earlier = [found for item in before if not isinstance(found := read_item(0, item), Refusal)]
    yield from _pairs([*earlier, *_resolved(read, memory)])


def _resolved(items: Sequence[Any], memory: Memory) -> Iterator[Any]:
    """Put stored items in the place of references to them."""
    for item in items:
        if isinstance(item, ItemReference) and item.id in memory.items:
            yield read_item(0, memory.items[item.id])
        else:
            yield item


def _item(index: int, item: Any, call: ResponsesCall, memory: Memory) -> Iterator[Refusal]:
    if isinstance(item, Message):
        yield from _message(index, item)
    elif isinstance(item, ReasoningItem):
        yield from _reasoning(index, item, memory)
    elif isinstance(item, ItemReference) and item.id not in memory.items:
        yield _not_stored(item.id)
    identity = getattr(item, "id", UNSET)
    starts = {Message: "msg", ReasoningItem: "rs", FunctionCall: "fc", CustomCall: "ctc"}
    wanted = starts.get(type(item))
    if isinstance(identity, str) and wanted and not identity.startswith(wanted):
        text = f"Invalid 'input[{index}].id': '{identity}'. Expected an ID that begins with '{wanted}'."
        yield Refusal(400, text, f"input[{index}].id", "invalid_value")


def _message(index: int, message: Message) -> Iterator[Refusal]:
    if isinstance(message.content, str):
        return
    is_answer = message.role == "assistant"
    for at, part in enumerate(message.content):
        where = f"input[{index}].content[{at}]"
        is_output = isinstance(part, OutputText | OutputRefusal)
        if is_output != is_answer:
            allowed = "'output_text' and 'refusal'" if is_answer else "'input_text', 'input_image' and 'input_file'"
            text = f"Invalid value: '{type(part).__struct_config__.tag}'. Supported values are: {allowed}."
            yield Refusal(400, text, f"{where}.type", "invalid_value")
        elif not is_output and not isinstance(part, InputText) and message.role != "user":
            yield Refusal(400, f"Invalid value for role '{message.role}': only text is supported.", where)
        elif isinstance(part, InputImage | InputFile):
            yield from _file(where, part)


def _file(where: str, part: InputImage | InputFile) -> Iterator[Refusal]:
    if isinstance(part, InputImage):
        if (part.image_url is None) == (part.file_id is None):
            text = f"Missing required parameter: '{where}.image_url'."
            yield Refusal(400, text, f"{where}.image_url", "missing_required_parameter")
        elif part.image_url is not None and not part.image_url.startswith(("https://", "http://", "data:image/")):
            text = f"Invalid '{where}.image_url'. Expected a valid URL, but got a value with an invalid format."
            yield Refusal(400, text, f"{where}.image_url", "invalid_value")
        elif part.image_url is not None and is_out_of_reach(part.image_url):
            yield Refusal(400, "Error while downloading file.", "url", "invalid_value")
        return
    sources = [part.file_data is not UNSET, part.file_url is not UNSET, part.file_id is not None]
    if sum(sources) != 1:
        yield Refusal(400, f"Missing required parameter: '{where}.file_id'.", where, "missing_required_parameter")
    if isinstance(part.file_url, str) and is_out_of_reach(part.file_url):
        yield Refusal(400, "Error while downloading file.", "url", "invalid_value")
    if isinstance(part.file_data, str):
        if part.filename is UNSET:
            text = f"Missing required parameter: '{where}.filename'."
            yield Refusal(400, text, f"{where}.filename", "missing_required_parameter")
        if not part.file_data.startswith("data:"):
            text = f"Invalid '{where}.file_data'. Expected a base64-encoded data URL with a MIME type"
            yield Refusal(
                400, f"{text} (e.g. 'data:application/pdf;base64,...').", f"{where}.file_data", "invalid_value"
            )


def _reasoning(index: int, item: ReasoningItem, memory: Memory) -> Iterator[Refusal]:
    identity = item.id if isinstance(item.id, str) else ""
    if item.encrypted_content is not None:
        if not looks_issued("encrypted", item.encrypted_content):
            text = (
                f"The encrypted content for item {identity} could not be verified. Reason: Encrypted content could not"
            )
            yield Refusal(400, f"{text} be decrypted or parsed.", None, "invalid_encrypted_content")
    elif identity not in memory.items:
        yield _not_stored(identity)
    for at, text in enumerate(item.summary):
        if text.type != "summary_text":
            yield Refusal(400, f"Invalid value: '{text.type}'.", f"input[{index}].summary[{at}].type", "invalid_value")


def _not_stored(identity: str) -> Refusal:
    text = f"Item with id '{identity}' not found. Items are not persisted when `store` is set to false. Try again with "
    return Refusal(404, f"{text}`store` set to true, or remove this item from your input.", "input")


def _pairs(items: Sequence[Any]) -> Iterator[Refusal]:
    yield from _answered(items, FunctionCall, FunctionCallOutput, "function call")
    yield from _answered(items, CustomCall, CustomCallOutput, "custom tool call")
    for at, item in enumerate(items):
        if isinstance(item, ReasoningItem) and (at + 1 == len(items) or not _follows(items[at + 1])):
            text = f"Item '{item.id}' of type 'reasoning' was provided without its required following item."
            yield Refusal(400, text, "input")


def _answered(items: Sequence[Any], call: type, output: type, name: str) -> Iterator[Refusal]:
    called = [item.call_id for item in items if isinstance(item, call)]
    answered = [item.call_id for item in items if isinstance(item, output)]
    for identity in answered:
        if identity not in called:
            yield Refusal(400, f"No tool call found for {name} output with call_id {identity}.", "input")
    for identity in called:
        if identity not in answered:
            yield Refusal(400, f"No tool output found for {name} {identity}.", "input")


def _follows(item: Any) -> bool:
    """Whether an item may come right after reasoning."""
    is_answer = isinstance(item, Message) and item.role == "assistant"
    return is_answer or item is None or not isinstance(item, Message | FunctionCallOutput | CustomCallOutput)
