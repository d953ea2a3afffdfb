"""Renders the catalogue as the public lists of models: what anyone may read, without a key."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from urllib.parse import quote

import msgspec

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import DRAFT_METER, Model, Operation, Rates, Unit
from modelport.catalogue.prices import FALLBACK, PRICE_UNITS, UNIT_PRICES, price_of
from modelport.operations.usage import OUTPUT_METERS, SEARCH_METER

Json = dict[str, object]

_LIST_TYPES: dict[Operation, str] = {
    "chat": "openai/chat-completions",
    "embeddings": "openai/embeddings",
    "images": "openai/image-generations",
    "video": "internal/video-generations/submit",
    "music": "internal/audio-generations/submit",
    "speech": "internal/text-to-speech",
    "transcription": "internal/speech-to-text/submit",
    "ocr": "internal/optical-character-recognition",
    "3d": "openai/image-generations",
    "moderation": "openai/moderations",
}
_SEED_TYPES: dict[Operation, str] = {
    "chat": "chat-completion",
    "embeddings": "embedding",
    "images": "image",
    "video": "video",
    "music": "audio",
    "speech": "tts",
    "transcription": "stt",
    "ocr": "ocr",
    "3d": "3d",
    "moderation": "moderation",
}
_BY_ENDPOINT = {
    "/v1/responses": ("openai/responses/submit", "responses"),
    "/v1/images/edits": ("openai/image-editing", "image"),
}
"""The types of models whose main path is another than that of their kind."""
_PLAYGROUND: dict[Operation, tuple[str, ...]] = {
    "chat": ("playground:chat",),
    "images": ("playground:image",),
    "video": ("playground:video",),
}

_SHOWN_CAPABILITIES = {
    "file": "file_input",
    "json_schema": "structured_output",
    "parallel_tools": "parallel_tool_calls",
}
"""Capabilities that lists call otherwise than we do."""

_CHAT = "openai/chat-completion"
_ALWAYS: dict[Operation, tuple[str, ...]] = {
    "chat": (
        _CHAT,
        f"{_CHAT}.max-completion-tokens",
        f"{_CHAT}.message.assistant",
        "anthropic/messages",
        "openai/response-api",
    ),
    "embeddings": ("openai/embeddings",),
}
_FEATURES = {
    "audio": ("audio",),
    "choices": ("number-of-messages",),
    "developer": ("message.developer",),
    "file": ("file",),
    "json_object": ("response-format",),
    "json_schema": ("response-format",),
    "logprobs": ("logprobs",),
    "parallel_tools": ("parallel-tool-calls",),
    "prediction": ("prediction",),
    "reasoning": ("reasoning",),
    "seed": ("seed",),
    "stop": ("stop",),
    "streaming": ("stream",),
    "system": ("message.system",),
    "tools": ("function", "tool-choice"),
    "video": ("video",),
    "vision": ("vision",),
    "web_search": ("web-search",),
}

_INCLUDES = frozenset({"pricing", "modalities", "capabilities"})
_FILTERS = ("id", "type", "tags", "modalities", "input_modalities", "output_modalities", "capabilities")
_MAX_VALUES = 200

_UNITS = (
    ("input", "text", "provided", "input"),
    ("cached_read", "text", "cached", "input"),
    ("cached_write", "text", "provided", "cache_write"),
    ("cached_write_1h", "text", "provided", "cache_write_1h"),
    ("audio_input", "audio", "provided", "input"),
    ("image_input", "image", "provided", "input"),
    ("output", "text", "generated", "output"),
    ("reasoning", "reasoning", "generated", "output"),
    ("audio_output", "audio", "generated", "output"),
    (SEARCH_METER, "web_search", "generated", "search"),
)
"""Meter, content, origin, measure. A meter that costs what its base costs is not shown."""
_MEDIA_UNITS: Mapping[Operation, tuple[str, str, str]] = {
    "chat": ("text", "generated", "output"),
    "embeddings": ("text", "provided", "input"),
    "images": ("image", "generated", "output"),
    "video": ("video", "generated", "output"),
    "music": ("audio", "generated", "output"),
    "speech": ("text", "provided", "input"),
    "transcription": ("audio", "provided", "input"),
    "ocr": ("file", "provided", "input"),
    "3d": ("3d", "generated", "output"),
    "moderation": ("text", "provided", "input"),
}
"""Content, origin and measure of what is paid by a unit of media: what is made, or what was given to be read."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A JSON body and its strong entity tag."""

    body: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """What a list is rendered from: the catalogue, the prices to show, and the root of every link."""

    catalogue: Catalogue
    shown_rates: Callable[[Model], Rates | None]
    public_url: str

    def link(self, path: str) -> str:
        """Make an absolute link."""
        return self.public_url.rstrip("/") + path


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a caller asked to see: which models, and how much of each."""

    include: frozenset[str] = frozenset()
    filters: tuple[tuple[str, frozenset[str]], ...] = ()
    asks_for_list: bool = False
    """Whether any parameter belongs to the list shape, which `/models` then answers in."""

    @classmethod
    def parse(cls, pairs: Iterable[tuple[str, str]]) -> "ListQuery":
        """Read the query's names and values; commas separate, repeats add up, what is unknown is ignored."""
        values: dict[str, set[str]] = {}
        for name, value in pairs:
            parts = {part.strip().casefold() for part in value.split(",")} - {""}
            values.setdefault(name, set()).update(parts)
        wanted = values.get("include", set())
        if "all" in wanted or values.get("details", set()) & {"true", "1"}:
            wanted = set(_INCLUDES)
        filters = tuple((name, frozenset(sorted(values[name])[:_MAX_VALUES])) for name in _FILTERS if values.get(name))
        asks = "list" in values.get("shape", ()) or not values.keys().isdisjoint({"include", "details", *_FILTERS})
        return cls(include=frozenset(wanted & _INCLUDES), filters=filters, asks_for_list=asks)


