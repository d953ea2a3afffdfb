"""What of a relayed stream is open, so that it can be closed where the gateway ends it."""

from collections.abc import Mapping
from typing import cast

import msgspec
from msgspec import Raw, Struct

from modelport.dialects.sse import event_of

_NULL = Raw(b"null")


class _Told(Struct):
    type: str
    output_index: int = 0
    content_index: int = 0
    summary_index: int = 0
    item_id: str = ""
    delta: str = ""
    item: Raw = _NULL
    annotation: Raw = _NULL


_TOLD = msgspec.json.Decoder(_Told)
_ADDED, _DONE = b"response.output_item.added", b"response.output_item.done"
_Members = dict[str, object]
_LISTS: Mapping[str, tuple[str, str, str]] = {
    "response.output_text": ("content", "text", "content_index"),
    "response.refusal": ("content", "refusal", "content_index"),
    "response.reasoning_text": ("content", "text", "content_index"),
    "response.reasoning_summary_text": ("summary", "text", "summary_index"),
}
"""Where the pieces of each kind belong: in which list of their item, under which member, and at which index."""
_PLAIN: Mapping[str, str] = {
    "response.function_call_arguments": "arguments",
    "response.custom_tool_call_input": "input",
}
_PART_KINDS = {
    "response.output_text": "output_text",
    "response.refusal": "refusal",
    "response.reasoning_text": "reasoning_text",
    "response.reasoning_summary_text": "summary_text",
}


class OpenItems:
    """Remembers the items that are done, and the events of those that are not."""

    def __init__(self) -> None:
        self._done: dict[int, Raw] = {}
        self._opened = 0
        self._since: list[bytes] = []
        """The events since the last moment at which nothing was open, as data."""

    def hear(self, data: bytes) -> None:
        """Keep an event that tells a piece of something."""
        self._since.append(data)

    def see(self, name: bytes, data: bytes) -> None:
        """Take note of an event."""
        if name == _ADDED:
            self._opened += 1
        elif name == _DONE:
            told = _TOLD.decode(data)
            self._done[told.output_index] = told.item
            if self._opened <= len(self._done):
                self._since = []
                return
        self._since.append(data)

    def output(self) -> list[Raw]:
        """Return the items that are done, in order."""
        return [self._done[index] for index in sorted(self._done)]

    def closed(self, number: int) -> tuple[bytes, int]:
        """Close what is open: return the events that say so, numbered from `number`, and the number after them."""
        written: list[bytes] = []
        for index, folded in sorted(self._folded().items()):
            for kind, members in folded.closing(index):
                data = msgspec.json.encode({"type": kind, **members, "sequence_number": number})
                written.append(event_of(data, kind.encode()))
                number += 1
            self._done[index] = Raw(msgspec.json.encode(folded.item))
        self._since = []
        return b"".join(written), number

    def _folded(self) -> dict[int, "_Folded"]:
        """Join the events of each open item to what it is so far."""
        items: dict[int, _Folded] = {}
        for data in self._since:
            told = _TOLD.decode(data)
            if told.type == _ADDED.decode():
                items[told.output_index] = _Folded(msgspec.json.decode(told.item, type=_Members))
            elif told.output_index in items and told.output_index not in self._done:
                items[told.output_index].take(told)
        return {index: item for index, item in items.items() if index not in self._done}


class _Folded:
    """An item, with what its events told so far."""

    def __init__(self, item: _Members) -> None:
        self.item = item
        self._open: dict[tuple[str, int], str] = {}
        """The parts that are not complete, with the kind of the events that tell them."""
        self._plain = ""
        """The kind of the events that tell the item's arguments, while these are not complete."""

    def take(self, told: _Told) -> None:
        """Take in an event."""
        kind, _, step = told.type.rpartition(".")
        if kind in _LISTS and step in ("delta", "done"):
            list_name, member, index_name = _LISTS[kind]
            place = told.summary_index if index_name == "summary_index" else told.content_index
            if step == "done":
                self._open.pop((list_name, place), None)
            else:
                self._open[list_name, place] = kind
                part = self._part(list_name, place, kind)
                part[member] = str(part.get(member, "")) + told.delta
        elif kind == "response.output_text.annotation":
            part = self._part("content", told.content_index, "response.output_text")
            cast(list[object], part.setdefault("annotations", [])).append(told.annotation)
        elif kind in _PLAIN:
            self._plain = kind if step == "delta" else ""
            self.item[_PLAIN[kind]] = str(self.item.get(_PLAIN[kind], "")) + told.delta

    def _part(self, list_name: str, place: int, kind: str) -> _Members:
        parts = cast(list[_Members], self.item.setdefault(list_name, []))
        while len(parts) <= place:
            empty: _Members = {"type": _PART_KINDS[kind], "refusal" if kind == "response.refusal" else "text": ""}
            parts.append({**empty, "annotations": []} if kind == "response.output_text" else empty)
        return parts[place]

    def closing(self, index: int) -> list[tuple[str, _Members]]:
        """Return the events that close the item; it is not complete."""
        where: _Members = {"item_id": self.item.get("id", ""), "output_index": index}
        events: list[tuple[str, _Members]] = []
        for (list_name, place), kind in self._open.items():
            _, member, index_name = _LISTS[kind]
            part = self._part(list_name, place, kind)
            at: _Members = {**where, index_name: place}
            logged: _Members = {"logprobs": []} if kind == "response.output_text" else {}
            events.append((f"{kind}.done", {**at, member: part[member], **logged}))
            outer = "response.reasoning_summary_part.done" if list_name == "summary" else "response.content_part.done"
            events.append((outer, {**at, "part": part}))
        if self._plain:
            member = _PLAIN[self._plain]
            events.append((f"{self._plain}.done", {**where, member: self.item[member]}))
        if self.item.get("type") != "reasoning":
            self.item["status"] = "incomplete"
        events.append((_DONE.decode(), {"output_index": index, "item": self.item}))
        return events
