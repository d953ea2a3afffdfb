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
from modelport.serving.outputs import OF_A_MODEL, Habits, Outputs

BYTES_PER_TOKEN_HELD = 3
"""Text is rarely denser than this, so a hold on bytes / 3 tokens seldom falls short."""
BYTES_PER_TOKEN_GUESSED = 4
"""The usual density of English text, for usage that nobody reported."""
TOKENS_PER_ATTACHMENT = 2048
TOKENS_OF_TEMPLATE = 8
FIRST_GUESS_OUTPUT = 1024
"""What an answer is taken to have while too few answers of its model are known."""
ASSUMED_MOST_OUTPUT = 4096
"""The longest answer that is reckoned with where the catalogue does not know the model's limit. It must not exceed the
limits that such models really have: a bound above its limit is refused by many a provider."""
STREAM_START_OUTPUT = 4096
"""What a stream holds at most before it begins: its hold grows with it, so that it need not keep others waiting."""
_DECAY = 0.98
_MOST_CAUTION = 8.0
_LEAST_OUTPUT = 64
_MARGIN = 4
"""A hold is larger by this fraction than what answers lately had."""
Offers = tuple[tuple[Offer, Rates], ...]

_INPUTS = ("input", "cached_write")
_ATTACHED = ("input", "cached_write", "audio_input", "image_input")
_OUTPUTS = ("output", "reasoning")
_ALL = (_INPUTS, _ATTACHED, _OUTPUTS)


class Estimate(Struct, frozen=True):
    """What a call would use at most, as far as can be told, and what that costs at the dearest rates of its plan."""

    input_tokens: int
    attached_tokens: int
    """Those of the input that are no text."""
    output_tokens: int
    """Over all choices."""
    choices: int
    dearest: "Dearest"
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
        return scaled(self.dearest.output)

    def cost(self, output_tokens: int) -> Credits:
        """Credits that pay for the input and so much output."""
        return scaled(self._input + output_tokens * self.dearest.output)

    def tokens_for(self, amount_credits: int) -> int | None:
        """Return how many output tokens over all choices an amount pays for; None when output costs nothing."""
        output_rate = self.dearest.output
        if output_rate == 0:
            return None
        return max(self.choices, (amount_credits * RATE_UNITS - self._input) // output_rate)

    def output_for(self, amount_credits: int) -> int | None:
        """Return how many output tokens per choice an amount pays for; None when output costs nothing."""
        tokens = self.tokens_for(amount_credits)
        return None if tokens is None else tokens // self.choices

    def at(self, rates: Rates) -> "Estimate":
        """Return the same estimate at the rates of the offer that answered."""
        return replace(self, dearest=Dearest(*_dearest(rates.at(self.input_tokens))))

    @property
    def _input(self) -> int:
        """What the input costs, in credits times RATE_UNITS."""
        dearest = self.dearest
        cost = self.input_tokens * dearest.text
        if self.attached_tokens:
            cost += self.attached_tokens * (dearest.attached - dearest.text)
        return cost


def lowest(*bounds: int | None) -> int | None:
    """Return the lowest of the bounds that there are."""
    given = [bound for bound in bounds if bound is not None]
    return min(given) if given else None


class Dearest(Struct, frozen=True):
    """The dearest rates that a call may be charged, in credits per RATE_UNITS."""

    text: int
    attached: int
    """Of input that is no text."""
    output: int


class _Recent:
    """What is remembered of one model."""

    __slots__ = ("caution", "dearest", "is_tiered", "offers", "outputs")

    def __init__(self) -> None:
        self.outputs = Outputs(OF_A_MODEL)
        self.caution = 1.0
        self.offers: Offers = ()
        self.dearest = Dearest(0, 0, 0)
        self.is_tiered = False

    def price(self, offers: Offers) -> None:
        """Find the dearest rates among offers; the router hands out the same ones until a price changes."""
        self.offers = offers
        self.dearest = _dearest_of(offers, 0)
        self.is_tiered = any(rates.tiers for _, rates in offers)

    def output(self) -> int:
        """Say what most answers of the model stay below, whoever asks."""
        likely = self.outputs.likely()
        return max(likely, FIRST_GUESS_OUTPUT) if self.outputs.are_few else likely


def _dearest_of(offers: Offers, input_tokens: int) -> Dearest:
    """Return the dearest rates for a call with so much input."""
    at = [_dearest(rates.at(input_tokens)) for _, rates in offers]
    return Dearest(*(max(rates) for rates in zip(*at, strict=True)))


def _dearest(by_meter: Mapping[str, int]) -> list[int]:
    """Return the dearest rate of each kind of meter."""
    if missing := {"input", "output"} - by_meter.keys():
        raise UnpricedUsage(missing)
    return [max(by_meter.get(meter, 0) for meter in meters) for meters in _ALL]


@dataclass(slots=True)
class Estimator:
    """Sizes holds, and learns from what calls really used. Bounded by the number of models and of pairs with keys."""

    _recent: defaultdict[str, _Recent] = field(default_factory=lambda: defaultdict(_Recent))
    _habits: Habits = field(default_factory=Habits)

    def before(self, call: ChatCall, key_id: int, model: Model, offers: Offers) -> Estimate:
        """Estimate a call through a key, at the dearest of the rates it may be charged."""
        recent = self._recent[model.id]
        if recent.offers is not offers:
            recent.price(offers)
        attached = call.attachments * TOKENS_PER_ATTACHMENT
        tokens = call.text_bytes // BYTES_PER_TOKEN_HELD + TOKENS_OF_TEMPLATE + attached
        if model.context_tokens is not None and tokens > model.context_tokens:
            tokens = model.context_tokens
        if recent.caution != 1.0:
            tokens = int(tokens * recent.caution)
        dearest = _dearest_of(offers, tokens) if recent.is_tiered else recent.dearest
        output = most = call.max_tokens
        if output is not None and model.most_output_tokens is not None:
            output = most = min(output, model.most_output_tokens)
        elif output is None:
            output = self._likely(key_id, model.id, recent)
            if call.is_streaming and output > STREAM_START_OUTPUT:
                output = STREAM_START_OUTPUT
            most = lowest(model.output_tokens, model.most_output_tokens)
            if most is not None and output > most:
                output = most
        return Estimate(
            tokens,
            attached if attached <= tokens else tokens,
            output * call.choices,
            call.choices,
            dearest,
            None if most is None else most * call.choices,
            call.max_tokens is None,
        )

    def _likely(self, key_id: int, model_id: str, recent: _Recent) -> int:
        """Say what the answer to a key most likely stays below, with a margin."""
        habit = self._habits.of(key_id, model_id)
        if habit is None:
            likely = recent.output()
        elif habit.are_few:
            likely = max(habit.likely(), recent.output())
        else:
            likely = habit.likely()
        if likely < _LEAST_OUTPUT:
            likely = _LEAST_OUTPUT
        return likely + likely // _MARGIN

    def learn(self, call: ChatCall, key_id: int, model: Model, usage: Usage, *, fell_short: bool) -> None:
        """Take in what a call used: the length of an answer that its caller did not bound, and what its hold lacked.

        A hold that fell short raises the next ones of its model; that fades.
        """
        recent = self._recent[model.id]
        if call.max_tokens is None:
            each = usage.output_tokens if call.choices == 1 else -(-usage.output_tokens // call.choices)
            recent.outputs.add(each)
            self._habits.add(key_id, model.id, each)
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
