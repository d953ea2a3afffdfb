"""Chat completions: how a call is read, and how an answer looks whole and as a stream."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.fake.asked import Asked, Said, Tool, joined
from tests.fake.completions import SOURCE_TITLE, SOURCE_URL, Completion, ToolCall, implicit_cache
from tests.fake.form import Event
from tests.fake.vendor import Refusal, Vendor, error_body, hides_thoughts, thinks

Body = Mapping[str, Any]

CREATED = 1_795_305_600
_SEARCH_ARGUMENTS = {
    "type": "object",
    "properties": {
        "search_result": {"type": "object", "properties": {"search_id": {"const": "fake-search"}}},
        "usage": {"type": "object", "properties": {"total_tokens": {"const": 13}}},
    },
}
"""What the model hands to `$web_search`: opaque to the caller, and made up here."""
_FINISH = {"stop": "stop", "stop_word": "stop", "length": "length", "tools": "tool_calls", "refusal": "stop"}


def asked_in_chat(vendor: Vendor, body: Body) -> Asked:
    """Read a call that was not refused."""
    model = body["model"]
    said = tuple(_said(message) for message in body["messages"])
    asked = Asked(model, said)
    last = body["messages"][-1]
    continues = _text(last.get("content")) if last.get("role") == "assistant" and _prefixed(last) else ""
    return Asked(
        model=model,
        said=said,
        limit=_limit(body),
        stops=_stops(body.get("stop")),
        tools=tuple(_tools(body)),
        choice=_choice(body.get("tool_choice", "auto")),
        is_parallel=body.get("parallel_tool_calls", True),
        thinks=_reasons(vendor, body),
        hides_thoughts=_hides(vendor, body),
        form=_form(body.get("response_format") or {}, said),
        choices=body.get("n") or 1,
        logprobs=(body.get("top_logprobs") or 0) if body.get("logprobs") else None,
        searches=_searches(vendor, body),
        cache=implicit_cache(model, asked.prompt_tokens),
        continues=continues,
    )


def _said(message: Body) -> Said:
    given = str(message.get("role") or "user")
    role = {"developer": "system", "function": "tool"}.get(given, given)
    content = message.get("content")
    images = sum(part["type"] == "image_url" for part in content) if isinstance(content, list) else 0
    return Said(role, _text(content), images)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return joined(
            part["text"] if part["type"] == "text" else f"[{part['type'].partition('_')[0]}]" for part in content
        )
    return content or ""


def _prefixed(message: Body) -> bool:
    return bool(message.get("prefix") or message.get("partial"))


def _stops(stop: Any) -> tuple[str, ...]:
    return (stop,) if isinstance(stop, str) else tuple(stop or ())


def _limit(body: Body) -> int | None:
    limits = [body[name] for name in ("max_tokens", "max_completion_tokens") if body.get(name)]
    return min(limits) if limits else None


def _reasons(vendor: Vendor, body: Body) -> bool:
    if "enable_thinking" in body:
        return bool(body["enable_thinking"])
    if isinstance(body.get("thinking"), dict):
        return body["thinking"].get("type") != "disabled"
    reasoning = body.get("reasoning")
    if isinstance(reasoning, dict):
        return bool(reasoning.get("enabled", True)) and reasoning.get("effort") != "none"
    if vendor.thinks_on_effort and "reasoning_effort" in body:
        return body["reasoning_effort"] != "none"
    return thinks(body["model"]) or body["model"] in vendor.thinkers


def _hides(vendor: Vendor, body: Body) -> bool:
    reasoning = body.get("reasoning")
    if isinstance(reasoning, dict) and reasoning.get("exclude"):
        return True
    return hides_thoughts(body["model"]) and vendor.id in {"openai", "azure"}


def _searches(vendor: Vendor, body: Body) -> bool:
    tools = body.get("tools") or ()
    kinds = {tool.get("type") for tool in tools if isinstance(tool, dict)}
    given = "web_search_options" in body or bool(body.get("enable_search")) or "web_search" in kinds
    return given or "search-preview" in body["model"] or vendor.always_searches


def _tools(body: Body) -> Iterator[Tool]:
    for tool in body.get("tools") or ():
        if tool.get("type") == "function":
            yield Tool(tool["function"]["name"], tool["function"].get("parameters") or {"type": "object"})
        elif tool.get("type") == "builtin_function":
            yield Tool(tool["function"]["name"], _SEARCH_ARGUMENTS, is_builtin=True)
        elif tool.get("type") == "custom":
            yield Tool(tool["custom"]["name"], None)
    for function in body.get("functions") or ():
        yield Tool(function["name"], function.get("parameters") or {"type": "object"})


def _choice(choice: Any) -> str:
    if isinstance(choice, str):
        return {"any": "required"}.get(choice, choice)
    kind = choice.get("type")
    if kind == "allowed_tools":
        return choice["allowed_tools"].get("mode", "auto")
    return str(choice.get(kind, {}).get("name", "auto"))


def _form(form: Body, said: Sequence[Said]) -> Mapping[str, Any] | None:
    """Return the schema of what is to be answered; models do what they are told in words, too."""
    if form.get("type") == "json_schema":
        return form["json_schema"].get("schema") or {}
    told = next((schema for one in said if one.role == "system" and (schema := _schema_in(one.text))), None)
    return {} if told is None and form.get("type") == "json_object" else told


def _schema_in(text: str) -> Mapping[str, Any] | None:
    """Read the schema that an instruction ends with."""
    start = text.find("\n{")
    if start < 0:
        return None
    try:
        found = json.loads(text[start:])
    except ValueError:
        return None
    return found if isinstance(found, dict) and "properties" in found else None


class ChatForm:
    """Chat completions."""

    id = "openai_chat"
    line_end = b"\n"
    wrong_usage: Mapping[str, Any] = {"prompt_tokens": "seven", "completion_tokens": -3, "total_tokens": 4.5}
    huge = (b'{"choices":[{"message":{"content":"', b'data: {"choices":[{"delta":{"content":"')

    def whole(self, vendor: Vendor, completion: Completion) -> dict[str, Any]:
        """Give an answer the form of one JSON object."""
        message: dict[str, Any] = {"role": "assistant", "content": None if completion.tools else completion.text}
        if completion.refusal is not None:
            message |= {"content": None, "refusal": completion.refusal}
        if completion.thoughts:
            message[vendor.reasoning_field] = "".join(completion.thoughts)
        if completion.tools:
            calls = enumerate(completion.tools)
            message["tool_calls"] = [_tool_delta(completion, index, call, whole=True) for index, call in calls]
        if completion.query is not None:
            message["annotations"] = _annotations(completion)
        choices = [
            {
                "index": index,
                "message": message,
                "logprobs": _logprobs(completion, completion.pieces),
                "finish_reason": _FINISH[completion.end],
            }
            for index in range(completion.choices)
        ]
        body = _envelope(vendor, completion, "chat.completion")
        return body | {"choices": choices, "usage": self.usage(vendor, completion)} | _sources(vendor, completion)

    def events(self, vendor: Vendor, completion: Completion, *, wants_usage: bool) -> Iterator[Event]:
        """Give an answer the form of the events of a stream, with the final `[DONE]`."""
        envelope = _envelope(vendor, completion, "chat.completion.chunk") | _sources(vendor, completion)
        usage = self.usage(vendor, completion)
        if wants_usage:
            envelope["usage"] = None
        for delta, pieces in _deltas(vendor, completion):
            for index in range(completion.choices):
                logprobs = _logprobs(completion, pieces) if pieces else None
                choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None}
                yield Event("start" if "role" in delta else "piece", envelope | {"choices": [choice]})
        for index in range(completion.choices):
            reason = _FINISH[completion.end]
            choice = {"index": index, "delta": {}, "logprobs": None, "finish_reason": reason}
            last = envelope | {"choices": [choice]}
            if vendor.id == "groq":
                last["x_groq"] = {"id": "req_fake", "usage": usage}
            yield Event("finish", last)
        if wants_usage or vendor.always_sends_usage:
            yield Event("usage", envelope | {"choices": [], "usage": usage}, has_usage=True)
        yield Event("end", {}, raw=b"[DONE]")

    def usage(self, vendor: Vendor, completion: Completion) -> dict[str, Any]:
        """Give usage its form."""
        spent = completion.spent
        usage: dict[str, Any] = {
            "prompt_tokens": spent.prompt,
            "completion_tokens": spent.completion,
            "total_tokens": spent.prompt + spent.completion,
            "prompt_tokens_details": {"cached_tokens": spent.cache.read, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": spent.reasoning, "audio_tokens": 0},
        }
        return {**usage, **vendor.more_usage(usage)}

    def with_usage(self, data: dict[str, Any], usage: dict[str, Any] | None) -> dict[str, Any]:
        """Put other usage into an answer or event, or take it out."""
        rest = {name: value for name, value in data.items() if name != "usage"}
        return rest if usage is None else rest | {"usage": usage}

    def growing(self, vendor: Vendor, completion: Completion, events: Iterator[Event]) -> Iterator[Event]:
        """Tell usage in every chunk."""
        prompt = completion.spent.prompt
        for count, event in enumerate(events):
            if event.kind in {"usage", "end"}:
                yield event
                continue
            so_far = min(count, completion.spent.completion)
            usage = {"prompt_tokens": prompt, "completion_tokens": so_far, "total_tokens": prompt + so_far}
            yield event.holding(event.data | {"usage": usage})

    def again(self, event: Event) -> Event:
        """The same event."""
        return event

    def error(self, vendor: Vendor, refusal: Refusal) -> bytes:
        """Encode a refusal."""
        return error_body(vendor, refusal)

    def failure(self, vendor: Vendor, completion: Completion, refusal: Refusal, *, first: bool) -> Iterator[Event]:
        """Tell of an error as a chunk of its own, and end the stream."""
        yield Event("mark", {}, raw=error_body(vendor, refusal))
        yield Event("end", {}, raw=b"[DONE]")


def _deltas(vendor: Vendor, completion: Completion) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    yield {"role": "assistant", "content": ""}, ()
    for thought in completion.thoughts:
        yield {vendor.reasoning_field: thought}, ()
    if completion.refusal is not None:
        yield {"refusal": completion.refusal}, ()
    for piece in completion.pieces:
        yield {"content": piece}, (piece,)
    if completion.query is not None:
        yield {"annotations": _annotations(completion)}, ()
    for index, call in enumerate(completion.tools):
        yield {"tool_calls": [_tool_delta(completion, index, call, whole=False)]}, ()
        middle = len(call.arguments) // 2
        for part in (call.arguments[:middle], call.arguments[middle:]):
            said = {"custom": {"input": part}} if call.is_custom else {"function": {"arguments": part}}
            yield {"tool_calls": [{"index": index, **said}]}, ()


def _tool_delta(completion: Completion, index: int, tool: ToolCall, *, whole: bool) -> dict[str, Any]:
    said = tool.arguments if whole else ""
    kind = "custom" if tool.is_custom else "builtin_function" if tool.name.startswith("$") else "function"
    inner = {"name": tool.name, "input" if tool.is_custom else "arguments": said}
    call = {"id": call_id(completion, index), "type": kind, "custom" if tool.is_custom else "function": inner}
    return call if whole else call | {"index": index}


def call_id(completion: Completion, index: int) -> str:
    """Name a call of a tool, the same in every form."""
    return f"call_{_id(completion)}" if not index else f"call_{_id(completion)}_{index}"


def _id(completion: Completion) -> str:
    return f"chatcmpl-fake{completion.number:08d}"


def _annotations(completion: Completion) -> list[dict[str, Any]]:
    cited = {"start_index": 0, "end_index": len(completion.text), "title": SOURCE_TITLE, "url": SOURCE_URL}
    return [{"type": "url_citation", "url_citation": cited}]


def _sources(vendor: Vendor, completion: Completion) -> dict[str, Any]:
    if completion.query is None or not vendor.always_searches:
        return {}
    result = {"title": SOURCE_TITLE, "url": SOURCE_URL, "date": "2026-11-01"}
    return {"citations": [SOURCE_URL], "search_results": [result]}


def _logprobs(completion: Completion, pieces: Sequence[str]) -> dict[str, Any] | None:
    if completion.logprobs is None:
        return None
    return {"content": [logprob(piece, completion.logprobs) for piece in pieces], "refusal": None}


def logprob(piece: str, alternatives: int) -> dict[str, Any]:
    """Say how likely a token was, and how likely its alternatives."""
    entry = {"token": piece, "logprob": -0.25, "bytes": list(piece.encode())}
    listed = [entry | {"logprob": -0.25 - rank} for rank in range(alternatives)]
    return entry | {"top_logprobs": listed}


def _envelope(vendor: Vendor, completion: Completion, kind: str) -> dict[str, Any]:
    envelope: dict[str, Any] = {
        "id": _id(completion),
        "object": kind,
        "created": CREATED,
        "model": completion.model,
        "system_fingerprint": "fp_fake",
    }
    if vendor.id == "openai":
        envelope["service_tier"] = "default"
    elif vendor.id == "openrouter":
        envelope["provider"] = "Fake"
    return envelope


CHAT = ChatForm()
