"""What the fake says: deterministic text from the last user message, in pieces, with usage that adds up."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tests.fake.models import Pace
from tests.fake.samples import sample
from tests.fake.vendors import Vendor, hides_thoughts, thinks

Body = Mapping[str, Any]

_PIECE = re.compile(r"\S+\s*|\s+")
_IMAGE_TOKENS = 85
_CACHE_FROM = 1024
_CREATED = 1_795_305_600


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer, before it takes a wire form; every choice is the same."""

    id: str
    model: str
    choices: int
    pieces: tuple[str, ...]
    thoughts: tuple[str, ...]
    tool: tuple[str, str] | None
    """Name and arguments of the function that is called."""
    finish_reason: str
    usage: Mapping[str, Any]
    logprobs: int | None
    """How many alternatives to list with each token; None for no list."""

    @property
    def text(self) -> str:
        """The whole content."""
        return "".join(self.pieces)


def cut(text: str) -> tuple[str, ...]:
    """Cut text into pieces, which is also how tokens are counted."""
    return tuple(_PIECE.findall(text))


def said_by_user(messages: Sequence[Body]) -> str:
    """Return the text of the last user message; an image is `[image]`."""
    for message in reversed(messages):
        if message.get("role") == "user":
            return _text(message.get("content"))
    return ""


def _text(content: Any) -> str:
    if isinstance(content, list):
        return " ".join(
            part["text"] if part["type"] == "text" else f"[{part['type'].partition('_')[0]}]" for part in content
        )
    return content or ""


def prompt_tokens(messages: Sequence[Body]) -> int:
    """Count a prompt: its words, three more for each message, and a flat number for each image."""
    total = 0
    for message in messages:
        content = message.get("content")
        total += 3 + len(cut(_text(content)))
        if isinstance(content, list):
            total += sum(_IMAGE_TOKENS for part in content if part["type"] == "image_url")
    return total


def complete(vendor: Vendor, body: Body, number: int, pace: Pace) -> Completion:
    """Answer a call that was not refused."""
    model = body["model"]
    limit = _limit(body)
    choices = body.get("n") or 1
    tool = _tool_call(body)
    thoughts, pieces, finish = _speak(body, limit, pace, tool)
    spent = _metered(model, limit) or max(1, len(pieces) + len(thoughts))
    usage = _usage(vendor, body, spent * choices, len(thoughts) * choices)
    return Completion(
        id=f"chatcmpl-fake{number:08d}",
        model=model,
        choices=choices,
        pieces=pieces,
        thoughts=() if hides_thoughts(model) else thoughts,
        tool=tool,
        finish_reason=_finish(model, finish, tool),
        usage=usage,
        logprobs=(body.get("top_logprobs") or 0) if body.get("logprobs") else None,
    )


def _limit(body: Body) -> int | None:
    limits = [body[name] for name in ("max_tokens", "max_completion_tokens") if body.get(name)]
    return min(limits) if limits else None


