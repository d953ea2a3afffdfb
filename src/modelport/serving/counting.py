"""How many tokens a call would send, before it is made: asked of the provider where it can tell, else reckoned."""

from dataclasses import dataclass

from modelport.core.clock import Clock
from modelport.dialects.table import called
from modelport.dialects.wire import Target
from modelport.keys.key import Key
from modelport.serving.calls import Routes, planned
from modelport.serving.estimate import guessed
from modelport.serving.exchange import CallRequest
from modelport.serving.ports import Upstream

MAX_COUNT_BYTES = 64 * 1024
_DIALECT = "anthropic_messages"


@dataclass(frozen=True, slots=True)
class CountTokens:
    """Counts the input tokens of calls in the Messages format; costs nothing and writes no row."""

    routes: Routes
    upstream: Upstream
    clock: Clock

    async def __call__(self, request: CallRequest, key: Key) -> int:
        """Return the number of input tokens. Raises as a call does, `UpstreamFault` and `UpstreamProblem` included."""
        call = request.format.parser.parse(request.body, request.model)
        router = self.routes.current()
        plan = planned(router, router.catalogue.find(call.model), call, request.format, key, self.clock.now_ms())
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
