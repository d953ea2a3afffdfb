"""Describes the whole API from the table of routes, which decides what there is."""

from collections.abc import Sequence

from modelport import __version__
from modelport.api.access import ACCESS
from modelport.api.openapi.facts import FACTS, SCHEMAS, Facts
from modelport.api.openapi.parts import CALL_HEADERS, VERSION, call_refusals, components, refusals, security_of
from modelport.api.openapi.schemas import Json
from modelport.api.routes import Route

_ABOUT = (
    "One key for every model. Paths of calls also answer under /api/v1 and /v2 and without a prefix; `x-also-at` names "
    "those of each. What one model takes is in the document of /docs-json?model=ID."
)
_ETAG: Json = {"ETag": {"schema": {"type": "string"}, "description": "Send it back in If-None-Match."}}
_TAGGED = frozenset({"openapi", "docs.model", "models.list", "models.array", "models.show", "models.retrieve"})


def whole_document(routes: Sequence[Route], root: str) -> Json:
    """Describe every route, with `root` as the address of the server."""
    paths: dict[str, Json] = {}
    for route in routes:
        written = [_path(route, path) for path in route.paths]
        item = paths.setdefault(written[0], {})
        for method, (name, _) in route.methods.items():
            item[method.lower()] = _operation(name)
        if len(written) > 1:
            item["x-also-at"] = written[1:]
    has_metrics = any(name == "metrics" for route in routes for name, _ in route.methods.values())
    return {
        "openapi": VERSION,
        "info": {
            "title": "Modelport",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": root}],
        "tags": [{"name": tag} for tag in dict.fromkeys(facts.tag for facts in FACTS.values())],
        "paths": paths,
        "components": components(SCHEMAS, has_metrics=has_metrics),
    }


def _path(route: Route, path: str) -> str:
    """Write a path with what follows its fixed part."""
    if not route.has_tail:
        return path
    facts = next(FACTS[name] for name, _ in route.methods.values())
    return f"{path}{{{facts.tail}}}{facts.behind}"


def _operation(name: str) -> Json:
    facts, access = FACTS[name], ACCESS[name]
    answer: Json = {"description": "The answer.", "content": facts.answers}
    answered: Json = {"200": answer}
    if facts.is_call:
        answer["headers"] = CALL_HEADERS
    elif name in _TAGGED:
        answer["headers"] = _ETAG
        answered["304"] = {"description": "Nothing has changed since."}
    operation: Json = {
        "operationId": name.replace(".", "_"),
        "summary": facts.summary,
        "tags": [facts.tag],
        "security": security_of(access),
        "responses": {**answered, **_errors(name, facts)},
    }
    if access.scope is not None:
        operation["description"] = f"A key that has scopes needs '{access.scope}'."
    if takes := [*_tail(facts), *facts.takes]:
        operation["parameters"] = takes
    if facts.body is not None:
        operation["requestBody"] = {"required": True, "content": facts.body}
    return operation


def _errors(name: str, facts: Facts) -> Json:
    if facts.is_call:
        return call_refusals()
    access = ACCESS[name]
    statuses = {*facts.more, 500}
    if access.has_own_token:
        statuses.add(401)
    elif access.audience != "anyone":
        statuses |= {401, 403, 503}
    if facts.body is not None:
        statuses |= {400, 413, 415}
    if facts.tail and access.audience != "anyone":
        statuses.add(404)
    return refusals(sorted(statuses))


def _tail(facts: Facts) -> list[Json]:
    if not facts.tail:
        return []
    about = "May contain slashes." if facts.tail in ("id", "model") else "The first characters of the key."
    return [{"name": facts.tail, "in": "path", "required": True, "description": about, "schema": {"type": "string"}}]
