"""Writing streamed answers in OpenAI's chat format, whatever provider they came from."""

from collections.abc import Sequence

import msgspec

from modelport.dialects import chat_thought
from modelport.dialects.chat_answer import SPENT_ON_REASONING, cost_with_notice
from modelport.dialects.chat_body import cost_block, shown
from modelport.dialects.chat_reply import (
    annotation,
    finish_word,
    function_call,
    is_hidden,
    is_older,
    picture,
    tool_call,
)
from modelport.dialects.openai_chat_stream import DONE
from modelport.dialects.wire import Ending, Identity
from modelport.operations.chat import ChatCall
from modelport.operations.content import Audio, Foreign, Image, Part, Refusal, Source, Text, Thinking, ToolUse
from modelport.operations.reply import Began, Cited, Closed, Ended, Event, Grew, Opened, Signed, Told

Member = dict[str, object]
_TAIL = b',"usage":null}\n\n'


class _Answer:
    """What was written of one choice."""

    __slots__ = ("calls", "index", "is_over", "open", "said", "spoken", "thoughts")

    def __init__(self, index: int) -> None:
        self.index = index
        self.open: dict[int, tuple[Part, int]] = {}
        """The parts that grow, each with its number among those of its kind."""
        self.calls = 0
        self.thoughts = 0
        self.said = 0
        """Characters of the texts that are complete."""
        self.spoken = 0
        """Characters of the text that grows."""
        self.is_over = False


