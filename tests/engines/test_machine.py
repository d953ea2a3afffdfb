import pytest

from modelport.engines.entries import EMBEDDINGS, OCR, SPEECH, TRANSCRIPTION
from modelport.engines.machine import EXTRAS, Machine, missing_flags, this_machine

GOOD = "processor\t: 0\nflags\t\t: fpu avx avx2 f16c fma\n\nprocessor\t: 1\nflags\t\t: fpu\n"


def test_a_processor_with_all_flags_lacks_none() -> None:
    assert missing_flags(GOOD) == ()


def test_missing_flags_are_named_in_order() -> None:
    assert missing_flags(GOOD.replace(" avx2", "").replace(" fma", "")) == ("avx2", "fma")
    assert missing_flags("") == ("avx2", "f16c", "fma")


def test_nothing_stands_in_the_way_of_a_machine_with_all_of_it() -> None:
    assert Machine((), "1", 1).obstacle() is None


def test_this_machine_has_at_least_a_thread() -> None:
    assert this_machine().threads >= 1


@pytest.mark.parametrize(
    ("engine", "extra"), [(EMBEDDINGS, "embeddings"), (SPEECH, "audio"), (TRANSCRIPTION, "audio"), (OCR, "ocr")]
)
def test_an_engine_whose_extra_is_missing_says_which(engine: str, extra: str) -> None:
    bare = Machine((), "1", 1)
    assert f"pip install 'modelport[{extra}]'" in (bare.obstacle(engine) or "")
    assert Machine((), "1", 1, extras={engine: "library 1"}).obstacle(engine) is None


def test_here_every_extra_is_installed_and_told_with_its_version() -> None:
    machine = this_machine()
    assert [machine.obstacle(engine) for engine in EXTRAS] == [None] * len(EXTRAS)
    assert machine.library(OCR).startswith("rapidocr 3.")
    assert machine.library(TRANSCRIPTION).startswith("faster-whisper ")
