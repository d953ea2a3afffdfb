"""What an operator's own files say of a model is on its page and in lists: closed, bought from some only, renamed."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from modelport.console.page import Page
from modelport.console.site import Console
from modelport.core.clock import SystemClock
from modelport.routing.router import Router
from tests.catalogue.written import PACKAGE, SHOP, loaded
from tests.console.shelves import ROOT
from tests.console.test_pages import Tags

DEPOT = SHOP.replace("Shop", "Depot").replace("shop", "depot").replace("SHOP", "DEPOT")
BOTH = PACKAGE | {"providers/depot.toml": DEPOT}
CLOSED = 'id = "acme/small"\nmaintenance = "Back at noon."'


def console(folder: Path, files: Mapping[str, str], *configured: str) -> Console:
    """Make pages of a small catalogue that two providers sell, with an operator's files on top."""
    router = Router(loaded(folder, files, BOTH), frozenset(configured or ("shop", "depot")))
    return Console(lambda: router, SystemClock())


def words(page: Page) -> str:
    tags = Tags(page)
    assert tags.faults == []
    return tags.words


def of_model(text: str) -> dict[str, str]:
    return {"own.toml": f"[[models]]\n{text}\n"}


def test_the_page_of_a_model_in_maintenance_says_what_callers_are_told(tmp_path: Path) -> None:
    text = words(console(tmp_path, of_model(CLOSED)).model(ROOT, "acme/small"))
    assert "In maintenance. Back at noon." in text
    assert text.count("In maintenance Back at noon.") == 2
    assert "Ready here" not in text


@pytest.mark.parametrize("path", ["/models", "/llms.txt"])
def test_lists_say_which_models_are_in_maintenance(tmp_path: Path, path: str) -> None:
    def listed(made: Console) -> str:
        return (made.models(ROOT, []) if path == "/models" else made.llms(ROOT)).body.decode()

    assert "in maintenance" in listed(console(tmp_path / "closed", of_model(CLOSED)))
    assert "in maintenance" not in listed(console(tmp_path / "open", {}))


def test_a_provider_in_maintenance_is_told_and_the_others_serve(tmp_path: Path) -> None:
    text = words(console(tmp_path, {"shop.toml": 'maintenance = "Shop moves."'}).model(ROOT, "acme/small"))
    assert "Ready here through Depot." in text
    assert "Shop In maintenance Shop moves." in text
    assert "In maintenance. Shop moves." not in text


def test_a_model_is_in_maintenance_with_all_who_would_serve_it(tmp_path: Path) -> None:
    text = words(console(tmp_path, {"shop.toml": 'maintenance = "Shop moves."'}, "shop").model(ROOT, "acme/small"))
    assert "In maintenance. Shop moves." in text
    assert "Depot Not configured needs DEPOT_API_KEY" in text


def test_a_page_says_who_alone_may_serve_its_model(tmp_path: Path) -> None:
    made = console(tmp_path, of_model('id = "acme/small"\nonly_providers = ["shop"]'))
    text = words(made.model(ROOT, "acme/small"))
    assert "Ready here through Shop." in text
    assert "Here it is bought from Shop only." in text
    assert "Depot" not in text


def test_a_page_says_that_those_who_alone_may_serve_its_model_do_not_sell_it(tmp_path: Path) -> None:
    files = of_model('id = "acme/small"\nonly_providers = ["other"]')
    files["other.toml"] = 'name = "Other"\nbase_url = "https://other.example"\nspeaks = { chat = "openai_chat" }'
    text = words(console(tmp_path, files).model(ROOT, "acme/small"))
    assert "Not served here: only Other may serve it, and does not sell it." in text
    assert "Here it is bought from Other only. None of them sells it." in text


def test_a_renamed_model_is_found_under_both_ids_and_says_which_is_the_former(tmp_path: Path) -> None:
    made = console(tmp_path, {"catalogue.toml": 'rename = { "acme/small" = "house/mini" }'})
    page = made.model(ROOT, "Acme/SMALL")
    assert page.status == 200
    assert f'<link rel="canonical" href="{ROOT}/models/house/mini">' in page.body.decode()
    assert "acme/small was its id before it was renamed here; both work." in words(page)
    assert "acme/small its id before it was renamed here" in words(made.model(ROOT, "house/mini"))
    assert "was its id" not in words(made.model(ROOT, "house/mini"))
    assert "acme/small" in words(made.ids(ROOT))
    assert 'href="/models/house/mini"' in made.models(ROOT, [("q", "acme/small")]).body.decode()


def test_a_page_says_to_how_much_an_operator_keeps_answers(tmp_path: Path) -> None:
    made = console(tmp_path, of_model('id = "acme/small"\nmost_output_tokens = 2000'))
    assert "Answers are kept to 2,000 tokens here." in words(made.model(ROOT, "acme/small"))


def test_a_retired_id_leads_to_its_replacement_under_the_id_that_this_has_now(tmp_path: Path) -> None:
    retired = '[[retired]]\nid = "acme/old"\nreplacement = "acme/small"\n'
    page = console(tmp_path, {"own.toml": retired}).model(ROOT, "ACME/Old")
    assert page.status == 404
    assert "acme/old is retired Use acme/small instead." in words(page)
    assert 'href="/models/acme/small"' in page.body.decode()


def test_a_retired_id_does_not_lead_to_a_model_that_is_hidden(tmp_path: Path) -> None:
    retired = '[[retired]]\nid = "acme/old"\nreplacement = "acme/small"\n'
    made = console(tmp_path, {"own.toml": retired, "hiding.toml": '[[models]]\nid = "acme/small"\nhidden = true\n'})
    text = words(made.model(ROOT, "acme/old"))
    assert "acme/old is retired No replacement was named" in text
    assert "acme/small" not in words(made.ids(ROOT))
