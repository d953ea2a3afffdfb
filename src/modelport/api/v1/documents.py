"""The API described as OpenAPI: all of it, and one model at one of its paths. No key is needed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from modelport.api.etags import rendered, tagged
from modelport.api.links import Links
from modelport.api.problems import InvalidQuery
from modelport.api.query import Query
from modelport.api.request import Answer, Request
from modelport.api.routes import Route
from modelport.catalogue.catalogue import Catalogue


@dataclass(slots=True)
class DocumentRoutes:
    """`/openapi.json` and `/docs-json`; what renders them is loaded when the first is asked for."""

    catalogue: Callable[[], Catalogue]
    links: Links
    routes: Sequence[Route] = field(default=(), init=False)
    """All that there is, these two among them; set once the table is whole."""

    async def whole(self, request: Request) -> Answer:
        """Answer `/openapi.json`."""
        from modelport.api.openapi.whole import whole_document

        return self._answer(request, whole_document(self.routes, self._root(request)))

    async def of_model(self, request: Request) -> Answer:
        """Answer `/docs-json`; raises `InvalidQuery`, `RetiredModel` or `UnknownModel`."""
        from modelport.api.openapi.of_model import endpoint_of, model_document

        query = Query(request.query_string, ("model", "endpoint"))
        name = query.get("model")
        if not name:
            raise InvalidQuery("'model': Required; send the id of a model, GET /v1/models lists them", "model")
        model = self.catalogue().find(name)
        endpoint = endpoint_of(model, query.get("endpoint"))
        return self._answer(request, model_document(model, endpoint, self._root(request)))

    def _root(self, request: Request) -> str:
        return self.links.root(request.scope, request.headers)

    def _answer(self, request: Request, document: dict[str, object]) -> Answer:
        return tagged(request, rendered(msgspec.json.encode(document)))
