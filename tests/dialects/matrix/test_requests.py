"""Every call that a caller can make, in every format that callers speak, to every format that providers speak."""

from itertools import product

import pytest
from msgspec.structs import asdict, replace

from modelport.catalogue.facts import Dialect, Model, Offer, Provider, Quirks
from modelport.dialects.table import called as called_as
from modelport.dialects.table import served as served_as
from modelport.dialects.wire import NotExpressible, Target, UpstreamRequest
from modelport.operations.content import Image, Part, ToolResult, ToolUse, Turn
from modelport.operations.conversation import Conversation
from tests.dialects.matrix.corpus import CONVERSATIONS

FORMATS: tuple[Dialect, ...] = ("openai_chat", "openai_responses", "anthropic_messages")
PROVIDERS: tuple[Dialect, ...] = (*FORMATS, "google_gemini")

UNSAYABLE: dict[str, set[str]] = {
    "openai_responses": {"audio", "video"},
    "anthropic_messages": {"audio", "video"},
}
"""What a format has no words for: it is refused, by name. Everything else must pass."""

LISTED: dict[str, dict[str, set[str]]] = {
    "openai_chat": {"cache": {"cache_control"}, "a tool that failed": {"is_error"}},
    "openai_responses": {"stop": {"stop"}, "cache": {"cache_control"}, "a tool that failed": {"is_error"}},
    "google_gemini": {
        "one tool at a time": {"parallel_tools"},
        "cache": {"cache_control"},
        "marks of a user": {"user", "metadata"},
        "pdf": {"filename"},
    },
}
"""What a format has no place for and a provider can do without: it is left out, and listed."""

RESAID = {"a tool that drew", "json schema", "json object", "effort", "a refusal before"}
"""What a format says in other words: pictures of a tool in a user's turn, an instruction instead of a switch, a budget
instead of an effort. The tests of the dialects hold how."""

_CANONICAL = {
    "stop_sequences": "stop",
    "parallel_tool_calls": "parallel_tools",
    "disable_parallel_tool_use": "parallel_tools",
    "user_id": "user",
}


def target(dialect: Dialect, **quirks: object) -> Target:
    """A provider that speaks a format, and takes all that it has."""
    model = Model(
        "acme/all",
        "All",
        "acme",
        "chat",
        "Does everything.",
        capabilities=frozenset({"reasoning"}),
        output_tokens=32_000,
    )
    provider = Provider("acme", "Acme", "https://acme.example", {"chat": (dialect,)})
    return Target(Offer(model.id, provider, "all-1", quirks=Quirks(**quirks)), model)  # type: ignore[arg-type]


def written(talk: Conversation, dialect: Dialect) -> UpstreamRequest:
    """Write a call for a provider."""
    to = target(dialect)
    return called_as(dialect, to).encode(talk, to, is_streaming=False)


def read(body: bytes, dialect: Dialect) -> Conversation:
    """Read what a caller sent."""
    served = served_as(dialect)
    return served.read(served.parse(body))


def essence(talk: Conversation) -> dict[str, object]:
    """What a call asks for: without the words of any format, and without what is as good as unsaid."""
    dull = {"dialect", "spelled", "extra", "turns", "tools", "tool_choice", "metadata"}
    fields = {name: value for name, value in asdict(talk).items() if name not in dull and value not in UNSAID}
    if talk.tool_choice is not None and talk.tool_choice.mode != "auto":
        fields["tool_choice"] = talk.tool_choice
    if talk.tools:
        fields["tools"] = [replace(tool, strict=tool.strict or None) for tool in talk.tools]
    return {**fields, "turns": [_turn(turn) for turn in talk.turns]}


UNSAID = (None, (), "", b"")


def _turn(turn: Turn) -> tuple[object, ...]:
    role = "system" if turn.role == "developer" else turn.role
    return role, tuple(_part(part) for part in turn.parts)


def _part(part: Part) -> object:
    match part:
        case ToolResult():
            return replace(part, name="", parts=tuple(_part(inner) for inner in part.parts))  # type: ignore[arg-type]
        case Image():
            return replace(part, detail=part.detail.replace("auto", ""))
        case ToolUse():
            return replace(part, item_id="")
        case _:
            return part


def sayable(name: str, served: Dialect) -> Conversation | None:
    """The case as a caller of a format says it; None when the format has no words for it."""
    try:
        return read(written(CONVERSATIONS[name], served).body, served)
    except NotExpressible:
        return None


@pytest.mark.parametrize(("name", "dialect"), list(product(CONVERSATIONS, FORMATS)))
def test_what_is_written_is_read_back(name: str, dialect: Dialect) -> None:
    """Encode, then decode: the same call, but for what was listed as left out."""
    said = sayable(name, dialect)
    if said is None:
        assert name in UNSAYABLE.get(dialect, set())
        return
    again = read(written(said, dialect).body, dialect)
    assert essence(again) == essence(said)


@pytest.mark.parametrize(("name", "served", "called"), list(product(CONVERSATIONS, FORMATS, PROVIDERS)))
def test_a_call_reaches_every_provider_or_is_refused_by_name(name: str, served: Dialect, called: Dialect) -> None:
    said = sayable(name, served)
    if said is None:
        return
    try:
        request = written(said, called)
    except NotExpressible as refusal:
        assert name in UNSAYABLE.get(called, set()), refusal.message
        assert refusal.param
        return
    lost = {_CANONICAL.get(last, last) for last in (named.rpartition(".")[2] for named in request.dropped)}
    assert lost <= LISTED.get(called, {}).get(name, set())
    if called in FORMATS and name not in RESAID and not lost:
        asked, arrived = essence(said), essence(read(request.body, called))
        assert {key: arrived.get(key) for key in asked} == asked
        assert arrived.keys() - asked.keys() <= {"max_tokens"}, "Anthropic must be told how long an answer may be"
