"""Passing over the offers that cannot do at all what a call asks for."""

from modelport.core.errors import InvalidBody
from modelport.dialects.fill import CannotFill, can_fill
from modelport.dialects.table import unable
from modelport.operations.chat import ChatCall
from modelport.routing.router import Plan


def fitting(call: ChatCall, plan: Plan) -> Plan:
    """Return the plan without such offers; raises `InvalidBody` or `CannotFill` when none is left."""
    if call.suffix is not None:
        filling = tuple(pair for pair in plan.offers if can_fill(pair[0]))
        if not filling:
            raise CannotFill(call.model)
        return Plan(plan.model, filling)
    if call.choices == 1 and call.prefix_at is None:
        return plan
    refusals = [unable(call, offer) for offer, _ in plan.offers]
    able = tuple(pair for pair, refusal in zip(plan.offers, refusals, strict=True) if refusal is None)
    first: InvalidBody | None = refusals[0]
    if not able and first is not None:
        raise first
    return plan if len(able) == len(plan.offers) else Plan(plan.model, able)


LEAST_OF_RESPONSES = 16
"""No answer of a provider that is called in Responses can be bounded lower."""


def affordable(call: ChatCall, plan: Plan, bound: int | None) -> Plan | None:
    """Return the plan without offers that would say more than `bound` tokens; None when none is left."""
    if bound is None or bound >= LEAST_OF_RESPONSES:
        return plan
    kept = tuple(pair for pair in plan.offers if pair[0].dialect_for("chat", call.dialect) != "openai_responses")
    if len(kept) == len(plan.offers):
        return plan
    return Plan(plan.model, kept) if kept else None
