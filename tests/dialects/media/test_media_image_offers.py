"""Every model of ours that draws can be called wherever it is offered, with all that it takes."""

from collections.abc import Sequence

import pytest

from modelport.catalogue.facts import Offer
from modelport.catalogue.load import load
from modelport.core.errors import InvalidBody
from modelport.dialects.media.addresses import IMAGES
from modelport.dialects.media.taking import OURS
from modelport.dialects.wire import UpstreamRequest
from modelport.operations.made import Pictures
from tests.dialects.media.offers import Sold, play, sold
from tests.fake.media.seam import MediaStudio

IMAGEN = "google/imagen-4.0-generate-001"


def imagen() -> Sold:
    """Imagen as Google sold it: nobody does by our catalogue, but the format is there for whoever knows a seller."""
    catalogue = load()
    google = next(one for one in catalogue.providers() if one.id == "google")
    offer = Offer(IMAGEN, google, IMAGEN.partition("/")[2], speaks=("google_imagen",))
    return Sold(catalogue.find(IMAGEN), offer, IMAGES)


OFFERS = (*sold("images", IMAGES), imagen())
each_offer = pytest.mark.parametrize("one", OFFERS, ids=lambda one: f"{one.model.id} at {one.offer.provider.id}")


def drawn(one: Sold, given: dict[str, object]) -> int:
    """Have pictures drawn by the fake; return how many there are."""
    made = play(one, one.order(given), MediaStudio("https://fake.example")).made
    assert isinstance(made, Pictures)
    assert all(file.data or file.link for file in made.files)
    return len(made.files)


@each_offer
def test_the_shortest_request_draws_a_picture(one: Sold) -> None:
    assert drawn(one, one.shortest) == 1


@each_offer
@pytest.mark.parametrize("at", [0, -1])
def test_a_request_with_every_parameter_draws_pictures_but_for_what_is_refused_by_name(one: Sold, at: int) -> None:
    given = {name: one.values(name)[at] for name in one.parameters}
    while True:
        try:
            assert drawn(one, given) >= 1
            return
        except InvalidBody as refused:
            assert refused.param in given, refused
            assert refused.param not in one.shortest, refused
            del given[refused.param]


@each_offer
def test_no_field_is_lost(one: Sold) -> None:
    """Another value makes another request, or the field is told as dropped, or it is refused by name."""
    for name in one.parameters:
        several = one.values(name)
        if name not in OURS and len(several) > 1:
            asked = [requests for value in several if (requests := asked_with(one, name, value)) is not None]
            is_told = any(name in request.dropped for requests in asked for request in requests)
            assert is_told or len(asked) < len(several) or len({written(requests) for requests in asked}) > 1, name


def asked_with(one: Sold, name: str, value: object) -> Sequence[UpstreamRequest] | None:
    """Return what is asked for with this value of a field; None where the field is refused by name."""
    try:
        return play(one, one.order({**one.shortest, name: value}), MediaStudio("https://fake.example")).requests
    except InvalidBody as refused:
        assert refused.param is not None
        assert refused.param.partition(".")[0].partition("[")[0] == name, refused
        return None


def written(requests: Sequence[UpstreamRequest]) -> tuple[tuple[str, bytes], ...]:
    return tuple((request.path, request.body) for request in requests if request.method == "POST")
