"""Does an answer hold what was asked for: forced tools, their arguments, JSON of a schema?

For providers and engines that take such wishes without enforcing them. Schemas are the caller's and answers the
model's, so both are bounded, patterns are matched with a limit on backtracking, and no reference is ever fetched.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NoReturn, cast

import msgspec

from modelport.core.errors import InvalidBody
from modelport.operations.content import Refusal, Text, ToolUse
from modelport.operations.conversation import AnswerFormat, Conversation, Tool, ToolChoice
from modelport.operations.reply import Choice, Reply

if TYPE_CHECKING:
    from jsonschema_rs import Validator

MAX_SCHEMA_BYTES = 256 * 1024
MAX_DEPTH = 64
MAX_BACKTRACKS = 100_000
_MAX_TOLD = 300
_CUT = ("length", "content_filter", "pause")
"""An answer that ended so is not whole, and is not blamed for what it lacks."""
_INSTRUCTION = {
    "json_object": "Answer with one JSON object and nothing else: no explanation, no code fence.",
    "json_schema": (
        "Answer with one JSON value that is valid against this JSON Schema, and with nothing else: no explanation, no "
        "code fence, not the schema itself."
    ),
}


class SchemaUnusable(Exception):
    """A schema against which nothing can be checked."""


def breach(talk: Conversation, reply: Reply) -> str | None:
    """Say how an answer breaks what was asked of it; None when it holds.

    Arguments are held against a tool's schema where the tool is strict or had to be called.
    """
    for choice in reply.choices:
        if choice.finish in _CUT or any(isinstance(part, Refusal) for part in choice.parts):
            continue
        told = _of_tools(talk, choice) or _of_format(talk.format, choice)
        if told is not None:
            return told
    return None


def unusable(talk: Conversation) -> InvalidBody | None:
    """Say which schema of a call is no schema that could be checked; None when all of them can."""
    if talk.format is not None and talk.format.schema:
        try:
            _validator(talk.format.schema)
        except SchemaUnusable as problem:
            place = f"{talk.spelling('format')}.json_schema.schema"
            return InvalidBody((f"'{place}': {problem}",), place)
    for index, tool in enumerate(talk.tools):
        try:
            if tool.parameters and _is_held(talk.tool_choice, tool):
                _validator(tool.parameters)
        except SchemaUnusable as problem:
            place = f"{talk.spelling('tools')}[{index}]"
            return InvalidBody((f"'{place}': {problem}",), place)
    return None


def schema_prompt(form: AnswerFormat) -> str:
    """Ask in words for the JSON that a provider cannot be asked for by a schema."""
    if form.kind != "json_schema" or not form.schema:
        return _INSTRUCTION["json_object"]
    about = f"\n{form.description}" if form.description else ""
    return f"{_INSTRUCTION['json_schema']}{about}\n{form.schema.decode()}"


def _of_tools(talk: Conversation, choice: Choice) -> str | None:
    calls = [part for part in choice.parts if isinstance(part, ToolUse)]
    wanted = talk.tool_choice
    if wanted is not None and (missing := _missing(wanted, [call.name for call in calls])):
        return missing
    tools = {tool.name: tool for tool in talk.tools}
    for call in calls:
        if call.kind == "function" and (told := _of_call(call, tools.get(call.name), wanted)):
            return told
    return None


def _missing(wanted: ToolChoice, called: list[str]) -> str | None:
    match wanted.mode:
        case "required" if not called:
            return "the model called no tool although one had to be called"
        case "named" if wanted.name not in called:
            return f"the model did not call the tool '{wanted.name}' although it had to"
        case "allowed" if wanted.is_required and not called:
            return "the model called no tool although one had to be called"
        case "allowed" if strangers := [name for name in called if name not in wanted.allowed]:
            return f"the model called the tool '{strangers[0]}', which was not allowed"
        case "none" if called:
            return f"the model called the tool '{called[0]}' although no tool was to be called"
        case _:
            return None


def _is_held(wanted: ToolChoice | None, tool: Tool) -> bool:
    forced = wanted is not None and (wanted.mode in ("required", "named") or wanted.is_required)
    return tool.strict is True or forced


def _of_call(call: ToolUse, tool: Tool | None, wanted: ToolChoice | None) -> str | None:
    if tool is None:
        return f"the model called '{call.name[:100]}', which is none of the tools"
    try:
        arguments = msgspec.json.decode(call.arguments or "{}")
    except (msgspec.DecodeError, RecursionError):
        return f"the arguments of the tool '{call.name}' are not JSON"
    if not tool.parameters or not _is_held(wanted, tool):
        return None
    told = _mismatch(tool.parameters, arguments)
    return None if told is None else f"the arguments of the tool '{call.name}' do not match its schema: {told}"


def _of_format(form: AnswerFormat | None, choice: Choice) -> str | None:
    if form is None or form.kind == "text":
        return None
    texts = [part.text for part in choice.parts if isinstance(part, Text)]
    if not texts and any(isinstance(part, ToolUse) for part in choice.parts):
        return None
    try:
        value = msgspec.json.decode("".join(texts))
    except (msgspec.DecodeError, RecursionError):
        return "the answer is not JSON although JSON was asked for"
    if form.kind == "json_object" or not form.schema:
        return None if isinstance(value, dict) else "the answer is not a JSON object although one was asked for"
    told = _mismatch(form.schema, value)
    return None if told is None else f"the answer does not match the schema '{form.name}': {told}"


def _mismatch(schema: bytes, value: object) -> str | None:
    """Say where a value first differs from a schema."""
    try:
        errors = _validator(schema).iter_errors(value)
        first = next(iter(errors), None)
    except (SchemaUnusable, ValueError) as problem:
        return str(problem)[:_MAX_TOLD]
    if first is None:
        return None
    place = "/".join(str(step) for step in first.instance_path)
    return f"at '/{place}': {first.message}"[:_MAX_TOLD]


def _validator(schema: bytes) -> "Validator":
    """Compile a schema; raises `SchemaUnusable`."""
    # Loaded on first use: few calls need it.
    from jsonschema_rs import FancyRegexOptions, validator_for

    if len(schema) > MAX_SCHEMA_BYTES:
        raise SchemaUnusable(f"Expected a schema of at most {MAX_SCHEMA_BYTES} bytes, received {len(schema)}")
    try:
        value: object = msgspec.json.decode(schema)
    except (msgspec.DecodeError, RecursionError):
        raise SchemaUnusable("Expected a JSON schema") from None
    if not isinstance(value, dict | bool):
        raise SchemaUnusable("Expected a JSON schema: an object")
    value = cast(dict[str, object], value)
    if _depth(value) > MAX_DEPTH:
        raise SchemaUnusable(f"Expected a schema nested at most {MAX_DEPTH} levels deep")
    patterns = FancyRegexOptions(backtrack_limit=MAX_BACKTRACKS)
    try:
        return validator_for(value, retriever=_unfetched, pattern_options=patterns)
    except ValueError as problem:
        raise SchemaUnusable(f"Expected a valid JSON schema: {str(problem)[:_MAX_TOLD]}") from None


def _unfetched(uri: str) -> NoReturn:
    raise ValueError(f"the schema refers to {uri[:100]}, which is not fetched; put it under $defs")


def _depth(value: object) -> int:
    """Count how deeply a value is nested."""
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [inner for item in level for inner in _inside(item)]
    return depth


def _inside(item: object) -> Iterable[object]:
    if isinstance(item, dict):
        return cast(Mapping[str, object], item).values()
    return cast(list[object], item) if isinstance(item, list) else ()