class ChatWriter:
    """Writes events as chunks; the caller's older form of functions and wish to see no reasoning are kept."""

    __slots__ = (
        "_answers",
        "_choices",
        "_extra",
        "_has_spoken",
        "_has_thought",
        "_head",
        "_hidden",
        "_identity",
        "_is_cut",
        "_older",
        "events",
    )

    def __init__(self, call: ChatCall, identity: Identity) -> None:
        self._older, self._hidden = is_older(call), is_hidden(call)
        self._choices = call.choices
        self._identity = identity
        self._head = _head(Began(), identity)
        self._answers: dict[int, _Answer] = {}
        self._extra: dict[str, bytes] = {}
        self._has_thought = self._has_spoken = self._is_cut = False
        self.events = 0

    def write(self, events: Sequence[Event]) -> bytes:
        """Write events; usage and the mark of completion are kept back."""
        return b"".join([self._written(event) for event in events])

    def _written(self, event: Event) -> bytes:
        match event:
            case Began():
                self._head = _head(event, self._identity)
                return b""
            case Told(extra=extra):
                self._extra.update(extra)
                return b""
            case Ended(finish=finish):
                answer, first = self._answer(event.choice)
                answer.is_over = True
                self._is_cut = self._is_cut or finish == "length"
                return first + self._chunk(answer.index, b"{}", finish=finish_word(finish, older=self._older))
            case Opened(part=part):
                answer, first = self._answer(event.choice, is_silent=isinstance(part, ToolUse))
                return first + self._opened(answer, event.block, part)
            case Grew():
                return self._grew(self._answers[event.choice], event)
            case Signed():
                return self._signed(self._answers[event.choice], event)
            case Cited(citation=citation):
                answer = self._answers[event.choice]
                return self._delta(answer, {"annotations": [annotation(citation, answer.said)]})
            case Closed():
                return self._closed(self._answers[event.choice], event)

    def _answer(self, index: int, *, is_silent: bool = False) -> tuple[_Answer, bytes]:
        """Return a choice, and its first chunk if there was none yet."""
        answer = self._answers.get(index)
        if answer is not None:
            return answer, b""
        answer = self._answers[index] = _Answer(index)
        content = b"null" if is_silent else b'""'
        return answer, self._chunk(index, b'{"role":"assistant","content":%b}' % content)

    def _chunk(self, index: int, delta: bytes, logprobs: bytes = b"null", finish: str | None = None) -> bytes:
        reason = b"null" if finish is None else b'"%b"' % finish.encode()
        choice = b',"choices":[{"index":%d,"delta":%b,"logprobs":%b,"finish_reason":%b}]' % (
            index, delta, logprobs or b"null", reason,
        )  # fmt: skip
        return b"data: " + self._head + choice + self._told() + _TAIL

    def _told(self) -> bytes:
        if not self._extra:
            return b""
        told = b"".join(b"," + msgspec.json.encode(name) + b":" + raw for name, raw in self._extra.items())
        self._extra = {}
        return told

    def _delta(self, answer: _Answer, delta: Member, logprobs: bytes = b"") -> bytes:
        return self._chunk(answer.index, msgspec.json.encode(delta), logprobs)

    def _opened(self, answer: _Answer, block: int, part: Part) -> bytes:
        number = 0
        match part:
            case ToolUse():
                number, answer.calls = answer.calls, answer.calls + 1
            case Thinking():
                number, answer.thoughts = answer.thoughts, answer.thoughts + 1
            case _:
                pass
        answer.open[block] = (part, number)
        match part:
            case ToolUse():
                return self._called(answer, part, number)
            case Thinking(text=said) if said or part.signature or part.encrypted:
                first = self._grew(answer, Grew(block, said, answer.index)) if said else b""
                proof = Signed(block, part.signature, part.encrypted, answer.index)
                return first + (self._signed(answer, proof) if part.signature or part.encrypted else b"")
            case Text(text=said) | Refusal(text=said):
                first = self._grew(answer, Grew(block, said, answer.index)) if said else b""
                cited = [Cited(block, one, answer.index) for one in (part.citations if isinstance(part, Text) else ())]
                return first + self.write(cited)
            case Image():
                self._speak()
                return self._delta(answer, {"images": [picture(part)]})
            case Audio():
                self._speak()
                return self._heard(answer, part)
            case _:
                return b""

    def _speak(self) -> None:
        self.events += 1
        self._has_spoken = True

    def _called(self, answer: _Answer, call: ToolUse, number: int) -> bytes:
        self._speak()
        if self._older and number == 0:
            return self._delta(answer, {"function_call": function_call(call, call.arguments)})
        return self._delta(answer, {"tool_calls": [{"index": number, **tool_call(call)}]})

    def _grew(self, answer: _Answer, event: Grew) -> bytes:
        part, number = answer.open[event.block]
        if not event.text and not event.logprobs:
            return b""
        match part:
            case Thinking():
                return self._thought(answer, part, number, event.text)
            case Foreign():
                return b""
            case Text():
                answer.spoken += len(event.text)
                delta: Member = {"content": event.text}
            case Refusal():
                delta = {"refusal": event.text}
            case ToolUse():
                delta = self._arguments(part, number, event.text)
            case Audio():
                delta = {"audio": {"data": event.text}}
            case _:
                return b""
        if event.text:
            self._speak()
        return self._delta(answer, delta, event.logprobs)

    def _arguments(self, call: ToolUse, number: int, more: str) -> Member:
        if self._older and number == 0:
            return {"function_call": {"arguments": more}}
        inner = {"custom": {"input": more}} if call.kind == "custom" else {"function": {"arguments": more}}
        return {"tool_calls": [{"index": number, **inner}]}

    def _thought(self, answer: _Answer, part: Thinking, number: int, more: str) -> bytes:
        self.events += 1
        self._has_thought = True
        if self._hidden:
            return b""
        delta: Member = {"reasoning_content": more}
        if part.origin:
            piece = msgspec.structs.replace(part, text=more, signature="", encrypted="")
            delta["reasoning_details"] = chat_thought.entries(piece, number)
        return self._delta(answer, delta)

    def _signed(self, answer: _Answer, event: Signed) -> bytes:
        part, number = answer.open[event.block]
        if isinstance(part, ToolUse) and event.signature:
            signed = {"index": number, "extra_content": chat_thought.extra_content(event.signature)}
            return self._delta(answer, {"tool_calls": [signed]})
        if self._hidden or not isinstance(part, Thinking):
            return b""
        proof = msgspec.structs.replace(part, text="", signature=event.signature, encrypted=event.encrypted)
        return self._delta(answer, {"reasoning_details": chat_thought.entries(proof, number)})

    def _closed(self, answer: _Answer, event: Closed) -> bytes:
        part, _ = answer.open.pop(event.block, (None, 0))
        if isinstance(part, Text):
            answer.said, answer.spoken = answer.said + answer.spoken, 0
        last = event.part
        if isinstance(part, Audio) and isinstance(last, Audio) and not part.transcript:
            return self._heard(answer, msgspec.structs.replace(last, source=Source()))
        return b""

    def _heard(self, answer: _Answer, part: Audio) -> bytes:
        """Write what is known of a recording."""
        told: Member = {
            "id": part.id,
            "data": part.source.data,
            "transcript": part.transcript,
            "expires_at": part.expires_at,
        }
        said = {name: value for name, value in told.items() if value}
        return self._delta(answer, {"audio": said}) if said else b""

    def ending(self, ending: Ending) -> bytes:
        """Write the end: choices that the gateway stops get the reason `length`, then usage and cost."""
        stopped = b""
        if ending.is_stopped:
            for index in range(self._choices):
                answer, first = self._answer(index)
                if not answer.is_over:
                    stopped += first + self._chunk(index, b"{}", finish="length")
        has_thought = self._has_thought or ending.usage.by_meter.get("reasoning", 0) > 0
        is_mute = self._is_cut and not self._has_spoken and has_thought
        notice = ending.notice or (SPENT_ON_REASONING if is_mute else None)
        usage = shown(ending.usage) if ending.wants_usage else b"null"
        meta = cost_with_notice(cost_block(ending.charged), notice)
        last = self._head + b',"choices":[]' + self._told() + b',"usage":' + usage + b',"meta":' + meta + b"}\n\n"
        return stopped + b"data: " + last + DONE

    def failing(self, error: bytes) -> bytes:
        """Wrap an error body (JSON) as the event that ends a stream which cannot go on."""
        return b"data: %b\n\n" % error


def _head(began: Began, identity: Identity) -> bytes:
    shared: Member = {
        "id": began.id or f"chatcmpl-{identity.id}",
        "object": "chat.completion.chunk",
        "created": began.created or identity.created,
        "model": began.model or identity.model,
    }
    if began.service_tier:
        shared["service_tier"] = began.service_tier
    if began.fingerprint:
        shared["system_fingerprint"] = began.fingerprint
    return msgspec.json.encode(shared)[:-1]
