"""How an answer of Messages looks, whole and as a stream.

The order of events: `https://s.apifox.cn/apidoc/docs-site/3406967/doc-6076289`, a copy of the vendor's page on
streams, and the types of `anthropic` 2.12; read on 2026-11-22.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tests.fake.completions import SOURCE_TITLE, SOURCE_URL, Completion, ToolCall
from tests.fake.form import Event
from tests.fake.issued import issue
from tests.fake.vendor import Refusal, Vendor, error_body

_STOP = {
    "stop": "end_turn",
    "stop_word": "stop_sequence",
    "length": "max_tokens",
    "tools": "tool_use",
    "refusal": "refusal",
}


class MessagesForm:
    """Anthropic Messages."""

    id = "anthropic_messages"
    line_end = b"\n"
    wrong_usage: Mapping[str, Any] = {"input_tokens": "seven", "output_tokens": -3}
    huge = (
        b'{"id":"msg_fake","type":"message","role":"assistant","content":[{"type":"text","text":"',
        b"event: content_block_delta\n"
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"',
    )

    def whole(self, vendor: Vendor, completion: Completion) -> dict[str, Any]:
        """Give an answer the form of one JSON object."""
        ending = _ending(completion)
        return _message(completion) | {
            "content": _blocks(completion),
            **ending,
            "usage": self.usage(vendor, completion),
        }

    def events(self, vendor: Vendor, completion: Completion, *, wants_usage: bool) -> Iterator[Event]:
        """Give an answer the form of the events of a stream."""
        usage = self.usage(vendor, completion)
        first = usage | {"output_tokens": 1}
        start = _message(completion) | {"content": [], "stop_reason": None, "stop_sequence": None, "usage": first}
        yield _event("start", {"type": "message_start", "message": start}, has_usage=True)
        for index, block in enumerate(_blocks(completion)):
            yield from _block_events(completion, index, block)
        told = {name: value for name, value in usage.items() if name in _TOLD_LAST}
        delta = {"type": "message_delta", "delta": _ending(completion), "usage": told}
        yield _event("finish", delta, has_usage=True)
        yield _event("end", {"type": "message_stop"})

    def usage(self, vendor: Vendor, completion: Completion) -> dict[str, Any]:
        """Give usage its form: what was read from the cache or written to it is no part of the input."""
        spent = completion.spent
        cache = spent.cache
        written = cache.written_5m + cache.written_1h
        usage: dict[str, Any] = {
            "input_tokens": spent.prompt - cache.read - written,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": cache.read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": cache.written_5m,
                "ephemeral_1h_input_tokens": cache.written_1h,
            },
            "output_tokens": spent.completion,
            "output_tokens_details": {"thinking_tokens": spent.reasoning},
            "service_tier": "standard",
            "inference_geo": "not_available",
        }
        if spent.searches:
            usage["server_tool_use"] = {"web_search_requests": spent.searches, "web_fetch_requests": 0}
        return usage

    def with_usage(self, data: dict[str, Any], usage: dict[str, Any] | None) -> dict[str, Any]:
        """Put other usage into an answer or event, or take it out."""
        if "message" in data:
            return data | {"message": self.with_usage(data["message"], usage)}
        rest = {name: value for name, value in data.items() if name != "usage"}
        return rest if usage is None else rest | {"usage": usage}

    def growing(self, vendor: Vendor, completion: Completion, events: Iterator[Event]) -> Iterator[Event]:
        """Tell usage in a `message_delta` after every piece; there may be several of them."""
        so_far = 0
        for event in events:
            yield event
            if event.kind == "piece":
                so_far = min(so_far + 1, completion.spent.completion)
                delta = {"stop_reason": None, "stop_sequence": None}
                usage = {"output_tokens": so_far}
                yield _event("mark", {"type": "message_delta", "delta": delta, "usage": usage}, has_usage=True)

    def again(self, event: Event) -> Event:
        """The same event."""
        return event

    def error(self, vendor: Vendor, refusal: Refusal) -> bytes:
        """Encode a refusal."""
        return error_body(vendor, refusal)

    def failure(self, vendor: Vendor, completion: Completion, refusal: Refusal, *, first: bool) -> Iterator[Event]:
        """Tell of an error as an event of its own, after which nothing comes."""
        yield Event("end", vendor.error(refusal), name="error")


_TOLD_LAST = frozenset(
    {
        "input_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "output_tokens",
        "output_tokens_details",
        "server_tool_use",
    }
)


def _event(kind: Any, data: dict[str, Any], *, has_usage: bool = False) -> Event:
    return Event(kind, data, name=data["type"], has_usage=has_usage)


def _message(completion: Completion) -> dict[str, Any]:
    identity = f"msg_fake{completion.number:08d}"
    return {"id": identity, "type": "message", "role": "assistant", "model": completion.model}


def _ending(completion: Completion) -> dict[str, Any]:
    ending: dict[str, Any] = {"stop_reason": _STOP[completion.end], "stop_sequence": completion.stop_word}
    if completion.refusal is not None:
        ending["stop_details"] = {"type": "refusal", "category": None, "explanation": completion.refusal}
    return ending


def _blocks(completion: Completion) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if completion.thought:
        blocks.append(_thoughts(completion))
    if completion.query is not None:
        blocks.extend(_search(completion))
    if completion.text:
        cited = {"citations": [_citation()]} if completion.query is not None else {}
        blocks.append({"type": "text", "text": completion.text, **cited})
    return blocks + [_tool_use(completion, index, call) for index, call in enumerate(completion.tools)]


def _thoughts(completion: Completion) -> dict[str, Any]:
    text = "".join(completion.thoughts)
    if completion.is_redacted:
        return {"type": "redacted_thinking", "data": issue("redacted", text)}
    return {"type": "thinking", "thinking": text, "signature": issue("signature", text)}


def _search(completion: Completion) -> list[dict[str, Any]]:
    identity = f"srvtoolu_fake{completion.number:08d}"
    asked = {"type": "server_tool_use", "id": identity, "name": "web_search", "input": {"query": completion.query}}
    result = {
        "type": "web_search_result",
        "title": SOURCE_TITLE,
        "url": SOURCE_URL,
        "encrypted_content": issue("search", SOURCE_URL),
        "page_age": None,
    }
    return [asked, {"type": "web_search_tool_result", "tool_use_id": identity, "content": [result]}]


def _citation() -> dict[str, Any]:
    return {
        "type": "web_search_result_location",
        "cited_text": "It does not exist.",
        "encrypted_index": issue("index", SOURCE_URL),
        "title": SOURCE_TITLE,
        "url": SOURCE_URL,
    }


def _tool_use(completion: Completion, index: int, call: ToolCall) -> dict[str, Any]:
    identity = f"toolu_fake{completion.number:08d}_{index}"
    return {"type": "tool_use", "id": identity, "name": call.name, "input": msgspec.Raw(call.arguments.encode())}


def _block_events(completion: Completion, index: int, block: dict[str, Any]) -> Iterator[Event]:
    opened, deltas = _opened(completion, block)
    yield _event("mark", {"type": "content_block_start", "index": index, "content_block": opened})
    if index == 0:
        yield _event("mark", {"type": "ping"})
    for delta in deltas:
        kind = "mark" if delta["type"] == "signature_delta" else "piece"
        yield _event(kind, {"type": "content_block_delta", "index": index, "delta": delta})
    yield _event("mark", {"type": "content_block_stop", "index": index})


def _opened(completion: Completion, block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """How a block starts, and the deltas that fill it."""
    kind = block["type"]
    if kind == "text":
        deltas = [{"type": "text_delta", "text": piece} for piece in completion.pieces]
        cited = [{"type": "citations_delta", "citation": citation} for citation in block.get("citations", ())]
        opened: dict[str, Any] = {"type": "text", "text": ""}
        return (opened | {"citations": []}, cited + deltas) if cited else (opened, deltas)
    if kind == "thinking":
        deltas = [{"type": "thinking_delta", "thinking": thought} for thought in completion.thoughts]
        signed = {"type": "signature_delta", "signature": block["signature"]}
        return {"type": "thinking", "thinking": "", "signature": ""}, [*deltas, signed]
    if kind in {"tool_use", "server_tool_use"}:
        return block | {"input": {}}, list(_json_deltas(_arguments(completion, block)))
    return block, []


def _arguments(completion: Completion, block: dict[str, Any]) -> str:
    if block["type"] == "server_tool_use":
        return msgspec.json.encode(block["input"]).decode()
    return completion.tools[int(block["id"].rpartition("_")[2])].arguments


def _json_deltas(arguments: str) -> Iterator[dict[str, Any]]:
    middle = len(arguments) // 2
    for part in ("", arguments[:middle], arguments[middle:]):
        yield {"type": "input_json_delta", "partial_json": part}


MESSAGES = MessagesForm()
