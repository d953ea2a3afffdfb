"""Finds the names that a misspelt one may have meant, fast enough to do it on every unknown model."""

from collections.abc import Iterable
from heapq import nlargest
from itertools import pairwise

_ALIKE_PERCENT = 60
_MOST = 3


class Nearest:
    """Compares names by their pairs of neighbouring letters and digits, punctuation and case aside."""

    def __init__(self, named: Iterable[tuple[str, str]]) -> None:
        self._known = [(_pairs(name), model_id) for name, model_id in named]

    def __call__(self, name: str) -> tuple[str, ...]:
        """Return up to three ids whose name or alias looks like `name`, the likest first."""
        asked = _pairs(name)
        scored: dict[str, int] = {}
        for pairs, model_id in self._known:
            total = len(asked) + len(pairs)
            if 200 * min(len(asked), len(pairs)) < _ALIKE_PERCENT * total:
                continue
            score = 200 * len(asked & pairs) // total
            if score >= _ALIKE_PERCENT and score > scored.get(model_id, 0):
                scored[model_id] = score
        return tuple(nlargest(_MOST, scored, key=lambda model_id: (scored[model_id], -len(model_id))))


def _pairs(name: str) -> frozenset[str]:
    letters = f" {''.join(filter(str.isalnum, name.casefold()))} "
    return frozenset(map("".join, pairwise(letters)))
