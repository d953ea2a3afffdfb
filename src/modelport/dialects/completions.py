"""The older text completions, served through chat: a prompt becomes the user's one message.

Shapes: `openai.types.Completion` of https://github.com/openai/openai-python (read 2026-11-22).
"""

from collections.abc import Sequence
from typing import cast

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from modelport.core.errors import InvalidBody
from modelport.dialects import chat_read
from modelport.dialects.chat_answer import SPENT_ON_REASONING, cost_with_notice
from modelport.dialects.chat_body import cost_block, said_bytes, shown
from modelport.dialects.chat_fields import boolean, fault
from modelport.dialects.chat_messages import decoded
from modelport.dialects.chat_reply import is_mute
from modelport.dialects.chat_request import members, parse
from modelport.dialects.fill import CannotFill
from modelport.dialects.openai_chat_stream import DONE
from modelport.dialects.wire import Ending, Identity, StreamWriter
from modelport.operations.chat import ChatCall
from modelport.operations.content import Refusal, Text
from modelport.operations.conversation import Conversation
from modelport.operations.reply import Began, Choice, Ended, Event, Finish, Grew, Opened, Reply

DIALECT = "openai_completions"
_OWN = frozenset({"prompt", "suffix", "echo", "logprobs"})
_ELSEWHERE = ("messages", "tools", "functions", "audio")
"""Fields whose meaning has no place in a text: left out they would be lost without a word."""
_NOT_SENT = _OWN.union(_ELSEWHERE)
_ABSENT = (b"", b"null")
_NOTHING = (*_ABSENT, b"[]", b"{}")
_FORMS = "Expected a string, or an array of one string; send several prompts as several calls, token ids as text"
Member = dict[str, object]


class Completions:
    """Text completions as callers speak them."""

    __slots__ = ()
    is_divisible = True

    def parse(self, body: bytes, model: str | None = None) -> ChatCall:
        """Read and validate a request; raises `InvalidBody` naming every field that does not fit."""
        given = members(body)
        faults: list[str] = []
        prompt = _prompt(given.get("prompt", Raw(b"")), faults)
        suffix = _suffix(given.get("suffix", Raw(b"")), faults)
        echo = decoded(given.get("echo", Raw(b"null")))
        if echo is not None and (wanted := boolean(echo)):
            faults.append(fault("echo", wanted, echo))
        if decoded(given.get("logprobs", Raw(b"null"))) not in (None, 0):
            faults.append("'logprobs': Expected to be left out; /v1/chat/completions gives them")
        faults.extend(
            f"'{name}': Expected to be left out; /v1/chat/completions takes it"
            for name in _ELSEWHERE
            if bytes(given.get(name, Raw(b""))) not in _NOTHING
        )
        if faults:
            raise InvalidBody(tuple(faults), faults[0].split("'")[1])
        chat: dict[str, object] = {name: raw for name, raw in given.items() if name not in _NOT_SENT}
        message = {"role": "user", "content": prompt}
        call = parse(msgspec.json.encode({**chat, "messages": [message]}), model)
        options = {"prompt": msgspec.json.encode(prompt), "echo": b"true" if echo is True else b"false"}
        return replace(call, dialect=DIALECT, suffix=suffix or None, options=options)

    def read(self, call: ChatCall) -> Conversation:
        """Read a parsed call into the canonical form, which has no place for what comes after the answer."""
        if call.suffix is not None:
            raise CannotFill(call.model)
        return replace(chat_read.read(call), dialect=DIALECT)

    def whole(self, call: ChatCall, reply: Reply, ending: Ending, identity: Identity) -> bytes:
        """Write a whole answer with `meta.usage`."""
        head = _echoed(call)
        notice = ending.notice or (SPENT_ON_REASONING if is_mute(reply.choices, ending) else None)
        written: Member = {
            **_head(Began(reply.id, reply.model, reply.created, fingerprint=reply.fingerprint), identity),
            "choices": [_choice(choice, head) for choice in reply.choices],
            "usage": Raw(shown(ending.usage)),
            "meta": Raw(cost_with_notice(cost_block(ending.charged), notice)),
        }
        return msgspec.json.encode(written)

    def writer(self, call: ChatCall, identity: Identity) -> StreamWriter:
        """Begin to write a streamed answer."""
        return CompletionsWriter(call, identity)

    def said_bytes(self, passed: bytes) -> int:
        """Measure what a piece of a written stream says."""
        return said_bytes(passed.replace(b'"text":', b'"content":'))


SERVED = Completions()


def _prompt(raw: Raw, faults: list[str]) -> str:
    """Read the prompt: one text."""
    if bytes(raw) in _ABSENT:
        faults.append("'prompt': Required")
        return ""
    value = decoded(raw)
    listed = cast(list[object], value) if isinstance(value, list) else [value]
    if len(listed) == 1 and isinstance(listed[0], str):
        return listed[0]
    faults.append(f"'prompt': {_FORMS}")
    return ""


