"""What one catalogue file says: typed, but not yet merged, completed or checked against other files.

None stands for what the file does not mention, so that an operator's file can lie on top of ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from modelport.catalogue.facts import Note, Retired
from modelport.catalogue.parameters import Parameter
from modelport.catalogue.sources import Layer


@dataclass(frozen=True, slots=True)
class ModelDraft:
    """Facts of one model."""

    file: str
    key: str
    id: str
    name: str | None = None
    maker: str | None = None
    operation: str | None = None
    description: str | None = None
    aliases: tuple[str, ...] | None = None
    inputs: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None
    capabilities: tuple[str, ...] | None = None
    context_tokens: int | None = None
    output_tokens: int | None = None
    released_on: date | None = None
    cutoff_on: date | None = None
    documentation: str | None = None
    weights: str | None = None
    refuses_roles: tuple[str, ...] | None = None
    notes: tuple[Note, ...] | None = None
    category: str | None = None
    endpoints: tuple[str, ...] | None = None
    takes: tuple[str, ...] | None = None
    parameters: Mapping[str, Parameter] | None = None
    retires_on: date | None = None
    unsold: str | None = None
    maintenance: str | None = None
    only_providers: tuple[str, ...] | None = None
    most_output_tokens: int | None = None
    hidden: bool | None = None


@dataclass(frozen=True, slots=True)
class ParametersDraft:
    """Parameters that many models share, under the name of their file."""

    name: str
    parameters: Mapping[str, Parameter]


@dataclass(frozen=True, slots=True)
class RetiredDraft:
    """An id that is no longer served."""

    file: str
    key: str
    retired: Retired


@dataclass(frozen=True, slots=True)
class TierDraft:
    """Prices of calls with more than so much input."""

    above: int
    usd: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class VariantDraft:
    """What a unit costs in dollars in calls of some kind."""

    when: Mapping[str, str]
    usd: Decimal


@dataclass(frozen=True, slots=True)
class RateDraft:
    """Prices from a day on: in dollars per million tokens of each meter, or per unit of media."""

    file: str
    key: str
    since: date
    usd: Mapping[str, Decimal]
    source: str | None
    read_on: date | None
    tiers: tuple[TierDraft, ...] = ()
    per: str | None = None
    """The unit of media that is paid for; None for prices of tokens."""
    variants: tuple[VariantDraft, ...] = ()
    drafts: Decimal | None = None
    """What a picture that is not finished costs."""


@dataclass(frozen=True, slots=True)
class PriceDraft:
    """What an offer costs: nothing, nobody knows, or dated rates."""

    kind: Literal["free", "unknown", "rates"]
    rates: tuple[RateDraft, ...] = ()


@dataclass(frozen=True, slots=True)
class QuirksDraft:
    """How a provider's form of a dialect differs."""

    rename: Mapping[str, str] | None = None
    drop: tuple[str, ...] | None = None
    accept: tuple[str, ...] | None = None
    accept_unknown: bool | None = None
    headers: Mapping[str, str] | None = None
    stream_usage: bool | None = None
    developer_role: bool | None = None
    cancel_on_disconnect: bool | None = None
    choices: bool | None = None
    message_names: bool | None = None
    prefix: str | None = None
    clamp: Mapping[str, str] | None = None
    reasoning_field: str | None = None
    reasoning: str | None = None
    search: str | None = None
    checks: tuple[str, ...] | None = None
    schema_as: str | None = None
    stream_only: Mapping[str, str] | None = None
    set: Mapping[str, str] | None = None
    tool_schemas: str | None = None
    fill_path: str | None = None


@dataclass(frozen=True, slots=True)
class TimeoutsDraft:
    """How long a provider may take."""

    connect_s: float | None = None
    first_byte_s: float | None = None
    idle_s: float | None = None


@dataclass(frozen=True, slots=True)
class OfferDraft:
    """A model at a provider."""

    file: str
    key: str
    model: str
    upstream: str | None = None
    price: PriceDraft | None = None
    markup: Decimal | None = None
    quirks: QuirksDraft = field(default_factory=QuirksDraft)
    speaks: tuple[str, ...] | None = None
    hidden: bool | None = None


