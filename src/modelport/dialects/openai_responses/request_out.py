"""Writing a call for a provider that speaks Responses.

Shapes: https://platform.openai.com/docs/api-reference/responses/create (read 2026-11-22). Nothing is ever stored at the
provider (`store: false`): what a later call needs of its reasoning travels with the caller, encrypted.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import cast

import msgspec
from msgspec import Raw

from modelport.catalogue.facts import Quirks, SchemaForm
from modelport.dialects.chat_fields import IGNORED_FIELDS
from modelport.dialects.holding import schema_prompt
from modelport.dialects.openai_responses.fields import LEAST_OUTPUT_TOKENS, OWN_FIELDS
from modelport.dialects.openai_responses.items_in import NAME
from modelport.dialects.openai_responses.items_out import ItemsOut
from modelport.dialects.openai_responses.read import ENCRYPTED, LOGPROBS, read
from modelport.dialects.reasoning import effort_for
from modelport.dialects.tool_schemas import fitted
from modelport.dialects.wire import JSON_HEADERS, STREAM_HEADERS, CannotSearch, NotExpressible, Target, UpstreamRequest
from modelport.operations.chat import ChatCall
from modelport.operations.conversation import AnswerFormat, Conversation, Reasoning, Tool, ToolChoice, WebSearch
from modelport.operations.usage import SEARCH_METER

PATH = "/responses"
CARRIED = frozenset(
    {"temperature", "top_p", "logprobs", "top_logprobs", "parallel_tools", "user", "metadata", "service_tier",
     "verbosity", "prompt_cache_key", "safety_identifier", "truncation", "reasoning", "search", "format", "tool_choice",
     "tools", "foreign_tools", "modalities", "audio", "prediction"}
)  # fmt: skip
"""Optional fields of a conversation that are written, refused, or looked at one by one."""
_UNTOLD = frozenset({"store", "stream", "include", "normalize_tool_schemas"})
"""Fields that are left out without a word: what they ask for is true anyway, or comes from the offer."""
_TIERS = frozenset({"auto", "default", "flex", "priority", "scale"})
_SCHEMA_WORDS = {NAME: "parameters", "anthropic_messages": "input_schema"}
"""Where callers of each format say what a function takes."""
_SEARCH_TOOL = b'"web_search'
BILLED_APART = ("code_interpreter", "file_search", "image_generation")
"""Tools of OpenAI's that cost by their use beside their tokens, for which there is no meter; `accept` of an offer lets
one pass: https://developers.openai.com/api/docs/pricing, known from its copies, read on 2026-11-22."""


class _Kind(msgspec.Struct):
    type: str = ""


_KINDS = msgspec.json.Decoder(list[_Kind])
_NO_PARAMETERS = Raw(b'{"type":"object","properties":{}}')
_EMPTY = Raw(b"")
_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_LIST = msgspec.json.Decoder(list[str])

Members = dict[str, object]


def encode(talk: Conversation, target: Target, *, is_streaming: bool) -> UpstreamRequest:
    """Write a call. Raises `NotExpressible` for what must not be left out; the rest goes into `dropped`."""
    _refuse(talk, target.offer.provider.name)
    turns = ItemsOut(talk, target)
    members: Members = {} if turns.instructions is None else {"instructions": turns.instructions}
    members["input"] = turns.items
    dropped = list(turns.dropped)
    if any(tool.cache is not None for tool in talk.tools):
        dropped.append("cache_control")
    bound = target.max_tokens(talk.max_tokens)
    if bound is not None:
        members["max_output_tokens"] = max(bound, LEAST_OUTPUT_TOKENS)
        if talk.max_tokens is not None and talk.max_tokens < LEAST_OUTPUT_TOKENS:
            dropped.append(talk.spelling("max_tokens"))
    _put_plain(members, talk, dropped)
    _put_tools(members, talk, target)
    _put_text(members, talk, target.offer.quirks.schema_as)
    _put_reasoning(members, talk, target, dropped)
    carried = _put_extra(members, talk, target.offer.quirks)
    dropped.extend(name for name in talk.lost(CARRIED) if name not in carried and name not in _UNTOLD)
    members["include"] = _includes(members, talk, target)
    if not members["include"]:
        del members["include"]
    raw = {name: msgspec.json.encode(value) for name, value in members.items()}
    return written(raw, target, dropped, is_streaming=is_streaming)


