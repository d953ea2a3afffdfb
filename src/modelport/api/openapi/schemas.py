"""JSON Schemas of what requests may hold, from the parameters of the catalogue; what they accept is the same."""

from collections.abc import Container, Iterable, Mapping

from modelport.catalogue.parameters import Parameter, Parameters

Json = dict[str, object]

_PLAIN = {
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusive_minimum": "exclusiveMinimum",
    "multiple_of": "multipleOf",
    "min_length": "minLength",
    "max_length": "maxLength",
    "min_items": "minItems",
    "max_items": "maxItems",
    "pattern": "pattern",
    "format": "format",
}
_UPLOAD: Json = {"type": "string", "contentMediaType": "application/octet-stream"}


def schema_of(parameter: Parameter) -> Json:
    """Describe one value."""
    if parameter.any_of:
        schema = _alternatives(parameter)
    elif parameter.type == "file":
        schema = dict(_UPLOAD)
    else:
        schema = _typed(parameter)
    for name, word in _PLAIN.items():
        if (value := getattr(parameter, name)) is not None:
            schema[word] = value
    if parameter.items is not None:
        schema["items"] = schema_of(parameter.items)
    if parameter.properties is not None:
        schema |= _members(parameter.properties)
    if parameter.additional_properties is not None:
        schema["additionalProperties"] = schema_of(parameter.additional_properties)
    if parameter.default is not None:
        schema["default"] = parameter.default
    if parameter.description:
        schema["description"] = parameter.description
    return schema


def object_schema(parameters: Parameters, names: Iterable[str], *, is_closed: bool = False) -> Json:
    """Describe a body: the `model`, by any of its names, and the parameters beside it."""
    model: Json = {"type": "string", "enum": list(names), "description": "The model, by its id or any other name."}
    members = _members(parameters)
    required = members.get("required", [])
    schema: Json = {"type": "object", "properties": {"model": model, **_properties(parameters)}}
    schema["required"] = ["model", *required] if isinstance(required, list) else ["model"]
    if is_closed:
        schema["additionalProperties"] = False
    return schema


def has_upload(parameter: Parameter) -> bool:
    """Whether a value of it is a file, which only a form can carry."""
    inner = (*parameter.any_of, *((parameter.items,) if parameter.items is not None else ()))
    return parameter.type == "file" or any(has_upload(one) for one in inner)


def example_of(name: str, parameter: Parameter) -> object:
    """Return a value that fits: the default or the first choice, where there is one."""
    if parameter.default is not None:
        return parameter.default
    if parameter.enum:
        return parameter.enum[0]
    if parameter.any_of:
        return example_of(name, parameter.any_of[0])
    match parameter.type:
        case "integer" | "number":
            return _number(parameter)
        case "boolean":
            return True
        case "array":
            one = example_of(name, parameter.items) if parameter.items is not None else name
            return [one] * max(1, parameter.min_items or 1)
        case "object":
            inner = parameter.properties or {}
            return {key: example_of(key, one) for key, one in inner.items() if one.required}
        case _:
            return _text(name, parameter)


def example_body(parameters: Parameters, model_id: str, also: Container[str] = ()) -> Json:
    """Return the smallest body that fits, with some parameters `also`."""
    body: Json = {"model": model_id}
    for name, parameter in parameters.items():
        if parameter.required or name in also:
            body[name] = _EXAMPLES[name] if name in _EXAMPLES else example_of(name, parameter)
    return body


_EXAMPLES: Mapping[str, object] = {"messages": [{"role": "user", "content": "Say hello."}]}
_TEXTS = {
    "prompt": "A paper boat on a rainy street",
    "text": "Good evening.",
    "input": "A paper boat on a rainy street",
}


def _number(parameter: Parameter) -> int | float:
    if parameter.minimum is not None:
        return parameter.minimum
    return (parameter.exclusive_minimum + 1) if parameter.exclusive_minimum is not None else parameter.maximum or 1


def _text(name: str, parameter: Parameter) -> str:
    if parameter.format == "uri" or name.endswith(("url", "urls")):
        return "https://example.org/file"
    text = _TEXTS.get(name, name)
    text = text if parameter.max_length is None else text[: parameter.max_length]
    return text.ljust(parameter.min_length or 0, ".")


def _typed(parameter: Parameter) -> Json:
    schema: Json = {}
    if parameter.type is not None:
        schema["type"] = [parameter.type, "null"] if parameter.nullable else parameter.type
    if parameter.enum is not None:
        schema["enum"] = [*parameter.enum, *((None,) if parameter.nullable else ())]
    return schema


def _alternatives(parameter: Parameter) -> Json:
    choices = [schema_of(one) for one in parameter.any_of]
    return {"anyOf": [*choices, {"type": "null"}] if parameter.nullable else choices}


def _properties(parameters: Parameters) -> Json:
    return {name: schema_of(one) for name, one in parameters.items()}


def _members(parameters: Parameters) -> Json:
    required = [name for name, one in parameters.items() if one.required]
    return {"properties": _properties(parameters), **({"required": required} if required else {})}
