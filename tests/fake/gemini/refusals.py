"""What Google refuses in a call of Gemini, and how it says so.

Signatures, `https://ai.google.dev/gemini-api/docs/thought-signatures` and
`https://github.com/nanbingxyz/5ire/issues/405`; as many answers as calls,
`https://github.com/google-gemini/gemini-cli/issues/5443`; the order of calls,
`https://github.com/google-gemini/gemini-cli/issues/26486`; the last turn,
`https://github.com/songquanpeng/one-api/issues/836`; a budget and a level,
`https://github.com/sterlp/eclipse-peon-ai/issues/115`; budgets by model,
`https://github.com/checkmarble/llmberjack/pull/14`; names of functions, `https://github.com/cline/cline/issues/7339`;
read on 2026-11-22. Sentences that no source gives are worded by us. That turns alternate is the rule of the
documentation; the service is more lenient with texts.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import UNSET

from tests.fake.convert import Wrong
from tests.fake.gemini.schemas import schema_problems
from tests.fake.gemini.types import (
    DATA,
    Blob,
    Content,
    FileData,
    FunctionDeclaration,
    GenerateCall,
    GenerationConfig,
    Part,
    ThinkingConfig,
)
from tests.fake.issued import looks_issued

_FUNCTION_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
_MIME = re.compile(
    r"image/(png|jpeg|webp|heic|heif|avif|bmp|tiff)"
    r"|audio/(wav|x-wav|mp3|mpeg|aiff|aac|ogg|flac|m4a|mp4|opus|webm|pcm|l16|basic).*"
    r"|video/(mp4|mpeg|mov|quicktime|avi|x-flv|mpg|webm|wmv|3gpp)|application/(pdf|json)|text/[a-z-]+"
)
_FILE = re.compile(r"(https://|gs://|files/).+")
_ANY_SIGNATURE = frozenset({"skip_thought_signature_validator", "context_engineering_is_the_way_to_go"})
"""What the vendor documents for calls that it did not make."""
_BUDGETS = {"gemini-2.5-pro": (128, 32768), "gemini-2.5-flash-lite": (512, 24576), "gemini-2.5-flash": (0, 24576)}
_MIME_TYPES = frozenset({"text/plain", "application/json", "application/xml", "application/yaml", "text/x.enum"})
_PROTO_TYPES = {"int": "TYPE_INT32", "float": "TYPE_FLOAT", "str": "TYPE_STRING", "bool": "TYPE_BOOL"}


def explain(wrong: Wrong) -> str:
    """Say what was wrong with the form of a body in the vendor's words."""
    where = spelled(wrong.path)
    if wrong.kind == "unknown":
        front = spelled(wrong.path[:-1])
        at = f" at '{front}'" if front else ""
        return f'Invalid JSON payload received. Unknown name "{wrong.path[-1]}"{at}: Cannot find field.'
    if wrong.kind == "missing":
        return f"* GenerateContentRequest.{where}: must be specified"
    kind = _PROTO_TYPES.get(wrong.detail.split(" ")[0], "TYPE_MESSAGE")
    return f"Invalid value at '{where}' ({kind})"


def spelled(path: Sequence[str]) -> str:
    """Spell a path in the service's own names: `generation_config.top_k`, `contents[0].parts[1]`."""
    snake = [re.sub(r"([A-Z])", lambda found: "_" + found[1].lower(), step) for step in path]
    return "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in snake).lstrip(".")


def call_problems(model: str, call: GenerateCall) -> Iterator[str]:
    """Say everything that is wrong with a call whose form is right."""
    yield from _config(call.generation_config)
    if call.generation_config.thinking_config is not None:
        yield from _thinking(model, call.generation_config.thinking_config)
    yield from _tools(model, call)
    yield from _contents(call)
    yield from _turns(call.contents)
    yield from _signatures(model, call.contents)


def _config(config: GenerationConfig) -> Iterator[str]:
    place = "* GenerateContentRequest.generation_config"
    if config.temperature is not None and not 0 <= config.temperature <= 2:
        yield f"{place}.temperature: temperature must be in the range [0.0, 2.0]."
    if config.top_p is not None and not 0 <= config.top_p <= 1:
        yield f"{place}.top_p: top_p must be in the range [0.0, 1.0]."
    if config.top_k is not None and config.top_k < 1:
        yield f"{place}.top_k: top_k must be positive."
    if config.max_output_tokens is not None and config.max_output_tokens < 1:
        yield f"{place}.max_output_tokens: max_output_tokens must be positive."
    if config.candidate_count is not None and not 1 <= config.candidate_count <= 8:
        yield f"{place}.candidate_count: candidate_count must be in the range [1, 8]."
    if len(config.stop_sequences or ()) > 5:
        yield f"{place}.stop_sequences: at most 5 stop sequences are allowed."
    for name in ("presence_penalty", "frequency_penalty"):
        value = getattr(config, name)
        if value is not None and not -2 <= value < 2:
            yield f"{place}.{name}: {name} must be in the range [-2.0, 2.0)."
    yield from _logprobs(config, place)
    yield from _form(config, place)


