"""A request is checked against what its model is said to take."""

import re
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelport.catalogue.parameters import Parameter
from modelport.catalogue.validation import MAX_DROPPED, MAX_FAULTS, complete
from modelport.core.errors import InvalidBody
from modelport.operations.media import Upload
from tests.catalogue.drawn import crossings, fitting, media_parameters, required_of, sample

MEDIA = media_parameters()
FORMS = {
    msgspec.json.encode(parameter): parameter for parameters in MEDIA.values() for parameter in parameters.values()
}
"""Every parameter of every media model, each form once."""


def refusal(parameter: Parameter, value: object) -> InvalidBody:
    """Have one field refused."""
    with pytest.raises(InvalidBody) as refused:
        complete({"field": parameter}, {"field": value})
    return refused.value


def taken(parameter: Parameter, value: object) -> object:
    """Have one field taken."""
    return complete({"field": parameter}, {"field": value}).fields["field"]


@settings(max_examples=500)
@given(st.sampled_from(list(FORMS.values())).flatmap(lambda one: st.tuples(st.just(one), fitting(one))))
def test_a_value_that_a_parameter_describes_is_taken(drawn: tuple[Parameter, object]) -> None:
    parameter, value = drawn
    complete({"field": msgspec.structs.replace(parameter, required=False)}, {"field": value})


@pytest.mark.parametrize("model", MEDIA)
def test_a_request_with_the_plainest_values_of_all_parameters_of_a_model_is_taken(model: str) -> None:
    parameters = MEDIA[model]
    whole = complete(parameters, {name: sample(one) for name, one in parameters.items()})
    assert whole.fields.keys() == parameters.keys()
    least = complete(parameters, required_of(parameters))
    assert least.fields.keys() == {name for name, one in parameters.items() if one.required or one.default is not None}


def crossed(model: str) -> Iterator[tuple[str, dict[str, object]]]:
    """Make requests to a model that are wrong in one place each."""
    parameters = MEDIA[model]
    whole = required_of(parameters)
    for name, one in parameters.items():
        if one.required:
            yield name, {key: value for key, value in whole.items() if key != name}
        yield from ((place, {**whole, name: value}) for place, value in crossings(one, name))


@pytest.mark.parametrize("model", MEDIA)
def test_each_bound_that_a_model_documents_is_held_and_its_place_named(model: str) -> None:
    tried = 0
    for place, body in crossed(model):
        with pytest.raises(InvalidBody, match="Body validation error") as refused:
            complete(MEDIA[model], body)
        assert refused.value.param == place, body
        assert len(refused.value.faults) == 1, refused.value.faults
        assert re.fullmatch(r"'[^']+': (Expected .+, received .+|Required)", refused.value.faults[0], re.DOTALL)
        tried += 1
    assert tried >= len(MEDIA[model])


SIZE = Parameter(
    any_of=(
        Parameter(
            type="object",
            properties={
                side: Parameter(type="integer", minimum=512, maximum=1440, multiple_of=32, default=1024)
                for side in ("width", "height")
            },
        ),
        Parameter(type="string", enum=("square", "wide")),
    )
)


