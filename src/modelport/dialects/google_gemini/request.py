"""Writing a call in Google's form.

Shapes: https://ai.google.dev/api/generate-content (read 2026-11-22).
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec
from msgspec import Raw, Struct

from modelport.dialects.google_gemini.parts import Wire, Writing
from modelport.dialects.google_gemini.thinking import thinking
from modelport.dialects.google_gemini.tools import ToolsWriting
from modelport.dialects.wire import JSON_HEADERS, STREAM_HEADERS, NotExpressible, Target, UpstreamRequest
from modelport.operations.chat import said_in
from modelport.operations.content import Text, Turn
from modelport.operations.conversation import Conversation

MAX_STOPS = 5
_SEEDS = range(-(2**31), 2**31)
_SAMPLING = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "stop": "stopSequences",
}
_SAFETY = ("safetySettings", "safety_settings")
_OWN = {"cachedContent": "cachedContent", "cached_content": "cachedContent", "labels": "labels"}
_INSTRUCTING = frozenset({"system", "developer"})


class _Call(Struct):
    """One call on its way."""

    talk: Conversation
    target: Target
    dropped: list[str]
    carried: set[str]

    @property
    def provider(self) -> str:
        return self.target.offer.provider.name

    def refused(self, place: str, what: str) -> NotExpressible:
        return NotExpressible(place, self.provider, what)


def encode(talk: Conversation, target: Target, *, is_streaming: bool) -> UpstreamRequest:
    """Write a call; raises `NotExpressible` for what must not be left out."""
    call = _Call(talk, target, [], {"tools", "foreign_tools", "tool_choice", "search", "format"})
    quirks = target.offer.quirks
    writing = Writing(call.provider, said_in(talk.dialect), is_signed=quirks.reasoning == "level")
    tools = ToolsWriting(talk, target)
    tools.check_search()
    body: Wire = {}
    _messages(call, writing, body)
    config = _generation(call, body)
    if config:
        body["generationConfig"] = config
    if declared := tools.tools():
        body["tools"] = declared
    if configured := tools.config():
        body["toolConfig"] = configured
    _extra(call, body)
    _defaults(body, quirks.set)
    dropped = (*call.dropped, *writing.dropped, *tools.dropped, *_lost(call))
    return UpstreamRequest(
        path=_path(target.offer.upstream, is_streaming=is_streaming),
        headers=STREAM_HEADERS if is_streaming else JSON_HEADERS,
        body=msgspec.json.encode(body),
        is_streaming=is_streaming,
        dropped=tuple(dict.fromkeys(dropped)),
    )


def _path(upstream: str, *, is_streaming: bool) -> str:
    name = upstream if "/" in upstream else f"models/{upstream}"
    return f"/{name}:streamGenerateContent?alt=sse" if is_streaming else f"/{name}:generateContent"


def _messages(call: _Call, writing: Writing, body: Wire) -> None:
    """Write instructions apart from the rest, since Google has no place for them among the turns."""
    turns = [(call.talk.place(index), turn) for index, turn in enumerate(call.talk.turns)]
    if turns and turns[-1][1].is_prefix and not call.target.offer.quirks.prefix:
        raise call.refused(f"{turns[-1][0]}.prefix", "cannot continue a message of this model; leave it out")
    told = [(place, turn) for place, turn in turns if turn.role in _INSTRUCTING]
    said = [(place, turn) for place, turn in turns if turn.role not in _INSTRUCTING]
    if not said:  # A call must have contents.
        told, said = [], told
    instructions = [part for place, turn in told for part in _instruction(call, writing, place, turn)]
    if guide := _schema_guide(call):
        instructions.append({"text": guide})
    if instructions:
        body["systemInstruction"] = {"parts": instructions}
    body["contents"] = writing.contents(said)


def _instruction(call: _Call, writing: Writing, place: str, turn: Turn) -> list[Wire]:
    for index, part in enumerate(turn.parts):
        if not isinstance(part, Text):
            raise call.refused(f"{place}.content[{index}]", "takes only text as an instruction")
    return writing.parts(turn, place)


def _generation(call: _Call, body: Wire) -> Wire:
    """Write the `generationConfig`."""
    config: Wire = {}
    _sampling(call, config)
    _bounds(call, config)
    _logprobs(call, config)
    _format(call, config)
    _modalities(call, config)
    _reasoning(call, config)
    _service_tier(call, body)
    return config


def _sampling(call: _Call, config: Wire) -> None:
    quirks = call.target.offer.quirks
    for name, wire in _SAMPLING.items():
        value = getattr(call.talk, name)
        if value is None or value == () or name in quirks.drop:
            continue
        if name == "stop" and len(value) > MAX_STOPS:
            raise call.refused(call.talk.spelling("stop"), f"takes at most {MAX_STOPS} sequences")
        if name == "seed" and value not in _SEEDS:
            continue
        call.carried.add(name)
        config[wire] = _clamped(value, quirks.clamp.get(name))


def _clamped(value: object, most: str | None) -> object:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if most is None or not isinstance(value, int | float) or Decimal(str(value)) <= Decimal(most):
        return value
    return Raw(most.encode())


def _bounds(call: _Call, config: Wire) -> None:
    bound = call.target.max_tokens(call.talk.max_tokens)
    if bound is not None:
        config["maxOutputTokens"] = _clamped(bound, call.target.offer.quirks.clamp.get("max_tokens"))
    if call.talk.choices > 1:
        if not call.target.offer.quirks.choices:
            raise call.refused("n", "gives one answer to a call; send 1, or several calls")
        config["candidateCount"] = call.talk.choices


def _logprobs(call: _Call, config: Wire) -> None:
    talk = call.talk
    if "logprobs" in call.target.offer.quirks.drop:
        return
    call.carried |= {"logprobs", "top_logprobs"}
    if talk.logprobs:
        config["responseLogprobs"] = True
        if talk.top_logprobs is not None:
            config["logprobs"] = talk.top_logprobs


def _format(call: _Call, config: Wire) -> None:
    wanted, form = call.talk.format, call.target.offer.quirks.schema_as
    if wanted is None or wanted.kind == "text" or form == "prompt":
        return
    config["responseMimeType"] = "application/json"
    if wanted.kind == "json_schema" and wanted.schema and form == "":
        config["responseJsonSchema"] = Raw(wanted.schema)


def _schema_guide(call: _Call) -> str:
    """Put a schema into words for a model that cannot be held to it."""
    wanted, form = call.talk.format, call.target.offer.quirks.schema_as
    if wanted is None or wanted.kind == "text" or form == "":
        return ""
    if wanted.kind == "json_schema" and wanted.schema:
        return f"Answer only with JSON that fits this JSON schema:\n{wanted.schema.decode()}"
    return "Answer only with a JSON object." if form == "prompt" else ""


def _modalities(call: _Call, config: Wire) -> None:
    talk = call.talk
    call.carried |= {"modalities", "audio"}
    if talk.modalities and talk.modalities != ("text",):
        config["responseModalities"] = [name.upper() for name in talk.modalities]
    if talk.audio and "audio" in talk.modalities:
        config["speechConfig"] = _speech(call, talk.audio)


class _Speech(Struct):
    voice: str | None = None
    format: str | None = None


def _speech(call: _Call, raw: bytes) -> Wire:
    place = call.talk.spelling("audio")
    try:
        asked = msgspec.json.decode(raw, type=_Speech)
    except msgspec.DecodeError:
        raise call.refused(f"{place}.voice", "takes the name of one of its voices") from None
    if asked.format not in (None, "pcm16"):
        raise call.refused(f"{place}.format", "speaks in 'pcm16' only")
    return {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": asked.voice}}} if asked.voice else {}


def _reasoning(call: _Call, config: Wire) -> None:
    asked, quirks = call.talk.reasoning, call.target.offer.quirks
    if asked is None or quirks.reasoning == "none":
        return
    wanted, is_exact = thinking(asked, quirks)
    if is_exact:
        call.carried.add("reasoning")
    if wanted:
        config["thinkingConfig"] = wanted


def _service_tier(call: _Call, body: Wire) -> None:
    """Ask for a tier only where the offer's prices are known to be that tier's."""
    tier = call.talk.service_tier
    if tier in ("", "auto", "default", "standard", "standard_only"):
        call.carried.add("service_tier")
    elif tier in ("flex", "priority") and "service_tier" in call.target.offer.quirks.accept:
        call.carried.add("service_tier")
        body["serviceTier"] = tier


def _extra(call: _Call, body: Wire) -> None:
    """Carry what only Google knows, under its own or the caller's spelling, and what the offer says it takes."""
    quirks = call.target.offer.quirks
    for name, raw in call.talk.extra.items():
        wire = "safetySettings" if name in _SAFETY else quirks.rename.get(name, _OWN.get(name, name))
        known = name in _SAFETY or name in quirks.accept or quirks.accept_unknown
        if known and name not in quirks.drop and name != "normalize_tool_schemas" and wire not in body:
            body[wire] = Raw(raw)
            call.carried.add(name)


def _defaults(body: Wire, wanted: Mapping[str, str]) -> None:
    """Say what the caller did not, where the provider's own default differs; a point leads into `generationConfig`."""
    for name, value in wanted.items():
        outer, _, inner = name.partition(".")
        if not inner:
            body.setdefault(outer, Raw(value.encode()))
            continue
        place = body.setdefault(outer, {})
        if isinstance(place, dict):
            place.setdefault(inner, Raw(value.encode()))  # pyright: ignore[reportUnknownMemberType]


def _lost(call: _Call) -> list[str]:
    """Name what was left out: optional fields and members that nobody carried, but for what is true anyway."""
    talk, carried = call.talk, call.carried
    if talk.parallel_tools:
        carried.add("parallel_tools")
    if talk.truncation == "disabled":
        carried.add("truncation")
    if talk.search is not None:
        carried.add("search")
    said = {"normalize_tool_schemas"} | carried
    return [name for name in talk.lost(frozenset(carried)) if name not in talk.extra or name not in said]