def _logprobs(config: GenerationConfig, place: str) -> Iterator[str]:
    if config.logprobs is not None and not config.response_logprobs:
        yield f"{place}.logprobs: logprobs can only be set when response_logprobs is true."
    elif config.logprobs is not None and not 0 <= config.logprobs <= 20:
        yield f"{place}.logprobs: logprobs must be in the range [0, 20]."


def _form(config: GenerationConfig, place: str) -> Iterator[str]:
    kind = config.response_mime_type
    if kind is not None and kind not in _MIME_TYPES:
        allowed = "`text/plain`, `application/json`, `application/xml`, `application/yaml` and `text/x.enum`"
        yield f"{place}.response_mime_type: allowed mimetypes are {allowed}."
    has_schema = config.response_schema is not None or config.response_json_schema is not None
    if has_schema and kind not in {"application/json", "text/x.enum"}:
        yield f"{place}.response_schema: only supported when response_mime_type is application/json or text/x.enum"
    if config.response_schema is not None and config.response_json_schema is not None:
        yield f"{place}: only one of response_schema and response_json_schema may be set"
    if config.response_schema is not None:
        yield from schema_problems(config.response_schema, "generation_config.response_schema")


def _thinking(model: str, config: ThinkingConfig) -> Iterator[str]:
    budget, level = config.thinking_budget, config.thinking_level
    if budget is not None and level is not None:
        yield "You can only set only one of thinking budget and thinking level."
    if level is not None and str(level).upper() not in {"MINIMAL", "LOW", "MEDIUM", "HIGH"}:
        yield f"Invalid value at 'generation_config.thinking_config.thinking_level', \"{level}\""
    if level is not None and model.startswith("gemini-2.5"):
        yield "Thinking level is not supported for this model."
    if model.startswith(("gemini-2.0", "gemma-3")):
        yield "Thinking is not enabled for this model."
    if str(level).upper() == "MINIMAL" and re.match(r"gemini-3(\.\d)?-pro", model):
        yield "Thinking level MINIMAL is not supported for this model. Please retry with other thinking level."
    if budget is not None and budget != -1:
        low, high = next((bounds for start, bounds in _BUDGETS.items() if model.startswith(start)), (0, 65536))
        if budget == 0 and low == 128:
            yield "Budget 0 is invalid. This model only works in thinking mode."
        elif budget != 0 and not low <= budget <= high:
            yield f"The thinking budget {budget} is invalid. Please choose a value between {low} and {high}."


def _tools(model: str, call: GenerateCall) -> Iterator[str]:
    names: list[str] = []
    for index, tool in enumerate(call.tools or ()):
        for at, function in enumerate(tool.function_declarations or ()):
            yield from _function(f"tools[{index}].function_declarations[{at}]", function)
            names.append(function.name)
    for name in {name for name in names if names.count(name) > 1}:
        yield f"Duplicate function declaration found: {name}"
    yield from _combined(model, call, names)
    yield from _calling(call, names)


def _combined(model: str, call: GenerateCall, names: Sequence[str]) -> Iterator[str]:
    searches = any(tool.google_search is not None for tool in call.tools or ())
    if names and model.startswith("gemini-2"):
        if searches:
            yield "Built-in tools ({google_search}) and Function Calling cannot be combined in the same request."
        if call.generation_config.response_mime_type == "application/json":
            yield "Function calling with a response mime type: 'application/json' is unsupported"


def _calling(call: GenerateCall, names: Sequence[str]) -> Iterator[str]:
    config = call.tool_config.function_calling_config if call.tool_config else None
    if config is None:
        return
    allowed = config.allowed_function_names or []
    if allowed and config.mode not in {"ANY", "VALIDATED"}:
        yield "Please set allowed_function_names only when function calling mode is ANY."
    if not names and config.mode in {"ANY", "VALIDATED"}:
        yield "Function calling config is set without function_declarations."
    for name in allowed:
        if name not in names:
            yield f"Allowed function name `{name}` is not found in the function declarations."


def _function(where: str, function: FunctionDeclaration) -> Iterator[str]:
    if not _FUNCTION_NAME.fullmatch(function.name):
        text = "Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9),"
        more = "underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128."
        yield f"* GenerateContentRequest.{where}.name: {text} {more}"
    if function.parameters is not None and function.parameters_json_schema is not None:
        yield f"* GenerateContentRequest.{where}: only one of parameters and parameters_json_schema may be set"
    if function.parameters is not None:
        yield from schema_problems(function.parameters, f"{where}.parameters")


