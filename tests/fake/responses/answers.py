"""How an answer of Responses looks whole.

The members of a response and its items: the types of `openai` 3.54 (`types/responses/response.py` and what it imports),
read on 2026-11-22.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from tests.fake.chat.answers import CREATED, call_id, logprob
from tests.fake.completions import SOURCE_TITLE, SOURCE_URL, Completion, ToolCall
from tests.fake.form import Event
from tests.fake.issued import issue
from tests.fake.responses import stream
from tests.fake.responses.types import ResponsesCall
from tests.fake.vendor import Refusal, Vendor, error_body

_TEXT = {"format": {"type": "text"}, "verbosity": "medium"}


@dataclass(frozen=True, slots=True)
class ResponsesForm:
    """Responses, as an answer to one call, of which it repeats a good deal."""

    call: ResponsesCall
    id: str = "openai_responses"
    line_end: bytes = b"\n"
    huge: tuple[bytes, bytes] = (
        b'{"id":"resp_fake","object":"response","output":[{"type":"message","content":[{"type":"output_text","text":"',
        b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"',
    )

    @property
    def wrong_usage(self) -> dict[str, Any]:
        """Usage of the wrong types."""
        return {"input_tokens": "seven", "output_tokens": -3, "total_tokens": 4.5}

    def whole(self, vendor: Vendor, completion: Completion) -> dict[str, Any]:
        """Give an answer the form of one JSON object."""
        is_cut = completion.end == "length"
        return self.response(completion) | {
            "status": "incomplete" if is_cut else "completed",
            "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
            "completed_at": None if is_cut else CREATED,
            "output": self.output(completion),
            "usage": self.usage(vendor, completion),
        }

    def response(self, completion: Completion) -> dict[str, Any]:
        """A response at its start, when nothing was said yet."""
        call = self.call
        return {
            "id": response_id(completion),
            "object": "response",
            "created_at": CREATED,
            "status": "in_progress",
            "background": False,
            "error": None,
            "incomplete_details": None,
            "instructions": call.instructions,
            "max_output_tokens": call.max_output_tokens,
            "max_tool_calls": call.max_tool_calls,
            "metadata": call.metadata or {},
            "model": completion.model,
            "output": [],
            "parallel_tool_calls": call.parallel_tool_calls is not False,
            "previous_response_id": call.previous_response_id,
            "prompt_cache_key": call.prompt_cache_key,
            "reasoning": {"effort": None, "summary": None} | _given(call.reasoning),
            "safety_identifier": call.safety_identifier,
            "service_tier": "default",
            "store": call.store is not False,
            "temperature": 1.0 if call.temperature is None else call.temperature,
            "text": _TEXT | _given(call.text),
            "tool_choice": call.tool_choice,
            "tools": [_tool(tool) for tool in call.tools],
            "top_logprobs": call.top_logprobs or 0,
            "top_p": 1.0 if call.top_p is None else call.top_p,
            "truncation": call.truncation or "disabled",
            "usage": None,
            "user": None,
        }

    def output(self, completion: Completion) -> list[dict[str, Any]]:
        """Every item of the answer."""
        items: list[dict[str, Any]] = []
        if completion.thought:
            items.append(self.reasoning(completion))
        if completion.query is not None:
            items.append(_search(completion))
        if completion.text or completion.refusal is not None or not completion.tools:
            items.append(self.message(completion))
        return items + [_called(completion, index, call) for index, call in enumerate(completion.tools)]

    def reasoning(self, completion: Completion) -> dict[str, Any]:
        """The item that says, or hides, what was thought."""
        text = "".join(completion.thoughts)
        wanted = self.call.reasoning is not None and (
            self.call.reasoning.summary is not None or self.call.reasoning.generate_summary is not None
        )
        summary = [{"type": "summary_text", "text": text}] if wanted and text else []
        item: dict[str, Any] = {"id": f"rs_fake{completion.number:08d}", "type": "reasoning", "summary": summary}
        if "reasoning.encrypted_content" in (self.call.include or ()):
            item["encrypted_content"] = issue("encrypted", text)
        return item

    def message(self, completion: Completion) -> dict[str, Any]:
        """The item that holds what was said."""
        return {
            "id": f"msg_fake{completion.number:08d}",
            "type": "message",
            "status": "incomplete" if completion.end == "length" else "completed",
            "role": "assistant",
            "content": [self.part(completion)],
        }

    def part(self, completion: Completion) -> dict[str, Any]:
        """What was said, or what it was refused with."""
        if completion.refusal is not None:
            return {"type": "refusal", "refusal": completion.refusal}
        part: dict[str, Any] = {"type": "output_text", "text": completion.text, "annotations": annotations(completion)}
        pieces = () if completion.logprobs is None else completion.pieces
        return part | {"logprobs": [logprob(piece, completion.logprobs or 0) for piece in pieces]}

    def events(self, vendor: Vendor, completion: Completion, *, wants_usage: bool) -> Iterator[Event]:
        """Give an answer the form of the events of a stream."""
        return stream.events(self.response(completion), self.whole(vendor, completion), completion)

    def usage(self, vendor: Vendor, completion: Completion) -> dict[str, Any]:
        """Give usage its form."""
        spent = completion.spent
        return {
            "input_tokens": spent.prompt,
            "input_tokens_details": {"cached_tokens": spent.cache.read, "cache_write_tokens": 0},
            "output_tokens": spent.completion,
            "output_tokens_details": {"reasoning_tokens": spent.reasoning},
            "total_tokens": spent.prompt + spent.completion,
        }

    def with_usage(self, data: dict[str, Any], usage: dict[str, Any] | None) -> dict[str, Any]:
        """Put other usage into an answer or event, or take it out."""
        if "response" in data:
            return data | {"response": self.with_usage(data["response"], usage)}
        return data | {"usage": usage} if "object" in data else data

    def growing(self, vendor: Vendor, completion: Completion, events: Iterator[Event]) -> Iterator[Event]:
        """The same events: there is no place for usage but the last."""
        return events

    def again(self, event: Event) -> Event:
        """The same event, with the next number."""
        return event.holding(event.data | {"sequence_number": event.data["sequence_number"] + 1})

    def error(self, vendor: Vendor, refusal: Refusal) -> bytes:
        """Encode a refusal."""
        return error_body(vendor, refusal)

    def failure(self, vendor: Vendor, completion: Completion, refusal: Refusal, *, first: bool) -> Iterator[Event]:
        """Tell of an error: at the start as an event of its own, later as a response that failed."""
        if first:
            error = {"code": "server_error", "message": refusal.message, "param": None}
            yield Event("end", {"type": "error", **error, "sequence_number": 0}, name="error")
            return
        error = {"code": "server_error", "message": refusal.message}
        failed = self.response(completion) | {"status": "failed", "error": error}
        data = {"type": "response.failed", "response": failed, "sequence_number": 99}
        yield Event("end", data, name="response.failed")


def response_id(completion: Completion) -> str:
    """Name a response."""
    return f"resp_fake{completion.number:08d}"


def _given(struct: Any) -> dict[str, Any]:
    """The members of a part of the call that have a value."""
    if struct is None:
        return {}
    return {name: value for name, value in msgspec.to_builtins(struct).items() if value is not None}


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    if tool["type"] != "function":
        return dict(tool)
    return {"description": None, "parameters": None, "strict": True, **tool}


def annotations(completion: Completion) -> list[dict[str, Any]]:
    """What was cited."""
    if completion.query is None:
        return []
    cited = {"start_index": 0, "end_index": len(completion.text), "title": SOURCE_TITLE, "url": SOURCE_URL}
    return [{"type": "url_citation", **cited}]


def _search(completion: Completion) -> dict[str, Any]:
    action = {"type": "search", "query": completion.query, "queries": [completion.query]}
    identity = f"ws_fake{completion.number:08d}"
    return {"id": identity, "type": "web_search_call", "status": "completed", "action": action}


def _called(completion: Completion, index: int, call: ToolCall) -> dict[str, Any]:
    about = {"call_id": call_id(completion, index), "name": call.name, "status": "completed"}
    if call.is_custom:
        identity = f"ctc_fake{completion.number:08d}_{index}"
        return {"id": identity, "type": "custom_tool_call", "input": call.arguments, **about}
    identity = f"fc_fake{completion.number:08d}_{index}"
    return {"id": identity, "type": "function_call", "arguments": call.arguments, **about}