EVERYTHING = ListQuery(include=_INCLUDES)


def render_list(shelf: Shelf, query: ListQuery) -> Rendered:
    """Render `{"object": "list", "data": [...]}` with the models that `query` selects."""
    models = (model for model in shelf.catalogue.models() if _selected(model, query))
    return _rendered({"object": "list", "data": [_item(model, shelf, query.include) for model in models]})


def render_seed(shelf: Shelf) -> Rendered:
    """Render the bare array of every model in the older shape."""
    return _rendered([_seed_item(model, shelf) for model in shelf.catalogue.models()])


def render_model(shelf: Shelf, name: str, query: ListQuery, *, is_bare: bool) -> Rendered:
    """Render one model by id or alias, bare or as `{"object": "model", "data": item}`.

    Raises `RetiredModel` or `UnknownModel`.
    """
    item = _item(shelf.catalogue.find(name), shelf, query.include)
    return _rendered(item if is_bare else {"object": "model", "data": item})


def features(model: Model) -> tuple[str, ...]:
    """Say in the older list's words what a model can do, sorted."""
    if model.operation != "chat":
        return _ALWAYS.get(model.operation, ())
    named = {f"{_CHAT}.{word}" for capability in model.capabilities for word in _FEATURES.get(capability, ())}
    return tuple(sorted({*_ALWAYS.get(model.operation, ()), *named}))


def list_type(model: Model) -> str:
    """Name a model's type as the list does."""
    return _BY_ENDPOINT.get(model.endpoints[0], (_LIST_TYPES[model.operation],))[0]


def seed_type(model: Model) -> str:
    """Name a model's type as the older list does."""
    return _BY_ENDPOINT.get(model.endpoints[0], ("", _SEED_TYPES[model.operation]))[1]


def _types(model: Model) -> tuple[str, ...]:
    """Name every type under which a model is found: images that are also edited are both."""
    others = (_BY_ENDPOINT[path][0] for path in model.endpoints[1:] if path == "/v1/images/edits")
    return (list_type(model), *others)


def capabilities(model: Model) -> tuple[str, ...]:
    """Say in the list's words what a model can do, sorted."""
    return tuple(sorted(_SHOWN_CAPABILITIES.get(capability, capability) for capability in model.capabilities))


def pricing(rates: Rates | None, operation: Operation = "chat") -> Json:
    """Describe a price: fixed when it is known, else variable.

    Where a call with much input costs more, `tiers` says so beside the `units` that hold for all others.
    """
    if rates is None:
        return {"kind": "variable", "currency": "USD"}
    if rates.per is not None:
        return _media_pricing(rates, rates.per, operation)
    shown: Json = {"kind": "fixed", "currency": "USD", "units": _units(rates.by_meter, operation)}
    if rates.tiers:
        shown["tiers"] = [
            {"above_input_tokens": tier.above_tokens, "units": _units(tier.by_meter, operation)} for tier in rates.tiers
        ]
    return shown


def _media_pricing(rates: Rates, per: Unit, operation: Operation) -> Json:
    """Describe what a unit of media costs; what holds where no variant does stands last, with an empty `when`."""
    units = UNIT_PRICES[per]
    prices = [(variant.when, variant.rate) for variant in rates.variants]
    content, origin, measure = _media_unit(per, operation)
    about: Json = {"content": content, "origin": origin, "measure": measure}
    beside: list[Json] = []
    if rates.drafts is not None:
        beside.append({"name": DRAFT_METER, **about, "price": _price(rates.drafts, 1), "per": 1})
    prices += [({}, rate) for rate in rates.by_meter.values()]
    if not rates.variants:
        unit: Json = {"name": per, **about, "price": _price(prices[0][1], units), "per": units}
        return {"kind": "fixed", "currency": "USD", "units": [unit, *beside]}
    more: Json = {"units": beside} if beside else {}
    return {
        "kind": "variants",
        "currency": "USD",
        "dimensions": list(dict.fromkeys(name for when, _ in prices for name in when)),
        "variants": [{"when": when, "price": _price(rate, units), "unit": per, "per": units} for when, rate in prices],
        **more,
    }


def _media_unit(per: Unit, operation: Operation) -> tuple[str, str, str]:
    is_of_sound = operation == "speech" and per != "character"
    return ("audio", "generated", "output") if is_of_sound else _MEDIA_UNITS[operation]


