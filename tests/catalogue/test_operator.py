"""What an operator decides on top of our files: renames, restrictions, maintenance, several layers."""

from pathlib import Path

import pytest

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.load import load
from modelport.catalogue.problems import CatalogueInvalid, UnknownModel
from modelport.catalogue.sources import Source
from tests.catalogue.written import PACKAGE, SHOP, SMALL, faults, loaded, write

LARGE = 'name = "Large"\nmaker = "Acme"\n'
OTHER = SHOP.replace("Shop", "Other").replace("SHOP_API_KEY", "OTHER_API_KEY")
THREE = {
    **PACKAGE,
    "models/acme/large.toml": LARGE,
    "models/zen/calm.toml": 'name = "Calm"\nmaker = "Zen"\n',
    "providers/other.toml": OTHER,
}


def settings(text: str) -> dict[str, str]:
    return {"catalogue.toml": text}


def test_a_renamed_model_is_found_under_its_new_id_and_all_its_old_names(tmp_path: Path) -> None:
    known = loaded(tmp_path, settings('rename = { "acme/small" = "house/tiny" }'))
    model = known.find("acme/small")
    assert (model.id, model.former) == ("house/tiny", "acme/small")
    assert model.aliases == ("acme/small", "small", "Acme-Small")
    assert known.find("SMALL") is known.find("house/tiny") is model
    assert [offer.model_id for offer in known.offers("house/tiny")] == ["house/tiny"]


@pytest.mark.parametrize("name", ["acme/small", "house/tiny"])
def test_other_files_may_call_a_renamed_model_by_either_id(tmp_path: Path, name: str) -> None:
    overlay = settings(f'rename = {{ "acme/small" = "house/tiny" }}\nhide = ["{name}"]')
    with pytest.raises(UnknownModel):
        loaded(tmp_path, overlay).find("house/tiny")
    dearer = f'[[offers]]\nmodel = "{name}"\nrates = [{{ from = 2026-01-01, input = "9", output = "9" }}]'
    described = f'[[models]]\nid = "{name}"\ncontext_tokens = 4096\n'
    overlay = settings('rename = { "acme/small" = "house/tiny" }') | {
        "shop.toml": dearer,
        "models/mine.toml": described,
    }
    known = loaded(tmp_path / "again", overlay)
    (offer,) = known.offers("house/tiny")
    assert offer.rates[0].by_meter["input"] == 18_000_000_000_000
    assert (offer.upstream, known.find("small").context_tokens) == ("small-1", 4096)


def test_an_alias_can_become_the_id(tmp_path: Path) -> None:
    model = loaded(tmp_path, settings('rename = { "acme/small" = "small" }')).find("acme/small")
    assert (model.id, model.aliases) == ("small", ("acme/small", "Acme-Small"))


@pytest.mark.parametrize(
    ("rename", "told"),
    [
        ('{ "acme/smal" = "x" }', "rename.acme/smal: no model is called 'acme/smal'; write 'acme/small'"),
        ('{ "acme/small" = "acme/large" }', "rename.acme/small: 'acme/large' is already the id of another model"),
        ('{ "acme/small" = "x", "acme/large" = "x" }', "rename.acme/large: 'x' is given to two models"),
        ('{ "acme/small" = "a b" }', "rename.acme/small: 'a b' is not a model id"),
    ],
)
def test_a_rename_that_cannot_be_is_told(tmp_path: Path, rename: str, told: str) -> None:
    (fault,) = faults(tmp_path, settings(f"rename = {rename}"), THREE)
    assert str(fault).startswith(f"catalogue/catalogue.toml: {told}")


def test_only_the_named_models_are_seen(tmp_path: Path) -> None:
    def seen(text: str) -> list[str]:
        return [model.id for model in loaded(tmp_path, settings(text), THREE).models()]

    assert seen('only = ["acme/*"]') == ["acme/large", "acme/small"]
    assert seen('only = ["small", "zen/calm"]') == ["acme/small", "zen/calm"]
    assert seen('only = ["acme/*"]\nhide = ["small"]') == ["acme/large"]
    assert seen('hide = ["acme/*"]') == ["zen/calm"]


@pytest.mark.parametrize("key", ["only", "hide"])
@pytest.mark.parametrize("name", ["acme/smal", "amce/*"])
def test_a_model_or_maker_that_there_is_not_is_told(tmp_path: Path, key: str, name: str) -> None:
    (fault,) = faults(tmp_path, settings(f'{key} = ["{name}"]'))
    assert str(fault).startswith(f"catalogue/catalogue.toml: {key}: no model is called '{name}'")


