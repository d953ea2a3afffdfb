"""Writing a canonical conversation as a request to a provider that speaks Messages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

import msgspec
from msgspec import Raw

from modelport.catalogue.facts import Quirks
from modelport.dialects.anthropic_messages.blocks_out import BlockWriter
from modelport.dialects.anthropic_messages.reasoning_out import (
    Thought,
    thought_of,
    wanted_budget,
)
from modelport.dialects.anthropic_messages.shapes import (
    DEFAULT_MAX_TOKENS,
    DIALECT,
    OWN_EXTRAS,
    PATH,
    headers_for,
    list_of,
    object_of,
)
from modelport.dialects.anthropic_messages.tools_out import choice_of, is_forced, tools_of
from modelport.dialects.anthropic_messages.turns_out import Turns, turns_of
from modelport.dialects.chat_fields import IGNORED_FIELDS
from modelport.dialects.holding import schema_prompt
from modelport.dialects.wire import NotExpressible, Target, UpstreamRequest
from modelport.operations.conversation import Conversation

_CARRIED = frozenset(
    {
        "temperature", "top_p", "top_k", "stop", "user", "metadata", "service_tier", "reasoning", "search", "format",
        "tool_choice", "tools", "foreign_tools", "parallel_tools",
    }
)  # fmt: skip
_TIERS = {"default": "standard_only", "standard_only": "standard_only", "auto": "auto"}
_METADATA = msgspec.json.Decoder(dict[str, Raw])


@dataclass(slots=True)
class _Draft:
    """A request while its members are gathered."""

    talk: Conversation
    quirks: Quirks
    provider: str
    members: dict[str, bytes] = field(default_factory=dict[str, bytes])
    dropped: list[str] = field(default_factory=list[str])

    def put(self, name: str, value: object) -> None:
        self.members[name] = msgspec.json.encode(value)

    def leave_out(self, name: str) -> None:
        if name not in self.dropped:
            self.dropped.append(name)


def encode(talk: Conversation, target: Target, *, is_streaming: bool) -> UpstreamRequest:
    """Write a call. Raises `NotExpressible` for what must not be left out; the rest goes into `dropped`."""
    draft = _Draft(talk, target.offer.quirks, target.offer.provider.name)
    _refuse(draft)
    max_tokens = bound_of(target, talk.max_tokens, wanted_budget(talk, draft.quirks))
    draft.put("model", target.offer.upstream)
    draft.put("max_tokens", max_tokens)
    turns = _talked(draft)
    tools = tools_of(talk, draft.quirks, draft.provider, draft.dropped)
    choice = choice_of(talk, has_tools=bool(tools))
    if tools:
        draft.members["tools"] = tools
    if choice:
        draft.members["tool_choice"] = choice
    _put_thinking(draft, turns, choice, max_tokens)
    _put_sampling(draft)
    _put_rest(draft)
    if is_streaming:
        draft.put("stream", True)
    members = fitted(draft.members, draft.quirks, draft.dropped, talk)
    return UpstreamRequest(PATH, headers_for(is_streaming), object_of(members), is_streaming, tuple(draft.dropped))


def _refuse(draft: _Draft) -> None:
    talk = draft.talk
    if talk.choices > 1:
        raise NotExpressible("n", draft.provider, "gives one answer to a call; send 1, or several calls")
    if "audio" in talk.modalities:
        raise NotExpressible(talk.spelling("modalities"), draft.provider, "answers with text only")


def bound_of(target: Target, asked: int | None, budget: int = 0) -> int:
    """Return the bound to send, which this format requires: the caller's, else the model's; `budget` fits into it."""
    if asked is None:
        asked = target.model.output_tokens or DEFAULT_MAX_TOKENS + budget
    bound = target.max_tokens(asked)
    return asked if bound is None else bound


def _talked(draft: _Draft) -> Turns:
    """Put the instructions and the messages."""
    writer = BlockWriter(draft.provider, draft.talk.dialect, draft.dropped)
    turns = turns_of(draft.talk, draft.quirks, writer)
    if said := _format(draft):
        turns.system.append(msgspec.json.encode({"type": "text", "text": said}))
    if turns.system:
        draft.members["system"] = list_of(turns.system)
    draft.members["messages"] = list_of([message.write() for message in turns.messages])
    return turns


def _format(draft: _Draft) -> str:
    """Put the form of the answer; return what the model has to be told where its provider does not enforce it."""
    form = draft.talk.format
    if form is None or form.kind == "text":
        return ""
    if form.kind == "json_object" or draft.quirks.schema_as or not form.schema:
        return schema_prompt(form)
    _configure(draft, "format", {"type": "json_schema", "schema": Raw(form.schema)})
    return ""


def _configure(draft: _Draft, name: str, value: object) -> None:
    known = msgspec.json.decode(draft.members.get("output_config", b"{}"), type=dict[str, Raw])
    draft.put("output_config", {**known, name: value})


def _put_thinking(draft: _Draft, turns: Turns, choice: bytes, max_tokens: int) -> None:
    talk = draft.talk
    if "thinking" in talk.extra and talk.dialect == DIALECT:
        return  # A form of it that only this format knows goes as it came.
    thought = thought_of(talk, draft.quirks, max_tokens)
    if thought.is_left_out or (thought.is_on and _is_in_the_way(draft, thought, turns, choice)):
        draft.leave_out(talk.spelling("reasoning"))
        return
    if thought.is_budget_left_out:
        draft.leave_out(f"{talk.spelling('reasoning')}.budget_tokens")
    if thought.thinking is not None:
        draft.put("thinking", thought.thinking)
    if thought.effort:
        _configure(draft, "effort", thought.effort)


def _is_in_the_way(draft: _Draft, thought: Thought, turns: Turns, choice: bytes) -> bool:
    """Whether thinking would get the call refused: beside a forced tool or a message to continue, or in the middle of
    a loop of tools whose reasoning the caller did not bring back."""
    if is_forced(choice) or any(turn.is_prefix for turn in draft.talk.turns[-1:]):
        return True
    is_budgeted = thought.thinking is not None and thought.thinking["type"] == "enabled"
    return is_budgeted and turns.is_in_tool_loop and not turns.has_thought_before_tools


def _put_sampling(draft: _Draft) -> None:
    """Put what Anthropic takes together: no temperature above 1, one of two ways to sample, none of them to think.

    One of two: https://github.com/open-webui/functions/pull/9 (read 2026-11-22).
    """
    talk = draft.talk
    thinks = b'"enabled"' in draft.members.get("thinking", b"") or b'"adaptive"' in draft.members.get("thinking", b"")
    heat, nucleus, most = talk.temperature, talk.top_p, talk.top_k
    if heat is not None and thinks and heat != 1:
        draft.leave_out("temperature")
        heat = None
    if heat is not None and heat > 1:
        draft.leave_out("temperature")
        heat = 1
    if nucleus is not None and (talk.temperature is not None or thinks):
        draft.leave_out("top_p")
        nucleus = None
    if most is not None and thinks:
        draft.leave_out("top_k")
        most = None
    for name, value in (("temperature", heat), ("top_p", nucleus), ("top_k", None if most is None else int(most))):
        if value is not None:
            draft.put(name, value)


def _put_rest(draft: _Draft) -> None:
    talk = draft.talk
    if talk.stop:
        draft.put("stop_sequences", talk.stop)
    _put_user(draft)
    if talk.service_tier:
        tier = _TIERS.get(talk.service_tier)
        if tier is None:
            draft.leave_out(talk.spelling("service_tier"))
        else:
            draft.put("service_tier", tier)
    for name in talk.lost(_CARRIED):
        if name in talk.extra and _takes(name, draft):
            draft.members[name] = talk.extra[name]
        elif name not in (talk.spelling("modalities"), "normalize_tool_schemas"):
            draft.leave_out(name)


def _takes(name: str, draft: _Draft) -> bool:
    """Whether a field beyond the canonical ones may be sent."""
    if name in OWN_EXTRAS and draft.talk.dialect == DIALECT:
        return True
    is_taken = name in draft.quirks.accept or draft.quirks.accept_unknown
    return is_taken and name not in IGNORED_FIELDS and "." not in name


def _put_user(draft: _Draft) -> None:
    """Put the user; of metadata Anthropic takes nothing else."""
    talk = draft.talk
    others = _METADATA.decode(talk.metadata) if talk.metadata else {}
    user = talk.user or msgspec.json.decode(others.pop("user_id", b"null"))
    others.pop("user_id", None)
    if user:
        draft.put("metadata", {"user_id": user})
    if others:
        draft.leave_out(talk.spelling("metadata"))


def fitted(
    members: Mapping[str, bytes], quirks: Quirks, dropped: list[str], talk: Conversation | None = None
) -> dict[str, bytes]:
    """Fit the members of a request to an offer: what it does not take, what it takes less of, by its own names."""
    spelled = _spelled(talk)
    written: dict[str, bytes] = {}
    for name, raw in members.items():
        if name in quirks.drop:
            if (told := spelled.get(name, name)) not in dropped:
                dropped.append(told)
            continue
        most = quirks.clamp.get(name)
        if most is not None and _is_above(raw, most):
            raw = most.encode()
            if (told := spelled.get(name, name)) not in dropped:
                dropped.append(told)
        written[quirks.rename.get(name, name)] = raw
    for name, value in quirks.set.items():
        written.setdefault(name, value.encode())
    return written


def _spelled(talk: Conversation | None) -> dict[str, str]:
    """Return the caller's names of the members that may be left out."""
    if talk is None:
        return {}
    own = {"stop_sequences": "stop", "thinking": "reasoning", "metadata": "user"}
    return {name: talk.spelling(field) for name, field in own.items()}


def _is_above(raw: bytes, most: str) -> bool:
    try:
        return Decimal(raw.decode()) > Decimal(most)
    except InvalidOperation:
        return False