def _price(rate: int, units: int) -> msgspec.Raw:
    return msgspec.Raw(f"{price_of(rate, units).normalize():f}".encode())


def _units(by_meter: Mapping[str, int], operation: Operation) -> list[Json]:
    units: list[Json] = []
    for meter, content, origin, measure in _UNITS:
        rate, base = by_meter.get(meter), FALLBACK.get(meter)
        if rate is None or (base is not None and rate == by_meter[base]):
            continue
        if (operation == "embeddings" and meter in OUTPUT_METERS) or (meter == SEARCH_METER and not rate):
            continue
        name = "search" if meter == SEARCH_METER else "token"
        unit = {"name": name, "content": content, "origin": origin, "measure": measure}
        units.append({**unit, "price": _price(rate, PRICE_UNITS), "per": PRICE_UNITS})
    return units


def price_text(rate: int) -> str:
    """Print a rate as dollars per million units, exactly and without an exponent."""
    return f"{price_of(rate).normalize():f}"


def shown_price(rates: Rates | None) -> str:
    """Say in a few words what something costs: dollars per million tokens in and out, or per unit of media."""
    if rates is None:
        return "at an unknown price"
    if rates.per is None:
        return f"{price_text(rates.by_meter['input'])} in, {price_text(rates.by_meter['output'])} out"
    units = UNIT_PRICES[rates.per]
    prices = sorted(set(rates.every))
    ends = dict.fromkeys((prices[0], prices[-1]))
    shown = " to ".join(f"{price_of(rate, units).normalize():f}" for rate in ends)
    return f"{shown} a {rates.per}" if units == 1 else f"{shown} for {units:,} {rates.per}s"


def _selected(model: Model, query: ListQuery) -> bool:
    return all(not wanted.isdisjoint(_values(model, name)) for name, wanted in query.filters)


def _values(model: Model, name: str) -> set[str]:
    match name:
        case "id":
            values: Sequence[str] = (model.id, *model.aliases)
        case "type":
            values = _types(model)
        case "tags":
            values = _tags(model)
        case "input_modalities":
            values = model.inputs
        case "output_modalities":
            values = model.outputs
        case "capabilities":
            values = (*model.capabilities, *capabilities(model))
        case _:
            values = (*model.inputs, *model.outputs)
    return {value.casefold() for value in values}


def _tags(model: Model) -> tuple[str, ...]:
    return (*_PLAYGROUND.get(model.operation, ()), *(("weights:open",) if model.weights else ()))


def _item(model: Model, shelf: Shelf, include: frozenset[str]) -> Json:
    item: Json = {
        "id": model.id,
        "object": "model",
        "created": _unix(model.released_on),
        "owned_by": model.maker,
        "aliases": model.aliases,
        "type": list_type(model),
        "info": _info(model, shelf),
        "tags": _tags(model),
        "endpoints": model.endpoints,
    }
    if model.maintenance:
        item["maintenance"] = model.maintenance
    if "modalities" in include:
        item["modalities"] = {"input": sorted(model.inputs), "output": sorted(model.outputs)}
    if "capabilities" in include:
        item["capabilities"] = capabilities(model)
    if "pricing" in include:
        item["pricing"] = pricing(shelf.shown_rates(model), model.operation)
    return item


def _info(model: Model, shelf: Shelf) -> Json:
    endpoint = quote(model.endpoints[0], safe="")
    return _present(
        {
            "name": model.name,
            "developer": model.maker,
            "description": model.description,
            "contextLength": model.context_tokens,
            "outputMax": model.output_tokens,
            "releasedAt": model.released_on.isoformat() if model.released_on else None,
            "cutoffAt": model.cutoff_on.isoformat() if model.cutoff_on else None,
            "url": shelf.link(page_of(model.id)),
            "docsUrl": shelf.link(_docs_page(model)),
            "docsJson": shelf.link(f"/docs-json?model={quote(model.id, safe='')}&endpoint={endpoint}"),
        }
    )


def _seed_item(model: Model, shelf: Shelf) -> Json:
    info: Json = {
        "name": model.name,
        "developer": model.maker,
        "description": model.description or model.name,
        "contextLength": model.context_tokens,
        "maxTokens": model.output_tokens,
        "url": shelf.link(page_of(model.id)),
        "docs_url": shelf.link(_docs_page(model)),
    }
    closed: Json = {"maintenance": model.maintenance} if model.maintenance else {}
    return {
        "id": model.id,
        "type": seed_type(model),
        "info": _present(info),
        "features": features(model),
        "endpoints": model.endpoints,
        **closed,
    }


def _present(members: Json) -> Json:
    return {name: value for name, value in members.items() if value not in (None, "")}


def page_of(model_id: str) -> str:
    """Return the path of a model's page."""
    return f"/models/{quote(model_id)}"


def _docs_page(model: Model) -> str:
    return f"{page_of(model.id)}#samples"


def _unix(day: date | None) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) if day else 0


def _rendered(value: object) -> Rendered:
    body = msgspec.json.encode(value)
    return Rendered(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