def _metered(model: str, limit: int | None) -> int | None:
    bound = 16 if limit is None else limit
    return {"meter": bound, "meter-half": max(1, bound // 2)}.get(model)


def _finish(model: str, finish: str, tool: tuple[str, str] | None) -> str:
    if tool is not None:
        return "tool_calls"
    return {"meter": "length", "meter-half": "stop"}.get(model, finish)


def _speak(
    body: Body, limit: int | None, pace: Pace, tool: tuple[str, str] | None
) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Return thoughts, pieces and why they end."""
    heard = said_by_user(body["messages"])
    thoughts = cut(f"Thinking about: {heard}") if _reasons(body) else ()
    text = "" if tool else _answer(body, heard)
    stopped = _stop(text, body.get("stop"))
    pieces = cut(stopped)
    if pace.pieces is not None:
        pieces = tuple(f"word{index} " for index in range(pace.pieces))
    if body["model"] in {"meter", "meter-half"}:
        return (), ("ok",), "stop"
    if limit is not None and len(thoughts) + len(pieces) > limit:
        return thoughts[:limit], pieces[: max(0, limit - len(thoughts))], "length"
    return thoughts, pieces, "stop"


def _reasons(body: Body) -> bool:
    return bool(body["enable_thinking"]) if "enable_thinking" in body else thinks(body["model"])


def _answer(body: Body, heard: str) -> str:
    form = body.get("response_format") or {}
    if form.get("type") == "json_object":
        return msgspec.json.encode({"said": heard}).decode()
    if form.get("type") == "json_schema":
        return msgspec.json.encode(sample(form["json_schema"].get("schema", {}))).decode()
    return heard if body["model"] == "echo" else f"You said: {heard}"


def _stop(text: str, stop: Any) -> str:
    for word in [stop] if isinstance(stop, str) else stop or ():
        text = text.split(word, 1)[0]
    return text


def _tool_call(body: Body) -> tuple[str, str] | None:
    """Call the function that is named, the first when one is required, or the one that the user mentions."""
    functions = [tool["function"] for tool in body.get("tools") or () if tool.get("type") == "function"]
    choice = body.get("tool_choice", "auto")
    if not functions or choice == "none":
        return None
    if isinstance(choice, dict):
        wanted = choice.get("function", {}).get("name")
        functions = [function for function in functions if function["name"] == wanted]
    elif choice == "auto":
        last = body["messages"][-1]
        heard = _text(last.get("content")) if last.get("role") == "user" else ""
        functions = [function for function in functions if function["name"] in heard]
    if not functions:
        return None
    arguments = sample(functions[0].get("parameters") or {"type": "object"})
    return functions[0]["name"], msgspec.json.encode(arguments).decode()


def _usage(vendor: Vendor, body: Body, completion: int, reasoning: int) -> Mapping[str, Any]:
    prompt = prompt_tokens(body["messages"])
    cached = prompt // 2 if body["model"] == "cached" else 0
    if prompt >= _CACHE_FROM:
        cached = prompt // 2 // 128 * 128
    usage: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": 0},
    }
    if vendor.id == "openrouter":
        usage |= {"cost": 0.00001, "is_byok": False}
    elif vendor.id == "groq":
        usage |= {"queue_time": 0.01, "prompt_time": 0.001, "completion_time": 0.002, "total_time": 0.013}
    return usage


def whole(vendor: Vendor, completion: Completion) -> dict[str, Any]:
    """Give an answer the form of one JSON object."""
    message: dict[str, Any] = {"role": "assistant", "content": None if completion.tool else completion.text}
    if completion.thoughts:
        message[vendor.reasoning_field] = "".join(completion.thoughts)
    if completion.tool:
        message["tool_calls"] = [_tool_delta(completion, whole=True)]
    choices = [
        {
            "index": index,
            "message": message,
            "logprobs": _logprobs(completion, completion.pieces),
            "finish_reason": completion.finish_reason,
        }
        for index in range(completion.choices)
    ]
    return _envelope(vendor, completion, "chat.completion") | {"choices": choices, "usage": completion.usage}


def chunks(vendor: Vendor, completion: Completion, *, wants_usage: bool) -> Iterator[dict[str, Any]]:
    """Give an answer the form of the events of a stream, without the final `[DONE]`."""
    envelope = _envelope(vendor, completion, "chat.completion.chunk")
    if wants_usage:
        envelope["usage"] = None
    for delta, pieces in _deltas(vendor, completion):
        for index in range(completion.choices):
            logprobs = _logprobs(completion, pieces) if pieces else None
            choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None}
            yield envelope | {"choices": [choice]}
    for index in range(completion.choices):
        choice = {"index": index, "delta": {}, "logprobs": None, "finish_reason": completion.finish_reason}
        last = envelope | {"choices": [choice]}
        if vendor.id == "groq":
            last["x_groq"] = {"id": "req_fake", "usage": completion.usage}
        yield last
    if wants_usage or vendor.always_sends_usage:
        yield envelope | {"choices": [], "usage": completion.usage}


def _deltas(vendor: Vendor, completion: Completion) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    yield {"role": "assistant", "content": ""}, ()
    for thought in completion.thoughts:
        yield {vendor.reasoning_field: thought}, ()
    for piece in completion.pieces:
        yield {"content": piece}, (piece,)
    if completion.tool:
        yield {"tool_calls": [_tool_delta(completion, whole=False)]}, ()
        arguments = completion.tool[1]
        middle = len(arguments) // 2
        for part in (arguments[:middle], arguments[middle:]):
            yield {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}, ()


def _tool_delta(completion: Completion, *, whole: bool) -> dict[str, Any]:
    name, arguments = completion.tool or ("", "")
    call = {"id": f"call_{completion.id}", "type": "function", "function": {"name": name, "arguments": arguments}}
    return call if whole else call | {"index": 0, "function": {"name": name, "arguments": ""}}


def _logprobs(completion: Completion, pieces: Sequence[str]) -> dict[str, Any] | None:
    if completion.logprobs is None:
        return None
    return {"content": [_logprob(piece, completion.logprobs) for piece in pieces], "refusal": None}


def _logprob(piece: str, alternatives: int) -> dict[str, Any]:
    entry = {"token": piece, "logprob": -0.25, "bytes": list(piece.encode())}
    listed = [entry | {"logprob": -0.25 - rank} for rank in range(alternatives)]
    return entry | {"top_logprobs": listed}


def _envelope(vendor: Vendor, completion: Completion, kind: str) -> dict[str, Any]:
    envelope: dict[str, Any] = {
        "id": completion.id,
        "object": kind,
        "created": _CREATED,
        "model": completion.model,
        "system_fingerprint": "fp_fake",
    }
    if vendor.id == "openai":
        envelope["service_tier"] = "default"
    elif vendor.id == "openrouter":
        envelope["provider"] = "Fake"
    return envelope
