"""How much a call may use, before it is made: the base of its hold. No prompt is tokenised on the way."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec import Struct

from modelport.catalogue.facts import RATE_UNITS, Model, Offer, Rates
from modelport.core.credits import Credits
from modelport.operations.chat import ChatCall
from modelport.operations.usage import Usage
from modelport.pricing.charge import UnpricedUsage, scaled

BYTES_PER_TOKEN_HELD = 3
"""Text is rarely denser than this, so a hold on bytes / 3 tokens seldom falls short."""
BYTES_PER_TOKEN_GUESSED = 4
"""The usual density of English text, for usage that nobody reported."""
TOKENS_PER_ATTACHMENT = 2048
TOKENS_OF_TEMPLATE = 64
FIRST_GUESS_OUTPUT = 1024
_DECAY = 0.98
_MOST_CAUTION = 8.0
_LEAST_OUTPUT = 256.0
Offers = tuple[tuple[Offer, Rates], ...]

_INPUTS = ("input", "cached_write")
_OUTPUTS = ("output", "reasoning")


class Estimate(Struct, frozen=True):
    """What a call would use at most, as far as can be told, and what that costs at the dearest rates of its plan."""

    input_tokens: int
    output_tokens: int
    """Over all choices."""
    choices: int
    input_rate: int
    """Credits per RATE_UNITS."""
    output_rate: int

    @property
    def ask(self) -> Credits:
        """Credits that pay for all of it."""
        return self._cost(self.output_tokens)

    @property
    def least(self) -> Credits:
        """Credits that pay for the input and one token per choice."""
        return self._cost(min(self.choices, self.output_tokens))

    def output_for(self, amount_credits: int) -> int | None:
        """Return how many output tokens per choice an amount pays for; None when output costs nothing."""
        if self.output_rate == 0:
            return None
        rest = amount_credits * RATE_UNITS - self.input_tokens * self.input_rate
        return max(1, rest // self.output_rate // self.choices)

    def _cost(self, output_tokens: int) -> Credits:
        return scaled(self.input_tokens * self.input_rate + output_tokens * self.output_rate)


class _Recent:
    """What is remembered of one model."""

    __slots__ = ("caution", "input_rate", "offers", "output", "output_rate")

    def __init__(self) -> None:
        self.output = float(FIRST_GUESS_OUTPUT)
        self.caution = 1.0
        self.offers: Offers = ()
        self.input_rate = 0
        self.output_rate = 0

    def price(self, offers: Offers) -> None:
        """Find the dearest rates among offers; the router hands out the same ones until a price changes."""
        self.offers = offers
        self.input_rate = max(_dearest(rates.by_meter, _INPUTS) for _, rates in offers)
        self.output_rate = max(_dearest(rates.by_meter, _OUTPUTS) for _, rates in offers)


def _dearest(rates: Mapping[str, int], meters: tuple[str, ...]) -> int:
    if missing := {meters[0]} - rates.keys():
        raise UnpricedUsage(missing)
    return max(rates.get(meter, 0) for meter in meters)


@dataclass(slots=True)
class Estimator:
    """Sizes holds, and learns from what calls of each model really used. Bounded by the number of models."""

    _recent: defaultdict[str, _Recent] = field(default_factory=lambda: defaultdict(_Recent))

    def before(self, call: ChatCall, model: Model, offers: Offers) -> Estimate:
        """Estimate a call at the dearest of the rates it may be charged."""
        recent = self._recent[model.id]
        if recent.offers is not offers:
            recent.price(offers)
        tokens = call.text_bytes // BYTES_PER_TOKEN_HELD + TOKENS_OF_TEMPLATE + call.attachments * TOKENS_PER_ATTACHMENT
        if model.context_tokens is not None and tokens > model.context_tokens:
            tokens = model.context_tokens
        if recent.caution != 1.0:
            tokens = int(tokens * recent.caution)
        output = call.max_tokens
        if output is None:
            output = int(recent.output * 1.25)
            if model.output_tokens is not None:
                output = min(output, model.output_tokens)
        return Estimate(tokens, output * call.choices, call.choices, recent.input_rate, recent.output_rate)

    def learn(self, model: Model, usage: Usage, *, fell_short: bool) -> None:
        """Take in what a call used: outputs are remembered and fade; a hold that fell short raises the next ones."""
        recent = self._recent[model.id]
        recent.output = max(usage.output_tokens, recent.output * _DECAY, _LEAST_OUTPUT)
        if fell_short:
            recent.caution = min(_MOST_CAUTION, recent.caution * 1.5)
        elif recent.caution != 1.0:
            recent.caution = max(1.0, recent.caution * _DECAY)


def guessed(call: ChatCall, output_bytes: int) -> Usage:
    """Guess usage from sizes, when the provider reported none."""
    return Usage({"input": _input(call), "output": -(-output_bytes // BYTES_PER_TOKEN_GUESSED)}, "estimated")


def counted(call: ChatCall, pieces: int) -> Usage:
    """Count what was delivered of a stream: providers send about one token in each event."""
    return Usage({"input": _input(call), "output": pieces}, "counted")


def _input(call: ChatCall) -> int:
    return call.text_bytes // BYTES_PER_TOKEN_GUESSED + call.attachments * TOKENS_PER_ATTACHMENT