@pytest.mark.parametrize(
    ("parameter", "value", "line"),
    [
        (Parameter(type="number", maximum=2), 3.5, "'field': Expected number at most 2, received 3.5"),
        (Parameter(type="integer", minimum=1, maximum=4), 5, "'field': Expected integer from 1 to 4, received 5"),
        (Parameter(type="integer"), True, "'field': Expected integer, received true"),
        (Parameter(type="integer"), 1.5, "'field': Expected integer, received 1.5"),
        (Parameter(type="number", exclusive_minimum=0), 0, "'field': Expected number above 0, received 0"),
        (Parameter(type="number", multiple_of=0.1), 0.25, "'field': Expected number, a multiple of 0.1, received 0.25"),
        (Parameter(type="string"), 7, "'field': Expected string, received 7"),
        (
            Parameter(type="string", max_length=3),
            "four",
            "'field': Expected string of at most 3 characters, received string of 4 characters",
        ),
        (
            Parameter(type="string", pattern="^a"),
            "b",
            "'field': Expected string that matches ^a, received \"b\"",
        ),
        (
            Parameter(type="string", pattern="^a", description="begins with an a"),
            "b",
            "'field': Expected string (begins with an a), received \"b\"",
        ),
        (Parameter(type="string", enum=("a", "b")), "c", "'field': Expected one of 'a', 'b', received \"c\""),
        (Parameter(type="integer", enum=(5, 10)), 7, "'field': Expected one of 5, 10, received 7"),
        (Parameter(type="number", enum=(1,)), 2, "'field': Expected 1, received 2"),
        (Parameter(type="boolean"), "true", "'field': Expected boolean, received \"true\""),
        (
            Parameter(type="string", format="uri"),
            "cat.png",
            "'field': Expected an http or https URL, a data: URL or base64, received \"cat.png\"",
        ),
        (
            Parameter(type="array", max_items=1, items=Parameter(type="string", format="uri")),
            [1, 2],
            "'field': Expected array of at most 1 URLs, received array of 2",
        ),
        (Parameter(type="file"), "cat", "'field': Expected a file, sent as multipart/form-data, received \"cat\""),
        (Parameter(type="string"), Upload("a", "b", b"c"), "'field': Expected string, received a file"),
        (SIZE, {"width": 100}, "'field.width': Expected integer from 512 to 1440, a multiple of 32, received 100"),
        (SIZE, "tall", "'field': Expected one of 'square', 'wide', received \"tall\""),
        (
            SIZE,
            7,
            "'field': Expected object with 'width' and 'height', each integer from 512 to 1440, a multiple of 32 or "
            "one of 'square', 'wide', received 7",
        ),
    ],
)
def test_a_fault_says_where_what_fits_and_what_came(parameter: Parameter, value: object, line: str) -> None:
    problem = refusal(parameter, value)
    assert problem.faults == (line,)
    assert problem.message == f"Body validation error\n{line}"


def test_every_fault_of_a_request_is_told_and_the_first_is_the_one_to_blame() -> None:
    parameters = {"prompt": Parameter(type="string", required=True), "n": Parameter(type="integer")}
    with pytest.raises(InvalidBody) as refused:
        complete(parameters, {"n": "two"})
    assert refused.value.faults == ("'prompt': Required", "'n': Expected integer, received \"two\"")
    assert refused.value.param == "prompt"


TAGGED = Parameter(
    any_of=tuple(
        Parameter(
            type="object",
            properties={
                "type": Parameter(type="string", enum=(kind,), required=True),
                kind: Parameter(type="string", format="uri", required=True),
            },
        )
        for kind in ("document_url", "image_url")
    )
)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({"type": "image_url"}, "'field.image_url': Required"),
        ({"type": "page"}, "'field.type': Expected one of 'document_url', 'image_url', received \"page\""),
        ({}, "'field.type': Expected one of 'document_url', 'image_url', received null"),
    ],
)
def test_of_several_objects_the_one_that_its_tag_names_is_meant(value: object, line: str) -> None:
    assert refusal(TAGGED, value).faults == (line,)


def test_defaults_are_filled_in_also_inside_of_what_was_sent() -> None:
    parameters = {"image_size": SIZE, "seed": Parameter(type="integer"), "n": Parameter(type="integer", default=1)}
    assert complete(parameters, {"image_size": {"width": 512}}).fields == {
        "image_size": {"width": 512, "height": 1024},
        "n": 1,
    }


def test_a_default_that_is_changed_later_does_not_change_the_catalogue() -> None:
    speakers = Parameter(type="array", default=["Alice"])
    first = complete({"speakers": speakers}, {}).fields["speakers"]
    assert isinstance(first, list)
    first.clear()
    assert complete({"speakers": speakers}, {}).fields["speakers"] == ["Alice"]


def test_a_null_is_nothing_unless_the_parameter_knows_it() -> None:
    parameters = {
        "plain": Parameter(type="integer"),
        "knows": Parameter(type="boolean", nullable=True, default=False),
        "must": Parameter(type="string", required=True),
    }
    sent = {"plain": None, "knows": None, "must": "x"}
    assert complete(parameters, sent).fields == {"knows": None, "must": "x"}
    with pytest.raises(InvalidBody, match="'must': Required"):
        complete(parameters, {"must": None})


def test_a_whole_number_with_a_point_is_an_integer_and_true_is_no_number() -> None:
    assert repr(taken(Parameter(type="integer", maximum=8), 8.0)) == "8"
    assert refusal(Parameter(type="number", enum=(1,)), True).param == "field"


