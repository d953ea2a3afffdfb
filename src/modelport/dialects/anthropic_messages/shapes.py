"""Words and small shapes of Anthropic's Messages format that its readers and writers share.

Shapes: the types of https://github.com/anthropics/anthropic-sdk-python 2.12.0 (read 2026-11-22).
"""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw

from modelport.dialects.wire import JSON_HEADERS, STREAM_HEADERS, Headers
from modelport.operations.content import CacheMark
from modelport.operations.reply import Finish

DIALECT = "anthropic_messages"
PATH = "/messages"
COUNT_PATH = "/messages/count_tokens"
VERSION: Headers = ((b"anthropic-version", b"2023-06-01"),)
DEFAULT_MAX_TOKENS = 4096
"""What is sent where neither the caller nor the catalogue names a bound, since this format requires one."""
LEAST_BUDGET = 1024
"""The least `thinking.budget_tokens` that Anthropic takes."""

OWN_FIELDS = frozenset(
    {
        "messages", "system", "max_tokens", "stream", "stop_sequences", "temperature", "top_p", "top_k", "metadata",
        "tools", "tool_choice", "thinking", "service_tier", "output_config", "cache_control", "container",
        "inference_geo",
    }
)  # fmt: skip
"""Fields of the format itself; others are refused by Anthropic unless a header of the offer's quirks enables them."""
OWN_EXTRAS = frozenset({"cache_control", "container", "inference_geo", "thinking"})
"""Fields without a place in the canonical call that still go to a provider of this format."""
COUNTED_FIELDS = frozenset({"messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control"})
"""Fields that `count_tokens` takes beside the model."""

FINISHES: Mapping[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "pause_turn": "pause",
}
STOP_REASONS: Mapping[Finish, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "pause": "pause_turn",
}
TIERS_IN = {"standard": "default", "standard_only": "default"}
"""Anthropic's words for tiers of service, in OpenAI's, which are the canonical ones; others are the same in both."""
ANSWERED_TIERS = {"default": "standard", "priority": "priority", "batch": "batch"}

ABSENT = Raw(b"")
NULL = b"null"
OBJECT = msgspec.json.Decoder(dict[str, Raw])
RAW_LIST = msgspec.json.Decoder(list[Raw])


class Head(msgspec.Struct):
    """What kind of block, tool or source something is."""

    type: str | None = None


HEAD = msgspec.json.Decoder(Head)


class CacheControl(msgspec.Struct):
    """A mark up to which the prompt is remembered."""

    ttl: str | None = None


def mark_of(control: CacheControl | None) -> CacheMark | None:
    """Read a mark; a lifetime that nobody documented is the default one."""
    if control is None:
        return None
    return CacheMark("1h" if control.ttl == "1h" else "5m" if control.ttl == "5m" else "")


def cache_member(cache: CacheMark | None) -> dict[str, object]:
    """Write a mark as the member that carries it; empty for none."""
    if cache is None:
        return {}
    return {"cache_control": {"type": "ephemeral", "ttl": cache.ttl} if cache.ttl else {"type": "ephemeral"}}


def given(raw: Raw | bytes) -> bytes:
    """Return a raw member, empty where it is absent or null."""
    value = bytes(raw)
    return b"" if value == NULL else value


def headers_for(is_streaming: bool) -> Headers:
    """Return the headers of a request."""
    return (STREAM_HEADERS if is_streaming else JSON_HEADERS) + VERSION


def object_of(members: Mapping[str, bytes]) -> bytes:
    """Write an object from raw members, in their order."""
    return b"{" + b",".join(msgspec.json.encode(name) + b":" + raw for name, raw in members.items()) + b"}"


def list_of(items: Sequence[bytes]) -> bytes:
    """Write a list from raw items."""
    return b"[" + b",".join(items) + b"]"


def is_object(text: str) -> bool:
    """Whether a text is a JSON object."""
    try:
        OBJECT.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def shown(body: bytes, most: int = 2000) -> str:
    """Print a provider's words, shortened."""
    text = body.decode("utf-8", "replace").strip()
    return text if len(text) <= most else text[:most] + "…"
