"""What a vendor refuses, and how it says so."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.fake.calls import knows
from tests.fake.chat.vendor_rules import vendor_rules
from tests.fake.reach import is_out_of_reach
from tests.fake.vendor import Refusal, Vendor, hides_thoughts, phrase, thinks

Body = Mapping[str, Any]

_NUMBERS: dict[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
}
_INTEGERS: dict[str, tuple[int, int]] = {
    "max_tokens": (1, 2**31),
    "max_completion_tokens": (1, 2**31),
    "n": (1, 128),
    "top_logprobs": (0, 20),
    "seed": (-(2**63), 2**63),
}
_TYPES: dict[str, tuple[type, ...]] = {
    "stream": (bool,),
    "logprobs": (bool,),
    "parallel_tool_calls": (bool,),
    "store": (bool,),
    "stream_options": (dict,),
    "logit_bias": (dict,),
    "metadata": (dict,),
    "response_format": (dict,),
    "tools": (list,),
    "tool_choice": (str, dict),
    "stop": (str, list),
    "user": (str,),
    "reasoning_effort": (str,),
}
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_PARTS = frozenset({"text", "image_url", "input_audio", "file", "refusal", "video_url"})


def check_call(vendor: Vendor, body: Any, extra_models: frozenset[str]) -> Refusal | None:
    """Return the first thing that a vendor refuses in a chat call; None when it would answer."""
    if not isinstance(body, dict):
        return Refusal(400, "We could not parse the JSON body of your request: an object is expected.")
    given: Body = {name: value for name, value in body.items() if value is not None}
    return next(_refusals(vendor, given, extra_models), None)


def _refusals(vendor: Vendor, body: Body, extra_models: frozenset[str]) -> Iterator[Refusal]:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        yield Refusal(400, "you must provide a model parameter", "model")
        return
    yield from _fields(vendor, body)
    if not knows(vendor, model, extra_models):
        status = vendor.statuses.get("unknown_model", 404)
        yield Refusal(status, phrase(vendor, "unknown_model", model=model), "model", "model_not_found")
    yield from _values(vendor, body)
    yield from _combinations(vendor, model, body)
    yield from _messages(vendor, model, body.get("messages"))
    yield from _tools(vendor, body)
    yield from vendor_rules(vendor, model, body)


def _fields(vendor: Vendor, body: Body) -> Iterator[Refusal]:
    for name in body:
        if name in vendor.refuses:
            yield Refusal(400, phrase(vendor, "refused_field", name=name), name, "unsupported_parameter")
        elif vendor.fields is not None and name not in vendor.fields:
            status = vendor.statuses.get("unknown_field", 400)
            yield Refusal(status, phrase(vendor, "unknown_field", name=name), name, vendor.unknown_code)


def _values(vendor: Vendor, body: Body) -> Iterator[Refusal]:
    for name, value in body.items():
        if name in _NUMBERS:
            yield from _number(name, value, *_NUMBERS[name])
        elif name in _INTEGERS:
            yield from _integer(name, value, *_INTEGERS[name])
        elif name in _TYPES and not isinstance(value, _TYPES[name]):
            wanted = " or ".join(kind.__name__ for kind in _TYPES[name])
            yield Refusal(400, f"Invalid type for '{name}': expected {wanted}.", name, "invalid_type")
    temperature = body.get("temperature")
    if isinstance(temperature, (int, float)) and temperature > vendor.temperature_limit:
        text = f"Invalid 'temperature': expected a value <= {vendor.temperature_limit}."
        yield Refusal(400, text, "temperature", "decimal_above_max_value")
    if vendor.temperature_below_two and temperature == 2:
        yield Refusal(
            400, "<400> InternalError.Algo.InvalidParameter: Temperature should be in [0.0, 2.0)", "temperature"
        )
    if isinstance(body.get("stop"), list) and len(body["stop"]) > 4:
        yield Refusal(400, "Invalid 'stop': expected an array of at most 4 strings.", "stop", "array_above_max_length")


def _number(name: str, value: Any, low: float, high: float) -> Iterator[Refusal]:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        yield Refusal(400, f"Invalid type for '{name}': expected a decimal.", name, "invalid_type")
    elif value < low:
        yield Refusal(400, f"Invalid '{name}': expected a value >= {low}.", name, "decimal_below_min_value")
    elif value > high:
        yield Refusal(400, f"Invalid '{name}': expected a value <= {high}.", name, "decimal_above_max_value")


def _integer(name: str, value: Any, low: int, high: int) -> Iterator[Refusal]:
    if isinstance(value, bool) or not isinstance(value, int):
        yield Refusal(400, f"Invalid type for '{name}': expected an integer.", name, "invalid_type")
    elif value < low:
        yield Refusal(400, f"Invalid '{name}': expected a value >= {low}.", name, "integer_below_min_value")
    elif value > high:
        yield Refusal(400, f"Invalid '{name}': expected a value <= {high}.", name, "integer_above_max_value")


def _combinations(vendor: Vendor, model: str, body: Body) -> Iterator[Refusal]:
    if "stream_options" in body and not body.get("stream"):
        text = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        yield Refusal(400, text, "stream_options")
    if body.get("top_logprobs") is not None and not body.get("logprobs"):
        yield Refusal(400, "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.", "top_logprobs")
    if body.get("n", 1) > vendor.max_choices:
        yield Refusal(400, f"'n' : number must be at most {vendor.max_choices}", "n")
    if "max_tokens" in body and "max_completion_tokens" in body and vendor.id == "openai":
        text = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        yield Refusal(400, text, "max_tokens", "invalid_parameter_combination")
    if vendor.id == "openai":
        yield from _reasoning(model, body)
    if vendor.id == "dashscope":
        yield from _thinking(model, body)
    kind = body.get("response_format", {}).get("type")
    if kind is not None and kind not in vendor.schemas:
        yield Refusal(400, phrase(vendor, "refused_format", form=kind), "response_format", "invalid_request_error")
    if kind == "json_object" and vendor.id in {"openai", "groq", "dashscope", "deepseek"} and not _asks_for_json(body):
        text = "'messages' must contain the word 'json' to use 'response_format' of type 'json_object'."
        yield Refusal(400, text, "messages")


def _reasoning(model: str, body: Body) -> Iterator[Refusal]:
    if not hides_thoughts(model):
        if "reasoning_effort" in body and not thinks(model):
            yield Refusal(400, "Unrecognized request argument supplied: reasoning_effort")
        return
    if "max_tokens" in body:
        text = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        yield Refusal(400, f"Unsupported parameter: {text}", "max_tokens", "unsupported_parameter")
    for name, only in (("temperature", 1), ("top_p", 1), ("presence_penalty", 0), ("frequency_penalty", 0)):
        if body.get(name, only) != only:
            text = f"Unsupported value: '{name}' does not support {body[name]} with this model."
            yield Refusal(400, text, name, "unsupported_value")
    for name in ("logprobs", "top_logprobs", "logit_bias"):
        if body.get(name):
            yield Refusal(400, f"Unsupported parameter: '{name}' is not supported with this model.", name)


def _thinking(model: str, body: Body) -> Iterator[Refusal]:
    """A model that can think does so unless told not to, and thinks in streams only; thinking models do both."""
    if model == "qwen3-32b" and body.get("enable_thinking", True) and not body.get("stream"):
        text = "parameter.enable_thinking must be set to false for non-streaming calls"
        yield Refusal(400, text, None, "invalid_parameter_error")


def _asks_for_json(body: Body) -> bool:
    return "json" in str(body.get("messages", "")).lower()


def _messages(vendor: Vendor, model: str, messages: Any) -> Iterator[Refusal]:
    if messages is None:
        yield Refusal(400, "Missing required parameter: 'messages'.", "messages", "missing_required_parameter")
        return
    if not isinstance(messages, list):
        yield Refusal(400, "Invalid type for 'messages': expected an array of objects.", "messages", "invalid_type")
        return
    if not messages:
        text = "Invalid 'messages': empty array. Expected an array with minimum length 1."
        yield Refusal(400, text, "messages", "empty_array")
    open_calls: set[str] = set()
    for index, message in enumerate(messages):
        yield from _message(vendor, index, message, open_calls)
        if vendor.id == "google" and "gemma-3" in model and message.get("role") in {"system", "developer"}:
            yield Refusal(400, f"Developer instruction is not enabled for models/{model}", "messages")


def _message(vendor: Vendor, index: int, message: Any, open_calls: set[str]) -> Iterator[Refusal]:
    where = f"messages[{index}]"
    if not isinstance(message, dict):
        yield Refusal(400, f"Invalid type for '{where}': expected an object.", where, "invalid_type")
        return
    role = message.get("role")
    if role is None:
        text = f"Missing required parameter: '{where}.role'."
        yield Refusal(400, text, f"{where}.role", "missing_required_parameter")
    elif role not in _ROLES:
        yield Refusal(400, f"Invalid value: '{role}' for '{where}.role'.", f"{where}.role", "invalid_value")
    for name in message:
        if vendor.message_fields is not None and name not in vendor.message_fields:
            text = phrase(vendor, "unknown_message_field", name=name, index=index)
            status = vendor.statuses.get("unknown_field", 400)
            yield Refusal(status, text, f"messages.{index}.{role}.{name}", vendor.unknown_code)
    yield from _turn(index, message, open_calls)
    yield from _content(where, role, message)


def _turn(index: int, message: Body, open_calls: set[str]) -> Iterator[Refusal]:
    if message.get("role") == "tool":
        if message.get("tool_call_id") not in open_calls:
            text = "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
            yield Refusal(400, f"Invalid parameter: {text}", f"messages.[{index}].role")
        open_calls.discard(str(message.get("tool_call_id")))
        return
    if open_calls:
        text = f"An assistant message with 'tool_calls' lacks the answers to: {', '.join(sorted(open_calls))}"
        yield Refusal(400, text, f"messages.[{index}].role")
    open_calls.clear()
    open_calls.update(str(call.get("id")) for call in message.get("tool_calls") or ())


def _content(where: str, role: Any, message: Body) -> Iterator[Refusal]:
    content = message.get("content")
    if content is None:
        if role == "assistant" and (message.get("tool_calls") or message.get("function_call")):
            return
        text = f"Invalid value for 'content': expected a string, got null ({where})."
        yield Refusal(400, text, f"{where}.content")
    elif isinstance(content, list):
        if not content:
            yield Refusal(400, f"Invalid '{where}.content': empty array.", f"{where}.content", "empty_array")
        for at, part in enumerate(content):
            yield from _part(f"{where}.content[{at}]", part)
    elif not isinstance(content, str):
        yield Refusal(
            400, f"Invalid type for '{where}.content': expected a string.", f"{where}.content", "invalid_type"
        )


def _part(where: str, part: Any) -> Iterator[Refusal]:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind not in _PARTS:
        yield Refusal(400, f"Invalid value: '{kind}' for '{where}.type'.", where, "invalid_value")
    elif kind == "text" and not isinstance(part.get("text"), str):
        yield Refusal(400, f"Missing required parameter: '{where}.text'.", where, "missing_required_parameter")
    elif kind == "image_url":
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, dict) else None
        if not isinstance(image, dict):
            yield Refusal(400, f"Invalid type for '{where}.image_url': expected an object.", where, "invalid_type")
        elif not isinstance(url, str) or not url.startswith(("http://", "https://", "data:image/")):
            yield Refusal(400, f"Invalid '{where}.image_url.url': expected a URL.", where, "invalid_image_url")
        elif is_out_of_reach(url):
            yield Refusal(400, "Failed to download image.", where, "invalid_image_url")


def _tools(vendor: Vendor, body: Body) -> Iterator[Refusal]:
    tools = body.get("tools")
    if tools is None:
        if "tool_choice" in body and body["tool_choice"] != "none":
            yield Refusal(400, "'tool_choice' is only allowed when 'tools' are specified.", "tool_choice")
        return
    if not tools:
        yield Refusal(400, "Invalid 'tools': empty array.", "tools", "empty_array")
    for index, tool in enumerate(tools):
        yield from _tool(vendor, f"tools[{index}]", tool)


def _tool(vendor: Vendor, where: str, tool: Any) -> Iterator[Refusal]:
    kind = tool.get("type") if isinstance(tool, dict) else None
    if kind not in vendor.tool_kinds:
        allowed = ", ".join(f"'{kind}'" for kind in sorted(vendor.tool_kinds))
        text = f"Invalid value: '{kind}'. Supported values are: {allowed}."
        yield Refusal(400, text, f"{where}.type", "invalid_value")
        return
    inner = tool.get("function" if kind == "builtin_function" else kind)
    if kind in {"web_search", "retrieval"}:
        return
    name = inner.get("name") if isinstance(inner, dict) else None
    if not isinstance(name, str):
        yield Refusal(400, f"Missing required parameter: '{where}.{kind}.name'.", "tools")
    elif kind == "builtin_function" and name != "$web_search":
        yield Refusal(400, f"Invalid request: builtin function {name} is not found", "tools")
    elif kind != "builtin_function" and not _TOOL_NAME.fullmatch(name):
        text = f"Invalid '{where}.{kind}.name': string does not match pattern. Expected a string that matches the "
        yield Refusal(400, f"{text}pattern '^[a-zA-Z0-9_-]+$'.", f"{where}.{kind}.name", "invalid_value")
