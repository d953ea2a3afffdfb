"""The engine of moderation: what it judges, how often it is right, and what it refuses."""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tools.moderation.__main__ import HERE, Line, read_lines, trained

from modelport.engines.entries import Included, built_in_weights, included_file
from modelport.engines.judging import MOST_WORDS, Judge, Learned, parse_learned, sentences
from modelport.engines.moderation_calls import MOST_CHARACTERS
from modelport.engines.moderation_front import ModerationFront
from modelport.engines.weights import WeightsStore
from modelport.operations.moderation import CATEGORIES

ENTRY = next(entry for entry in built_in_weights() if entry.is_included)
LEARNED = parse_learned(included_file(ENTRY).read_bytes())
JUDGE = Judge(LEARNED)
HELD_OUT = read_lines(Path(__file__).with_name("moderation_held_out.txt"))
PAGE = Path(__file__).parents[2] / "docs/moderation.md"
ROW = re.compile(r"^\| `?([a-z/-]+|any of them)`? \| (\d+) \| (\d+) % \| (\d+) % \|$", re.MULTILINE)
TEXTS = st.one_of(st.sampled_from([line.text for line in HELD_OUT]), st.text(max_size=200))


def told_of(line: Line) -> frozenset[str]:
    return frozenset(name for name, is_there in JUDGE.verdict(line.text).categories.items() if is_there)


def row_of(name: str, pairs: Sequence[tuple[bool, bool]]) -> tuple[str, str, str, str]:
    """Write how often something was there and told to be."""
    hits = sum(is_there and is_told for is_there, is_told in pairs)
    there, told = sum(is_there for is_there, _ in pairs), sum(is_told for _, is_told in pairs)
    return name, str(there), str(round(100 * hits / told)), str(round(100 * hits / there))


def test_the_documented_precision_and_recall_are_what_the_model_has_now() -> None:
    told = [(line.categories, told_of(line)) for line in HELD_OUT]
    rows = [row_of(name, [(name in there, name in found) for there, found in told]) for name in CATEGORIES]
    rows.append(row_of("any of them", [(bool(there), bool(found)) for there, found in told]))
    assert ROW.findall(PAGE.read_text(encoding="utf-8")) == rows
    harmless = sum(not line.categories for line in HELD_OUT)
    assert f"{len(HELD_OUT)} lines, {harmless} of them harmless" in " ".join(PAGE.read_text(encoding="utf-8").split())


def test_nothing_that_it_is_measured_on_was_trained_on() -> None:
    assert {line.text for line in HELD_OUT}.isdisjoint(line.text for line in read_lines(HERE / "training.txt"))


def test_training_again_gives_the_same_model() -> None:
    again = parse_learned(trained())
    assert again.concepts == LEARNED.concepts
    assert again.bias == pytest.approx(LEARNED.bias, abs=0.03)
    for name, weights in LEARNED.weights.items():
        known = {*weights, *again.weights[name]}
        assert {one: again.weights[name].get(one, 0) for one in known} == pytest.approx(
            {one: weights.get(one, 0) for one in known}, abs=0.03
        )


def test_the_store_knows_the_file_that_comes_with_us(tmp_path: Path) -> None:
    store = WeightsStore(tmp_path)
    data = included_file(ENTRY).read_bytes()
    assert (hashlib.sha256(data).hexdigest(), len(data)) == (ENTRY.sha256, ENTRY.size_bytes)
    assert store.path(ENTRY.id) == store.pull(ENTRY.id) == store.verify(ENTRY.id) == included_file(ENTRY)
    with pytest.raises(Included):
        store.remove(ENTRY.id)
    assert included_file(ENTRY).read_bytes() == data


