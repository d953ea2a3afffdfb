"""How much a call may use, before it is made: the base of its hold. No prompt is tokenised on the way."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

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
TOKENS_OF_TEMPLATE = 8
FIRST_GUESS_OUTPUT = 1024
ASSUMED_MOST_OUTPUT = 4096
"""The longest answer that is reckoned with where the catalogue does not know the model's limit. It must not exceed the
limits that such models really have: a bound above its limit is refused by many a provider."""
STREAM_START_OUTPUT = 4096
"""What a stream holds at most before it begins: its hold grows with it, so that it need not keep others waiting."""
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
    most_tokens: int | None
    """What the caller's bound or the model's own allows over all choices; None when neither is known."""
    is_guess: bool
    """Whether the caller gave no bound, so that the output may exceed the estimate."""

    @property
    def ask(self) -> Credits:
        """Credits that pay for all of it."""
        return self.cost(self.output_tokens)

    @property
    def least(self) -> Credits:
        """Credits that pay for the input and one token per choice."""
        return self.cost(min(self.choices, self.output_tokens))

    @property
    def at_most(self) -> Credits:
        """Credits that pay for the longest answer, or for a long one where the model's limit is not known."""
        most = ASSUMED_MOST_OUTPUT * self.choices if self.most_tokens is None else self.most_tokens
        return self.cost(max(most, self.output_tokens))

    @property
    def cost_of_a_token(self) -> Credits:
        """Credits that pay for one more token of output."""
        return scaled(self.output_rate)

    def cost(self, output_tokens: int) -> Credits:
        """Credits that pay for the input and so much output."""
        return scaled(self.input_tokens * self.input_rate + output_tokens * self.output_rate)

    def tokens_for(self, amount_credits: int) -> int | None:
        """Return how many output tokens over all choices an amount pays for; None when output costs nothing."""
        if self.output_rate == 0:
            return None
        rest = amount_credits * RATE_UNITS - self.input_tokens * self.input_rate
        return max(self.choices, rest // self.output_rate)

    def output_for(self, amount_credits: int) -> int | None:
        """Return how many output tokens per choice an amount pays for; None when output costs nothing."""
        tokens = self.tokens_for(amount_credits)
        return None if tokens is None else tokens // self.choices

    def at(self, rates: Rates) -> "Estimate":
        """Return the same estimate at the rates of the offer that answered."""
        by_meter = rates.at(self.input_tokens)
        input_rate, output_rate = _dearest(by_meter, _INPUTS), _dearest(by_meter, _OUTPUTS)
        return replace(self, input_rate=input_rate, output_rate=output_rate)


class _Recent:
    """What is remembered of one model."""

    __slots__ = ("caution", "input_rate", "is_tiered", "offers", "output", "output_rate")

    def __init__(self) -> None:
        self.output = float(FIRST_GUESS_OUTPUT)
        self.caution = 1.0
        self.offers: Offers = ()
        self.input_rate = 0
        self.output_rate = 0
        self.is_tiered = False

    def price(self, offers: Offers) -> None:
        """Find the dearest rates among offers; the router hands out the same ones until a price changes."""
        self.offers = offers
        self.input_rate, self.output_rate = _dearest_of(offers, 0)
        self.is_tiered = any(rates.tiers for _, rates in offers)


def _dearest_of(offers: Offers, input_tokens: int) -> tuple[int, int]:
    """Return the dearest rates of input and output for a call with so much input."""
    at = [rates.at(input_tokens) for _, rates in offers]
    return max(_dearest(rates, _INPUTS) for rates in at), max(_dearest(rates, _OUTPUTS) for rates in at)


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
        input_rate, output_rate = recent.input_rate, recent.output_rate
        if recent.is_tiered:
            input_rate, output_rate = _dearest_of(offers, tokens)
        output = most = call.max_tokens
        if output is None:
            output = int(recent.output * 1.25)
            if call.is_streaming:
                output = min(output, STREAM_START_OUTPUT)
            most = model.output_tokens
            if most is not None:
                output = min(output, most)
        return Estimate(
            tokens,
            output * call.choices,
            call.choices,
            input_rate,
            output_rate,
            None if most is None else most * call.choices,
            call.max_tokens is None,
        )

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
    found = {"input": _input(call)}
    if output_bytes:
        found["output"] = -(-output_bytes // BYTES_PER_TOKEN_GUESSED)
    return Usage(found, "estimated")


def counted(call: ChatCall, pieces: int) -> Usage:
    """Count what was delivered of a stream: providers send about one token in each event."""
    return Usage({"input": _input(call), "output": pieces}, "counted")


def delivered(call: ChatCall, reported: Usage | None, pieces: int) -> Usage:
    """Say what an unfinished stream used: what its provider reported so far, and what was delivered beyond that.

    Some providers report in each event, and only the last report counts the whole answer.
    """
    if reported is None:
        return counted(call, pieces)
    lacking = pieces - reported.output_tokens
    if lacking <= 0:
        return reported
    output = reported.by_meter.get("output", 0) + lacking
    return Usage({**reported.by_meter, "output": output}, "counted")


def _input(call: ChatCall) -> int:
    return call.text_bytes // BYTES_PER_TOKEN_GUESSED + call.attachments * TOKENS_PER_ATTACHMENT
