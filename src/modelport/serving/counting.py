"""How many tokens a call would send, before it is made: asked of the provider where it can tell, else reckoned."""

from dataclasses import dataclass

from modelport.core.clock import Clock
from modelport.core.pace import FREE_PACE
from modelport.dialects.table import called
from modelport.dialects.wire import Target
from modelport.keys.key import Key
from modelport.operations.chat import ChatCall
from modelport.routing.router import Plan
from modelport.serving.calls import Routes, planned
from modelport.serving.estimate import guessed
from modelport.serving.exchange import CallRequest
from modelport.serving.pacing import Pacing
from modelport.serving.ports import Upstream

MAX_COUNT_BYTES = 64 * 1024
_DIALECT = "anthropic_messages"


@dataclass(frozen=True, slots=True)
class CountTokens:
    """Counts the input tokens of calls in the Messages format; costs nothing and writes no row.

    To rate limits it is a request that uses no tokens.
    """

    routes: Routes
    upstream: Upstream
    pacing: Pacing
    clock: Clock

    async def __call__(self, request: CallRequest, key: Key) -> int:
        """Return the number of input tokens. Raises as a call does, `UpstreamFault` and `UpstreamProblem` included."""
        call = request.format.parser.parse(request.body, request.model)
        router = self.routes.current()
        plan = planned(router, router.catalogue.find(call.model), call, request.format, key, self.clock.now_ms())
        if key.pace is FREE_PACE and key.account_pace is FREE_PACE:
            return await self._count(request, call, plan)
        permit = await self.pacing.admit(key, 0)
        try:
            return await self._count(request, call, plan)
        finally:
            await permit.end()

    async def _count(self, request: CallRequest, call: ChatCall, plan: Plan) -> int:
        offer = plan.offers[0][0]
        if offer.dialect_for(request.format.operation, call.dialect) != _DIALECT:
            return guessed(call, 0).input_tokens
        from modelport.dialects import anthropic_messages

        target = Target(offer, plan.model)
        asked = anthropic_messages.count_request(call, target)
        async with self.upstream.send(offer, asked) as answer:
            body = await answer.body(MAX_COUNT_BYTES)
            if answer.status != 200:
                raise called(_DIALECT, target).fault(answer.status, answer.header(b"retry-after"), body)
        return anthropic_messages.counted(body)
