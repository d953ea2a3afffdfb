"""What providers of transcripts have in common: where the sound is, and when words are said."""

from collections.abc import Sequence
from typing import cast

from modelport.dialects.media.reading_json import Json, text
from modelport.dialects.media.wire import Order
from modelport.dialects.wire import NotExpressible
from modelport.operations.made import Segment, Word
from modelport.operations.media import Upload

SOURCES = ("url", "audio", "file")
MILLISECOND = 0.001


def taken_sound(fields: dict[str, object]) -> Upload | str:
    """Take the one sound out of the fields of a call: a file, or a link."""
    found = [value for name in SOURCES if isinstance(value := fields.pop(name, None), Upload | str)]
    assert found, "a call for a transcript has a sound"
    return found[0]


def only_transcribed(order: Order, fields: dict[str, object]) -> None:
    """Raise `NotExpressible` where a translation is asked of a provider that makes none."""
    if fields.pop("translate", False) is True:
        name = order.target.offer.provider.name
        raise NotExpressible("model", name, "transcribes with this model and does not translate")


def words_of(answer: Json, names: Sequence[str], unit: float = 1.0) -> tuple[Word, ...]:
    """Read the words of a transcript, in whichever of its members they stand; times are told in a unit of seconds."""
    return tuple(
        Word(
            word=next((said for name in names if (said := text(one, name))), ""),
            start=seconds(one.get("start"), unit) or 0.0,
            end=seconds(one.get("end"), unit) or 0.0,
        )
        for one in rows(answer.get("words"))
    )


def segments_of(found: object, name: str, unit: float = 1.0) -> tuple[Segment, ...]:
    """Read the parts of a transcript."""
    return tuple(
        Segment(
            start=seconds(one.get("start"), unit) or 0.0,
            end=seconds(one.get("end"), unit) or 0.0,
            text=text(one, name),
        )
        for one in rows(found)
    )


def rows(found: object) -> list[Json]:
    """Return the objects of a list, where there is one."""
    listed = cast("list[object]", found) if isinstance(found, list) else []
    return [cast("Json", one) for one in listed if isinstance(one, dict)]


def inner(answer: Json, name: str) -> Json:
    """Return a member that is an object; empty where it is none."""
    found = answer.get(name)
    return cast("Json", found) if isinstance(found, dict) else {}


def seconds(value: object, unit: float = 1.0) -> float | None:
    """Read a time that is told in a unit of seconds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return round(value * unit, 6)
