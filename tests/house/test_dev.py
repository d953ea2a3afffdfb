"""`make dev`: what the server is given to play with."""

from pathlib import Path

from tools import dev

from modelport.catalogue.load import load


def test_the_catalogue_for_development_is_valid_and_leads_nowhere_but_to_the_fake(tmp_path: Path) -> None:
    dev.write_overlay(tmp_path, "http://127.0.0.1:1")
    catalogue = load(overlay=tmp_path)
    for model in dev.MADE_UP:
        offers = catalogue.offers(model)
        assert [offer.provider.base_url for offer in offers] == ["http://127.0.0.1:1/engine/v1"]
        assert offers[0].rates


def test_a_change_of_the_source_is_seen(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    (tmp_path / "a.py").touch()
    before = dev.source_state(tmp_path)
    assert [Path(path).name for path in before] == ["a.py"]
    (tmp_path / "prices.toml").touch()
    assert dev.source_state(tmp_path) != before
