"""Lines of text with their places on a page, written as markdown: order, headings, paragraphs, lists, tables. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

TITLE, HEADING = 1.5, 1.25
"""How much taller than most lines one is that stands above them."""
_NEAR = 0.8
"""Lines of a paragraph are nearer to each other than this share of their height."""
_FULL = 0.85
"""A line that fills this share of its column goes on in the next."""
_FULL_LETTERS = 40
"""A shorter one is full of nothing: an address, a list of names."""
_PROSE_LETTERS = 18
_PROSE_ROWS = 4
_BULLET = re.compile(r"^[•·▪●◦*–-]\s+(?=\S)")
_HYPHEN = re.compile(r"[A-Za-z]-$")


@dataclass(frozen=True, slots=True)
class Fragment:
    """Some text, or a picture, in a box of the page."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    is_picture: bool = False

    @property
    def height(self) -> float:
        """How tall it is."""
        return self.bottom - self.top

    @property
    def width(self) -> float:
        """How wide it is."""
        return self.right - self.left


Row = tuple[Fragment, ...]
"""What stands side by side, from left to right."""


def markdown(fragments: Sequence[Fragment]) -> str:
    """Write a page."""
    return "\n\n".join(_blocks(rows(fragments), _usual(fragments)))


def _usual(fragments: Sequence[Fragment]) -> float:
    """Return the height that most letters have."""
    heights = [one.height for one in fragments if not one.is_picture for _ in one.text]
    return median(heights) if heights else 1.0


def rows(fragments: Sequence[Fragment]) -> list[Row]:
    """Put together what stands side by side, from top to bottom."""
    found: list[list[Fragment]] = []
    for one in sorted(fragments, key=lambda one: (one.top + one.bottom) / 2):
        if found and not one.is_picture and _beside(found[-1], one):
            found[-1].append(one)
        else:
            found.append([one])
    return [tuple(sorted(row, key=lambda one: one.left)) for row in found]


def _beside(row: Sequence[Fragment], one: Fragment) -> bool:
    last = row[-1]
    shared = min(last.bottom, one.bottom) - max(last.top, one.top)
    apart = all(_overlap(one, other) <= 0.2 * min(one.width, other.width) for other in row)
    return not last.is_picture and apart and shared > 0.5 * min(last.height, one.height)


def _overlap(one: Fragment, other: Fragment) -> float:
    return max(0.0, min(one.right, other.right) - max(one.left, other.left))


def _blocks(page: Sequence[Row], usual: float) -> list[str]:
    blocks: list[str] = []
    lines: list[Fragment] = []
    at = 0
    while at < len(page):
        prose, gutter = _prose(page, at)
        table = 0 if prose else _table(page, at)
        if prose or table:
            blocks += _paragraphs(lines, usual)
            lines = []
        if prose:
            for side in _sides(page[at : at + prose], gutter):
                blocks += _blocks(rows(side), usual)
        elif table:
            blocks.append(_written_table(page[at : at + table]))
        else:
            lines.append(_joined(page[at]))
        at += prose or table or 1
    return blocks + _paragraphs(lines, usual)


def _joined(row: Row) -> Fragment:
    if len(row) == 1:
        return row[0]
    top, bottom = min(one.top for one in row), max(one.bottom for one in row)
    text = row[0].text
    for before, one in pairwise(row):
        text += (" " if one.left - before.right < one.height else "  ") + one.text
    return Fragment(text, row[0].left, top, row[-1].right, bottom)


def _prose(page: Sequence[Row], start: int) -> tuple[int, float]:
    """Count the rows from `start` on in which two columns of running text stand, and say where they part."""
    if len(page[start]) != 2:
        return 0, 0.0
    gutter = (page[start][0].right + page[start][1].left) / 2
    low, high = page[start][0].right, page[start][1].left
    end = start
    for row in page[start:]:
        left = [one for one in row if one.right <= high]
        right = [one for one in row if one.left >= low]
        if len(left) > 1 or len(right) > 1 or len(left) + len(right) != len(row) or any(one.is_picture for one in row):
            break
        low, high = max([low, *(one.right for one in left)]), min([high, *(one.left for one in right)])
        if low >= high:
            break
        gutter = (low + high) / 2
        end += 1
    lengths = [[len(one.text) for one in side] for side in _sides(page[start:end], gutter)]
    if any(len(side) < _PROSE_ROWS or median(side) < _PROSE_LETTERS for side in lengths):
        return 0, 0.0
    return end - start, gutter


def _sides(page: Sequence[Row], gutter: float) -> tuple[list[Fragment], list[Fragment]]:
    flat = [one for row in page for one in row]
    return [one for one in flat if one.left < gutter], [one for one in flat if one.left >= gutter]


def _table(page: Sequence[Row], start: int) -> int:
    """Count the rows from `start` on whose cells stand below each other."""
    best = 0
    for end in range(start + 1, len(page) + 1):
        row = page[end - 1]
        if len(row) < 2 or any(one.is_picture for one in row):
            break
        columns = _columns(page[start:end])
        if any(len({_column(one, columns) for one in line}) < len(line) for line in page[start:end]):
            break
        if len(columns) >= 2 and (end - start >= 3 or (end - start == 2 and len(columns) >= 3)):
            best = end - start
    return best


def _columns(page: Sequence[Row]) -> list[tuple[float, float]]:
    """Merge what overlaps from row to row."""
    merged: list[tuple[float, float]] = []
    for left, right in sorted((one.left, one.right) for row in page for one in row):
        if merged and left <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(right, merged[-1][1]))
        else:
            merged.append((left, right))
    return merged


def _column(one: Fragment, columns: Sequence[tuple[float, float]]) -> int:
    return next(place for place, (left, right) in enumerate(columns) if left <= one.left <= right)


def _written_table(page: Sequence[Row]) -> str:
    columns = _columns(page)
    lines: list[str] = []
    for row in page:
        cells = [""] * len(columns)
        for one in row:
            cells[_column(one, columns)] = one.text.replace("|", "\\|")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([lines[0], f"|{' --- |' * len(columns)}", *lines[1:]])


def _paragraphs(lines: Sequence[Fragment], usual: float) -> list[str]:
    if not lines:
        return []
    widest = max(one.right for one in lines)
    leftmost = min(one.left for one in lines)
    text = _written(lines[0], usual)
    found: list[str] = []
    for above, one in pairwise(lines):
        if _goes_on(above, one, usual):
            wide = above.right - leftmost >= _FULL * (widest - leftmost) and len(above.text) >= _FULL_LETTERS
            full = wide and not _BULLET.match(one.text)
            text = _continued(text, _written(one, usual), is_full=full)
        else:
            found.append(text)
            text = _written(one, usual)
    return [*found, text]


def _goes_on(above: Fragment, one: Fragment, usual: float) -> bool:
    if above.is_picture or one.is_picture or _level(above, usual) or _level(one, usual):
        return False
    return one.top - above.bottom < _NEAR * max(above.height, one.height)


def _continued(text: str, more: str, *, is_full: bool) -> str:
    if is_full and _HYPHEN.search(text) and more[:1].islower():
        return text[:-1] + more
    return f"{text}{' ' if is_full else chr(10)}{more}"


def _level(one: Fragment, usual: float) -> str:
    if one.is_picture:
        return ""
    share = one.height / usual
    return "# " if share >= TITLE else "## " if share >= HEADING else ""


def _written(one: Fragment, usual: float) -> str:
    return _level(one, usual) + _BULLET.sub("- ", one.text.strip())
