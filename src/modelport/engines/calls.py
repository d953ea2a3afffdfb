"""What a chat engine is asked, in OpenAI's shape, and what the server inside is asked for it. Pure."""

from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from modelport.engines.histories import plain_text, rendered
from modelport.engines.refusals import wrong
from modelport.engines.schemas import Schema, compiled
from modelport.engines.tools import CALL_PREFIX, NO_TOOLS, Toolbox, ToolsAsked, toolbox

Fields = dict[str, object]
TOP_LOGPROBS = 20
_OURS = frozenset({"n", "tools", "tool_choice", "parallel_tool_calls", "response_format"})
_GRAMMARS = ("grammar", "json_schema")
_OLD = {"functions": "tools", "function_call": "tool_choice"}
_CONTINUE: Fields = {"continue_final_message": True, "add_generation_prompt": False}
_ANY_OBJECT: Fields = {"type": "object"}


@dataclass(frozen=True, slots=True)
class Call:
    """A chat call, with what the front itself acts on taken out."""

    fields: Fields
    messages: list[Fields]
    choices: int
    is_streaming: bool
    wants_usage: bool
    wants_bare_logprobs: bool
    """Asked for the likelihood of what was written, but for no alternatives."""
    seed: int | None
    box: Toolbox
    schema: Schema | None
    prefix: str
    """What the answer goes on from, at the end of `messages`."""

    @property
    def is_calling(self) -> bool:
        """Whether the answer has to call a function."""
        return self.box.mode == "required"

    def decided(self, *, is_calling: bool) -> "Call":
        """Settle a call that left it to the model whether to call a function."""
        return replace(self, box=Toolbox(self.box.tools, "required" if is_calling else "none"))


class _Options(msgspec.Struct):
    include_usage: bool = False


class _JsonSchema(msgspec.Struct):
    schema: dict[str, object] | bool | None = None


class _Format(msgspec.Struct):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _JsonSchema | None = None


class _Asked(ToolsAsked):
    messages: list[Fields] = msgspec.field(default_factory=list[Fields])
    n: int | None = None
    stream: bool | None = None
    stream_options: _Options | None = None
    seed: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    response_format: _Format | None = None


def read_call(body: bytes, output_tokens: int) -> Call:
    """Read a chat call; one that names no bound gets `output_tokens`. Raises `Refusal`."""
    try:
        asked = msgspec.json.decode(body, type=_Asked)
        given = msgspec.json.decode(body, type=Fields)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise wrong(f"The body is not a chat call: {problem}.") from problem
    if not asked.messages:
        raise wrong("'messages' is empty; send at least one message.", "messages")
    for old, new in _OLD.items():
        if given.get(old) is not None:
            raise wrong(f"'{old}' is not supported by the local engine; use '{new}'.", old)
    choices = 1 if asked.n is None else asked.n
    if choices < 1:
        raise wrong(f"'n' is {choices}; it must be at least 1.", "n")
    fields = {name: value for name, value in given.items() if name not in _OURS and value is not None}
    if asked.max_tokens is None and asked.max_completion_tokens is None:
        fields["max_tokens"] = output_tokens
    box, schema = _box(asked), _schema(asked.response_format)
    _check_grammars(fields, box, schema)
    messages, prefix = _prefix(asked.messages)
    if prefix and (schema is not None or box.mode == "required"):
        raise wrong("'prefix' cannot be used with a forced function or a schema: leave one of them out.", "messages")
    if prefix and box.mode == "auto":
        box = Toolbox(box.tools, "none")  # an answer that has begun in words goes on in words
    return Call(
        fields=fields,
        messages=rendered(messages, box),
        choices=choices,
        is_streaming=bool(asked.stream),
        wants_usage=asked.stream_options is not None and asked.stream_options.include_usage,
        wants_bare_logprobs=bool(asked.logprobs) and not asked.top_logprobs,
        seed=asked.seed,
        box=box,
        schema=schema,
        prefix=prefix,
    )


def _box(asked: _Asked) -> Toolbox:
    """Small models call on and on: the result of a call is answered in words unless another one is forced."""
    box = toolbox(asked)
    return NO_TOOLS if box.mode == "auto" and asked.messages[-1].get("role") == "tool" else box


def choice_call(call: Call, index: int) -> bytes:
    """Write the call for one choice: the server inside counts the tokens of one choice only."""
    fields = {**call.fields, "messages": call.messages}
    if call.is_streaming:
        fields["stream_options"] = {"include_usage": True}
    if call.wants_bare_logprobs:
        fields["top_logprobs"] = 1  # for 0 the server inside gives none at all, for no number 20 of each
    if call.seed is not None:
        fields["seed"] = call.seed + index
    if call.prefix:
        fields |= _CONTINUE
    if call.is_calling:
        fields |= {"messages": [*call.messages, _begun(CALL_PREFIX)], "grammar": call.box.grammar, **_CONTINUE}
        for name in ("stop", "logprobs", "top_logprobs"):
            fields.pop(name, None)
    elif call.schema is not None:
        fields["grammar"] = call.schema.grammar
    return msgspec.json.encode(fields)


def probe_call(call: Call, begun: str = "") -> bytes:
    """Write a call for the likelihood of an answer's first token, or of the one after `begun`."""
    messages = [*call.messages, _begun(begun)] if begun else call.messages
    fields: Fields = {
        "messages": messages,
        "max_tokens": 1,
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": TOP_LOGPROBS,
        **(_CONTINUE if begun else {}),
    }
    return msgspec.json.encode(fields)


def _begun(text: str) -> Fields:
    return {"role": "assistant", "content": text}


def _schema(asked: _Format | None) -> Schema | None:
    if asked is None or asked.type == "text":
        return None
    if asked.type == "json_object":
        return compiled(_ANY_OBJECT, "response_format")
    param = "response_format.json_schema.schema"
    wanted = asked.json_schema.schema if asked.json_schema else None
    if wanted is None or wanted is False:
        raise wrong(f"'{param}' is {'missing' if wanted is None else 'false, which nothing fits'}.", param)
    return compiled({} if wanted is True else wanted, param)


def _check_grammars(fields: Fields, box: Toolbox, schema: Schema | None) -> None:
    own = next((name for name in _GRAMMARS if name in fields), None)
    if own is not None and (schema is not None or box.mode != "none"):
        raise wrong(f"'{own}' cannot be used with 'tools' or 'response_format': leave one of them out.", own)


def _prefix(messages: list[Fields]) -> tuple[list[Fields], str]:
    """Take the marks off; returns what the answer has to go on from. An empty one is as good as none."""
    bare = [{name: value for name, value in message.items() if name != "prefix"} for message in messages]
    marked = [place for place, message in enumerate(messages) if message.get("prefix") is True]
    if not marked:
        return bare, ""
    last = len(messages) - 1
    if marked != [last] or messages[last].get("role") != "assistant" or messages[last].get("tool_calls"):
        raise wrong("'prefix' may only be set on the last message, an assistant's text.", f"messages[{marked[0]}]")
    prefix = plain_text(messages[last].get("content"), last)
    return (bare if prefix else bare[:-1]), prefix