def _suffix(raw: Raw, faults: list[str]) -> str:
    if bytes(raw) in _ABSENT:
        return ""
    value = decoded(raw)
    if isinstance(value, str):
        return value
    faults.append(fault("suffix", "string", value))
    return ""


def _echoed(call: ChatCall) -> str:
    """Return the prompt where it shall stand before the answer."""
    return msgspec.json.decode(call.options["prompt"], type=str) if call.options.get("echo") == b"true" else ""


def _head(began: Began, identity: Identity) -> Member:
    head: Member = {
        "id": began.id or f"cmpl-{identity.id}",
        "object": "text_completion",
        "created": began.created or identity.created,
        "model": began.model or identity.model,
    }
    return {**head, "system_fingerprint": began.fingerprint} if began.fingerprint else head


def _choice(choice: Choice, head: str) -> Member:
    said = "".join(part.text for part in choice.parts if isinstance(part, Text | Refusal))
    return {"text": head + said, "index": choice.index, "logprobs": None, "finish_reason": _word(choice.finish)}


def _word(finish: Finish) -> str:
    return finish if finish in ("length", "content_filter") else "stop"


class CompletionsWriter:
    """Writes events as chunks of text; what has no place in them, such as reasoning, is left out."""

    __slots__ = (
        "_choices",
        "_echo",
        "_ended",
        "_has_spoken",
        "_head",
        "_identity",
        "_is_cut",
        "_kinds",
        "_seen",
        "events",
    )

    def __init__(self, call: ChatCall, identity: Identity) -> None:
        self._choices = call.choices
        self._echo = _echoed(call)
        self._identity = identity
        self._head = msgspec.json.encode(_head(Began(), identity))[:-1]
        self._kinds: dict[tuple[int, int], bool] = {}
        self._seen: set[int] = set()
        self._ended: set[int] = set()
        self._is_cut = self._has_spoken = False
        self.events = 0

    def write(self, events: Sequence[Event]) -> bytes:
        """Write events; usage and the mark of completion are kept back."""
        return b"".join([self._written(event) for event in events])

    def _written(self, event: Event) -> bytes:
        match event:
            case Began():
                self._head = msgspec.json.encode(_head(event, self._identity))[:-1]
                return b""
            case Opened(part=part):
                self._kinds[event.choice, event.block] = isinstance(part, Text | Refusal)
                begun = part.text if isinstance(part, Text | Refusal) else ""
                return self._first(event.choice) + (self._said(event.choice, begun) if begun else b"")
            case Grew(text=text) if text:
                if not self._kinds.get((event.choice, event.block)):
                    self.events += 1  # reasoning, which is paid for although nobody sees it
                    return b""
                return self._said(event.choice, text)
            case Ended(finish=finish):
                self._ended.add(event.choice)
                self._is_cut = self._is_cut or finish == "length"
                return self._first(event.choice) + self._chunk(event.choice, "", _word(finish))
            case _:
                return b""

    def _first(self, choice: int) -> bytes:
        """Write the prompt before a choice where it was asked for."""
        if choice in self._seen:
            return b""
        self._seen.add(choice)
        return self._chunk(choice, self._echo) if self._echo else b""

    def _said(self, choice: int, text: str) -> bytes:
        self.events += 1
        self._has_spoken = True
        return self._chunk(choice, text)

    def _chunk(self, choice: int, text: str, finish: str | None = None) -> bytes:
        told = {"text": text, "index": choice, "logprobs": None, "finish_reason": finish}
        return b"data: " + self._head + b',"choices":[' + msgspec.json.encode(told) + b'],"usage":null}\n\n'

    def ending(self, ending: Ending) -> bytes:
        """Write the end, with usage and `meta.usage`."""
        stopped = b""
        if ending.is_stopped:
            open_ = [index for index in range(self._choices) if index not in self._ended]
            stopped = b"".join(self._chunk(index, "", "length") for index in open_)
        is_mute = self._is_cut and not self._has_spoken and ending.usage.by_meter.get("reasoning", 0) > 0
        notice = ending.notice or (SPENT_ON_REASONING if is_mute else None)
        usage = shown(ending.usage) if ending.wants_usage else b"null"
        meta = cost_with_notice(cost_block(ending.charged), notice)
        return (
            stopped + b"data: " + self._head + b',"choices":[],"usage":' + usage + b',"meta":' + meta + b"}\n\n" + DONE
        )

    def failing(self, error: bytes) -> bytes:
        """Wrap an error body (JSON) as the event that ends a stream which cannot go on."""
        return b"data: %b\n\n" % error
