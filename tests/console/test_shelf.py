"""Finding models: by words, and by what they are, can and cost."""

import pytest

from modelport.console.shelf import Shelf, Wanted, shelf_of
from modelport.routing.router import Router
from tests.console.shelves import CONFIGURED, ROOT, catalogue, console

NOW_MS = 1_795_000_000_000


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return shelf_of(catalogue(), Router(catalogue(), CONFIGURED), NOW_MS)


def ids(shelf: Shelf, **wanted: object) -> list[str]:
    return [entry.model.id for entry in shelf.select(Wanted(**wanted))]  # pyright: ignore[reportArgumentType]


def test_nothing_asked_for_is_everything(shelf: Shelf) -> None:
    assert sorted(ids(shelf)) == sorted(model.id for model in catalogue().models())


@pytest.mark.parametrize(
    "q", ["claude-sonnet-4-5-20250929", "CLAUDE sonnet 4.5", "sonnet claude 4 5", "anthropic sonnet 4.5"]
)
def test_a_search_finds_a_model_by_id_alias_name_and_maker_in_any_order(shelf: Shelf, q: str) -> None:
    assert "anthropic/claude-sonnet-4.5" in ids(shelf, q=q)


def test_what_is_called_just_so_comes_first(shelf: Shelf) -> None:
    assert ids(shelf, q="gpt-4o")[0] == "gpt-4o"
    assert ids(shelf, q="openai/gpt-5")[0] == "openai/gpt-5-2025-08-07"


def test_a_search_finds_retired_ids(shelf: Shelf) -> None:
    gone = next(one for one in catalogue().retired() if one.replacement)
    assert gone in shelf.retired_like(gone.id)
    assert shelf.retired_like("") == ()
    assert gone.id in console().models(ROOT, [("q", gone.id)]).body.decode()


def test_each_choice_narrows(shelf: Shelf) -> None:
    assert {catalogue().find(name).category for name in ids(shelf, task="music")} == {"music"}
    assert {catalogue().find(name).maker for name in ids(shelf, maker="anthropic")} == {"Anthropic"}
    found = ids(shelf, can=("tools", "vision"), context="1m")
    assert found
    for model in map(catalogue().find, found):
        assert {"tools", "vision"} <= model.capabilities
        assert (model.context_tokens or 0) >= 1_000_000
    assert "gpt-4o" in ids(shelf, here=True)
    assert "deepseek/deepseek-v3.2-speciale" not in ids(shelf, here=True)


def test_a_bound_on_price_keeps_what_costs_less_and_what_is_free(shelf: Shelf) -> None:
    cheap = shelf.select(Wanted(price="1"))
    assert cheap
    assert all(entry.is_free or (entry.blended is not None and entry.blended <= 1) for entry in cheap)
    assert all(entry.is_free for entry in shelf.select(Wanted(price="free")))


def test_orders(shelf: Shelf) -> None:
    contexts = [entry.model.context_tokens or 0 for entry in shelf.select(Wanted(sort="context"))]
    assert contexts == sorted(contexts, reverse=True)
    names = [entry.model.name.casefold() for entry in shelf.select(Wanted(sort="name"))]
    assert names == sorted(names)
    prices = [entry.blended for entry in shelf.select(Wanted(sort="price", task="text", here=True)) if entry.blended]
    assert prices == sorted(prices)
    days = [entry.model.released_on for entry in shelf.select(Wanted()) if entry.model.released_on]
    assert days == sorted(days, reverse=True)


def test_a_query_is_read_back_as_it_was_written() -> None:
    wanted = Wanted("a", "text", "OpenAI", ("tools",), "128k", "5", True, "price", 2)
    assert Wanted.parse(wanted.query(2)) == wanted


def test_what_is_not_understood_in_a_query_is_left_aside() -> None:
    pairs = [("task", "poetry"), ("price", "0"), ("context", "x"), ("sort", "y"), ("page", "-1"), ("can", "fly")]
    assert Wanted.parse([*pairs, ("more", "z")]) == Wanted()


@pytest.mark.parametrize("page", ["0", "9999", "2"])
def test_a_page_beyond_the_last_is_the_last(page: str) -> None:
    text = console().models(ROOT, [("page", page)]).body.decode()
    shown = {"0": "1", "9999": "7", "2": "2"}[page]
    assert f"page {shown} of 7" in text