def test_what_nobody_described_is_left_out_and_named() -> None:
    size = Parameter(type="object", properties={"width": Parameter(type="integer")})
    whole = complete({"size": size}, {"size": {"width": 1, "depth": 2}, "mood": "good"})
    assert whole.fields == {"size": {"width": 1}}
    assert whole.dropped == ("size.depth", "mood")


def test_an_object_of_which_nothing_is_said_is_taken_as_it_is() -> None:
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}
    assert taken(Parameter(type="object"), schema) == schema


def test_members_that_are_not_named_are_checked_where_something_is_said_of_them() -> None:
    extra = Parameter(type="object", additional_properties=Parameter(type="integer"))
    assert taken(extra, {"a": 1}) == {"a": 1}
    assert refusal(extra, {"a": 1, "b": "2"}).param == "field.b"


def test_a_field_is_called_what_its_sender_called_it() -> None:
    with pytest.raises(InvalidBody) as refused:
        complete({"num_images": Parameter(type="integer", maximum=4)}, {"num_images": 7}, {"num_images": "n"})
    assert (refused.value.param, refused.value.faults) == ("n", ("'n': Expected integer at most 4, received 7",))


@pytest.mark.parametrize(
    "link",
    [
        "https://files.example/a.png?x=1#y",
        "HTTP://files.example",
        "data:image/png;base64,iVBORw0KGgo=",
        "data:,hello world",
        "iVBORw0KGgo" * 10,
        "iVBORw0K\r\n" * 20 + "aa==\n",
    ],
)
def test_a_file_is_given_by_link_data_url_or_base64(link: str) -> None:
    assert taken(Parameter(type="string", format="uri"), link) == link


@pytest.mark.parametrize("link", ["", "https://", "/etc/passwd", "file:///etc/passwd", "ftp://a/b", "a cat " * 30])
def test_what_is_none_of_these_is_refused(link: str) -> None:
    assert refusal(Parameter(type="string", format="uri"), link).param == "field"


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("date", "2026-02-28", "2026-02-30"),
        ("date", "2026-02-28", "2026-02-28T00:00:00Z"),
        ("date-time", "2026-02-28T12:00:00Z", "2026-02-28T12:00:00"),
        ("date-time", "2026-02-28T12:00:00+01:00", "yesterday"),
        ("base64", "aGk=", "a b"),
    ],
)
def test_other_formats_are_held_too(form: str, good: str, bad: str) -> None:
    assert taken(Parameter(type="string", format=form), good) == good
    assert refusal(Parameter(type="string", format=form), bad).param == "field"


def test_a_hostile_request_is_told_a_few_faults_and_costs_no_more_than_its_size() -> None:
    numbers = Parameter(type="array", items=Parameter(any_of=(Parameter(type="integer"), Parameter(type="boolean"))))
    assert len(refusal(numbers, ["x"] * 200_000).faults) == MAX_FAULTS
    unknown: dict[str, object] = {f"{number}{'x' * 1000}": [] for number in range(5000)}
    whole = complete({}, unknown)
    assert len(whole.dropped) == MAX_DROPPED
    assert max(map(len, whole.dropped)) <= 100
    assert len(refusal(Parameter(type="string", enum=("a",)), "x" * 5_000_000).faults[0]) < 200


def test_a_number_of_any_size_is_compared() -> None:
    tenths = Parameter(type="number", multiple_of=0.1)
    assert refusal(tenths, 1e308).param == "field"
    assert taken(tenths, 0.3) == 0.3
    assert refusal(Parameter(type="integer", maximum=4), 10**30).param == "field"


@pytest.mark.parametrize(
    ("model", "name", "value"),
    [
        (
            "mistral/mistral-ocr-latest",
            "document_annotation_format",
            {"type": "json_schema", "json_schema": {"name": "page", "schema": {"type": "object", "required": ["a"]}}},
        ),
        ("mistral/mistral-ocr-latest", "pages", None),
        ("zhipu/glm-ocr", "pages", [0, 2]),
        ("bytedance/seed-audio-1-0", "audio_config", {"sample_rate": "24000"}),
        ("bytedance/seed-audio-1-0", "audio_config", {"sample_rate": 24000}),
    ],
)
def test_what_vendors_document_is_taken(model: str, name: str, value: object) -> None:
    whole = complete(MEDIA[model], {**required_of(MEDIA[model]), name: value})
    assert not whole.dropped
    assert name in whole.fields
