"""Passing over the offers that cannot do at all what a call asks for."""

from modelport.dialects import openai_chat
from modelport.operations.chat import ChatCall
from modelport.routing.router import Plan


def fitting(call: ChatCall, plan: Plan) -> Plan:
    """Return the plan without such offers; raises `InvalidBody`, naming what was asked, when none is left."""
    if call.choices == 1 and call.prefix_at is None:
        return plan
    refusals = [openai_chat.unable(call, offer) for offer, _ in plan.offers]
    able = tuple(pair for pair, refusal in zip(plan.offers, refusals, strict=True) if refusal is None)
    if not able and refusals[0] is not None:
        raise refusals[0]
    return plan if len(able) == len(plan.offers) else Plan(plan.model, able)
