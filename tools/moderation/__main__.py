"""Trains the basic moderation from `lexicon.toml` and `training.txt`, and writes it where its engine finds it."""

import hashlib
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelport.engines.judging import Judge, Learned, sentences
from modelport.operations.moderation import CATEGORIES, Category

HERE = Path(__file__).parent
MODEL = HERE.parents[1] / "src/modelport/engines/data/basic-moderation.json"
WEIGHTS = MODEL.with_name("weights.toml")
NONE = "none"
LEAST_SEEN = 3
"""So often a pair of concepts must occur in what is learned from."""
ROUNDS = 1500
PULL_TO_ZERO = 0.3
STEP = 1.0
LEAST_SHARE = 0.2
"""A category that has a smaller share of the lines is weighed as if it had this one."""


Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """A text and the categories that it belongs to."""

    text: str
    categories: frozenset[str]


def read_lines(path: Path) -> list[Line]:
    """Read a set: categories in brackets, the lines of these below."""
    found: list[Line] = []
    categories = frozenset[str]()
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            categories = frozenset(line.strip("[]").split()) - {NONE}
            if unknown := categories - set(CATEGORIES):
                raise ValueError(f"{path}: there are no categories {unknown}")
        elif line and not line.startswith("#"):
            found.append(Line(line, categories))
    return found


def read_concepts(path: Path) -> Mapping[str, str]:
    """Read the concepts, their macros put in."""
    told = tomllib.loads(path.read_text(encoding="utf-8"))
    macros = cast("Mapping[str, str]", told["macros"])
    whole = {name: "|".join(patterns) for name, patterns in told["concepts"].items()}
    return {name: re.sub(r"%(\w+)%", lambda found: macros[found[1]], pattern) for name, pattern in whole.items()}


def learned_from(lines: Sequence[Line], concepts: Mapping[str, str]) -> Learned:
    """Fit a logistic regression for each category."""
    nothing = Learned(concepts, dict.fromkeys(CATEGORIES, 0.0), {name: {} for name in CATEGORIES})
    judge = Judge(nothing)
    seen = [frozenset(one for sentence in sentences(line.text) for one in judge.features(sentence)) for line in lines]
    counts = Counter(one for features in seen for one in features)
    names = sorted(one for one, count in counts.items() if count >= (LEAST_SEEN if "&" in one else 1))
    table = np.array([[one in features for one in names] for features in seen], dtype=np.float64)
    bias: dict[Category, float] = {}
    weights: dict[Category, Mapping[str, float]] = {}
    for category in CATEGORIES:
        wanted = np.array([category in line.categories for line in lines], dtype=np.float64)
        bias[category], found = _fitted(table, wanted)
        weights[category] = {one: weight for one, weight in zip(names, found, strict=True) if weight}
    return Learned(concepts, bias, weights)


def _fitted(table: Numbers, wanted: Numbers) -> tuple[float, list[float]]:
    """Descend along the gradient; the lines of a rare category count for more."""
    share = float(np.mean(wanted))
    counted: Numbers = wanted * (0.5 / max(share, LEAST_SHARE)) + (1 - wanted) * (0.5 / (1 - share))
    weights: Numbers = np.zeros_like(table[0])
    bias = 0.0
    for _ in range(ROUNDS):
        guessed: Numbers = 1 / (1 + np.exp(-(table @ weights + bias)))
        missed: Numbers = (guessed - wanted) * counted / len(wanted)
        weights = weights - STEP * (table.T @ missed + PULL_TO_ZERO * weights / len(wanted))
        bias -= STEP * float(np.sum(missed))
    return round(bias, 2), [round(one, 2) for one in cast("list[float]", weights.tolist())]


def trained() -> bytes:
    """Write the model as its engine reads it."""
    model = learned_from(read_lines(HERE / "training.txt"), read_concepts(HERE / "lexicon.toml"))
    return msgspec.json.format(msgspec.json.encode(model), indent=1) + b"\n"


def main() -> None:
    """Train, and write."""
    data = trained()
    MODEL.write_bytes(data)
    known = WEIGHTS.read_text(encoding="utf-8")
    start = known.index('id = "basic-moderation"')
    entry = re.sub(r'sha256 = "\w*"', f'sha256 = "{hashlib.sha256(data).hexdigest()}"', known[start:], count=1)
    entry = re.sub(r"size_bytes = \d+", f"size_bytes = {len(data)}", entry, count=1)
    WEIGHTS.write_text(known[:start] + entry, encoding="utf-8")
    sys.stdout.write(f"{MODEL}: {len(data)} bytes\n")


if __name__ == "__main__":
    main()
