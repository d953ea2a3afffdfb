"""Answers about harm that are not what was asked for are faults of their provider."""

import json

import pytest

from modelport.catalogue.facts import Model, Offer, Provider
from modelport.dialects.media.openai_moderations import CALLED
from modelport.dialects.media.wire import Order, Ticket, Told
from modelport.dialects.wire import MalformedReply, Target
from modelport.operations.made import Verdicts
from modelport.operations.media import MediaCall
from modelport.operations.moderation import CATEGORIES

PROVIDER = Provider("acme", "Acme", "https://acme.example", {"moderation": ("openai_moderations",)})
OFFER = Offer("acme/judge", PROVIDER, "judge")
MODEL = Model("acme/judge", "Judge", "Acme", "moderation", "Judges.")
VERDICT = {"flagged": False, "categories": {"hate": True}, "category_scores": {"hate": 0.7, "spam": 0.1}}


def read(given: object, answer: object) -> Verdicts:
    order = Order(MediaCall("acme/judge", {"input": given}), Target(OFFER, MODEL), "moderation")
    made = CALLED.read(order, Ticket(), Told(json.dumps(answer).encode()))
    assert isinstance(made, Verdicts)
    return made


def test_categories_that_a_model_does_not_know_are_false_and_flagged_follows_the_others() -> None:
    [verdict] = read("a", {"id": "modr-1", "results": [VERDICT]}).results
    assert verdict.flagged
    assert verdict.categories == {name: name == "hate" for name in CATEGORIES}
    assert verdict.category_scores == {name: 0.7 if name == "hate" else 0.0 for name in CATEGORIES}
    assert verdict.category_applied_input_types == {name: [] for name in CATEGORIES}


@pytest.mark.parametrize(
    ("given", "answer", "says"),
    [
        (["a", "b"], {"id": "modr-1", "results": [VERDICT]}, "1 verdicts for 2 inputs"),
        ("a", {"results": [VERDICT]}, "has no 'id'"),
        ("a", {"id": "modr-1"}, "no list of verdicts"),
        ("a", {"id": "modr-1", "results": [{"flagged": True}]}, "without categories or scores"),
        ("a", {"id": "modr-1", "results": [{**VERDICT, "category_scores": {"hate": "high"}}]}, "is no number"),
        ("a", [], "is not a list of verdicts"),
    ],
)
def test_an_answer_that_is_no_verdict_is_malformed(given: object, answer: object, says: str) -> None:
    with pytest.raises(MalformedReply) as malformed:
        read(given, answer)
    assert says in malformed.value.message
