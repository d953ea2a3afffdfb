"""Whatever is sent, a request is a call or is refused with its faults: nothing else happens."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from modelport.catalogue.facts import Model
from modelport.core.errors import InvalidBody
from modelport.dialects.media.addresses import IMAGE_EDITS, Met
from modelport.dialects.media.call import Sent, checked, opened, taken_by
from modelport.dialects.media.sizes import SPELLINGS
from modelport.dialects.media.spellings import PICTURES, SAME
from modelport.operations.media import Upload
from modelport.operations.units import COUNTS
from tests.catalogue.drawn import media_models
from tests.serving.test_media import met_of

MODELS = media_models()
WORDS = ("auto", "1024x1024", "0x0", "16:9", "0:0", "url", "1", "true", "square", "x" * 200, "99999x00001")
NUMBERS = st.sampled_from((0, 1, -1, 10**30, 10**400, 1e308, 0.5))
LEAVES = st.none() | st.booleans() | NUMBERS | st.sampled_from(WORDS) | st.text(max_size=5)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(("width", "height", "type", "url", "a")), inner, max_size=3)
    ),
    max_leaves=5,
)
SWITCHES = ("response_format", "convert_base64_to_url", "output_format", "stream", "voice")
OTHERS = [*SPELLINGS, *COUNTS, *PICTURES, *SWITCHES]
ALIKE = [name for groups in SAME.values() for group in groups for name in group]


Drawn = tuple[Model, Met, dict[str, object]]


@st.composite
def requests(draw: st.DrawFn) -> Drawn:
    model = draw(st.sampled_from(MODELS))
    met = IMAGE_EDITS if IMAGE_EDITS.answers(model) and draw(st.booleans()) else met_of(model)
    names = st.sampled_from([*taken_by(model, met), *OTHERS, *ALIKE, "nobody knows this"])
    return model, met, draw(st.dictionaries(names, VALUES | st.just(Upload("a", "b", b"c")), max_size=6))


@settings(max_examples=600)
@given(requests())
def test_noise_under_the_names_of_fields_is_refused_with_its_places(
    drawn: Drawn,
) -> None:
    model, met, fields = drawn
    try:
        call = checked(Sent(model.id, None, fields), model, met)
    except InvalidBody as refused:
        assert refused.param
        assert all(len(line) < 8000 for line in refused.faults)
    else:
        assert call.fields.keys() <= taken_by(model, met).keys()


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(("model", "provider", "a")), VALUES | st.text(), max_size=3))
def test_noise_under_the_names_of_the_gateways_own_fields_is_refused(fields: dict[str, object]) -> None:
    try:
        sent = opened(json.dumps(fields).encode(), "", met_of(MODELS[0]))
    except InvalidBody:
        return
    assert sent.model