def _contents(call: GenerateCall) -> Iterator[str]:
    if not call.contents:
        yield "* GenerateContentRequest.contents: contents is not specified"
    for index, content in enumerate(call.contents):
        where = f"contents[{index}]"
        if content.role not in {"user", "model", ""}:
            yield "Please use a valid role: user, model."
        if not content.parts:
            yield f"* GenerateContentRequest.{where}.parts: contents.parts must not be empty."
        for at, part in enumerate(content.parts):
            yield from _part(f"{where}.parts[{at}]", part)
    if call.system_instruction is not None:
        for at, part in enumerate(call.system_instruction.parts):
            if part.text is UNSET:
                yield f"* GenerateContentRequest.system_instruction.parts[{at}]: only text is supported."


def _part(where: str, part: Part) -> Iterator[str]:
    given = [name for name in DATA if getattr(part, name) is not UNSET]
    if not given:
        text = "required oneof field 'data' must have one initialized field"
        yield f"* GenerateContentRequest.{where}.data: {text}"
    elif len(given) > 1:
        text = "oneof field 'data' is already set. Cannot set"
        yield f"Invalid value at '{where}' (oneof), {text} '{_camel(given[1])}'"
    if isinstance(part.inline_data, Blob):
        yield from _blob(f"{where}.inline_data", part.inline_data)
    if isinstance(part.file_data, FileData) and not _FILE.fullmatch(part.file_data.file_uri):
        yield f"Unsupported file uri: {part.file_data.file_uri[:64]}"
    if part.function_response is not UNSET and not part.function_response.name:
        yield f"* GenerateContentRequest.{where}.function_response.name: Name cannot be empty."
    if part.function_call is not UNSET and not part.function_call.name:
        yield f"* GenerateContentRequest.{where}.function_call.name: Name cannot be empty."
    signature = part.thought_signature
    if signature is not None and signature not in _ANY_SIGNATURE and not looks_issued("thought", signature):
        yield "Thought signature is not valid."


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def _blob(where: str, blob: Blob) -> Iterator[str]:
    if not _MIME.fullmatch(blob.mime_type.lower()):
        yield f"Unsupported MIME type: {blob.mime_type}"
    try:
        base64.b64decode(blob.data, validate=True)
    except (binascii.Error, ValueError):
        yield f"Invalid value at '{where}.data' (TYPE_BYTES), Base64 decoding failed for \"{blob.data[:16]}\""


def _calls(content: Content) -> list[Part]:
    return [part for part in content.parts if part.function_call is not UNSET]


def _responses(content: Content) -> list[Part]:
    return [part for part in content.parts if part.function_response is not UNSET]


def _turns(contents: Sequence[Content]) -> Iterator[str]:
    for before, content in zip([None, *contents], contents, strict=False):
        role = content.role or "user"
        if before is not None and role == (before.role or "user"):
            yield "Please ensure that multiturn requests alternate between user and model."
        calls, responses = _calls(content), _responses(content)
        if (calls and role != "model") or (responses and role == "model"):
            text = "function call turns are of the model, and function response turns are of the user."
            yield f"Please ensure that {text}"
        if calls and before is None:
            text = "function call turn comes immediately after a user turn or after a function response turn."
            yield f"Please ensure that {text}"
        expected = [] if before is None else _calls(before)
        if responses and not expected:
            yield "Please ensure that function response turn comes immediately after a function call turn."
        elif len(responses) != len(expected):
            text = "the number of function response parts is equal to the number of function call parts of the"
            yield f"Please ensure that {text} function call turn."
    if contents and contents[-1].role == "model":
        yield "Please ensure that multiturn requests ends with a user role or a function response."


def _signatures(model: str, contents: Sequence[Content]) -> Iterator[str]:
    """The first call of each step of the current turn is signed; earlier turns are not looked at."""
    if not (model.startswith("gemini-3") or model == "thinker"):
        return
    start = 0
    for index, content in enumerate(contents):
        if (content.role or "user") == "user" and not _responses(content):
            start = index
    for index, content in enumerate(contents[start:], start):
        for part in _calls(content)[:1]:
            if part.thought_signature is None:
                yield _missing(part, index)


def _missing(part: Part, index: int) -> str:
    name: Any = part.function_call
    text = "Function call is missing a thought_signature in functionCall parts. This is required for tools to work "
    more = "correctly, and missing thought_signature may lead to degraded model performance. Additional data, function "
    link = "Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
    return f"{text}{more}call `default_api:{name.name}` , position {index + 1}. {link}"