def written(fields: Mapping[str, bytes], target: Target, dropped: list[str], *, is_streaming: bool) -> UpstreamRequest:
    """Write the members of a request in the provider's own variant of the format, never to be stored there."""
    quirks = target.offer.quirks
    fields = {**{name: raw.encode() for name, raw in quirks.set.items() if name not in fields}, **fields}
    members: dict[str, Raw] = {"model": Raw(msgspec.json.encode(target.offer.upstream))}
    for name, raw in {**fields, "store": b"false", "stream": b"true" if is_streaming else b"false"}.items():
        if name in quirks.drop or name in IGNORED_FIELDS or not (name in OWN_FIELDS or takes(quirks, name)):
            if name not in _UNTOLD:
                dropped.append(name)
            continue
        most = quirks.clamp.get(name)
        value = most.encode() if most is not None and _is_above(raw, most) else raw
        members.setdefault(quirks.rename.get(name, name), Raw(value))
    return UpstreamRequest(
        path=PATH,
        headers=STREAM_HEADERS if is_streaming else JSON_HEADERS,
        body=msgspec.json.encode(members),
        is_streaming=is_streaming,
        dropped=tuple(dict.fromkeys(dropped)),
    )


def relay_request(call: ChatCall, target: Target) -> UpstreamRequest:
    """Write a call of this very format as it came, but for what is the gateway's: model, bound and storage.

    What the offer takes in another form is read and written anew.
    """
    if _must_be_rewritten(call, target.offer.quirks):
        return encode(read(call), target, is_streaming=call.is_streaming)
    _refuse_unpriced(call.fields.get("tools", b""), target)
    fields = dict(call.fields)
    bound = target.max_tokens(call.max_tokens)
    if bound is not None:
        fields["max_output_tokens"] = b"%d" % max(bound, LEAST_OUTPUT_TOKENS)
    if "reasoning" in target.model.capabilities:
        included = _LIST.decode(fields.get("include", b"[]"))
        if ENCRYPTED not in included:
            fields["include"] = msgspec.json.encode([*included, ENCRYPTED])
    return written(fields, target, [], is_streaming=call.is_streaming)


def _refuse_unpriced(tools: bytes, target: Target) -> None:
    """Raise for tools that the provider runs, and bills by their use, where it is not known at what price."""
    if _SEARCH_TOOL in tools and not _is_search_priced(target):
        raise CannotSearch("tools", target.offer.provider.name)
    if any(kind.encode() in tools for kind in BILLED_APART):
        for tool in _KINDS.decode(tools):
            _refuse_billed(tool.type, target)


def _refuse_billed(kind: str, target: Target) -> None:
    if kind in BILLED_APART and not takes(target.offer.quirks, kind):
        raise NotExpressible("tools", target.offer.provider.name, f"bills '{kind}' apart, at a price that is not known")


def _is_search_priced(target: Target) -> bool:
    """Whether it is known what a search costs there; an offer without any rate is never asked."""
    rates = target.offer.rates
    return not rates or any(SEARCH_METER in one.by_meter for one in rates)


def _must_be_rewritten(call: ChatCall, quirks: Quirks) -> bool:
    """Whether the offer takes the schemas of the call in another form than this format's own."""
    if quirks.tool_schemas and "tools" in call.fields:
        return True
    return bool(quirks.schema_as) and "format" in _OBJECT.decode(call.fields.get("text", b"{}"))


def takes(quirks: Quirks, name: str) -> bool:
    """Whether a provider understands a field beyond the format itself."""
    return name in quirks.accept or quirks.accept_unknown


