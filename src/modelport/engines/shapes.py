"""What an engine is asked and answers, between OpenAI's shape and that of the server inside. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

_INVALID = (
    "image input is not supported",
    "audio input is not supported",
    "video input is not supported",
    "Failed to parse messages",
    "Failed to parse tools",
    "unsupported content[].type",
)
"""What the server inside blames on itself although the call is at fault."""


class Refusal(Exception):
    """A call that is not answered, and why."""

    def __init__(self, status: int, message: str, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param


@dataclass(frozen=True, slots=True)
class Call:
    """A chat call, with what the front itself acts on taken out."""

    fields: dict[str, object]
    choices: int
    is_streaming: bool
    wants_usage: bool
    wants_bare_logprobs: bool
    """Asked for the likelihood of what was written, but for no alternatives."""
    seed: int | None


class _Options(msgspec.Struct):
    include_usage: bool = False


class _Asked(msgspec.Struct):
    messages: list[dict[str, object]]
    n: int | None = None
    stream: bool | None = None
    stream_options: _Options | None = None
    seed: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None


class Usage(msgspec.Struct, omit_defaults=True):
    """Tokens of one run."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: dict[str, int] | None = None


class Likelihood(msgspec.Struct):
    """How likely one token was."""

    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: list["Likelihood"] | msgspec.UnsetType = msgspec.UNSET


class Likelihoods(msgspec.Struct):
    """How likely each token of a text was."""

    content: list[Likelihood] | None = None


class Choice(msgspec.Struct, omit_defaults=True):
    """One choice of an answer (`message`) or of a chunk (`delta`)."""

    index: int = msgspec.field()
    finish_reason: str | None = msgspec.field()
    message: dict[str, object] | msgspec.UnsetType = msgspec.UNSET
    delta: dict[str, object] | msgspec.UnsetType = msgspec.UNSET
    logprobs: Likelihoods | None = None


class Answer(msgspec.Struct, omit_defaults=True):
    """A whole answer, or one chunk; what is not named here, timings above all, is left out."""

    id: str
    object: str
    created: int
    model: str
    choices: list[Choice]
    system_fingerprint: str | None = None
    usage: Usage | None = None


class _Fault(msgspec.Struct):
    message: str = ""
    type: str = ""


class _Failed(msgspec.Struct):
    error: _Fault


def read_call(body: bytes, output_tokens: int) -> Call:
    """Read a chat call; one that names no bound gets `output_tokens`. Raises `Refusal`."""
    try:
        asked = msgspec.json.decode(body, type=_Asked)
        fields = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise Refusal(400, f"The body is not a chat call: {problem}.", "invalid_body") from problem
    if not asked.messages:
        raise Refusal(400, "'messages' is empty; send at least one message.", "invalid_body", "messages")
    choices = 1 if asked.n is None else asked.n
    if choices < 1:
        raise Refusal(400, f"'n' is {choices}; it must be at least 1.", "invalid_body", "n")
    if asked.max_tokens is None and asked.max_completion_tokens is None:
        fields = {**fields, "max_tokens": output_tokens}
    is_streaming = bool(asked.stream)
    wants_usage = asked.stream_options is not None and asked.stream_options.include_usage
    wants_bare_logprobs = bool(asked.logprobs) and not asked.top_logprobs
    return Call(fields, choices, is_streaming, wants_usage, wants_bare_logprobs, asked.seed)


def choice_call(call: Call, index: int) -> bytes:
    """Write the call for one choice: the server inside counts the tokens of one choice only."""
    fields = {name: value for name, value in call.fields.items() if name != "n" and value is not None}
    if call.is_streaming:
        fields["stream_options"] = {"include_usage": True}
    if call.wants_bare_logprobs:
        fields["top_logprobs"] = 1  # for 0 the server inside gives none at all, for no number 20 of each
    if call.seed is not None:
        fields["seed"] = call.seed + index
    return msgspec.json.encode(fields)


def read_answer(body: bytes, call: Call) -> Answer:
    """Read an answer or chunk of the server inside; raises `Refusal` when it is neither."""
    try:
        answer = msgspec.json.decode(body, type=Answer)
    except msgspec.DecodeError as problem:
        raise refusal_of(500, body) from problem
    if call.wants_bare_logprobs:
        for choice in answer.choices:
            for token in (choice.logprobs and choice.logprobs.content) or ():
                token.top_logprobs = []
    return answer


def usage_sum(runs: Sequence[Usage]) -> Usage:
    """Count the prompt once and what every run wrote."""
    written = sum(run.completion_tokens for run in runs)
    prompt = runs[0].prompt_tokens
    return Usage(prompt, written, prompt + written, runs[0].prompt_tokens_details)


def joined_reply(replies: Sequence[Answer]) -> bytes:
    """Make one answer out of one per choice."""
    joined = replies[0]
    joined.choices = [_indexed(choice, index) for index, reply in enumerate(replies) for choice in reply.choices]
    joined.usage = usage_sum([reply.usage for reply in replies if reply.usage is not None])
    return msgspec.json.encode(joined)


@dataclass(slots=True)
class Chunks:
    """Makes one stream out of one per choice: one id, the right index, usage only at the end."""

    _first: Answer | None = None
    _runs: tuple[Usage, ...] = ()

    def shown(self, chunk: Answer, index: int) -> bytes | None:
        """Return the event for a chunk of choice `index`, or None for one that only carries usage."""
        first = self._first = self._first or chunk
        if chunk.usage is not None:
            self._runs = (*self._runs, chunk.usage)
            chunk.usage = None
        if not chunk.choices:
            return None
        chunk.id, chunk.created = first.id, first.created
        chunk.choices = [_opened(_indexed(choice, index)) for choice in chunk.choices]
        return event_of(msgspec.json.encode(chunk))

    def usage(self) -> bytes | None:
        """Return the event that tells the usage of all choices."""
        if self._first is None or not self._runs:
            return None
        last = msgspec.structs.replace(self._first, choices=[], usage=usage_sum(self._runs))
        return event_of(msgspec.json.encode(last))


def event_of(data: bytes) -> bytes:
    """Wrap data as a server-sent event."""
    return b"data: " + data + b"\n\n"


def refusal_of(status: int, body: bytes) -> Refusal:
    """Read an error of the server inside, and put it where it belongs."""
    try:
        fault = msgspec.json.decode(body, type=_Failed).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Refusal(502, "The engine's answer could not be read.", "engine_failed")
    if fault.type == "exceed_context_size_error":
        return Refusal(400, f"The prompt is too long: {fault.message}.", "context_length_exceeded", "messages")
    if status < 500 or fault.message.startswith(_INVALID):
        return Refusal(status if status < 500 else 400, fault.message, "invalid_request")
    return Refusal(status, fault.message or "The engine failed.", "engine_failed")


def error_body(refusal: Refusal) -> bytes:
    """Write an error the way OpenAI does."""
    kind = "invalid_request_error" if refusal.status < 500 else "server_error"
    error = {"message": refusal.message, "type": kind, "param": refusal.param, "code": refusal.code}
    return msgspec.json.encode({"error": error})


def _indexed(choice: Choice, index: int) -> Choice:
    choice.index = index
    return choice


def _opened(choice: Choice) -> Choice:
    """Say "" where the first chunk says null, as OpenAI does: clients add it up."""
    if isinstance(choice.delta, dict) and choice.delta.get("content", "") is None:
        choice.delta = {**choice.delta, "content": ""}
    return choice
