"""What the whole catalogue costs: to check, to start with, to look something up in."""

import gc
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from modelport.catalogue import parameters
from modelport.catalogue.load import load

CHECK_WITHIN_S = 3.0
MOST_BYTES = 25_000_000


def spent_s(work: Callable[[], object]) -> float:
    """Say how much of a processor something takes."""
    begun_s = time.process_time()
    work()
    return time.process_time() - begun_s


def test_checking_all_files_takes_less_than_three_seconds() -> None:
    assert spent_s(load) < CHECK_WITHIN_S


def test_a_start_with_the_whole_catalogue_needs_little_memory_and_decodes_no_parameters(tmp_path: Path) -> None:
    load(cache=tmp_path)
    gc.collect()
    tracemalloc.start()
    known = load(cache=tmp_path)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(known.models()) > 600
    assert held < MOST_BYTES
    assert all(isinstance(model.parameters, bytes) for model in known.models())
    assert parameters.decoded(known.find("gpt-4o").parameters)


def test_a_compiled_catalogue_is_read_in_a_fraction_of_the_time(tmp_path: Path) -> None:
    load(cache=tmp_path)
    assert min(spent_s(lambda: load(cache=tmp_path)) for _ in range(5)) < spent_s(load) / 3


def test_looking_a_model_up_calls_nothing_but_a_dictionary() -> None:
    known = load()
    calls: list[str] = []

    def note(frame: object, event: str, argument: object) -> None:
        if event in ("call", "c_call"):
            calls.append(getattr(argument, "__qualname__", None) or frame.f_code.co_name)  # type: ignore[attr-defined]

    sys.setprofile(note)  # pyright: ignore[reportArgumentType]
    try:
        known.find("gpt-4o")
        known.offers("gpt-4o")
    finally:
        sys.setprofile(None)
    assert calls == ["find", "dict.get", "offers", "dict.get", "setprofile"]