def _is_above(raw: bytes, most: str) -> bool:
    try:
        return Decimal(raw.decode()) > Decimal(most)
    except InvalidOperation:
        return False


def _refuse(talk: Conversation, provider: str) -> None:
    """Refuse what the format cannot say and what an answer would be wrong without."""
    if talk.choices > 1:
        raise NotExpressible(talk.spelling("n"), provider, "gives one answer to a call; send 1, or several calls")
    if talk.prediction:
        raise NotExpressible(talk.spelling("prediction"), provider, "takes no predicted output for this model")
    if talk.audio or "audio" in talk.modalities:
        name = "audio" if talk.audio else "modalities"
        raise NotExpressible(talk.spelling(name), provider, "cannot answer with audio")


def _put_plain(members: Members, talk: Conversation, dropped: list[str]) -> None:
    """Write the fields that mean the same here."""
    plain: Members = {
        "temperature": talk.temperature,
        "top_p": talk.top_p,
        "top_logprobs": talk.top_logprobs,
        "parallel_tool_calls": talk.parallel_tools,
        "truncation": talk.truncation or None,
        "metadata": Raw(talk.metadata) if talk.metadata else None,
        "user": talk.user or None,
        "safety_identifier": talk.safety_identifier or None,
        "prompt_cache_key": talk.prompt_cache_key or None,
    }
    members.update({name: value for name, value in plain.items() if value is not None})
    if talk.service_tier in _TIERS or (talk.service_tier and talk.dialect == NAME):
        members["service_tier"] = talk.service_tier
    elif talk.service_tier:
        dropped.append(talk.spelling("service_tier"))


def _put_text(members: Members, talk: Conversation, form: SchemaForm) -> None:
    """Ask for the form of the answer; in words where the provider does not know it."""
    text: Members = {}
    wanted = talk.format
    if wanted is None or not form or wanted.kind == "text":
        if wanted is not None:
            text["format"] = _format(wanted)
    elif wanted.kind == "json_schema" or form == "prompt":
        told = [members.get("instructions"), schema_prompt(wanted)]
        members["instructions"] = "\n\n".join(str(one) for one in told if one)
        if form == "json_object":
            text["format"] = {"type": "json_object"}
    else:
        text["format"] = _format(wanted)
    if talk.verbosity:
        text["verbosity"] = talk.verbosity
    if text:
        members["text"] = text


def _format(told: AnswerFormat) -> Members:
    if told.kind != "json_schema":
        return {"type": told.kind}
    members: Members = {"type": "json_schema", "name": told.name or "answer"}
    if told.description:
        members["description"] = told.description
    members["schema"] = Raw(told.schema or b"{}")
    if told.strict is not None:
        members["strict"] = told.strict
    return members


def _put_tools(members: Members, talk: Conversation, target: Target) -> None:
    tools: list[object] = [_tool(tool, talk, index, target) for index, tool in enumerate(talk.tools)]
    for tool in talk.foreign_tools:
        if tool.dialect != NAME:
            told = f"has no tool of type '{tool.kind}'"
            raise NotExpressible(talk.spelling("foreign_tools"), target.offer.provider.name, told)
        _refuse_billed(tool.kind, target)
        tools.append(Raw(tool.raw))
    if talk.search is not None and target.offer.quirks.search != "always":
        tools.append(_search(talk, talk.search, target))
    if tools:
        members["tools"] = tools
    if talk.tool_choice is not None:
        members["tool_choice"] = _tool_choice(talk.tool_choice, talk.tools)
    elif talk.search is not None and talk.search.is_forced and target.offer.quirks.search != "always":
        members["tool_choice"] = {"type": "web_search"}


