"""Which kinds of harm a text has in it, told from words and their context: a small model that comes with us. Pure.

A text is judged sentence by sentence, and its score is that of its worst sentence: more text never lowers it. What is
looked for in a sentence are concepts (patterns of words) and pairs of them; what these count for was learned by
`tools/moderation`.
"""

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import cast

import msgspec

from modelport.operations.moderation import CATEGORIES, Category, Verdict

FLAGGED_FROM = 0.5
MOST_WORDS = 60
"""Longer sentences are judged in pieces that overlap."""
_OVERLAP = 20
_LONGEST_WORD = 40
_PARENTS: Mapping[Category, Category] = {
    name: cast("Category", name.partition("/")[0]) for name in CATEGORIES if "/" in name
}
"""What is said of the special kind of a harm holds for its kind."""

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff\u0300-\u036f]")
_APOSTROPHES = re.compile("(?<=[a-z])['\u2018\u2019\u02bc`](?=[a-z])")
_DISGUISED = re.compile(r"(?<=[a-z])[013457@$](?=[a-z])")
_LETTERS = str.maketrans("013457@$", "oieastas")
_STRETCHED = re.compile(r"([a-z])\1{2,}")
_SPACED = re.compile(r"(?<![a-z])(?:[a-z][ .\-_]){3,}[a-z](?![a-z])")
_ENDS = re.compile(r"[.!?;\n\r\u2026]+(?:\s|$)|\n+")
_WORDS = re.compile(r"[a-z0-9*]+")


class Learned(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the model consists of."""

    concepts: Mapping[str, str]
    """The pattern of each, over plain words."""
    bias: Mapping[Category, float]
    weights: Mapping[Category, Mapping[str, float]]
    """What a concept, or a pair of them written `a&b`, counts for."""


class Judge:
    """Gives verdicts on texts."""

    def __init__(self, learned: Learned) -> None:
        self._concepts = [(name, compiled(pattern)) for name, pattern in learned.concepts.items()]
        self._learned = learned

    def verdict(self, text: str) -> Verdict:
        """Judge a text."""
        scores = self.scores(text)
        categories: dict[str, bool] = {name: score >= FLAGGED_FROM for name, score in scores.items()}
        seen = dict.fromkeys(categories, ("text",))
        return Verdict(any(categories.values()), categories, {**scores}, seen)

    def scores(self, text: str) -> Mapping[Category, float]:
        """Say for each category how likely it is, from 0 to 1."""
        found = dict(self._learned.bias)
        for features in {frozenset(self.features(sentence)) for sentence in {*sentences(text)}}:
            for name in CATEGORIES:
                weights = self._learned.weights[name]
                total = self._learned.bias[name] + sum(weights.get(one, 0.0) for one in sorted(features))
                found[name] = max(found[name], total)
        scores: dict[Category, float] = {
            name: round(1 / (1 + math.exp(-max(-30.0, min(30.0, total)))), 6) for name, total in found.items()
        }
        for name, parent in _PARENTS.items():
            scores[parent] = max(scores[parent], scores[name])
        return scores

    def features(self, sentence: str) -> Sequence[str]:
        """List the concepts in a sentence of plain words, and each pair of them."""
        concepts = sorted(name for name, pattern in self._concepts if pattern.search(sentence))
        return [*concepts, *("&".join(pair) for pair in combinations(concepts, 2))]


def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a concept: it begins and ends at the ends of words."""
    return re.compile(f" (?:{pattern})(?= )")


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a text in plain words, a space around each, disguises of letters taken off."""
    for part in _ENDS.split(_plain(text)):
        words = [word[:_LONGEST_WORD] for word in _WORDS.findall(part)]
        for start in range(0, max(1, len(words) - _OVERLAP), MOST_WORDS - _OVERLAP):
            if piece := words[start : start + MOST_WORDS]:
                yield f" {' '.join(piece)} "


def _plain(text: str) -> str:
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKD", text)).casefold()
    text = _APOSTROPHES.sub("", text)
    text = _DISGUISED.sub(lambda found: found[0].translate(_LETTERS), text)
    text = _SPACED.sub(lambda found: re.sub(r"[^a-z]", "", found[0]), text)
    return _STRETCHED.sub(r"\1\1", text)


def parse_learned(data: bytes) -> Learned:
    """Read what was learned."""
    return msgspec.json.decode(data, type=Learned)
