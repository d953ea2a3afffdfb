"""Models are found by id and alias, exactly first and in any case second."""

from pathlib import Path

import pytest

from modelport.catalogue.problems import RetiredModel, UnknownModel
from tests.catalogue.written import PACKAGE, loaded

TWINS = {
    "models/twins.toml": """
[[models]]
id    = "Twin/One"
name  = "Upper"
maker = "Twin"

[[models]]
id      = "twin/one"
name    = "Lower"
maker   = "Twin"
aliases = ["gpt-4o"]

[[retired]]
id          = "Twin/Old"
replacement = "twin/one"

[[retired]]
id = "twin/ancient"
"""
}


@pytest.mark.parametrize("name", ["acme/small", "small", "Acme-Small", "ACME/SMALL", "acme-small"])
def test_ids_and_aliases_match_in_any_case(tmp_path: Path, name: str) -> None:
    assert loaded(tmp_path).find(name).id == "acme/small"


def test_an_exact_id_comes_before_one_in_another_case(tmp_path: Path) -> None:
    catalogue = loaded(tmp_path, package=PACKAGE | TWINS)
    assert catalogue.find("Twin/One").name == "Upper"
    assert catalogue.find("twin/one").name == "Lower"
    assert catalogue.find("TWIN/ONE").name == "Upper"


def test_an_unknown_model_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel) as unknown:
        loaded(tmp_path, package=PACKAGE | TWINS).find("gpt4o")
    assert unknown.value.nearest[0] == "twin/one"
    assert unknown.value.param == "model"
    assert unknown.value.message == (
        "The model 'gpt4o' does not exist. Did you mean 'twin/one', 'Twin/One' or 'acme/small'? "
        "GET /v1/models lists every model."
    )


def test_a_name_like_none_is_told_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel) as unknown:
        loaded(tmp_path).find("zzzzzzzz")
    assert unknown.value.nearest == ("acme/small",)


@pytest.mark.parametrize("name", ["aimlapi/acme/smal", "other/smal", "smal", "aimlapi/smal"])
def test_a_name_is_compared_without_who_makes_or_passes_it_on(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnknownModel) as unknown:
        loaded(tmp_path, package=PACKAGE | TWINS).find(name)
    assert unknown.value.nearest[0] == "acme/small"


def test_an_endless_name_is_cut_in_the_answer(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel) as unknown:
        loaded(tmp_path).find("small" * 100_000)
    assert len(unknown.value.message) < 400


@pytest.mark.parametrize("name", ["Twin/Old", "twin/old"])
def test_a_retired_model_names_its_replacement(tmp_path: Path, name: str) -> None:
    with pytest.raises(RetiredModel) as retired:
        loaded(tmp_path, package=PACKAGE | TWINS).find(name)
    assert retired.value.message == "The model 'Twin/Old' is retired. Use 'twin/one' instead."


def test_a_retired_model_without_replacement_points_to_the_list(tmp_path: Path) -> None:
    with pytest.raises(RetiredModel) as retired:
        loaded(tmp_path, package=PACKAGE | TWINS).find("twin/ancient")
    assert retired.value.message.endswith("GET /v1/models lists what can be used instead.")
    assert retired.value.replacement is None
