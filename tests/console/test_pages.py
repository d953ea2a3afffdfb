"""Pages of the whole catalogue: complete, well-formed, small, and quick to make."""

import html
import re
import time
from html.parser import HTMLParser
from itertools import pairwise
from urllib.parse import unquote

import pytest

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.compile import Facts
from modelport.catalogue.facts import CATEGORIES
from modelport.console.page import Page
from modelport.console.site import Console
from modelport.core.clock import SystemClock
from modelport.routing.router import Router
from tests.console.shelves import ROOT, catalogue, console, fresh_console, some_models

LIST_MOST = 300_000
VOID = {"meta", "link", "input", "br", "img", "path", "hr", "rect"}


class Tags(HTMLParser):
    """What a page is made of; `faults` are tags that do not close what was opened last."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page.body.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def every() -> dict[str, Tags]:
    """The pages of some models of every kind, and those that list them."""
    made = console()
    pages = {f"/models/{model.id}": made.model(ROOT, model.id) for model in some_models()}
    pages |= {"/": made.home(ROOT), "/models": made.models(ROOT, []), "/models/ids": made.ids(ROOT)}
    pages |= {"/models/nothing": made.model(ROOT, "nothing")}
    return {path: Tags(page) for path, page in pages.items()}


def test_every_page_is_well_formed(every: dict[str, Tags]) -> None:
    assert {path: tags.faults or tags.open for path, tags in every.items() if tags.faults or tags.open} == {}


@pytest.mark.long
def test_the_page_of_every_model_is_well_formed() -> None:
    for model in catalogue().models():
        tags = Tags(console().model(ROOT, model.id))
        assert not tags.faults + tags.open, model.id


def test_no_anchor_of_a_page_is_there_twice_and_every_link_within_it_leads_somewhere(every: dict[str, Tags]) -> None:
    for path, tags in every.items():
        anchors = [attributes["id"] for _, attributes in tags.tags if "id" in attributes]
        assert len(anchors) == len(set(anchors)), path
        wanted = [link["href"] for link in tags.all("a") if str(link.get("href")).startswith("#")]
        wanted += [f"#{label['for']}" for label in tags.all("label") if "for" in label]
        named = [name for _, attributes in tags.tags if (name := attributes.get("aria-labelledby"))]
        assert {*wanted, *(f"#{name}" for name in named)} <= {f"#{anchor}" for anchor in anchors}, path


def test_every_link_to_a_model_leads_to_one(every: dict[str, Tags]) -> None:
    for path, tags in every.items():
        for link in tags.all("a"):
            place = unquote(str(link.get("href")).partition("#")[0])
            if place.startswith("/models/") and place != "/models/ids":
                assert catalogue().find(place.removeprefix("/models/")), path


def test_nothing_of_a_page_is_loaded_from_elsewhere_or_written_into_it(every: dict[str, Tags]) -> None:
    for path, tags in every.items():
        for tag, attributes in tags.tags:
            assert str(attributes.get("src") or "/static/").startswith("/static/"), path
            assert tag != "style", path
            assert not [name for name in attributes if name.startswith("on") or name == "style"], path
        assert all(script.get("src") for script in tags.all("script")), path


def test_a_page_has_its_landmarks_and_one_first_heading_and_none_is_passed_over(every: dict[str, Tags]) -> None:
    for path, tags in every.items():
        levels = [int(tag[1]) for tag, _ in tags.tags if re.fullmatch("h[1-6]", tag)]
        assert levels.count(1) == 1, path
        below = levels[levels.index(1) :]
        assert all(low - high <= 1 for high, low in pairwise(below)), path
        assert len(tags.all("main")) == len(tags.all("footer")) == len(tags.all("h1")) == 1, path
        assert len(tags.all("nav")) == len([nav for nav in tags.all("nav") if nav.get("aria-label")]), path


def test_every_table_has_a_caption_and_headings_with_their_scope(every: dict[str, Tags]) -> None:
    for path, tags in every.items():
        assert len(tags.all("caption")) == len(tags.all("table")), path
        assert all(heading.get("scope") for heading in tags.all("th")), path


def test_every_field_has_a_label_and_every_button_a_name_of_its_own(every: dict[str, Tags]) -> None:
    for path, tags in every.items():
        labelled = {label.get("for") for label in tags.all("label")}
        for field in tags.all("input"):
            if field.get("type") in ("search", "radio"):
                assert field.get("id") in labelled or field.get("aria-label"), path
        for scrolled in tags.all("pre"):
            assert scrolled.get("tabindex") == "0", path
            assert scrolled.get("aria-label"), path


def test_a_page_tells_every_name_of_its_model_and_can_copy_it(every: dict[str, Tags]) -> None:
    for model in some_models():
        tags = every[f"/models/{model.id}"]
        copied = {button.get("data-copy") for button in tags.all("button")}
        assert {model.id, *model.aliases} <= copied
        assert model.name in tags.words
        assert f"{ROOT}{model.endpoints[0]}" in tags.words


def test_every_id_is_on_the_page_of_ids_and_retired_ones_apart_with_what_replaces_them() -> None:
    text = console().ids(ROOT).body.decode()
    current, _, gone = text.partition('<h2 id="retired">')
    for model in catalogue().models():
        assert all(html.escape(name) in current for name in (model.id, *model.aliases))
    for one in catalogue().retired():
        assert f">{html.escape(one.id)}<" in gone
        assert one.replacement is None or html.escape(one.replacement) in gone
    assert [f'<h2 id="{shelf}">' in current for shelf in {*CATEGORIES.values(), "voice-chat"}] == [True] * 11


def test_lists_are_small_and_pages_are_made_in_moments() -> None:
    made = fresh_console()
    made.home(ROOT)
    lists = [made.home(ROOT), made.models(ROOT, []), made.ids(ROOT), made.llms(ROOT)]
    assert all(len(page.body) < LIST_MOST and len(page.packed) < LIST_MOST / 10 for page in lists)
    took: list[float] = []
    for model in catalogue().models()[::10]:
        start = time.process_time()
        page = made.model(ROOT, model.id)
        took.append(time.process_time() - start)
        assert len(page.body) < LIST_MOST
    assert sorted(took)[len(took) // 2] < 0.05


def test_a_page_is_made_once_for_many_readers() -> None:
    made = console()
    assert made.model(ROOT, "gpt-4o") is made.model(ROOT, "gpt-4o")
    assert made.model("http://other.example", "gpt-4o") is not made.model(ROOT, "gpt-4o")


def test_a_new_catalogue_is_shown_at_once() -> None:
    empty = Catalogue(Facts(models=(), retired=(), providers=(), offers=()), "empty")
    routers = [Router(catalogue(), frozenset()), Router(empty, frozenset())]
    made = Console(lambda: routers[0], SystemClock())
    assert made.model(ROOT, "gpt-4o").status == 200
    del routers[0]
    assert made.model(ROOT, "gpt-4o").status == 404
    assert "0 models" in Tags(made.home(ROOT)).words


def test_a_page_says_who_serves_its_model_here_and_what_is_missing_elsewhere(every: dict[str, Tags]) -> None:
    assert "Ready here through OpenAI" in every["/models/gpt-4o"].words
    assert re.search("Not configured here. Set [A-Z_]+_KEY", every["/models/deepseek/deepseek-v3.2-speciale"].words)
    assert "Nobody is known to sell it." in every["/models/openai/gpt-image-1"].words


def test_an_alias_has_the_page_of_its_model() -> None:
    text = console().model(ROOT, "GPT-4o-2024-05-13").body.decode()
    assert f'<link rel="canonical" href="{ROOT}/models/' in text


def test_a_retired_id_leads_to_what_replaces_it_and_a_misspelt_one_to_what_it_may_mean() -> None:
    gone = next(one for one in catalogue().retired() if one.replacement)
    page = console().model(ROOT, gone.id)
    assert (page.status, f">{html.escape(str(gone.replacement))}</a>" in page.body.decode()) == (404, True)
    page = console().model(ROOT, "gpt-4p")
    assert (page.status, 'href="/models/gpt-4o"' in page.body.decode()) == (404, True)


def test_what_a_reader_writes_comes_back_as_text_only() -> None:
    evil = '"><script>alert(1)</script>'
    for page in (console().models(ROOT, [("q", evil), ("maker", evil)]), console().model(ROOT, evil)):
        assert "<script>" not in page.body.decode()
        assert not Tags(page).faults


def test_llms_txt_names_every_model_and_its_page() -> None:
    text = console().llms(ROOT).body.decode()
    assert text.startswith("# Modelport\n\n> ")
    assert all(f"- [{model.id}]({ROOT}/models/" in text for model in catalogue().models())
    assert "\n\n\n" not in text
