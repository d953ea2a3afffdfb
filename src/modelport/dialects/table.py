"""Which wire format is spoken by whom: opens the way of a call to one offer and of its answer back."""

from collections.abc import Callable
from functools import cache
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from modelport.catalogue.facts import Dialect, Offer, Operation, Quirks
from modelport.core.errors import InvalidBody
from modelport.dialects import openai_chat
from modelport.dialects.customs import custom_names
from modelport.dialects.fill import fill_request
from modelport.dialects.holding import unusable
from modelport.dialects.translated import Translated
from modelport.dialects.wire import Called, NewIdentity, Passage, Served, Target, UpstreamFault, UpstreamRequest
from modelport.operations.chat import ChatCall
from modelport.operations.conversation import Conversation

Way = tuple[UpstreamRequest, Passage]
Fault = Callable[[int, bytes | None, bytes], UpstreamFault]
Relay = Callable[[ChatCall, Target, NewIdentity], Way]


class Parser(Protocol):
    """Reads requests; all that is asked of a format whose calls have no canonical form."""

    def parse(self, body: bytes, model: str | None = None) -> ChatCall:
        """Read and validate a request; raises `InvalidBody`."""
        ...


# Formats are loaded when they are first spoken, so that a start does not wait for all of them.


@cache
def served(dialect: str) -> Served:
    """Return a format of conversations as callers speak it."""
    if dialect == "openai_chat":
        return openai_chat.SERVED
    if dialect == "openai_responses":
        from modelport.dialects import openai_responses

        return openai_responses.SERVED
    if dialect == "anthropic_messages":
        from modelport.dialects import anthropic_messages

        return anthropic_messages.SERVED
    assert dialect == "openai_completions", dialect
    from modelport.dialects import completions

    return completions.SERVED


@cache
def parser(dialect: str) -> Parser:
    """Return what reads the requests of a format."""
    if dialect == "openai_embeddings":
        from modelport.dialects.embeddings import served as embeddings

        return embeddings.SERVED
    return served(dialect)


def called(dialect: str, target: Target) -> Called:
    """Return a format of conversations as an offer speaks it."""
    return openai_chat.called(target) if dialect == "openai_chat" else _called(dialect)


@cache
def _called(dialect: str) -> Called:
    if dialect == "openai_responses":
        from modelport.dialects import openai_responses

        return openai_responses.CALLED
    if dialect == "anthropic_messages":
        from modelport.dialects import anthropic_messages

        return anthropic_messages.CALLED
    assert dialect == "google_gemini", dialect
    from modelport.dialects import google_gemini

    return google_gemini.CALLED


@cache
def _relay(dialect: str) -> tuple[Relay, Fault]:
    """Return the way on which nothing is rebuilt, since both ends speak the format, and how refusals are read there."""
    if dialect == "openai_chat":
        return openai_chat.relay, openai_chat.fault
    if dialect == "openai_responses":
        from modelport.dialects import openai_responses

        return openai_responses.relay, openai_responses.CALLED.fault
    assert dialect == "anthropic_messages", dialect
    from modelport.dialects import anthropic_messages

    return anthropic_messages.relay, anthropic_messages.fault


class Format(Struct, frozen=True):
    """A wire format as callers meet it at an address of ours."""

    dialect: str
    operation: Operation
    endpoint: str
    """The canonical path of the operation."""

    @property
    def parser(self) -> Parser:
        """What reads its requests."""
        return parser(self.dialect)

    @property
    def served(self) -> Served:
        """The format itself, where it is one of conversations."""
        return served(self.dialect)


CHAT = Format("openai_chat", "chat", "/v1/chat/completions")
COMPLETIONS = Format("openai_completions", "chat", "/v1/completions")
RESPONSES = Format("openai_responses", "chat", "/v1/responses")
MESSAGES = Format("anthropic_messages", "chat", "/v1/messages")
EMBEDDINGS = Format("openai_embeddings", "embeddings", "/v1/embeddings")


class Asked:
    """A parsed call, and its canonical form once somebody needs it."""

    __slots__ = ("_talk", "call", "format")

    def __init__(self, call: ChatCall, met: Format) -> None:
        self.call = call
        self.format = met
        self._talk: Conversation | None = None

    @property
    def talk(self) -> Conversation:
        """The canonical form; raises `InvalidBody` for what has none."""
        if self._talk is None:
            self._talk = self.format.served.read(self.call)
        return self._talk


