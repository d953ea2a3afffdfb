"""Describes one model at one of its paths: everything that a program needs to call it."""

import shlex
from dataclasses import dataclass

import msgspec

from modelport import __version__
from modelport.api.openapi import answers
from modelport.api.openapi.fields import BY_ENDPOINT, ORDERED, able
from modelport.api.openapi.parts import (
    CALL_HEADERS,
    CLIENT_REQUEST_ID,
    SECURITY,
    VERSION,
    call_refusals,
    components,
    json_body,
    refusals,
)
from modelport.api.openapi.schemas import Json, example_body, has_upload, object_schema
from modelport.api.problems import InvalidQuery
from modelport.api.routes import PREFIXES, normal
from modelport.catalogue.facts import Model
from modelport.catalogue.parameters import Parameters, decoded
from modelport.dialects.media.addresses import IMAGE_EDITS, IMAGES, TRANSCRIPTION
from modelport.dialects.media.call import STREAMED

_JOBS = ("video", "music")
_CREATED = ("/with-url", "/generation", "/generate")
"""How older paths end that answer 201."""
_SYNCHRONOUS = "/v1/stt"
_TOLD = (IMAGES.endpoint, IMAGE_EDITS.endpoint)
"""Where pictures are told in events."""
_GENERATION_ID: Json = {
    "name": "generation_id",
    "in": "query",
    "required": True,
    "description": "The id that the submission answered.",
    "schema": {"type": "string"},
}


@dataclass(frozen=True, slots=True)
class Described:
    """A model at a path of its own."""

    model: Model
    endpoint: str

    @property
    def parameters(self) -> Parameters:
        """What a request may hold beside `model`."""
        is_told = self.model.operation == "images" and self.endpoint in _TOLD
        return {**self._own, **STREAMED} if is_told else self._own

    @property
    def _own(self) -> Parameters:
        own = BY_ENDPOINT.get(self.endpoint)
        if own is not None and self.endpoint != self.model.endpoints[0]:
            return able(own, self.model.capabilities)
        return decoded(self.model.parameters) or able(own or {}, self.model.capabilities)

    @property
    def streams(self) -> bool:
        """Whether an answer may come in pieces."""
        stream = self.parameters.get("stream")
        return stream is not None and (stream.enum is None or True in stream.enum)

    def example(self, parameters: Parameters) -> Json:
        """Return a small body: what is required of these, and where the sound is that is to be written down."""
        return example_body(parameters, self.model.id, ("url",) if self.model.operation == "transcription" else ())


def endpoint_of(model: Model, asked: str | None) -> str:
    """Return the path of a model that was asked for, under any prefix; the main one when none was.

    Raises `InvalidQuery` listing those that it has.
    """
    if asked is None:
        return model.endpoints[0]
    wanted = normal(asked if asked.startswith("/") else f"/{asked}")
    found = [path for path in model.endpoints if path == wanted]
    found += [path for path in model.endpoints if _bare(path) == _bare(wanted)]
    if not found:
        raise InvalidQuery(
            f"'endpoint': '{model.id}' is not served at '{wanted[:200]}': use {' or '.join(model.endpoints)}",
            "endpoint",
        )
    return found[0]


def model_document(model: Model, endpoint: str, root: str) -> Json:
    """Describe a model at one of its paths, with `root` as the address of the server."""
    one = Described(model, endpoint)
    name, schema = answers.BY_ENDPOINT.get(endpoint) or answers.BY_OPERATION[model.operation]
    document: Json = {
        "openapi": VERSION,
        "info": {"title": f"{model.name} at {endpoint}", "version": __version__, "description": _about(model)},
        "servers": [{"url": root}],
        "paths": _paths(one, name, root),
        "components": components({name: schema}),
    }
    if model.documentation:
        document["externalDocs"] = {"url": model.documentation, "description": f"{model.maker} on {model.name}"}
    return document


