"""The root of the address: what this is, and where to go on."""

from dataclasses import dataclass

from modelport import __version__
from modelport.api.links import Links
from modelport.api.request import Answer, Request, json_answer

_PLACES = {
    "models": "/v1/models",
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "messages": "/v1/messages",
    "embeddings": "/v1/embeddings",
    "openapi": "/openapi.json",
    "health": "/healthz",
    "readiness": "/readyz",
}


@dataclass(frozen=True, slots=True)
class AboutRoutes:
    """`/`."""

    links: Links

    async def show(self, request: Request) -> Answer:
        """Answer name, version and the places that exist below this address."""
        root = self.links.root(request.scope, request.headers)
        places = {name: root + path for name, path in _PLACES.items()}
        return json_answer({"name": "Modelport", "version": __version__, "links": places})