class Opening(Struct, frozen=True):
    """One attempt: what is sent to an offer, and how its answer comes back."""

    request: UpstreamRequest
    passage: Passage
    fault: Fault
    """Reads a refusal of the provider."""
    translated: Translated | None = None
    """The passage itself, where it can turn a stream into a whole answer and back."""
    is_checked: bool = False
    """Whether the answer must be inspected before any of it is passed on."""


def opened(asked: Asked, target: Target, identity: NewIdentity) -> Opening:
    """Open the way of a call to one offer. Raises `NotExpressible` or `InvalidBody` when it cannot be said there."""
    call, quirks = asked.call, target.offer.quirks
    if asked.format.operation == "embeddings":
        return _opened_embeddings(call, target, identity)
    if call.suffix is not None:
        return _opened_filling(asked, target, identity)
    dialect = _dialect(asked, target.offer)
    is_checked = bool(quirks.checks) and must_check(asked.talk, quirks)
    if is_checked and (refusal := unusable(asked.talk)) is not None:
        raise refusal
    if dialect == call.dialect and not call.is_mixed and not is_checked:
        relay, fault = _relay(dialect)
        request, passage = relay(call, target, identity)
        return Opening(request, passage, fault, passage if isinstance(passage, Translated) else None)
    spoken = called(dialect, target)
    request = _encoded(asked.talk, dialect, target, is_streaming=call.is_streaming and not is_checked)
    translated = Translated(
        call,
        asked.format.served,
        spoken,
        identity,
        is_collected=is_checked or not call.is_streaming,
        customs=custom_names(asked.talk),
    )
    return Opening(request, translated, spoken.fault, translated, is_checked)


def _encoded(talk: Conversation, dialect: Dialect, target: Target, *, is_streaming: bool) -> UpstreamRequest:
    """Write a call; records that only the caller's own format has a use for are left out elsewhere, and listed."""
    spoken = called(dialect, target)
    if talk.dialect != "openai_responses" or dialect == "openai_responses":
        return spoken.encode(talk, target, is_streaming=is_streaming)
    from modelport.dialects.openai_responses import records

    said = records.without_searches(talk)
    request = spoken.encode(said, target, is_streaming=is_streaming)
    return request if said is talk else replace(request, dropped=(*request.dropped, records.LEFT_OUT))


def _opened_embeddings(call: ChatCall, target: Target, identity: NewIdentity) -> Opening:
    from modelport.dialects.embeddings import passage as embeddings

    request, passage = embeddings.open_passage(call, target, identity)
    return Opening(request, passage, embeddings.FAULTS[target.offer.dialect_for("embeddings", call.dialect)])


def _opened_filling(asked: Asked, target: Target, identity: NewIdentity) -> Opening:
    """Open the way of a call with a suffix, which is no conversation; its answer is read as one in chat."""
    spoken = openai_chat.called(target)
    translated = Translated(asked.call, asked.format.served, spoken, identity)
    return Opening(fill_request(asked.call, target), translated, spoken.fault, translated)


def _dialect(asked: Asked, offer: Offer) -> Dialect:
    """Choose the format to call in; a search that a provider runs in another of its formats only is asked for there."""
    dialect: Dialect = offer.dialect_for("chat", asked.call.dialect)
    if dialect == "openai_chat" and offer.quirks.search == "native" and asked.talk.search is not None:
        others: list[Dialect] = [spoken for spoken in offer.spoken("chat") if spoken != "openai_chat"]
        return others[0] if others else dialect
    return dialect


def must_check(talk: Conversation, quirks: Quirks) -> bool:
    """Whether something was asked that the provider does not enforce."""
    if talk.format is not None and talk.format.kind in quirks.checks:
        return True
    if "tools" not in quirks.checks or not talk.tools:
        return False
    choice = talk.tool_choice
    is_forced = choice is not None and (choice.mode in ("required", "named") or choice.is_required)
    return is_forced or any(tool.strict for tool in talk.tools)


def unable(call: ChatCall, offer: Offer) -> InvalidBody | None:
    """Say what of a call an offer cannot do at all, as far as its own format is the caller's; None otherwise."""
    return openai_chat.unable(call, offer) if offer.dialect_for("chat", call.dialect) == "openai_chat" else None
