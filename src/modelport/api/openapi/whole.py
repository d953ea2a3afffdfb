"""Describes the whole API from the table of routes, which decides what there is."""

import re
from collections.abc import Sequence

from modelport import __version__
from modelport.api.access import ACCESS
from modelport.api.openapi.facts import SCHEMAS, Facts
from modelport.api.openapi.more_facts import ALL_FACTS
from modelport.api.openapi.parts import CALL_HEADERS, VERSION, call_refusals, components, refusals, security_of
from modelport.api.openapi.schemas import Json
from modelport.api.routes import Route

_ABOUT = (
    "One key for every model. Paths of calls also answer under /api/v1 and /v2 and without a prefix; `x-also-at` names "
    "those of each. What one model takes is in the document of /docs-json?model=ID."
)
_SLASHED = frozenset({"id", "model", "link"})
_NO_WORD = re.compile(r"\W+")
_ETAG: Json = {"ETag": {"schema": {"type": "string"}, "description": "Send it back in If-None-Match."}}
_TAGGED = frozenset(
    {"assets", "openapi", "docs.model", "models.list", "models.array", "models.show", "models.retrieve"}
)


def whole_document(routes: Sequence[Route], root: str) -> Json:
    """Describe every route, with `root` as the address of the server."""
    paths: dict[str, Json] = {}
    names = [name for route in routes for name, _ in route.methods.values()]
    for route in routes:
        written = [_path(route, path) for path in route.paths]
        item = paths.setdefault(written[0], {})
        for method, (name, _) in route.methods.items():
            item[method.lower()] = _operation(name, route, is_one=names.count(name) == 1)
        if len(written) > 1:
            item["x-also-at"] = written[1:]
    return {
        "openapi": VERSION,
        "info": {
            "title": "Modelport",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": root}],
        "tags": [{"name": tag} for tag in dict.fromkeys(facts.tag for facts in ALL_FACTS.values())],
        "paths": paths,
        "components": components(SCHEMAS, has_metrics="metrics" in names),
    }


def _path(route: Route, path: str) -> str:
    """Write a path with what follows its fixed part."""
    if not route.has_tail:
        return path
    return f"{path}{{{_first(route).tail}}}{_first(route).behind}"


def _first(route: Route) -> Facts:
    """Return what is known of a route's first method, by which its path is written."""
    return next(ALL_FACTS[name] for name, _ in route.methods.values())


def _operation(name: str, route: Route, *, is_one: bool) -> Json:
    facts, access = ALL_FACTS[name], ACCESS[name]
    answer: Json = {"description": "The answer.", "content": facts.answers}
    answered: Json = {"200": answer}
    if facts.is_call:
        answer["headers"] = CALL_HEADERS
    elif name in _TAGGED:
        answer["headers"] = _ETAG
        if name == "assets":
            answered["206"] = {"description": "The part that was asked for.", "content": facts.answers}
        answered["304"] = {"description": "Nothing has changed since."}
    operation: Json = {
        "operationId": name.replace(".", "_") if is_one else _NO_WORD.sub("_", f"{name}{route.paths[0]}").strip("_"),
        "summary": facts.summary,
        "tags": [facts.tag],
        "security": security_of(access),
        "responses": {**answered, **_errors(name, facts)},
    }
    if access.scope is not None:
        operation["description"] = f"A key that has scopes needs '{access.scope}'."
    if takes := [*(_tail(_first(route)) if route.has_tail else ()), *facts.takes]:
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
    about = "May contain slashes." if facts.tail in _SLASHED else "The first characters of the key."
    return [{"name": facts.tail, "in": "path", "required": True, "description": about, "schema": {"type": "string"}}]
