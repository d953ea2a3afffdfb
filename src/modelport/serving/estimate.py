"""How much a call may use, before it is made: the base of its hold. No prompt is tokenised on the way."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelport.catalogue.facts import Model
from modelport.operations.chat import ChatCall
from modelport.operations.usage import Usage
from modelport.pricing.charge import affordable, charge

BYTES_PER_TOKEN_HELD = 3
"""Text is rarely denser than this, so a hold on bytes / 3 tokens seldom falls short."""
BYTES_PER_TOKEN_GUESSED = 4
"""The usual density of English text, for usage that nobody reported."""
TOKENS_PER_ATTACHMENT = 2048
TOKENS_OF_TEMPLATE = 64
FIRST_GUESS_OUTPUT = 1024
_DECAY = 0.98
_MOST_CAUTION = 8.0
_INPUTS = ("input", "cached_write")
_OUTPUTS = ("output", "reasoning")


@dataclass(slots=True)
class _Recent:
    output: float = FIRST_GUESS_OUTPUT
    caution: float = 1.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a call would use at most, as far as can be told, and at which rates."""

    rates: Mapping[str, int]
    input_tokens: int
    output_tokens: int
    """Over all choices."""
    choices: int

    @property
    def ask(self) -> int:
        """Credits that pay for all of it."""
        return self._cost(self.output_tokens)

    @property
    def least(self) -> int:
        """Credits that pay for the input and one token per choice."""
        return self._cost(min(self.choices, self.output_tokens))

    def output_for(self, amount_credits: int) -> int | None:
        """Return how many output tokens per choice an amount pays for; None when output costs nothing."""
        meter = self._dearest(_OUTPUTS)
        units = affordable(amount_credits, {self._dearest(_INPUTS): self.input_tokens}, meter, self.rates)
        return None if units is None else max(1, units // self.choices)

    def _cost(self, output_tokens: int) -> int:
        used = {self._dearest(_INPUTS): self.input_tokens, self._dearest(_OUTPUTS): output_tokens}
        return charge(used, self.rates)

    def _dearest(self, meters: tuple[str, ...]) -> str:
        return max(meters, key=lambda meter: self.rates.get(meter, -1))


@dataclass(slots=True)
class Estimator:
    """Sizes holds, and learns from what calls of each model really used. Bounded by the number of models."""

    _recent: dict[str, _Recent] = field(default_factory=dict[str, _Recent])

    def before(self, call: ChatCall, model: Model, rates: Mapping[str, int]) -> Estimate:
        """Estimate a call at the rates it would be charged."""
        recent = self._recent.get(model.id) or _Recent()
        tokens = call.text_bytes // BYTES_PER_TOKEN_HELD + TOKENS_OF_TEMPLATE + call.attachments * TOKENS_PER_ATTACHMENT
        if model.context_tokens is not None:
            tokens = min(tokens, model.context_tokens)
        output = call.max_tokens
        if output is None:
            output = int(recent.output * 1.25)
            if model.output_tokens is not None:
                output = min(output, model.output_tokens)
        return Estimate(rates, int(tokens * recent.caution), output * call.choices, call.choices)

    def learn(self, model: Model, usage: Usage, *, fell_short: bool) -> None:
        """Take in what a call used: outputs are remembered and fade; a hold that fell short raises the next ones."""
        recent = self._recent.setdefault(model.id, _Recent())
        recent.output = max(float(usage.output_tokens), recent.output * _DECAY, 256.0)
        recent.caution = min(_MOST_CAUTION, recent.caution * 1.5) if fell_short else max(1.0, recent.caution * _DECAY)


def guessed(call: ChatCall, output_bytes: int) -> Usage:
    """Guess usage from sizes, when the provider reported none."""
    return Usage({"input": _input(call), "output": -(-output_bytes // BYTES_PER_TOKEN_GUESSED)}, "estimated")


def counted(call: ChatCall, pieces: int) -> Usage:
    """Count what was delivered of a stream: providers send about one token in each event."""
    return Usage({"input": _input(call), "output": pieces}, "counted")


def _input(call: ChatCall) -> int:
    return call.text_bytes // BYTES_PER_TOKEN_GUESSED + call.attachments * TOKENS_PER_ATTACHMENT
