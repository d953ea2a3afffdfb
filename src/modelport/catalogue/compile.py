"""Joins the drafts of all files into facts; everything that only shows across files is found here."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TypeVar, cast

from modelport.catalogue.addresses import variables
from modelport.catalogue.drafts import (
    Drafts,
    ModelDraft,
    OfferDraft,
    ProviderDraft,
    QuirksDraft,
    RateDraft,
    RetiredDraft,
    TierDraft,
    TimeoutsDraft,
)
from modelport.catalogue.facts import (
    CATEGORIES,
    DRAFT_METER,
    MAKING,
    AuthScheme,
    Category,
    Dialect,
    Model,
    Offer,
    Operation,
    Provider,
    Quirks,
    Rates,
    ReasoningForm,
    Retired,
    SchemaForm,
    SearchForm,
    Tier,
    Timeouts,
    ToolSchemas,
    Unit,
    Variant,
)
from modelport.catalogue.forms import DIALECTS
from modelport.catalogue.layers import Laid, laid
from modelport.catalogue.nearest import advice
from modelport.catalogue.parameter_sets import Sets
from modelport.catalogue.parameters import encoded
from modelport.catalogue.prices import METERS, PRICE_UNITS, UNIT_PRICES, all_meters, rate_of
from modelport.catalogue.problems import Fault
from modelport.operations.usage import SEARCH_METER

_DEFAULT_CAPABILITIES: dict[Operation, tuple[str, ...]] = {"chat": ("streaming", "system")}
_Value = TypeVar("_Value")
NO_QUIRKS = Quirks()
_BY_INPUT = {"image": "vision", "audio": "audio", "video": "video", "file": "file"}


@dataclass(frozen=True, slots=True)
class Facts:
    """A whole catalogue: models, retired ids and offers by id, providers by id."""

    models: tuple[Model, ...]
    retired: tuple[Retired, ...]
    providers: tuple[Provider, ...]
    offers: tuple[Offer, ...]


def compile_facts(layers: Sequence[Drafts], faults: list[Fault]) -> Facts:
    """Lay each layer of drafts on those before it and complete them; adds to `faults` what does not fit together."""
    joined = laid(layers, faults)
    sets = Sets.of(layers)
    closed = joined.settings.maintenance or ""
    models = tuple(_model(draft, sets, closed, joined.former_id(draft), faults) for draft in joined.models.values())
    known = {model.id: model for model in models}
    known |= {old: known[new] for old, new in joined.former.items() if new in known and old not in known}
    retired = _retired(joined.retired, models, faults)
    _check_only_providers(joined, faults)
    providers: list[Provider] = []
    offers: list[Offer] = []
    for draft in joined.providers:
        provider = _provider(draft, faults)
        _check_provider_names(provider, providers, draft.file, faults)
        compiled = _offers(draft, provider, known, joined.settings.markup, faults)
        if not draft.hidden:
            providers.append(provider)
            offers.extend(offer for offer in compiled if offer.model_id not in joined.hidden)
    return Facts(
        models=tuple(model for model in models if model.id not in joined.hidden),
        retired=_leading_on(retired, models, joined.hidden),
        providers=tuple(sorted(providers, key=lambda provider: provider.id)),
        offers=tuple(sorted(offers, key=lambda offer: (offer.model_id, offer.provider.id))),
    )


def _leading_on(
    retired: tuple[Retired, ...], models: tuple[Model, ...], hidden: Collection[str]
) -> tuple[Retired, ...]:
    """Leave out replacements that callers do not see."""
    shown = {name for model in models if model.id not in hidden for name in (model.id, *model.aliases)}
    return tuple(one if one.replacement in shown else Retired(one.id, None) for one in retired)


def _check_only_providers(joined: Laid, faults: list[Fault]) -> None:
    ids = [draft.id for draft in joined.providers]
    for draft in joined.models.values():
        for name in draft.only_providers or ():
            if name not in ids:
                remedy = advice(name, ids, "write the id of a provider, which is the name of its file")
                place = _key(draft.key, "only_providers")
                faults.append(Fault(draft.file, place, f"no provider is called '{name}'", remedy))


def _model(draft: ModelDraft, sets: Sets, closed: str, former: str, faults: list[Fault]) -> Model:
    for name, value in (("name", draft.name), ("maker", draft.maker)):
        if value is None:
            remedy = f'write {name} = "…" as users should see it'
            faults.append(Fault(draft.file, _key(draft.key, name), f"is missing for '{draft.id}'", remedy))
    inputs = draft.inputs or ("text",)
    operation = cast("Operation", draft.operation or "chat")
    written = _DEFAULT_CAPABILITIES.get(operation, ()) if draft.capabilities is None else draft.capabilities
    capabilities = frozenset((*written, *(_BY_INPUT[kind] for kind in inputs if kind in _BY_INPUT)))
    parameters = sets.joined(draft, operation, capabilities, faults)
    own = sets.own(parameters, operation)
    return Model(
        id=draft.id,
        name=draft.name or draft.id,
        maker=draft.maker or "",
        operation=operation,
        description=draft.description or "",
        aliases=draft.aliases or (),
        inputs=inputs,
        outputs=draft.outputs or ("text",),
        capabilities=capabilities,
        context_tokens=draft.context_tokens,
        output_tokens=draft.output_tokens,
        released_on=draft.released_on,
        cutoff_on=draft.cutoff_on,
        documentation=draft.documentation or "",
        weights=draft.weights or "",
        notes=draft.notes or (),
        refuses_roles=frozenset(draft.refuses_roles or ()),
        category=cast("Category | None", draft.category) or CATEGORIES[operation],
        paths=draft.endpoints or (),
        parameters=encoded(parameters),
        own_parameters=encoded(own) if own else b"",
        retires_on=draft.retires_on,
        unsold=draft.unsold or "",
        maintenance=closed if draft.maintenance is None else draft.maintenance,
        former=former,
        only_providers=draft.only_providers or (),
        most_output_tokens=draft.most_output_tokens,
    )


def _retired(drafts: list[RetiredDraft], models: tuple[Model, ...], faults: list[Fault]) -> tuple[Retired, ...]:
    names = {name for model in models for name in (model.id, *model.aliases)}
    retired: dict[str, Retired] = {}
    for draft in drafts:
        old, new = draft.retired.id, draft.retired.replacement
        if old in names:
            remedy = "remove it from the retired ids or from the models"
            faults.append(Fault(draft.file, _key(draft.key, "id"), f"'{old}' is retired and served at once", remedy))
        if new is not None and new not in names:
            remedy = advice(new, names, "write the id of a model in the catalogue or leave it out")
            faults.append(Fault(draft.file, _key(draft.key, "replacement"), f"no model is called '{new}'", remedy))
        retired[old] = draft.retired
    return tuple(retired.values())


def _provider(draft: ProviderDraft, faults: list[Fault]) -> Provider:
    needed = (
        ("name", draft.name, 'write name = "…" as users should see it'),
        ("base_url", draft.base_url, 'write base_url = "https://…/v1"'),
        ("speaks", draft.speaks, 'write speaks = { chat = "openai_chat" }'),
    )
    for key, value, remedy in needed:
        if not value:
            faults.append(Fault(draft.file, key, f"is missing for the provider '{draft.id}'", remedy))
    scheme = draft.auth.scheme if draft.auth else "none"
    return Provider(
        id=draft.id,
        name=draft.name or draft.id,
        base_url=draft.base_url or "",
        speaks={
            cast("Operation", operation): cast("tuple[Dialect, ...]", dialects)
            for operation, dialects in (draft.speaks or {}).items()
        },
        auth=cast("AuthScheme", scheme),
        secret_env=draft.auth.env if draft.auth else None,
        issuer_env=draft.auth.issuer_env if draft.auth else None,
        quirks=_quirks(draft.quirks),
        timeouts=_timeouts(draft.timeouts, Timeouts()),
        making_timeouts=_timeouts(draft.timeouts, MAKING),
        priority=100 if draft.priority is None else draft.priority,
        concurrency=draft.concurrency,
        documentation=draft.docs or "",
        aliases=draft.aliases or (),
        settings=variables(draft.base_url or ""),
        maintenance=draft.maintenance or "",
    )


def _check_provider_names(provider: Provider, others: list[Provider], file: str, faults: list[Fault]) -> None:
    for other in others:
        for name in (provider.id, *provider.aliases):
            if other.answers_to(name):
                problem = f"'{name}' already means the provider '{other.id}'"
                faults.append(Fault(file, "aliases", problem, "give one of the two another name"))


def _quirks(draft: QuirksDraft, base: Quirks = NO_QUIRKS) -> Quirks:
    """Lay written quirks on complete ones: lists add, tables merge by key, flags and words replace."""

    def either(written: _Value | None, lower: _Value) -> _Value:
        return lower if written is None else written

    return Quirks(
        rename={**base.rename, **(draft.rename or {})},
        drop=base.drop | frozenset(draft.drop or ()),
        accept=base.accept | frozenset(draft.accept or ()),
        accept_unknown=either(draft.accept_unknown, base.accept_unknown),
        headers={**base.headers, **(draft.headers or {})},
        stream_usage=either(draft.stream_usage, base.stream_usage),
        developer_role=either(draft.developer_role, base.developer_role),
        cancel_on_disconnect=either(draft.cancel_on_disconnect, base.cancel_on_disconnect),
        choices=either(draft.choices, base.choices),
        message_names=either(draft.message_names, base.message_names),
        prefix=either(draft.prefix, base.prefix),
        clamp={**base.clamp, **(draft.clamp or {})},
        reasoning_field=either(draft.reasoning_field, base.reasoning_field),
        reasoning=either(cast("ReasoningForm | None", draft.reasoning), base.reasoning),
        search=either(cast("SearchForm | None", draft.search), base.search),
        checks=base.checks | frozenset(draft.checks or ()),
        schema_as=either(cast("SchemaForm | None", draft.schema_as), base.schema_as),
        stream_only={**base.stream_only, **(draft.stream_only or {})},
        set={**base.set, **(draft.set or {})},
        tool_schemas=either(cast("ToolSchemas | None", draft.tool_schemas), base.tool_schemas),
        fill_path=either(draft.fill_path, base.fill_path),
    )


def _timeouts(draft: TimeoutsDraft, usual: Timeouts) -> Timeouts:
    return Timeouts(
        connect_s=draft.connect_s or usual.connect_s,
        first_byte_s=draft.first_byte_s or usual.first_byte_s,
        idle_s=draft.idle_s or usual.idle_s,
    )


def _offers(
    draft: ProviderDraft, provider: Provider, known: dict[str, Model], markup: Decimal | None, faults: list[Fault]
) -> list[Offer]:
    offers: list[Offer] = []
    for offer in draft.offers:
        model = known.get(offer.model)
        if model is None:
            remedy = advice(offer.model, known, "describe it under [[models]] or in models/")
            problem = f"no model has the id '{offer.model}'"
            faults.append(Fault(offer.file, _key(offer.key, "model"), problem, remedy))
            continue
        if offer.upstream is None:
            remedy = 'write the name that the provider gives it, as in upstream = "small-1"'
            faults.append(Fault(offer.file, _key(offer.key, "upstream"), f"is missing for '{offer.model}'", remedy))
        _check_speaks(offer, draft, provider, model, faults)
        is_free = bool(draft.free) or (offer.price is not None and offer.price.kind == "free")
        quirks = _quirks(offer.quirks, provider.quirks)
        factor = offer.markup or draft.markup or markup or Decimal(1)
        compiled = Offer(
            model_id=model.id,
            provider=provider,
            upstream=offer.upstream or "",
            rates=_rates(offer, draft, _Sale(model, bool(quirks.search), factor, faults)),
            free=is_free,
            quirks=quirks,
            speaks=cast("tuple[Dialect, ...]", offer.speaks or ()),
            markup=factor,
        )
        if not offer.hidden and _may_sell(draft, model, provider):
            offers.append(compiled)
    return offers


def _may_sell(draft: ProviderDraft, model: Model, provider: Provider) -> bool:
    """Whether the operator lets this provider serve this model."""
    if model.only_providers and provider.id not in model.only_providers:
        return False
    return draft.only_models is None or not model.names.isdisjoint(draft.only_models)


def _check_speaks(
    offer: OfferDraft, draft: ProviderDraft, provider: Provider, model: Model, faults: list[Fault]
) -> None:
    known = DIALECTS[model.operation]
    for dialect in offer.speaks or ():
        if dialect not in known:
            problem = f"'{dialect}' is no wire format of {model.operation}, which '{model.id}' is for"
            faults.append(Fault(offer.file, _key(offer.key, "speaks"), problem, f"write one of {', '.join(known)}"))
    if provider.speaks and not offer.speaks and model.operation not in provider.speaks:
        problem = f"'{provider.id}' has no dialect for {model.operation}, which '{model.id}' needs"
        faults.append(Fault(draft.file, "speaks", problem, f"add {model.operation} to speaks or remove the offer"))


@dataclass(frozen=True, slots=True)
class _Sale:
    """What decides which meters a price needs, and how much is put on it."""

    model: Model
    searches: bool
    markup: Decimal
    faults: list[Fault]

    def needed(self) -> Iterable[tuple[str, str, str]]:
        """Name the meters that have no other to fall back on: meter, why it is needed, what to write."""
        if self.model.operation == "chat":
            yield "output", "is missing", 'write dollars per million units, as in output = "0.79"'
        for modality, meter in ((self.model.inputs, "audio_input"), (self.model.outputs, "audio_output")):
            if "audio" in modality:
                why = f"is missing, and '{self.model.id}' takes or makes audio"
                yield meter, why, f'write what audio costs per million units, as in {meter} = "40"'
        if self.searches:
            why = "is missing, and this offer searches the web"
            yield SEARCH_METER, why, f'write what a million searches cost, as in {SEARCH_METER} = "10000"'


def _rates(offer: OfferDraft, draft: ProviderDraft, sale: _Sale) -> tuple[Rates, ...]:
    if draft.free or (offer.price is not None and offer.price.kind == "free"):
        return (Rates(since_ms=0, by_meter=dict.fromkeys(METERS, 0)),)
    if offer.price is None:
        remedy = 'write rates, free = true, or price = "unknown", which refuses to serve'
        sale.faults.append(Fault(offer.file, _key(offer.key, "rates"), f"no price for '{offer.model}'", remedy))
        return ()
    return tuple(_rate(rate, draft, sale) for rate in offer.price.rates)


def _rate(rate: RateDraft, draft: ProviderDraft, sale: _Sale) -> Rates:
    if rate.per is not None:
        return _media_rate(rate, cast("Unit", rate.per), draft, sale)
    by_meter = _scaled(rate.usd, rate, rate.key, sale)
    for meter, why, remedy in sale.needed():
        if meter not in by_meter:
            sale.faults.append(Fault(rate.file, _key(rate.key, meter), why, remedy))
    return Rates(
        since_ms=_midnight_ms(rate.since),
        by_meter=all_meters({"output": 0, **by_meter}),
        source=rate.source or draft.prices_source or "",
        read_on=rate.read_on or draft.prices_read_on,
        tiers=tuple(_tier(number, tier, by_meter, rate, sale) for number, tier in enumerate(rate.tiers, 1)),
    )


def _media_rate(rate: RateDraft, per: Unit, draft: ProviderDraft, sale: _Sale) -> Rates:
    if sale.model.operation in ("chat", "embeddings"):
        problem = f"is given, and '{sale.model.id}' is paid by tokens"
        sale.faults.append(Fault(rate.file, _key(rate.key, "per"), problem, 'write input = "…" and output = "…"'))
    units = UNIT_PRICES[per]
    drafts = {} if rate.drafts is None else _scaled({DRAFT_METER: rate.drafts}, rate, rate.key, sale, 1)
    return Rates(
        since_ms=_midnight_ms(rate.since),
        by_meter=_scaled(rate.usd, rate, rate.key, sale, units),
        source=rate.source or draft.prices_source or "",
        read_on=rate.read_on or draft.prices_read_on,
        per=per,
        variants=tuple(
            Variant(
                variant.when,
                _scaled({"price": variant.usd}, rate, f"{rate.key}.variants[{number}]", sale, units)["price"],
            )
            for number, variant in enumerate(rate.variants, 1)
        ),
        drafts=drafts.get(DRAFT_METER),
    )


def _midnight_ms(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def _tier(number: int, tier: TierDraft, base: dict[str, int], rate: RateDraft, sale: _Sale) -> Tier:
    """Complete a tier by its own input and output; only a search costs what it costs elsewhere, if not said."""
    by_meter = _scaled(tier.usd, rate, _key(rate.key, f"tiers[{number}]"), sale)
    searching = {SEARCH_METER: base[SEARCH_METER]} if SEARCH_METER in base else {}
    return Tier(tier.above, all_meters({"output": 0, **searching, **by_meter}))


def _scaled(
    usd: Mapping[str, Decimal], rate: RateDraft, key: str, sale: _Sale, units: int = PRICE_UNITS
) -> dict[str, int]:
    by_meter: dict[str, int] = {}
    for meter, price_usd in usd.items():
        whole = rate_of(price_usd, sale.markup, units)
        if whole is None:
            problem = f"{price_usd} USD times the markup {sale.markup} is finer than money can be counted"
            sale.faults.append(Fault(rate.file, _key(key, meter), problem, "use fewer decimals"))
        by_meter[meter] = whole or 0
    return by_meter


def _key(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key
