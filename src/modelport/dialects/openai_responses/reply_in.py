"""Reading a provider's whole answer in the Responses format, its faults, and its items."""

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from modelport.core.errors import InvalidBody
from modelport.dialects.openai_responses.items_in import NAME, Item, parts_of, thinking_of, tool_use_of
from modelport.dialects.openai_responses.meters import meters, searches_of
from modelport.dialects.wire import MalformedReply, UpstreamFault
from modelport.operations.content import Foreign, Part, ToolUse
from modelport.operations.reply import Choice, Finish, Reply

_RETRYABLE = frozenset({401, 403, 404, 408, 409, 425, 429})
_MAX_SHOWN = 2000
_ABSENT = Raw(b"")
NOTHING = (b"", b"null")


class Incomplete(Struct):
    """Why an answer is not complete."""

    reason: str | None = None


class Answer(Struct):
    """The parts of an answer that the gateway reads."""

    output: list[Raw] | None = None
    id: str = ""
    status: str = "completed"
    model: str = ""
    created_at: float | None = None
    service_tier: str | None = None
    usage: Raw = Raw(b"null")
    error: Raw = Raw(b"null")
    incomplete_details: Incomplete | None = None


class _Error(Struct):
    code: str | int | None = None
    type: str | None = None


class _Spoken(Struct):
    text: str = ""
    logprobs: Raw = _ABSENT


class _Logged(Struct):
    content: list[_Spoken] | None = None


_ANSWER = msgspec.json.Decoder(Answer)
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_ERROR = msgspec.json.Decoder(_Error)
_ITEM = msgspec.json.Decoder(Item)
_LOGGED = msgspec.json.Decoder(_Logged)
_RAWS = msgspec.json.Decoder(list[Raw])


def answer_of(body: bytes) -> Answer:
    """Read the head of an answer that ended; raises `MalformedReply`, or `UpstreamFault` for one that failed."""
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        if (inner := _error_inside(body)) is not None:
            raise inner from None
        raise MalformedReply("the provider's answer is not a response") from None
    if bytes(answer.error) not in NOTHING or answer.status in ("failed", "cancelled"):
        raise failed(bytes(answer.error), answer.status)
    if answer.output is None:
        raise MalformedReply("the provider's answer has no list of output items")
    if answer.status not in ("completed", "incomplete"):
        raise MalformedReply(f"the provider's answer is '{shown(answer.status.encode(), 40)}', not completed")
    return answer


def _error_inside(body: bytes) -> UpstreamFault | None:
    try:
        error = bytes(_OBJECT.decode(body).get("error", Raw(b"null")))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return None if error in NOTHING else failed(error, "failed")


def failed(error: bytes, status: str = "failed") -> UpstreamFault:
    """Say why a provider gave up an answer that it had accepted."""
    told = f"200 {status} {shown(error)}" if error not in NOTHING else f"200 the response was {status}"
    return UpstreamFault(200, told, retryable=_may_help(error))


def _may_help(error: bytes) -> bool:
    """Whether another provider may answer where this one did not: not what is wrong with the call itself."""
    try:
        told = _ERROR.decode(error)
    except msgspec.DecodeError:
        return True
    words = (str(told.code or ""), told.type or "")
    return not any(word.startswith("invalid") or word == "context_length_exceeded" for word in words)


def fault(status: int, retry_after: bytes | None, body: bytes) -> UpstreamFault:
    """Say what went wrong from a refusal, and whether another offer is worth trying."""
    wait = int(retry_after) if retry_after is not None and retry_after.strip().isdigit() else None
    retryable = status >= 500 or status in _RETRYABLE
    return UpstreamFault(status, f"{status} {shown(body)}", retryable=retryable, retry_after_s=wait)


def shown(body: bytes, most: int = _MAX_SHOWN) -> str:
    """Print a provider's words, shortened."""
    text = body.decode("utf-8", "replace").strip()
    return text if len(text) <= most else text[:most] + "…"


def decode(body: bytes) -> Reply:
    """Read a whole answer; raises `MalformedReply`, or `UpstreamFault` for an error inside a success."""
    answer = answer_of(body)
    output = answer.output or []
    try:
        parts = tuple(part for raw in output for part in output_parts(bytes(raw)))
        logprobs = _logprobs(output)
    except (msgspec.DecodeError, InvalidBody):
        raise MalformedReply("an output item of the provider's answer cannot be read") from None
    finish = finish_of(answer, has_tools=any(isinstance(part, ToolUse) for part in parts))
    return Reply(
        choices=(Choice(0, parts, finish, logprobs=logprobs),),
        usage=meters(bytes(answer.usage), searches_of(output)),
        id=answer.id,
        model=answer.model,
        created=int(answer.created_at or 0),
        service_tier=answer.service_tier or "",
    )


def finish_of(answer: Answer, *, has_tools: bool) -> Finish:
    """Say why an answer ended."""
    if answer.status == "incomplete":
        reason = answer.incomplete_details.reason if answer.incomplete_details else None
        return "content_filter" if reason == "content_filter" else "length"
    return "tool_calls" if has_tools else "stop"


def output_parts(raw: bytes) -> Sequence[Part]:
    """Read an output item into the parts of an answer."""
    item = _ITEM.decode(raw)
    if item.type == "message":
        return parts_of("output", item.content)
    if item.type == "reasoning":
        return [replace(part, origin=NAME) for part in thinking_of(item, is_answer=True) if part.text or part.encrypted]
    if item.type in ("function_call", "custom_tool_call"):
        return [tool_use_of(item)]
    return [Foreign(NAME, item.type or "", raw)]


def _logprobs(output: Sequence[Raw]) -> bytes:
    """Gather the log probabilities of all texts in OpenAI's form of chat."""
    tokens = [
        token
        for raw in output
        if b'"logprobs"' in bytes(raw) and b'"output_text"' in bytes(raw)
        for part in _LOGGED.decode(raw).content or ()
        if bytes(part.logprobs) not in NOTHING
        for token in _RAWS.decode(part.logprobs)
    ]
    return chat_logprobs(tokens)


def chat_logprobs(tokens: Sequence[Raw]) -> bytes:
    """Write log probabilities as chat does; empty when there are none."""
    return msgspec.json.encode({"content": tokens, "refusal": None}) if tokens else b""