@given(TEXTS)
@settings(deadline=None)
def test_a_text_is_flagged_where_a_category_is_and_scores_say_which(text: str) -> None:
    verdict = JUDGE.verdict(text)
    assert verdict.flagged is any(verdict.categories.values())
    assert list(verdict.categories) == list(verdict.category_scores) == list(CATEGORIES)
    for name, score in verdict.category_scores.items():
        assert 0 <= score <= 1
        assert verdict.categories[name] is (score >= 0.5)
        assert verdict.category_scores[name.partition("/")[0]] >= score


@given(TEXTS, TEXTS)
@settings(deadline=None)
def test_more_text_never_lowers_a_score(one: str, other: str) -> None:
    both = JUDGE.scores(f"{one}\n\n{other}")
    for part in (one, other):
        assert all(both[name] >= score for name, score in JUDGE.scores(part).items())


@pytest.mark.parametrize(
    "text",
    [
        "I will k1ll you.",
        "I will KILL you!!!",
        "I w\u200bill kill you.",
        "I will k i l l you.",
        "I\u2019ll killlll you",
    ],
)
def test_disguises_of_letters_are_seen_through(text: str) -> None:
    assert JUDGE.verdict(text).categories["harassment/threatening"]


def test_harm_in_the_middle_of_a_long_text_is_found() -> None:
    harmless = "the river floods the valley every spring and " * 40
    assert not JUDGE.verdict(harmless).flagged
    assert JUDGE.verdict(f"{harmless} i am going to kill you {harmless}").flagged
    assert all(len(piece.split()) <= MOST_WORDS for piece in sentences(harmless))


def test_nothing_has_no_harm_in_it() -> None:
    for text in ("", " \n", "\u65e5\u672c\u8a9e", "x" * MOST_CHARACTERS):
        assert not JUDGE.verdict(text).flagged


@pytest.fixture
def engine() -> Iterator[httpx.AsyncClient]:
    learned = Learned({"bad": "bad"}, dict.fromkeys(CATEGORIES, -9.0), {name: {} for name in CATEGORIES})
    learned = msgspec.structs.replace(learned, weights={**learned.weights, "violence": {"bad": 18.0}})
    with ThreadPoolExecutor(max_workers=1) as worker:
        app = ModerationFront(Judge(learned), "toy", worker)
        yield httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://engine")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        ("good", [False]),
        ("bad", [True]),
        (["good", "bad", ""], [False, True, False]),
        ([{"type": "text", "text": "good"}, {"type": "text", "text": "bad"}], [True]),
    ],
)
async def test_each_text_gets_a_verdict_and_parts_get_one(
    engine: httpx.AsyncClient, given: object, flags: list[bool]
) -> None:
    async with engine:
        answer = (await engine.post("/v1/moderations", json={"model": "x", "input": given})).json()
    assert [one["flagged"] for one in answer["results"]] == flags
    assert answer["model"] == "toy"
    assert re.fullmatch("modr-[0-9a-f]{24}", answer["id"])
    assert answer["results"][0]["category_applied_input_types"] == {name: ["text"] for name in CATEGORIES}


REFUSED: list[tuple[object, str]] = [
    ({}, "missing required field `input`"),
    ({"input": 4}, "input"),
    ({"input": []}, "'input' is empty"),
    ({"input": ["a", {"type": "text", "text": "b"}]}, "mixes texts and parts"),
    ({"input": [{"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}]}, "'input[0]' is of the type"),
    ({"input": "a" * (MOST_CHARACTERS + 1)}, f"has {MOST_CHARACTERS + 1} characters, and at most {MOST_CHARACTERS}"),
    ({"input": ["a"] * 2049}, "has 2049 entries"),
    ({"input": "a", "colour": "red"}, "colour"),
]


@pytest.mark.parametrize(("body", "says"), REFUSED, ids=[says for _, says in REFUSED])
async def test_what_it_cannot_judge_is_refused_clearly(engine: httpx.AsyncClient, body: object, says: str) -> None:
    async with engine:
        answer = await engine.post("/moderations", json=body)
    assert answer.status_code == 400
    assert says in json.dumps(answer.json())
