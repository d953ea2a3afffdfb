"""Filling in the middle: a completion between a prompt and a suffix, at offers that have it.

DeepSeek: https://platform.deepseek.com/api-docs/zh-cn/fim_completion · Mistral, whose answer has the form of a chat:
https://github.com/mistralai/client-python 3.7.0 (both read 2026-11-22). Both forms are read alike.
"""

import msgspec

from modelport.catalogue.facts import Offer
from modelport.core.errors import Problem
from modelport.dialects.wire import JSON_HEADERS, STREAM_HEADERS, Target, UpstreamRequest
from modelport.operations.chat import ChatCall

_TAKEN = frozenset(
    {"max_tokens", "temperature", "top_p", "stop", "seed", "frequency_penalty", "presence_penalty", "stream"}
)
"""Fields that a completion in the middle takes everywhere."""
_WRITTEN = frozenset({"messages", "max_tokens", "max_completion_tokens", "stream_options"})


class CannotFill(Problem):
    """A suffix was sent, but no offer of the model fills in the middle."""

    def __init__(self, model: str) -> None:
        super().__init__(
            f"No provider of '{model}' fills in the middle: leave out 'suffix', or choose a model for code that has it"
        )
        self.model = model


def can_fill(offer: Offer) -> bool:
    """Whether an offer fills in the middle."""
    return bool(offer.quirks.fill_path)


def fill_request(call: ChatCall, target: Target) -> UpstreamRequest:
    """Write a call with its suffix; raises `CannotFill` where the offer has no such way."""
    quirks = target.offer.quirks
    if not can_fill(target.offer) or call.suffix is None:
        raise CannotFill(call.model)
    members = [b'{"model":' + msgspec.json.encode(target.offer.upstream)]
    members.append(b'"prompt":' + call.options["prompt"])
    members.append(b'"suffix":' + msgspec.json.encode(call.suffix))
    if (bound := target.max_tokens(call.max_tokens)) is not None:
        members.append(b'"max_tokens":%d' % bound)
    dropped: list[str] = []
    for name, raw in call.fields.items():
        if name in _WRITTEN:
            continue
        if name in quirks.drop or (name not in _TAKEN and name not in quirks.accept):
            dropped.append(name)
        else:
            members.append(msgspec.json.encode(quirks.rename.get(name, name)) + b":" + raw)
    if call.is_streaming and quirks.stream_usage:
        members.append(b'"stream_options":{"include_usage":true}')
    headers = STREAM_HEADERS if call.is_streaming else JSON_HEADERS
    body = b",".join(members) + b"}"
    return UpstreamRequest(quirks.fill_path, headers, body, call.is_streaming, tuple(dropped))
