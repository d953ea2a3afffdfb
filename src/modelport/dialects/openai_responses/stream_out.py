"""Writing an answer for a caller of Responses: its items, and the events in which a stream tells them.

Events: https://platform.openai.com/docs/api-reference/responses-streaming (read 2026-11-22).

Where reasoning is shown: as a `summary` when the provider wrote one, or when the caller asked for one by
`reasoning.summary`, since its client then shows nothing else; otherwise as `reasoning_text`, the format's own place for
what a model really thought. What a provider wants back with its reasoning travels in `encrypted_content`, sealed with
the name of its format unless that is this one.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from modelport.dialects.chat_answer import SPENT_ON_REASONING
from modelport.dialects.openai_responses.building import Building
from modelport.dialects.openai_responses.meters import reported
from modelport.dialects.openai_responses.response import base_of, ended, error_event, failure_of, meta_of, text_of
from modelport.dialects.sse import event_of
from modelport.dialects.wire import Ending, Identity
from modelport.operations.chat import ChatCall
from modelport.operations.reply import Began, Ended, Event, Finish


class ResponsesWriter:
    """Writes one streamed answer."""

    def __init__(self, call: ChatCall, identity: Identity) -> None:
        self._base = base_of(call, identity)
        self._building = Building(identity, wants_summary=b'"summary":"' in _tight(call.fields.get("reasoning", b"")))
        self._finish: Finish | None = None
        self._has_begun = False
        self._final: bytes | None = None

    @property
    def events(self) -> int:
        """Pieces written that say something."""
        return self._building.pieces

    def write(self, events: Sequence[Event]) -> bytes:
        """Write events; the last one, with usage and cost, is kept back."""
        self._begin()
        for event in events:
            if isinstance(event, Ended):
                if event.choice == 0:
                    self._finish = event.finish
            elif isinstance(event, Began):
                if event.service_tier:
                    self._base["service_tier"] = Raw(msgspec.json.encode(event.service_tier))
            else:
                self._building.take(event)
        return self._building.flush()

    def _begin(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            for kind in ("response.created", "response.in_progress"):
                self._building.tell(kind, {"response": self._base})

    def ending(self, ending: Ending) -> bytes:
        """Write the end: `response.completed`, or `response.incomplete` for an answer that was cut off."""
        self._begin()
        finish = "length" if ending.is_stopped else (self._finish or "stop")
        self._building.close_all(is_complete=finish not in ("length", "content_filter"))
        output = self._building.output()
        notice = ending.notice
        if notice is None and finish == "length" and self._building.is_only_reasoning(ending.usage):
            notice = SPENT_ON_REASONING
        response = {
            **self._base,
            **ended(finish),
            "output": output,
            "output_text": text_of(output),
            "usage": Raw(reported(ending.usage)),
            "meta": meta_of(ending.charged, notice),
        }
        self._final = msgspec.json.encode(response)
        kind = "response.completed" if finish in ("stop", "tool_calls") else "response.incomplete"
        self._building.tell(kind, {"response": Raw(self._final)})
        return self._building.flush()

    def failing(self, error: bytes) -> bytes:
        """Write that the response failed, for clients that wait for it, and the error, at which SDKs raise."""
        if self._has_begun:
            failed = {**self._base, "status": "failed", "error": failure_of(error), "output": self._building.output()}
            self._building.tell("response.failed", {"response": failed})
        return self._building.flush() + event_of(error_event(error, self._building.number), b"error")

    def final(self) -> bytes | None:
        """Return the response as it was written at the end; None before, and for one that failed."""
        return self._final


def _tight(raw: bytes) -> bytes:
    return raw.replace(b" ", b"").replace(b'generate_summary"', b'summary"')