def _about(model: Model) -> str:
    lines = [model.description or model.name]
    if model.retires_on is not None:
        lines.append(f"Its maker serves it until {model.retires_on.isoformat()}.")
    if model.unsold:
        lines.append(model.unsold)
    lines += [f"{note.on.isoformat()}: {note.text}" for note in model.notes]
    if model.aliases:
        lines.append(f"Other names: {', '.join(model.aliases)}.")
    return "\n\n".join(lines)


def _paths(one: Described, name: str, root: str) -> Json:
    content, headers = _content(one, name), {"headers": CALL_HEADERS}
    answer: Json = {"description": "The answer.", "content": content, **headers}
    call: Json = {
        "operationId": "call",
        "summary": f"Call {one.model.name}",
        "parameters": [CLIENT_REQUEST_ID],
        "requestBody": {"required": True, "content": _request(one)},
        "responses": {"201" if one.endpoint.endswith(_CREATED) else "200": answer, **call_refusals()},
        "security": SECURITY,
        "x-codeSamples": [{"lang": "Shell", "label": "curl", "source": _curl(one, root)}],
    }
    if one.model.retires_on is not None:
        call["deprecated"] = True
    paths: Json = {one.endpoint: {"post": call}}
    if one.model.operation in _JOBS:
        paths[one.endpoint] = {"post": call, "get": _poll(name, _GENERATION_ID)}
    elif one.model.operation == "transcription" and one.endpoint != _SYNCHRONOUS:
        in_path: Json = {**_GENERATION_ID, "in": "path"}
        paths["/v1/stt/{generation_id}"] = {"get": _poll(name, in_path)}
    return paths


def _content(one: Described, name: str) -> Json:
    content = json_body({"$ref": f"#/components/schemas/{name}"})
    if one.model.operation == "speech":
        return content | answers.SOUND
    return content | answers.EVENTS if one.streams else content


def _request(one: Described) -> Json:
    """Describe the body: JSON, and a form where a file can be sent."""
    names, parameters = (one.model.id, *one.model.aliases), one.parameters
    if one.model.operation in _JOBS or one.endpoint == TRANSCRIPTION.endpoint:
        parameters = {**parameters, **ORDERED}
    uploads = {name for name, parameter in parameters.items() if has_upload(parameter)}
    content: Json = {}
    if not any(parameters[name].required for name in uploads):
        plain = {name: parameter for name, parameter in parameters.items() if name not in uploads}
        is_closed = one.model.operation == "embeddings"
        schema = object_schema(plain, names, is_closed=is_closed)
        content = json_body(schema, one.example(plain))
    if uploads:
        content["multipart/form-data"] = {"schema": object_schema(parameters, names)}
    return content


def _poll(name: str, generation_id: Json) -> Json:
    answer: Json = {
        "description": "How far it is, and the result once it is completed.",
        "content": json_body({"$ref": f"#/components/schemas/{name}"}),
    }
    return {
        "operationId": "poll",
        "summary": "Ask how far it is",
        "parameters": [generation_id],
        "responses": {"200": answer, **refusals((400, 401, 403, 404, 429, 500, 503))},
        "security": SECURITY,
    }


def _curl(one: Described, root: str) -> str:
    parameters = one.parameters
    lines = [f"curl {shlex.quote(root + one.endpoint)}", '  -H "Authorization: Bearer $MODELPORT_KEY"']
    required = {name for name, parameter in parameters.items() if parameter.required}
    if any(has_upload(parameters[name]) for name in required):
        body = one.example({name: one for name, one in parameters.items() if not has_upload(one)})
        lines += [f"  -F {shlex.quote(f'{name}={value}')}" for name, value in body.items()]
        lines += [f"  -F {name}=@file" for name in parameters if name in required and has_upload(parameters[name])]
    else:
        body = msgspec.json.encode(one.example(parameters)).decode()
        lines += ["  -H 'Content-Type: application/json'", f"  -d {shlex.quote(body)}"]
    return " \\\n".join(lines)


def _bare(path: str) -> str:
    """Drop the prefix under which an inference path is asked for."""
    return next(path[len(prefix) :] for prefix in PREFIXES if not prefix or path.startswith(f"{prefix}/"))