def _tool(tool: Tool, talk: Conversation, index: int, target: Target) -> Members:
    """Write a tool. The format takes a function as strict unless told otherwise, other formats mean the opposite."""
    members: Members = {"type": tool.kind, "name": tool.name}
    if tool.description:
        members["description"] = tool.description
    if tool.kind == "custom":
        if tool.format:
            members["format"] = Raw(tool.format)
        return members
    place = f"tools[{index}].{_SCHEMA_WORDS.get(talk.dialect, 'function.parameters')}"
    schema = fitted(tool.parameters, target.offer.quirks.tool_schemas, place, target.offer.provider.name)
    members["parameters"] = Raw(schema) if schema else _NO_PARAMETERS
    if tool.strict is not None or talk.dialect != NAME:
        members["strict"] = tool.strict is True
    return members


def _search(talk: Conversation, search: WebSearch, target: Target) -> Members:
    """Write the format's own tool for searching the web."""
    provider = target.offer.provider.name
    is_offered = target.offer.quirks.search == "native" or (talk.dialect == NAME and _is_search_priced(target))
    if not is_offered:
        raise CannotSearch(talk.spelling("search"), provider)
    if search.blocked_domains:
        raise NotExpressible(talk.spelling("search"), provider, "cannot keep domains out of a search")
    members: Members = {"type": "web_search"}
    if search.context_size:
        members["search_context_size"] = search.context_size
    if search.place is not None:
        place = msgspec.structs.asdict(search.place)
        members["user_location"] = {"type": "approximate", **{name: said for name, said in place.items() if said}}
    if search.allowed_domains:
        members["filters"] = {"allowed_domains": search.allowed_domains}
    return members


def _tool_choice(choice: ToolChoice, tools: tuple[Tool, ...]) -> object:
    if choice.mode == "named":
        return {"type": choice.kind, "name": choice.name}
    if choice.mode != "allowed":
        return choice.mode
    kinds = {tool.name: tool.kind for tool in tools}
    allowed = [{"type": kinds.get(name, "function"), "name": name} for name in choice.allowed]
    return {"type": "allowed_tools", "mode": "required" if choice.is_required else "auto", "tools": allowed}


def _put_reasoning(members: Members, talk: Conversation, target: Target, dropped: list[str]) -> None:
    """Ask for reasoning, where the model does any; who asks for it in another format means to see it."""
    asked = talk.reasoning
    if asked is None:
        return
    if "reasoning" not in target.model.capabilities or target.offer.quirks.reasoning == "none":
        dropped.append(talk.spelling("reasoning"))
        return
    told: Members = {}
    if effort := _effort(asked):
        told["effort"] = effort
    wants_to_see = asked.is_on or asked.is_adaptive or asked.budget_tokens is not None
    if asked.summary:
        told["summary"] = asked.summary
    elif wants_to_see and not asked.is_hidden:
        told["summary"] = "auto"
    if told:
        members["reasoning"] = told


def _effort(asked: Reasoning) -> str:
    if asked.effort or asked.is_on is False:
        return asked.effort or "none"
    if asked.budget_tokens is not None:
        return effort_for(asked.budget_tokens)
    return "medium" if asked.is_on and not asked.is_adaptive else ""


def _put_extra(members: Members, talk: Conversation, quirks: Quirks) -> frozenset[str]:
    """Carry what has no place in the canonical form: to this format from itself, and what the provider accepts."""
    carried: set[str] = set()
    for name, raw in talk.extra.items():
        if "." in name or name == "store":
            continue
        if (talk.dialect == NAME and name in OWN_FIELDS) or takes(quirks, name):
            carried.add(name)
            if name != "include":
                members.setdefault(name, Raw(raw))
    return frozenset(carried)


def _includes(members: Members, talk: Conversation, target: Target) -> list[str]:
    """Name what the answer shall carry beside what it says."""
    asked = cast(list[str], msgspec.json.decode(talk.extra.get("include", b"[]"))) if talk.dialect == NAME else []
    if talk.logprobs:
        asked.append(LOGPROBS)
    if "reasoning" in target.model.capabilities:
        asked.append(ENCRYPTED)
    return list(dict.fromkeys(asked))
