"""What single vendors of chat completions refuse beyond what all refuse."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from tests.fake.vendor import Refusal, Vendor
from tests.fake.vendors_models import RESPONSES_ONLY

Body = Mapping[str, Any]

_SEARCH_PREVIEW_REFUSES = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "n",
    "seed",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "prediction",
    "reasoning_effort",
    "functions",
)
"""`https://github.com/charmbracelet/mods/issues/480` (temperature, top_p) and
`https://github.com/crmne/ruby_llm/issues/155`, read on 2026-11-22; that the rest is refused as well is taken from these
models being made for searching alone, and was not seen reported."""


def vendor_rules(vendor: Vendor, model: str, body: Body) -> Iterator[Refusal]:
    """What a vendor refuses by rules of its own."""
    if vendor.id in _RULES:
        yield from _RULES[vendor.id](vendor, model, body)


def _openai(vendor: Vendor, model: str, body: Body) -> Iterator[Refusal]:
    if model in RESPONSES_ONLY:
        text = "This model is only supported in v1/responses and not in v1/chat/completions."
        yield Refusal(404, text, "model")
    if "search-preview" in model:
        wrong = [name for name in _SEARCH_PREVIEW_REFUSES if name in body]
        if wrong:
            plural = "s" if len(wrong) > 1 else ""
            text = f"Model incompatible request argument{plural} supplied: {', '.join(wrong)}"
            yield Refusal(400, text)
    elif "web_search_options" in body:
        yield Refusal(400, "Web search options not supported with this model.", "web_search_options")
    for index, tool in enumerate(body.get("tools") or ()):
        if isinstance(tool, dict) and tool.get("type") == "function" and tool["function"].get("strict"):
            yield from _strict(f"tools[{index}].function", tool["function"])
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        yield from _schema(form.get("json_schema"))


def _strict(where: str, function: Body) -> Iterator[Refusal]:
    schema = function.get("parameters") or {}
    if schema.get("additionalProperties") is not False:
        text = "In context=(), 'additionalProperties' is required to be supplied and to be false."
        yield Refusal(
            400,
            f"Invalid schema for function '{function['name']}': {text}",
            f"{where}.parameters",
            "invalid_function_parameters",
        )


def _schema(wanted: Any) -> Iterator[Refusal]:
    name = wanted.get("name") if isinstance(wanted, dict) else None
    if not isinstance(name, str):
        text = "Missing required parameter: 'response_format.json_schema.name'."
        yield Refusal(400, text, "response_format.json_schema.name", "missing_required_parameter")
        return
    schema = wanted.get("schema") or {}
    if wanted.get("strict") and schema.get("additionalProperties") is not False:
        text = "In context=(), 'additionalProperties' is required to be supplied and to be false."
        yield Refusal(400, f"Invalid schema for response_format '{name}': {text}", "response_format")


def _deepseek(vendor: Vendor, model: str, body: Body) -> Iterator[Refusal]:
    thinking = (body.get("thinking") or {}).get("type", "enabled" if model in vendor.thinkers else "disabled")
    if thinking == "disabled":
        return
    if (
        body.get("tool_choice", "auto") not in {"auto", "none"}
        if isinstance(body.get("tool_choice"), str)
        else ("tool_choice" in body)
    ):
        yield Refusal(400, "Thinking mode does not support this tool_choice")
    for message in body.get("messages") or ():
        if message.get("role") == "assistant" and message.get("tool_calls") and "reasoning_content" not in message:
            text = "The `reasoning_content` in the thinking mode must be passed back to the API."
            yield Refusal(400, text, code="invalid_request_error")


def _moonshot(vendor: Vendor, model: str, body: Body) -> Iterator[Refusal]:
    if model in vendor.thinkers:
        is_off = (body.get("thinking") or {}).get("type") == "disabled"
        only = 0.6 if is_off else 1
        if body.get("temperature", only) != only:
            yield Refusal(400, f"invalid temperature: only {only} is allowed for this model")
        if body.get("top_p", 0.95) != 0.95:
            yield Refusal(400, "invalid top_p: only 0.95 is allowed for this model")
        for name in ("presence_penalty", "frequency_penalty"):
            if body.get(name, 0) != 0:
                yield Refusal(400, f"invalid {name}: only 0 is allowed for this model")
        if body.get("n", 1) != 1:
            yield Refusal(400, "invalid n: only 1 is allowed for this model")
    yield from _searched(body)


def _same(given: Any, wanted: str) -> bool:
    """Whether two texts are the same JSON, however it is spaced."""
    try:
        return bool(msgspec.json.decode(given) == msgspec.json.decode(wanted))
    except (msgspec.DecodeError, TypeError):
        return False


def _searched(body: Body) -> Iterator[Refusal]:
    """What `$web_search` was called with must come back as it was."""
    asked: dict[str, str] = {}
    for message in body.get("messages") or ():
        for call in message.get("tool_calls") or ():
            if call.get("function", {}).get("name") == "$web_search":
                asked[call["id"]] = call["function"].get("arguments", "")
        wanted = asked.get(message.get("tool_call_id", ""))
        if message.get("role") == "tool" and wanted is not None and not _same(message.get("content"), wanted):
            yield Refusal(400, "Invalid request: the arguments of $web_search must be returned unchanged")


def _perplexity(vendor: Vendor, model: str, body: Body) -> Iterator[Refusal]:
    turns = [message.get("role") for message in body.get("messages") or ()]
    while turns and turns[0] in {"system", "developer"}:
        turns.pop(0)
    wanted = ["user" if index % 2 == 0 else "assistant" for index in range(len(turns))]
    if ["user" if role == "tool" else role for role in turns] != wanted:
        text = "After the (optional) system message(s), user or tool message(s) should alternate with assistant "
        yield Refusal(400, f"{text}message(s).", type="invalid_message")
    if wanted and wanted[-1] == "assistant":
        yield Refusal(400, "Last message must have role `user`.", type="invalid_message")


def _zhipu(vendor: Vendor, model: str, body: Body) -> Iterator[Refusal]:
    if not any(message.get("role") == "user" for message in body.get("messages") or ()):
        yield Refusal(400, "The messages parameter is illegal. Please check the documentation.", code="1214")


def _mistral(vendor: Vendor, model: str, body: Body) -> Iterator[Refusal]:
    messages = body.get("messages") or ()
    last = messages[-1] if messages else {}
    if last.get("role") == "assistant" and not last.get("prefix"):
        text = "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"
        yield Refusal(400, text, code="invalid_request_message_order")


_RULES: dict[str, Callable[[Vendor, str, Body], Iterator[Refusal]]] = {
    "openai": _openai,
    "azure": _openai,
    "deepseek": _deepseek,
    "moonshot": _moonshot,
    "perplexity": _perplexity,
    "zhipu": _zhipu,
    "mistral": _mistral,
}