@dataclass(frozen=True, slots=True)
class AuthDraft:
    """How a provider knows us."""

    scheme: str
    env: str | None
    issuer_env: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderDraft:
    """A provider and what it sells."""

    file: str
    layer: Layer
    id: str
    name: str | None = None
    base_url: str | None = None
    auth: AuthDraft | None = None
    speaks: Mapping[str, tuple[str, ...]] | None = None
    quirks: QuirksDraft = field(default_factory=QuirksDraft)
    timeouts: TimeoutsDraft = field(default_factory=TimeoutsDraft)
    priority: int | None = None
    concurrency: int | None = None
    docs: str | None = None
    aliases: tuple[str, ...] | None = None
    prices_source: str | None = None
    prices_read_on: date | None = None
    markup: Decimal | None = None
    free: bool | None = None
    maintenance: str | None = None
    only_models: tuple[str, ...] | None = None
    hidden: bool | None = None
    offers: tuple[OfferDraft, ...] = ()


@dataclass(frozen=True, slots=True)
class SettingsDraft:
    """What the operator decides for the whole catalogue."""

    file: str = ""
    markup: Decimal | None = None
    hide: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None
    rename: Mapping[str, str] = field(default_factory=dict[str, str])
    """The new id of each model that gets one."""
    maintenance: str | None = None


@dataclass(slots=True)
class Drafts:
    """All that a set of files says, by kind, in the order of files."""

    models: list[ModelDraft] = field(default_factory=list[ModelDraft])
    retired: list[RetiredDraft] = field(default_factory=list[RetiredDraft])
    providers: list[ProviderDraft] = field(default_factory=list[ProviderDraft])
    shared: list[ParametersDraft] = field(default_factory=list[ParametersDraft])
    settings: SettingsDraft = field(default_factory=SettingsDraft)


_PLACE = {"file", "key", "layer"}


def model_over(base: ModelDraft, top: ModelDraft) -> ModelDraft:
    """Lay one file's facts on another's: what the upper one mentions holds."""
    return replace(base, **_mentioned(top))


def provider_over(base: ProviderDraft, top: ProviderDraft) -> ProviderDraft:
    """Lay one file's provider on another's: keys replace keys, tables merge, offers merge by model.

    Where the lower one is free as a whole, a price that the upper one writes for an offer holds nevertheless.
    """
    if base.free and top.free is None:
        base, top = _freed(base), replace(_freed(top), free=False)
    changes = _mentioned(top)
    changes["quirks"] = quirks_over(base.quirks, top.quirks)
    changes["timeouts"] = replace(base.timeouts, **_mentioned(top.timeouts))
    changes["offers"] = _offers_over(base.offers, top.offers)
    return replace(base, **changes)


def _freed(draft: ProviderDraft) -> ProviderDraft:
    """Say of each offer without a price, rather than of all, that it is free."""
    offers = (replace(offer, price=offer.price or PriceDraft("free")) for offer in draft.offers)
    return replace(draft, offers=tuple(offers))


def quirks_over(base: QuirksDraft, top: QuirksDraft) -> QuirksDraft:
    """Lay quirks on quirks: tables merge by key, everything else replaces."""
    changes = _mentioned(top)
    for name in ("rename", "headers", "clamp", "stream_only", "set"):
        lower, upper = getattr(base, name), getattr(top, name)
        if lower and upper:
            changes[name] = {**lower, **upper}
    return replace(base, **changes)


def _offers_over(base: tuple[OfferDraft, ...], top: tuple[OfferDraft, ...]) -> tuple[OfferDraft, ...]:
    merged = {offer.model: offer for offer in base}
    for offer in top:
        lower = merged.get(offer.model)
        if lower is None:
            merged[offer.model] = offer
            continue
        changes = _mentioned(offer)
        changes["quirks"] = quirks_over(lower.quirks, offer.quirks)
        merged[offer.model] = replace(lower, **changes)
    return tuple(merged.values())


def _mentioned(draft: ModelDraft | ProviderDraft | OfferDraft | QuirksDraft | TimeoutsDraft) -> dict[str, Any]:
    given = {part.name: getattr(draft, part.name) for part in fields(draft) if part.name not in _PLACE}
    return {name: value for name, value in given.items() if value is not None}
