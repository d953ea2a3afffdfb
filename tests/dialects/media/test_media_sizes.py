"""A caller may spell size and count as it likes: the model gets its own, or its caller is told what it takes."""

import pytest

from modelport.catalogue.load import load
from modelport.core.errors import InvalidBody
from modelport.dialects.media.addresses import IMAGES, VIDEO
from modelport.dialects.media.call import Sent, checked
from modelport.operations.media import MediaCall

CATALOGUE = load()
PICTURED = {"images": IMAGES, "video": VIDEO}


def read(model: str, **fields: object) -> MediaCall:
    """Read a request to a model of ours."""
    found = CATALOGUE.find(model)
    return checked(Sent(model, None, {"prompt": "a cat", **fields}), found, PICTURED[found.operation])


def refusal(model: str, **fields: object) -> InvalidBody:
    with pytest.raises(InvalidBody) as refused:
        read(model, **fields)
    return refused.value


FLUX = "flux/schnell"
GPT = "openai/gpt-image-1"
IMAGEN = "google/imagen-4.0-generate-001"
BANANA = "google/nano-banana-pro"
GROK = "x-ai/grok-imagine-image"
SEEDREAM = "bytedance/seedream-4-5"
RUNWAY = "runway/gen4_aleph"


@pytest.mark.parametrize(
    ("model", "sent", "taken"),
    [
        (FLUX, {"image_size": "square"}, {"image_size": "square"}),
        (FLUX, {"image_size": {"width": 1024, "height": 512}}, {"image_size": {"width": 1024, "height": 512}}),
        (FLUX, {"size": "1024x512"}, {"image_size": {"width": 1024, "height": 512}}),
        (FLUX, {"size": "1024×512"}, {"image_size": {"width": 1024, "height": 512}}),
        (FLUX, {"image_size": "1024x512"}, {"image_size": {"width": 1024, "height": 512}}),
        (FLUX, {"size": {"width": 1024, "height": 512}}, {"image_size": {"width": 1024, "height": 512}}),
        (FLUX, {"size": "portrait_16_9"}, {"image_size": "portrait_16_9"}),
        (FLUX, {"aspect_ratio": "16:9"}, {"image_size": "landscape_16_9"}),
        (FLUX, {"aspect_ratio": "1:1"}, {"image_size": "square_hd"}),
        (FLUX, {"size": "auto"}, {"image_size": "landscape_4_3"}),
        (GPT, {"size": "1536x1024"}, {"size": "1536x1024"}),
        (GPT, {"image_size": {"width": 1024, "height": 1536}}, {"size": "1024x1536"}),
        (GPT, {"image_size": "square_hd"}, {"size": "1024x1024"}),
        (GPT, {"aspect_ratio": "3:2"}, {"size": "1536x1024"}),
        (GPT, {"aspect_ratio": "1:1"}, {"size": "1024x1024"}),
        (GPT, {"size": "auto", "quality": "auto"}, {"size": "1024x1024", "quality": "medium"}),
        ("dall-e-2", {"aspect_ratio": "1:1"}, {"size": "1024x1024"}),
        (IMAGEN, {"size": "1024x1024"}, {"aspect_ratio": "1:1"}),
        (IMAGEN, {"size": "1792x1024"}, {"aspect_ratio": "16:9"}),
        (IMAGEN, {"image_size": "portrait_4_3"}, {"aspect_ratio": "3:4"}),
        (BANANA, {"size": "2048x2048"}, {"aspect_ratio": "1:1", "resolution": "2K"}),
        (BANANA, {"size": "1024x1024"}, {"aspect_ratio": "1:1", "resolution": "1K"}),
        (BANANA, {"size": "2048x2048", "resolution": "4K"}, {"aspect_ratio": "1:1", "resolution": "4K"}),
        (BANANA, {"resolution": "4k"}, {"resolution": "4K", "aspect_ratio": "1:1"}),
        (GROK, {"size": "1024x1024"}, {"aspect_ratio": "1:1", "resolution": "1k"}),
        (SEEDREAM, {"size": "2k"}, {"image_size": "2K"}),
        (SEEDREAM, {"size": "2048x1536"}, {"image_size": {"width": 2048, "height": 1536}}),
        ("bytedance/seedream-3.0", {"image_size": {"width": 512, "height": 2048}}, {"size": "512x2048"}),
        ("flux-pro/v1.1-ultra", {"aspect_ratio": "1:1", "image_size": "square"}, {"aspect_ratio": "1:1"}),
    ],
)
def test_each_spelling_of_size_becomes_the_one_of_the_model(
    model: str, sent: dict[str, object], taken: dict[str, object]
) -> None:
    fields = read(model, **sent).fields
    assert {name: fields.get(name) for name in taken} == taken
    assert not (fields.keys() & {"size", "image_size", "aspect_ratio"}) - taken.keys()


