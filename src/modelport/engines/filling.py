"""Plain completions and filling in the middle, in the shape of OpenAI's older endpoint. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from modelport.engines.asgi import event_of
from modelport.engines.refusals import wrong
from modelport.engines.shapes import Usage, refusal_of, usage_sum

MARKS = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
"""Of Qwen coder models; each is a single token where a model knows it."""
MOST_CHOICES = 16
_UNSUPPORTED = ("logprobs", "echo", "best_of")


@dataclass(frozen=True, slots=True)
class FillCall:
    """A call for what comes after a prompt, or between it and a suffix."""

    fields: dict[str, object]
    prompt: str
    suffix: str
    choices: int
    is_streaming: bool
    wants_usage: bool
    seed: int | None


class _Options(msgspec.Struct):
    include_usage: bool = False


class _Asked(msgspec.Struct):
    prompt: str | list[str]
    suffix: str | None = None
    n: int | None = None
    stream: bool | None = None
    stream_options: _Options | None = None
    seed: int | None = None
    max_tokens: int | None = None


class _Choice(msgspec.Struct):
    text: str
    index: int
    finish_reason: str | None = None
    logprobs: None = None


class Filled(msgspec.Struct, omit_defaults=True):
    """A whole answer, or one chunk; the inside's own additions are left out."""

    id: str
    object: str
    created: int
    model: str
    choices: list[_Choice]
    system_fingerprint: str | None = None
    usage: Usage | None = None


class _Tokens(msgspec.Struct):
    tokens: list[int]


def read_fill(body: bytes, output_tokens: int) -> FillCall:
    """Read a call; one that names no bound gets `output_tokens`. Raises `Refusal`."""
    try:
        asked = msgspec.json.decode(body, type=_Asked)
        given = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise wrong(f"The body is not a completions call: {problem}.") from problem
    for name in _UNSUPPORTED:
        if given.get(name) not in (None, False):
            raise wrong(f"'{name}' is not supported by the local engine here; leave it out.", name)
    prompts = [asked.prompt] if isinstance(asked.prompt, str) else asked.prompt
    if len(prompts) != 1:
        raise wrong(f"'prompt' has {len(prompts)} entries; send one text.", "prompt")
    choices = 1 if asked.n is None else asked.n
    if not 1 <= choices <= MOST_CHOICES:
        raise wrong(f"'n' is {choices}; it must be between 1 and {MOST_CHOICES}.", "n")
    ours = {"prompt", "suffix", "n", *_UNSUPPORTED}
    fields = {name: value for name, value in given.items() if name not in ours and value is not None}
    if asked.max_tokens is None:
        fields["max_tokens"] = output_tokens
    wants_usage = asked.stream_options is not None and asked.stream_options.include_usage
    return FillCall(fields, prompts[0], asked.suffix or "", choices, bool(asked.stream), wants_usage, asked.seed)


def tokenize_call(text: str, *, is_mark: bool = False) -> bytes:
    """Write the question for the tokens of a text; only our own marks are read as marks."""
    return msgspec.json.encode({"content": text, "add_special": False, "parse_special": is_mark})


def read_tokens(body: bytes) -> list[int]:
    """Read the answer to `tokenize_call`."""
    try:
        return msgspec.json.decode(body, type=_Tokens).tokens
    except msgspec.DecodeError as problem:
        raise refusal_of(500, body) from problem


def middle_prompt(marks: Sequence[Sequence[int]], prompt: Sequence[int], suffix: Sequence[int]) -> list[int]:
    """Lay out a prompt for what comes between; raises `Refusal` for a model that was not trained for it."""
    if any(len(mark) != 1 for mark in marks):
        raise wrong(
            "This local model cannot fill in the middle: leave 'suffix' out, or use a coder model.", "suffix", "no_fill"
        )
    before, after, middle = (mark[0] for mark in marks)
    return [before, *prompt, after, *suffix, middle]


def fill_choice(call: FillCall, prompt: Sequence[int], index: int) -> bytes:
    """Write the call for one choice."""
    fields = {**call.fields, "prompt": prompt}
    if call.is_streaming:
        fields["stream_options"] = {"include_usage": True}
    if call.seed is not None:
        fields["seed"] = call.seed + index
    return msgspec.json.encode(fields)


def read_filled(body: bytes) -> Filled:
    """Read an answer or chunk of the server inside."""
    try:
        return msgspec.json.decode(body, type=Filled)
    except msgspec.DecodeError as problem:
        raise refusal_of(500, body) from problem


def joined_fill(replies: Sequence[Filled]) -> bytes:
    """Make one answer out of one per choice."""
    joined = replies[0]
    joined.id = _own_id(joined.id)
    joined.choices = [_indexed(choice, index) for index, reply in enumerate(replies) for choice in reply.choices]
    joined.usage = usage_sum([reply.usage for reply in replies if reply.usage is not None])
    return msgspec.json.encode(joined)


@dataclass(slots=True)
class FillChunks:
    """Makes one stream out of one per choice: one id, the right index, usage only at the end."""

    _first: Filled | None = None
    _runs: list[Usage] = field(default_factory=list[Usage])

    def shown(self, chunk: Filled, index: int) -> bytes | None:
        """Return the event for a chunk of choice `index`, or None for one that only carries usage."""
        first = self._first = self._first or chunk
        if chunk.usage is not None:
            self._runs.append(chunk.usage)
        if not chunk.choices:
            return None
        chunk = msgspec.structs.replace(
            chunk,
            id=_own_id(first.id),
            created=first.created,
            usage=None,
            choices=[_indexed(choice, index) for choice in chunk.choices],
        )
        return event_of(msgspec.json.encode(chunk))

    def usage(self) -> bytes | None:
        """Return the event that tells the usage of all choices."""
        if self._first is None or not self._runs:
            return None
        last = msgspec.structs.replace(self._first, id=_own_id(self._first.id), choices=[], usage=usage_sum(self._runs))
        return event_of(msgspec.json.encode(last))


def _own_id(given: str) -> str:
    return given.replace("chatcmpl-", "cmpl-", 1)


def _indexed(choice: _Choice, index: int) -> _Choice:
    choice.index = index
    return choice