def test_a_model_is_sold_by_the_providers_that_it_names(tmp_path: Path) -> None:
    mine = {"models/acme/small.toml": 'only_providers = ["other"]'}
    known = loaded(tmp_path, mine, THREE)
    assert [offer.provider.id for offer in known.offers("acme/small")] == ["other"]
    (fault,) = faults(tmp_path, {"models/acme/small.toml": 'only_providers = ["othr"]'}, THREE)
    assert "no provider is called 'othr'; write 'other'" in str(fault)


@pytest.mark.parametrize(
    ("models", "sellers"), [('["zen/*"]', ["shop"]), ('["small"]', ["other", "shop"]), ("[]", ["shop"])]
)
def test_a_provider_sells_only_the_models_that_it_names(tmp_path: Path, models: str, sellers: list[str]) -> None:
    known = loaded(tmp_path, {"other.toml": f"only_models = {models}"}, THREE)
    assert [offer.provider.id for offer in known.offers("acme/small")] == sellers


def test_maintenance_is_of_a_model_a_provider_or_everything(tmp_path: Path) -> None:
    known = loaded(
        tmp_path,
        {
            "catalogue.toml": 'maintenance = "Moving house."',
            "models/acme/small.toml": 'maintenance = "New weights."',
            "models/zen/calm.toml": 'maintenance = ""',
            "shop.toml": 'maintenance = "Until noon."',
        },
        THREE,
    )
    told = {model.id: model.maintenance for model in known.models()}
    assert told == {"acme/large": "Moving house.", "acme/small": "New weights.", "zen/calm": ""}
    assert {one.id: one.maintenance for one in known.providers()} == {"other": "", "shop": "Until noon."}


def test_a_text_of_several_lines_is_no_text_for_callers(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, {"shop.toml": 'maintenance = "one\\ntwo"'})
    assert "is not one line of at most 500 characters" in str(fault)


def applied(tmp_path: Path, files: dict[str, str], overlay: dict[str, str]) -> Catalogue:
    above = [Source("applied", name, text.encode()) for name, text in files.items()]
    return load(write(tmp_path / "overlay", overlay), data=write(tmp_path / "package", THREE), applied=above)


def test_the_folder_lies_on_what_was_applied_and_that_on_ours(tmp_path: Path) -> None:
    files = {
        "catalogue.toml": 'markup = "2"\nhide = ["zen/calm"]\nrename = { "acme/small" = "house/tiny" }',
        "models/acme/small.toml": 'description = "Applied."\ncontext_tokens = 10',
        "shop.toml": "priority = 5",
    }
    known = applied(
        tmp_path,
        files,
        {
            "catalogue.toml": 'markup = "3"',
            "models/zen/calm.toml": "hidden = false",
            "models/acme/small.toml": 'description = "Local."',
        },
    )
    model = known.find("house/tiny")
    assert (model.name, model.description, model.context_tokens) == ("Small", "Local.", 10)
    assert known.find("zen/calm").name == "Calm"
    assert {str(offer.markup) for offer in known.offers("house/tiny")} == {"3"}
    assert [one.priority for one in known.providers()] == [100, 5]


def test_a_fault_of_what_was_applied_names_it(tmp_path: Path) -> None:
    with pytest.raises(CatalogueInvalid, match=r"applied/shop.toml: prioritty: is not a key"):
        applied(tmp_path, {"shop.toml": "prioritty = 5"}, {})
    with pytest.raises(CatalogueInvalid, match=r"applied/mine.toml: base_url: 'unix:' names an engine"):
        applied(tmp_path, {"mine.toml": 'name = "M"\nbase_url = "unix:llama"\nspeaks = { chat = "openai_chat" }'}, {})


def test_only_what_the_operator_changed_is_read_anew(tmp_path: Path) -> None:
    package, cache = write(tmp_path / "package", THREE), tmp_path / "cache"
    load(data=package, cache=cache)
    kept = {path: path.stat().st_mtime_ns for path in cache.glob("parsed-*")}
    overlay = write(tmp_path / "overlay", settings('markup = "2"'))
    assert {str(offer.markup) for offer in load(overlay, cache, package).offers("acme/small")} == {"2"}
    assert {path: path.stat().st_mtime_ns for path in cache.glob("parsed-*")} == kept
    write(package, {"models/acme/small.toml": SMALL.replace("Small", "Tiny")})
    assert load(overlay, cache, package).find("acme/small").name == "Tiny"