@pytest.mark.parametrize(
    ("model", "name", "value", "told"),
    [
        (FLUX, "size", "100x100", "a multiple of 32"),
        (FLUX, "size", "huge", "'landscape_16_9' in 'image_size'"),
        (FLUX, "aspect_ratio", "21:9", "in 'image_size', received \"21:9\""),
        (GPT, "image_size", {"width": 640, "height": 480}, "one of '1024x1024', '1024x1536', '1536x1024' in 'size'"),
        (GPT, "size", "640x480", "one of '1024x1024', '1024x1536', '1536x1024', received \"640x480\""),
        (IMAGEN, "size", "1536x1024", "one of '1:1', '9:16', '16:9', '3:4', '4:3' in 'aspect_ratio'"),
        ("bytedance/seedream-3.0", "size", "511x1024", "from 512 to 2048 each"),
    ],
)
def test_a_size_that_a_model_cannot_make_is_refused_with_those_that_it_makes(
    model: str, name: str, value: object, told: str
) -> None:
    problem = refusal(model, **{name: value})
    assert problem.param == name
    assert len(problem.faults) == 1
    assert told in problem.faults[0]


def test_of_two_sizes_the_one_that_the_model_takes_holds_and_the_other_is_named() -> None:
    call = read(FLUX, size="1024x1024", image_size="square")
    assert call.fields["image_size"] == "square"
    assert call.dropped == ("size",)


@pytest.mark.parametrize(
    ("model", "sent", "taken"),
    [
        (FLUX, {"n": 2}, {"num_images": 2}),
        (FLUX, {"num_images": 3}, {"num_images": 3}),
        (FLUX, {}, {"num_images": 1}),
        (GROK, {"num_images": 7}, {"n": 7}),
        (GROK, {"n": 7}, {"n": 7}),
        (FLUX, {"n": 2, "num_images": 3}, {"num_images": 3}),
        (GROK, {"n": 2, "num_images": 3}, {"n": 3}),
    ],
)
def test_each_spelling_of_count_becomes_the_one_of_the_model(
    model: str, sent: dict[str, object], taken: dict[str, object]
) -> None:
    fields = read(model, **sent).fields
    assert {name: fields[name] for name in ("n", "num_images") if name in fields} == taken


@pytest.mark.parametrize(
    ("model", "name", "value", "line"),
    [
        (FLUX, "n", 5, "'n': Expected number from 1 to 4, received 5"),
        (FLUX, "num_images", 0, "'num_images': Expected number from 1 to 4, received 0"),
        (GPT, "num_images", 2, "'num_images': Expected 1, received 2"),
        (
            "google/nano-banana-2",
            "n",
            2,
            "'n': Expected 1, since the model makes one picture in a call, received 2",
        ),
    ],
)
def test_more_pictures_than_a_model_makes_are_refused_under_the_name_that_was_sent(
    model: str, name: str, value: int, line: str
) -> None:
    problem = refusal(model, **{name: value})
    assert (problem.param, problem.faults) == (name, (line,))


def test_one_picture_may_be_asked_of_a_model_that_makes_no_more() -> None:
    call = read("google/nano-banana-2", n=1)
    assert "n" not in call.fields
    assert not call.dropped


def test_a_size_in_pixels_becomes_the_shape_and_lines_of_a_video() -> None:
    fields = read("alibaba/wan2.5-t2v-preview", size="1280x720").fields
    assert (fields["aspect_ratio"], fields["resolution"]) == ("16:9", "720p")


def test_fields_of_pictures_are_no_errors_for_videos() -> None:
    call = read("google/veo-3.1-t2v", n=3, response_format="b64_json")
    assert call.dropped == ("n", "response_format")
