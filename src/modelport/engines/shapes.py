"""What a chat engine answers, between OpenAI's shape and that of the server inside. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from modelport.engines.asgi import event_of
from modelport.engines.calls import Call
from modelport.engines.refusals import Refusal
from modelport.engines.schemas import Schema
from modelport.engines.tools import CALL_PREFIX, CallText

_INVALID = (
    "image input is not supported",
    "audio input is not supported",
    "video input is not supported",
    "Failed to parse messages",
    "Failed to parse tools",
    "unsupported content[].type",
)
"""What the server inside blames on itself although the call is at fault."""


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


def read_answer(body: bytes, call: Call) -> Answer:
    """Read an answer or chunk of the server inside; raises `Refusal` when it is neither."""
    answer = _decoded(body)
    if call.wants_bare_logprobs:
        for choice in answer.choices:
            for token in (choice.logprobs and choice.logprobs.content) or ():
                token.top_logprobs = []
    return answer


def first_tokens(body: bytes) -> dict[str, float]:
    """Read how likely each token was that an answer could have begun with."""
    answer = _decoded(body)
    tokens = (one for choice in answer.choices for one in (choice.logprobs and choice.logprobs.content) or ())
    first = next(tokens, None)
    if first is None or isinstance(first.top_logprobs, msgspec.UnsetType):
        return {}
    return {one.token: one.logprob for one in first.top_logprobs}


def settled_reply(answer: Answer, call: Call, call_id: str) -> Answer:
    """Make a whole answer what was asked for: a call of a function, JSON that holds its schema, or what comes after."""
    for choice in answer.choices:
        if not isinstance(choice.message, dict):
            continue
        content, is_cut = str(choice.message.get("content") or ""), choice.finish_reason == "length"
        if call.is_calling:
            choice.message = _calling_message(content.removeprefix(CALL_PREFIX), call, call_id, is_cut=is_cut)
            choice.finish_reason = "length" if is_cut else "tool_calls"
        elif call.schema is not None:
            check_json(call.schema, content, is_cut=is_cut)
        elif call.prefix:
            choice.message = {**choice.message, "content": content.removeprefix(call.prefix)}
    return answer


def _calling_message(text: str, call: Call, call_id: str, *, is_cut: bool) -> dict[str, object]:
    reader = CallText(call.box, call_id)
    reader.feed(text)
    reader.finish(is_cut=is_cut)
    calls = reader.whole()
    return {"role": "assistant", "content": None, **({"tool_calls": calls} if calls else {})}


def check_json(schema: Schema, text: str, *, is_cut: bool) -> None:
    """Raise `Refusal` when an answer does not hold its schema, or, cut off, could not have come to hold it."""
    if is_cut:
        schema.check_start(text, "The answer")
    else:
        schema.check(text, "The answer")


def _decoded(body: bytes) -> Answer:
    try:
        return msgspec.json.decode(body, type=Answer)
    except msgspec.DecodeError as problem:
        raise refusal_of(500, body) from problem


@dataclass(slots=True)
class Settling:
    """Makes the chunks of one choice what was asked for, as `settled_reply` does with a whole answer."""

    call: Call
    call_id: str
    _text: str = ""
    _reader: CallText | None = None

    def settled(self, chunk: Answer) -> list[Answer]:
        """Return the chunks that stand for this one; raises `Refusal` at an end that does not hold."""
        if self.call.is_calling:
            return self._calling(chunk)
        if self.call.schema is not None:
            for choice in chunk.choices:
                self._text += _piece(choice)
                if choice.finish_reason is not None:
                    check_json(self.call.schema, self._text, is_cut=choice.finish_reason == "length")
        return [chunk]

    def _calling(self, chunk: Answer) -> list[Answer]:
        reader = self._reader = self._reader or CallText(self.call.box, self.call_id)
        if not chunk.choices:
            return [chunk]
        (choice,) = chunk.choices
        deltas: list[dict[str, object]] = []
        if isinstance(choice.delta, dict) and "role" in choice.delta:
            deltas.append({"role": "assistant", "content": None})
        entries = reader.feed(_piece(choice))
        finish = choice.finish_reason
        if finish is not None:
            entries += reader.finish(is_cut=finish == "length")
        deltas.extend({"tool_calls": [entry]} for entry in entries)
        shown = [_with(chunk, delta, None) for delta in deltas]
        if finish is not None:
            shown.append(_with(chunk, {}, "length" if finish == "length" else "tool_calls"))
        if shown:
            shown[-1].usage = chunk.usage
        return shown


def _piece(choice: Choice) -> str:
    return str(choice.delta.get("content") or "") if isinstance(choice.delta, dict) else ""


def _with(chunk: Answer, delta: dict[str, object], finish: str | None) -> Answer:
    return msgspec.structs.replace(chunk, choices=[Choice(0, finish, delta=delta)], usage=None)


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

    is_calling: bool = False
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
        chunk.choices = [_opened(_indexed(choice, index), is_calling=self.is_calling) for choice in chunk.choices]
        return event_of(msgspec.json.encode(chunk))

    def usage(self) -> bytes | None:
        """Return the event that tells the usage of all choices."""
        if self._first is None or not self._runs:
            return None
        last = msgspec.structs.replace(self._first, choices=[], usage=usage_sum(self._runs))
        return event_of(msgspec.json.encode(last))


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


def _indexed(choice: Choice, index: int) -> Choice:
    choice.index = index
    return choice


def _opened(choice: Choice, *, is_calling: bool) -> Choice:
    """Say "" where the first chunk of a text says null, as OpenAI does: clients add it up."""
    if isinstance(choice.delta, dict) and choice.delta.get("content", "") is None and not is_calling:
        choice.delta = {**choice.delta, "content": ""}
    return choice
