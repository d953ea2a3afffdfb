"""Values made from parameters: such as fit, and such as cross one bound that is documented."""

import re
from collections.abc import Iterator, Mapping

from hypothesis import strategies as st

from modelport.catalogue.facts import Model
from modelport.catalogue.load import load
from modelport.catalogue.parameters import Parameter, Parameters, decoded
from modelport.operations.media import Upload

FILE = Upload("a.wav", "audio/wav", b"RIFF")
LINK = "https://files.example/a.png"
PLAIN = ("1024x1024",)
"""Texts of the patterns that our models have."""
TEXTUAL = ("chat", "embeddings")
Value = object


def media_models() -> tuple[Model, ...]:
    """Every model of ours that is called for media."""
    return tuple(model for model in load().models() if model.operation not in TEXTUAL)


def media_parameters() -> dict[str, Parameters]:
    """Their parameters."""
    return {model.id: decoded(model.parameters) for model in media_models()}


def sample(parameter: Parameter) -> Value:
    """Make the plainest value that fits."""
    if parameter.any_of:
        return sample(parameter.any_of[0])
    if parameter.enum is not None:
        return parameter.enum[0]
    if parameter.type == "string":
        return _text_of(parameter, parameter.min_length or 0)
    if parameter.type in ("integer", "number"):
        return _least(parameter)
    if parameter.type == "array":
        return [] if parameter.items is None else [sample(parameter.items)] * max(1, parameter.min_items or 0)
    if parameter.type == "object":
        return required_of(parameter.properties or {})
    return FILE if parameter.type == "file" else True


def required_of(parameters: Parameters) -> dict[str, Value]:
    """Make what must be there."""
    return {name: sample(one) for name, one in parameters.items() if one.required}


def _text_of(parameter: Parameter, length: int) -> str:
    if parameter.pattern is not None:
        return next(text for text in PLAIN if re.search(parameter.pattern, text))
    return LINK if parameter.format == "uri" else "x" * length


def _least(parameter: Parameter) -> float:
    if parameter.minimum is not None:
        return parameter.minimum
    if parameter.exclusive_minimum is not None:
        return parameter.exclusive_minimum + 1
    unit = parameter.multiple_of or 1
    return unit if parameter.maximum is None else parameter.maximum


def fitting(parameter: Parameter) -> st.SearchStrategy[Value]:
    """Draw values that fit."""
    drawn = _fitting(parameter)
    return drawn | st.none() if parameter.nullable else drawn


def _fitting(parameter: Parameter) -> st.SearchStrategy[Value]:
    if parameter.any_of:
        return st.one_of(*(fitting(choice) for choice in parameter.any_of))
    if parameter.enum is not None:
        return st.sampled_from(parameter.enum)
    if parameter.type == "string":
        return _texts(parameter)
    if parameter.type in ("integer", "number"):
        return _numbers(parameter)
    if parameter.type == "array":
        most = parameter.max_items if parameter.max_items is not None else 5
        items = st.none() if parameter.items is None else fitting(parameter.items)
        return st.lists(items, min_size=parameter.min_items or 0, max_size=min(most, 5))
    if parameter.type == "object":
        return _objects(parameter)
    return st.just(FILE) if parameter.type == "file" else st.booleans()


def _texts(parameter: Parameter) -> st.SearchStrategy[Value]:
    if parameter.format == "uri":
        return st.sampled_from((LINK, "data:image/png;base64,AAAA", "iVBORw0K" * 20))
    if parameter.pattern is not None:
        return st.from_regex(parameter.pattern, fullmatch=True)
    least, most = parameter.min_length or 0, parameter.max_length
    whole = st.text(min_size=least, max_size=min(most, least + 20) if most is not None else least + 20)
    return whole if most is None else whole | st.just("é" * most)


def _numbers(parameter: Parameter) -> st.SearchStrategy[Value]:
    least, most = parameter.minimum, parameter.maximum
    unit = parameter.multiple_of
    if parameter.type == "integer" or unit is not None:
        step = int(unit or 1)
        low = None if least is None else -(-int(least) // step)
        return st.integers(low, None if most is None else int(most) // step).map(lambda count: count * step)
    exclusive = parameter.exclusive_minimum
    return st.floats(
        least if exclusive is None else exclusive,
        most,
        exclude_min=exclusive is not None,
        allow_nan=False,
        allow_infinity=False,
    )


def _objects(parameter: Parameter) -> st.SearchStrategy[Value]:
    known = parameter.properties or {}
    return st.fixed_dictionaries(
        {name: fitting(one) for name, one in known.items() if one.required},
        optional={name: fitting(one) for name, one in known.items() if not one.required},
    )


def crossings(parameter: Parameter, place: str) -> Iterator[tuple[str, Value]]:
    """Make every value that crosses one bound, with the place that is to blame."""
    yield place, _of_another_kind(parameter)
    if parameter.any_of:
        for choice in parameter.any_of:
            if _is_alone(choice, parameter):
                yield from (crossing for crossing in crossings(choice, place) if crossing[0] != place or choice.enum)
        return
    if parameter.enum is not None:
        yield place, "no such value" if isinstance(parameter.enum[0], str) else 987_654_321
        return
    yield from ((place, value) for value in _beyond(parameter))
    if parameter.type == "array" and parameter.items is not None:
        size = max(1, parameter.min_items or 0)
        rest = [sample(parameter.items)] * (size - 1)
        yield from ((where, [value, *rest]) for where, value in crossings(parameter.items, f"{place}[0]"))
    if parameter.type == "object":
        yield from _inside(parameter.properties or {}, place)


def _inside(known: Mapping[str, Parameter], place: str) -> Iterator[tuple[str, Value]]:
    whole = required_of(known)
    for name, one in known.items():
        if one.required:
            yield f"{place}.{name}", {key: value for key, value in whole.items() if key != name}
        yield from ((where, {**whole, name: value}) for where, value in crossings(one, f"{place}.{name}"))


def _beyond(parameter: Parameter) -> Iterator[Value]:
    """Make values just outside each bound of one value."""
    if parameter.minimum is not None:
        yield parameter.minimum - 1
    if parameter.exclusive_minimum is not None:
        yield parameter.exclusive_minimum
    if parameter.maximum is not None:
        yield parameter.maximum + 1
    if parameter.multiple_of is not None:
        yield (parameter.minimum or 0) + parameter.multiple_of / 2
    if parameter.min_length:
        yield "x" * (parameter.min_length - 1)
    if parameter.max_length is not None:
        yield "x" * (parameter.max_length + 1)
    if parameter.format is not None or parameter.pattern is not None:
        yield "not that at all"
    item = None if parameter.items is None else sample(parameter.items)
    if parameter.min_items:
        yield [item] * (parameter.min_items - 1)
    if parameter.max_items is not None:
        yield [item] * (parameter.max_items + 1)


def _kinds(parameter: Parameter) -> set[str]:
    kinds = {kind for choice in parameter.any_of for kind in _kinds(choice)} | {str(parameter.type)}
    return {"number" if kind == "integer" else kind for kind in kinds}


def _of_another_kind(parameter: Parameter) -> Value:
    others: tuple[tuple[str, Value], ...] = (
        ("number", 7),
        ("boolean", True),
        ("object", {"a": 1}),
        ("array", [None]),
        ("string", "x"),
    )
    taken = _kinds(parameter)
    return next(value for kind, value in others if kind not in taken)


def _is_alone(choice: Parameter, parameter: Parameter) -> bool:
    """Whether no other choice takes values of this kind."""
    return sum(not _kinds(choice).isdisjoint(_kinds(other)) for other in parameter.any_of) == 1
