"""Finds the names that a misspelt one may have meant, fast enough to do it on every unknown model."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from heapq import nlargest
from itertools import pairwise

from modelport.core.spelling import likest

_MOST = 3
_SERVICE = "aimlapi/"
"""What other programs put before every id of this kind of service."""


class _Index:
    """Names by their pairs of neighbouring letters and digits, punctuation and case aside."""

    def __init__(self, names: Iterable[str]) -> None:
        self._sizes: list[int] = []
        self._holders: defaultdict[str, list[int]] = defaultdict(list)
        for number, name in enumerate(names):
            pairs = _pairs(name)
            self._sizes.append(len(pairs))
            for pair in pairs:
                self._holders[pair].append(number)

    def likenesses(self, name: str) -> dict[int, int]:
        """Return how much each name that shares a pair looks like `name`, in percent."""
        asked = _pairs(name)
        shared: Counter[int] = Counter()
        for pair in asked:
            shared.update(self._holders.get(pair, ()))
        return {number: 200 * count // (len(asked) + self._sizes[number]) for number, count in shared.items()}


class Nearest:
    """Compares names as a whole and by what follows their last slash, since a maker is easily left out or mistaken."""

    def __init__(self, named: Iterable[tuple[str, str]]) -> None:
        known = list(named)
        self._ids = [model_id for _, model_id in known]
        self._whole = _Index(name for name, _ in known)
        self._last = _Index(name.rpartition("/")[2] for name, _ in known)

    def __call__(self, name: str) -> tuple[str, ...]:
        """Return the three ids whose name or alias looks most like `name`, the likest first; fewer if there are."""
        name = name.casefold().removeprefix(_SERVICE)
        scored = dict.fromkeys(sorted(self._ids), 0)
        for likenesses in (self._whole.likenesses(name), self._last.likenesses(name.rpartition("/")[2])):
            for number, score in likenesses.items():
                model_id = self._ids[number]
                scored[model_id] = max(score, scored[model_id])
        return tuple(nlargest(_MOST, scored, key=lambda model_id: (scored[model_id], -len(model_id))))


def advice(wrong: str, names: Collection[str], otherwise: str) -> str:
    """Say which of a few names to write instead of a wrong one, or else something else."""
    near = likest(wrong, names)
    return otherwise if near is None else f"write '{near}'"


def _pairs(name: str) -> frozenset[str]:
    letters = f" {''.join(filter(str.isalnum, name.casefold()))} "
    return frozenset(map("".join, pairwise(letters)))
