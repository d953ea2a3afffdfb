"""What a call of Gemini asks for."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tests.fake.asked import Asked, Said, Tool, joined
from tests.fake.completions import implicit_cache
from tests.fake.gemini.types import Blob, Content, FileData, FunctionCall, FunctionResponse, GenerateCall, Part
from tests.fake.vendor import thinks


def asked_in_gemini(model: str, call: GenerateCall) -> Asked:
    """Read a call that was not refused."""
    said = tuple(_conversation(call))
    config = call.generation_config
    thinking = config.thinking_config
    asked = Asked(model, said)
    return Asked(
        model=model,
        said=said,
        limit=config.max_output_tokens,
        stops=tuple(config.stop_sequences or ()),
        tools=tuple(_tools(call)),
        choice=_choice(call),
        thinks=_thinks(model, call),
        hides_thoughts=thinking is None or not thinking.include_thoughts,
        form=_form(call),
        choices=config.candidate_count or 1,
        logprobs=(config.logprobs or 0) if config.response_logprobs else None,
        searches=any(tool.google_search is not None for tool in call.tools or ()),
        cache=implicit_cache(model, asked.prompt_tokens),
    )


def _conversation(call: GenerateCall) -> Iterator[Said]:
    if call.system_instruction is not None:
        yield Said("system", joined(_texts(call.system_instruction)))
    for content in call.contents:
        yield said_in(content)


def said_in(content: Content) -> Said:
    """Read one turn."""
    is_answer = any(isinstance(part.function_response, FunctionResponse) for part in content.parts)
    is_spoken = any(isinstance(part.text, str) for part in content.parts)
    role = "assistant" if content.role == "model" else "tool" if is_answer and not is_spoken else "user"
    return Said(role, joined(_texts(content)), sum(_is_image(part) for part in content.parts))


def _is_image(part: Part) -> bool:
    return isinstance(part.inline_data, Blob) and part.inline_data.mime_type.startswith("image/")


def _texts(content: Content) -> Iterator[str]:
    for part in content.parts:
        if isinstance(part.text, str):
            yield part.text
        elif isinstance(part.inline_data, Blob):
            yield "[image]" if _is_image(part) else "[file]"
        elif isinstance(part.file_data, FileData):
            yield "[file]"
        elif isinstance(part.function_call, FunctionCall):
            yield part.function_call.name
        elif isinstance(part.function_response, FunctionResponse):
            yield msgspec.json.encode(part.function_response.response).decode()


def _tools(call: GenerateCall) -> Iterator[Tool]:
    config = call.tool_config.function_calling_config if call.tool_config else None
    allowed = config.allowed_function_names if config else None
    for tool in call.tools or ():
        for function in tool.function_declarations or ():
            if not allowed or function.name in allowed:
                schema = function.parameters_json_schema or function.parameters or {"type": "object"}
                yield Tool(function.name, lowered(schema))


def lowered(schema: Any) -> Any:
    """Spell the types of a schema as JSON Schema does."""
    if isinstance(schema, list):
        return [lowered(inner) for inner in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {
        name: value.lower() if name == "type" and isinstance(value, str) else lowered(value)
        for name, value in schema.items()
    }


def _choice(call: GenerateCall) -> str:
    config = call.tool_config.function_calling_config if call.tool_config else None
    mode = "AUTO" if config is None else config.mode
    return {"ANY": "required", "NONE": "none"}.get(mode, "auto")


def _thinks(model: str, call: GenerateCall) -> bool:
    thinking = call.generation_config.thinking_config
    if thinking is not None and thinking.thinking_budget is not None:
        return thinking.thinking_budget != 0
    if thinking is not None and (thinking.thinking_level is not None or thinking.include_thoughts):
        return True
    return (
        thinks(model)
        or model.startswith(("gemini-2.5-pro", "gemini-2.5-flash-preview", "gemini-3"))
        or (model.startswith("gemini-2.5-flash") and "lite" not in model)
    )


def _form(call: GenerateCall) -> Mapping[str, Any] | None:
    config = call.generation_config
    schema = config.response_json_schema or config.response_schema
    if schema is not None:
        return lowered(schema)
    return {} if config.response_mime_type == "application/json" else None
