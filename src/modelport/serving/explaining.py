"""Says how a call would go, without making it: who is asked in which order, what it costs, what would be left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from modelport.catalogue.facts import Model, Offer, Rates
from modelport.catalogue.listing import pricing
from modelport.core.credits import Credits, usd_text
from modelport.core.errors import InvalidBody, Problem
from modelport.dialects.fill import CannotFill, can_fill
from modelport.dialects.table import CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES, Asked, Format, opened, unable
from modelport.dialects.wire import Identity, Target
from modelport.operations.chat import ChatCall
from modelport.routing.problems import WrongOperation
from modelport.routing.router import Router, Step, Verdict
from modelport.serving.calls import refuse_roles
from modelport.serving.declared import check_declared
from modelport.serving.estimate import Estimate, Estimator, guessed

FORMATS: Mapping[str, Format] = {one.endpoint: one for one in (CHAT, RESPONSES, MESSAGES, COMPLETIONS, EMBEDDINGS)}
"""The formats of requests that can be explained, by their path."""
Obstacles = Mapping[str, str | None]
"""Why weights cannot be used on this machine, by their id; None for those that can."""

_UNABLE = (InvalidBody, CannotFill)


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of one offer."""

    offer: Offer
    rates: Rates | None
    verdict: Verdict | Literal["unable", "not here"]
    reason: str
    dropped: tuple[str, ...] = ()
    """The fields of the request that the provider would not get."""
    cost: tuple[Credits, Credits] | None = None
    """What the request costs there with an answer of one token, and with the longest one."""

    @property
    def serves(self) -> bool:
        """Whether it would be asked."""
        return self.verdict == "serves"


@dataclass(frozen=True, slots=True)
class Size:
    """How large a request is, as it is reckoned before a call."""

    input_tokens: int
    output_tokens: int | None
    """The most that the answer may have over all choices; None when nobody knows."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A model's offers, those that serve first and in the order in which they are asked."""

    model: Model
    offers: tuple[Told, ...]
    size: Size | None = None

    @property
    def is_served(self) -> bool:
        """Whether a call would be sent to anybody."""
        return any(one.serves for one in self.offers)

    @property
    def missing(self) -> tuple[str, ...]:
        """What to set so that more providers can be asked, first things first."""
        return tuple(one.reason for one in self.offers if one.verdict == "unconfigured")


def explained(
    router: Router, model: Model, pin: str | None, now_ms: int, *, obstacles: Obstacles | None = None
) -> Explained:
    """Explain a call of which only the model is known."""
    steps = router.explain(model, pin, now_ms).steps
    return Explained(model, _ordered([_told(step, obstacles) for step in steps]))


def explained_request(
    router: Router,
    body: bytes,
    asked: Format,
    now_ms: int,
    *,
    name: str | None = None,
    obstacles: Obstacles | None = None,
) -> Explained:
    """Explain a request in a format; `name` takes the place of its model.

    Raises what a call would be refused with before anybody is asked: `InvalidBody`, `UnknownModel`, `RetiredModel`,
    `WrongOperation`, `RoleRefused`.
    """
    call = asked.parser.parse(body, name)
    model = router.catalogue.find(call.model)
    if model.operation != asked.operation:
        raise WrongOperation(model, asked.operation)
    if model.refuses_roles:
        refuse_roles(call, model)
    if model.own_parameters:
        check_declared(call, model, asked.endpoint)
    way = Asked(call, asked)
    steps = router.explain(model, call.provider, now_ms).steps
    told = [_tried(_told(step, obstacles), way, model) for step in steps]
    tokens = guessed(call, 0).input_tokens
    sized = [_estimate(call, model, one) for one in told if one.rates is not None]
    most = sized[0].most_tokens if sized else None
    return Explained(model, _ordered(told), Size(tokens, most))


def facts_of(explained: Explained, asked: str) -> dict[str, object]:
    """Write an explanation as JSON."""
    model, size = explained.model, explained.size
    facts: dict[str, object] = {"model": model.id, "asked": asked, "served": explained.is_served}
    if model.maintenance:
        facts["maintenance"] = model.maintenance
    if model.only_providers:
        facts["only_providers"] = model.only_providers
    if size is not None:
        facts["request"] = {"input_tokens": size.input_tokens, "most_output_tokens": size.output_tokens}
    facts["offers"] = [_offer_facts(one, model) for one in explained.offers]
    facts["missing"] = explained.missing
    return facts


def _offer_facts(told: Told, model: Model) -> dict[str, object]:
    offer = told.offer
    facts: dict[str, object] = {
        "provider": offer.provider.id,
        "name": offer.provider.name,
        "upstream": offer.upstream,
        "verdict": told.verdict,
        "reason": told.reason,
        "priority": offer.provider.priority,
        "formats": offer.spoken(model.operation),
        "pricing": pricing(told.rates, model.operation),
    }
    if told.cost is not None:
        least, most = (usd_text(amount, 9) for amount in told.cost)
        facts["cost_usd"] = {"least": least, "most": most}
    if told.dropped:
        facts["dropped_params"] = told.dropped
    return facts


def _told(step: Step, obstacles: Obstacles | None) -> Told:
    offer = step.offer
    if step.verdict == "serves" and obstacles is not None and offer.provider.is_local:
        obstacle = obstacles.get(offer.upstream, f"there are no weights named '{offer.upstream}'")
        if obstacle is not None:
            return Told(offer, step.rates, "not here", obstacle)
    return Told(offer, step.rates, step.verdict, step.reason)


def _ordered(told: Sequence[Told]) -> tuple[Told, ...]:
    return tuple(sorted(told, key=lambda one: not one.serves))


def _tried(told: Told, asked: Asked, model: Model) -> Told:
    """Write the request for an offer, as an attempt would, and say what becomes of it there."""
    offer, call = told.offer, asked.call
    if told.rates is None or not offer.can_be_called(model.operation):
        return told
    try:
        if (refusal := unable(call, offer)) is not None:
            raise refusal
        if call.suffix is not None and not can_fill(offer):
            raise CannotFill(model.id)
        target = Target(offer, model, model.most_output_tokens)
        dropped = opened(asked, target, lambda: Identity("", 0, model.id)).request.dropped
    except _UNABLE as problem:
        return Told(offer, told.rates, "unable" if told.serves else told.verdict, _first_line(problem))
    estimate = _estimate(call, model, told)
    cost = estimate.cost(estimate.choices if estimate.dearest.output else 0), estimate.at_most
    return Told(offer, told.rates, told.verdict, told.reason, tuple(dict.fromkeys(dropped)), cost)


def _estimate(call: ChatCall, model: Model, told: Told) -> Estimate:
    assert told.rates is not None, "only of offers with a price"
    return Estimator().before(call, 0, model, ((told.offer, told.rates),))


def _first_line(problem: Problem) -> str:
    return problem.faults[0] if isinstance(problem, InvalidBody) else problem.message.partition("\n")[0]
