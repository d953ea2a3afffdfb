"""How a call would go, for those who run the place: who is asked in which order, why, and what is missing."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from modelport.api.problems import InvalidQuery
from modelport.api.query import Query
from modelport.api.request import Answer, Request, json_answer
from modelport.core.clock import Clock
from modelport.dialects.table import CHAT
from modelport.routing.router import Router
from modelport.serving.explaining import FORMATS, Obstacles, explained, explained_request, facts_of


@dataclass(frozen=True, slots=True)
class PlanRoutes:
    """`/v1/route`: of a model by `GET`, of a whole request by `POST`. Nothing is sent to anybody."""

    router: Callable[[], Router]
    clock: Clock
    run: Callable[..., Awaitable[Any]]
    obstacles: Callable[[], Obstacles]

    async def show(self, request: Request) -> Answer:
        """Explain a call of which the model is known, and the provider if one is asked for."""
        query = Query(request.query_string, ("model", "provider"))
        name = query.get("model")
        if not name:
            raise InvalidQuery("'model': Required; name a model, as in /v1/route?model=gpt-4o", "model")
        router = self.router()
        model = router.catalogue.find(name)
        obstacles = await self.run(self.obstacles)
        told = explained(router, model, query.get("provider"), self.clock.now_ms(), obstacles=obstacles)
        return json_answer(facts_of(told, name))

    async def explain(self, request: Request) -> Answer:
        """Explain the request in the body, as if it were sent to `endpoint`."""
        query = Query(request.query_string, ("endpoint",))
        asked = FORMATS[query.choice("endpoint", tuple(FORMATS)) or CHAT.endpoint]
        body = await request.json_body()
        obstacles = await self.run(self.obstacles)
        told = explained_request(self.router(), body, asked, self.clock.now_ms(), obstacles=obstacles)
        return json_answer(facts_of(told, told.model.id))
