"""The events of a stream of Responses, in their order and numbered.

From the types of `openai` 3.54 (`types/responses/response_stream_event.py`), read on 2026-11-22; the order of the
events is that in which their descriptions follow from each other.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.fake.chat.answers import logprob
from tests.fake.completions import Completion
from tests.fake.form import Event, Kind

Said = tuple[Kind, dict[str, Any]]


def events(start: dict[str, Any], end: dict[str, Any], completion: Completion) -> Iterator[Event]:
    """Tell a response from its start to its end."""
    for number, (kind, data) in enumerate(_said(start, end, completion)):
        event = data | {"sequence_number": number}
        yield Event(kind, event, name=data["type"], has_usage=kind == "end")


def _said(start: dict[str, Any], end: dict[str, Any], completion: Completion) -> Iterator[Said]:
    yield "start", {"type": "response.created", "response": start}
    yield "start", {"type": "response.in_progress", "response": start}
    for index, item in enumerate(end["output"]):
        at = {"item_id": item["id"], "output_index": index}
        opened = _OPENED[item["type"]](item)
        yield "mark", {"type": "response.output_item.added", "output_index": index, "item": opened}
        yield from _FILLED[item["type"]](item, at, completion)
        yield "mark", {"type": "response.output_item.done", "output_index": index, "item": item}
    yield "end", {"type": f"response.{end['status']}", "response": end}


def _reasoning(item: Mapping[str, Any], at: dict[str, Any], completion: Completion) -> Iterator[Said]:
    for index, part in enumerate(item["summary"]):
        where = at | {"summary_index": index}
        empty = part | {"text": ""}
        yield "mark", {"type": "response.reasoning_summary_part.added", **where, "part": empty}
        for thought in completion.thoughts:
            yield "piece", {"type": "response.reasoning_summary_text.delta", **where, "delta": thought}
        yield "mark", {"type": "response.reasoning_summary_text.done", **where, "text": part["text"]}
        yield "mark", {"type": "response.reasoning_summary_part.done", **where, "part": part}


def _message(item: Mapping[str, Any], at: dict[str, Any], completion: Completion) -> Iterator[Said]:
    for index, part in enumerate(item["content"]):
        where = at | {"content_index": index}
        if part["type"] == "refusal":
            yield "mark", {"type": "response.content_part.added", **where, "part": part | {"refusal": ""}}
            yield "piece", {"type": "response.refusal.delta", **where, "delta": part["refusal"]}
            yield "mark", {"type": "response.refusal.done", **where, "refusal": part["refusal"]}
        else:
            yield from _text(part, where, completion)
        yield "mark", {"type": "response.content_part.done", **where, "part": part}


def _text(part: Mapping[str, Any], where: dict[str, Any], completion: Completion) -> Iterator[Said]:
    empty = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    yield "mark", {"type": "response.content_part.added", **where, "part": empty}
    for piece in completion.pieces:
        probable = [] if completion.logprobs is None else [logprob(piece, completion.logprobs)]
        yield "piece", {"type": "response.output_text.delta", **where, "delta": piece, "logprobs": probable}
    for index, annotation in enumerate(part["annotations"]):
        about = {"annotation_index": index, "annotation": annotation}
        yield "mark", {"type": "response.output_text.annotation.added", **where, **about}
    done = {"text": part["text"], "logprobs": part["logprobs"]}
    yield "mark", {"type": "response.output_text.done", **where, **done}


def _function(item: Mapping[str, Any], at: dict[str, Any], completion: Completion) -> Iterator[Said]:
    for delta in _halves(item["arguments"]):
        yield "piece", {"type": "response.function_call_arguments.delta", **at, "delta": delta}
    done = {"arguments": item["arguments"], "name": item["name"]}
    yield "mark", {"type": "response.function_call_arguments.done", **at, **done}


def _custom(item: Mapping[str, Any], at: dict[str, Any], completion: Completion) -> Iterator[Said]:
    for delta in _halves(item["input"]):
        yield "piece", {"type": "response.custom_tool_call_input.delta", **at, "delta": delta}
    yield "mark", {"type": "response.custom_tool_call_input.done", **at, "input": item["input"]}


def _search(item: Mapping[str, Any], at: dict[str, Any], completion: Completion) -> Iterator[Said]:
    for state in ("in_progress", "searching", "completed"):
        yield "mark", {"type": f"response.web_search_call.{state}", **at}


def _halves(text: str) -> tuple[str, str]:
    middle = len(text) // 2
    return text[:middle], text[middle:]


_Fill = Callable[[Mapping[str, Any], dict[str, Any], Completion], Iterator[Said]]

_FILLED: dict[str, _Fill] = {
    "reasoning": _reasoning,
    "message": _message,
    "function_call": _function,
    "custom_tool_call": _custom,
    "web_search_call": _search,
}
_OPENED: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "reasoning": lambda item: item | {"summary": []},
    "message": lambda item: item | {"status": "in_progress", "content": []},
    "function_call": lambda item: item | {"status": "in_progress", "arguments": ""},
    "custom_tool_call": lambda item: item | {"status": "in_progress", "input": ""},
    "web_search_call": lambda item: item | {"status": "in_progress"},
}
"""How an item looks before it is filled."""
