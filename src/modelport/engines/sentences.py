"""Cut text into what is spoken in one breath. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

SHORT_LETTERS = 30
"""A sentence shorter than this is spoken together with the one after it: alone it sounds odd."""
_NEXT = r"\s+(?=[\"'(\[]*[A-Z])"
_END = re.compile(rf"(?<![^A-Za-z.][A-Z]\.)(?<!U\.S\.)(?<=[.!?]){_NEXT}|(?<=[.!?][\"')\]]){_NEXT}")
_PARAGRAPH = re.compile(r"\s*\n\s*\n\s*|\s*\n(?=\s*[-*•] )")
_RESTS = ("—;:.!?…", ",", " ")
_OPENING = 90
_BREATH = 30


@dataclass(frozen=True, slots=True)
class Sentence:
    """Some words, and whether a pause comes after them."""

    text: str
    ends_paragraph: bool


def sentences(text: str) -> Iterator[Sentence]:
    """Cut a text into sentences."""
    for paragraph in filter(str.strip, _PARAGRAPH.split(text)):
        held = ""
        *most, last = _END.split(" ".join(paragraph.split()))
        for one in most:
            held = f"{held} {one}".strip()
            if len(held) >= SHORT_LETTERS:
                yield Sentence(held, ends_paragraph=False)
                held = ""
        yield Sentence(f"{held} {last}".strip(), ends_paragraph=True)


def cut(sounds: str, most: int) -> Iterator[str]:
    """Cut what is longer than `most` where one would draw breath: after a stop, a comma or a word, else anywhere."""
    while len(sounds) > most:
        place = next(filter(None, (_last(sounds[:most], marks) for marks in _RESTS)), most)
        yield sounds[:place].strip()
        sounds = sounds[place:].strip()
    if sounds:
        yield sounds


def _last(text: str, marks: str) -> int:
    """Return the place after the last of some marks, unless that is near the beginning."""
    place = max(text.rfind(mark) for mark in marks) + 1
    return place if place > len(text) // 4 else 0


def opened(sounds: str) -> tuple[str, ...]:
    """Cut the beginning off what is long, at its first rest: who listens hears something sooner."""
    places = (sounds.find(mark, _BREATH) + 1 for mark in ",;—:")
    place = min((place for place in places if place), default=0)
    if len(sounds) <= _OPENING or not place or len(sounds) - place < _BREATH:
        return (sounds,)
    return sounds[:place], sounds[place:].strip()
