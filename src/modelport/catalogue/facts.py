"""The facts of the catalogue as the rest of the product sees them: models, providers, offers and their dated rates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

Operation = Literal["chat"]
Dialect = Literal["openai_chat"]
AuthScheme = Literal["none", "bearer"]

RATE_UNITS = 1_000_000_000_000
"""Rates are whole credits per this many units, so that every decimal of a price list is exact."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth knowing about a model, and since when."""

    on: date
    text: str


@dataclass(frozen=True, slots=True)
class Model:
    """What is sold: facts that do not depend on who sells it."""

    id: str
    name: str
    maker: str
    operation: Operation
    description: str
    aliases: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ("text",)
    outputs: tuple[str, ...] = ("text",)
    capabilities: frozenset[str] = frozenset()
    """Of: streaming, system, tools, parallel_tools, json_object, json_schema, reasoning, vision, logprobs, seed, …"""
    context_tokens: int | None = None
    output_tokens: int | None = None
    released_on: date | None = None
    cutoff_on: date | None = None
    documentation: str = ""
    weights: str = ""
    """Where open weights are published; empty when they are not open."""
    notes: tuple[Note, ...] = ()
    refuses_roles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Retired:
    """An id that is no longer served, and what to use instead."""

    id: str
    replacement: str | None


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices that hold from a date on: credits per `RATE_UNITS` units of each meter, markup included."""

    since_ms: int
    by_meter: Mapping[str, int]
    source: str = ""
    read_on: date | None = None


@dataclass(frozen=True, slots=True)
class Quirks:
    """How a provider's form of a dialect differs: small things, as data."""

    rename: Mapping[str, str] = field(default_factory=dict[str, str])
    drop: frozenset[str] = frozenset()
    accept: frozenset[str] = frozenset()
    """Fields beyond the dialect's own that this provider understands."""
    accept_unknown: bool = False
    """Whether fields that nobody documented are sent on (engines that one runs oneself)."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    stream_usage: bool = True
    """Whether `stream_options.include_usage` may be sent."""
    developer_role: bool = False
    """Whether messages of role `developer` are understood; elsewhere they are sent as `system`."""
    cancel_on_disconnect: bool = False
    """Whether a call whose caller has left is stopped at once (local engines: frees the slot, nobody is owed)."""
    choices: bool = True
    """Whether an `n` above 1 is taken; offers without it are passed over for such calls."""
    message_names: bool = True
    """Whether messages may carry a `name`; elsewhere it is left out."""
    prefix: str = ""
    """The member of a final assistant message that says to continue it; empty where that cannot be asked."""
    clamp: Mapping[str, str] = field(default_factory=dict[str, str])
    """The most that some numeric fields may be, as JSON numbers; what is above is lowered to it."""
    reasoning_field: str = ""
    """The member of a message or delta that holds the reasoning; empty where it is `reasoning_content` or nothing."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a provider may take, in seconds."""

    connect_s: float = 10.0
    first_byte_s: float = 300.0
    idle_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Provider:
    """Who sells: where, on which wire format, with which credential."""

    id: str
    name: str
    base_url: str
    """`https://…`, `http://…`, or `unix:NAME` for an engine of our own."""
    speaks: Mapping[Operation, Dialect]
    auth: AuthScheme = "bearer"
    secret_env: str | None = None
    """The environment variable that holds the credential; None when none is needed."""
    quirks: Quirks = Quirks()
    timeouts: Timeouts = Timeouts()
    priority: int = 100
    """Lower is tried first."""
    concurrency: int | None = None
    documentation: str = ""
    aliases: tuple[str, ...] = ()
    """Other names under which a caller may pin this provider."""

    def answers_to(self, name: str) -> bool:
        """Whether a caller who pins `name` (lower-case) means this provider."""
        return name == self.id or name in self.aliases


@dataclass(frozen=True, slots=True)
class Offer:
    """A model at a provider: under which name, at which rates."""

    model_id: str
    provider: Provider
    upstream: str
    """The provider's own name for the model; for an engine of ours, the id of the weights."""
    rates: tuple[Rates, ...] = ()
    """Oldest first; empty when the price is not known, in which case the offer refuses to serve."""
    free: bool = False
    quirks: Quirks = Quirks()
    """The provider's quirks with the offer's own on top."""

    def rates_at(self, at_ms: int) -> Rates | None:
        """Return the rates in force at a moment, or None when no price is known for it."""
        for rates in reversed(self.rates):
            if rates.since_ms <= at_ms:
                return rates
        return None
