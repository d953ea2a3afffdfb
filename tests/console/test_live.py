"""What a page tells of the last minutes: what was measured of each path and each provider, and nothing else."""

from collections.abc import Sequence

import pytest

from modelport.console.live import duration, share, speed
from modelport.console.site import Console
from modelport.core.clock import SystemClock
from modelport.ledger.problems import StoreAway
from modelport.ledger.records import Attempt
from modelport.reports.traffic import Series, Traffic
from modelport.routing.router import Router
from tests.console.shelves import ROOT, catalogue
from tests.console.test_pages import Tags
from tests.twins.worlds import call

MODEL = "openai/gpt-oss-120b"
ROUTER = Router(catalogue(), frozenset({"groq"}))
GOOD, BAD = Attempt("groq", 200, None, 90), Attempt("together", 503, "UpstreamFault", 5)


def shown(traffic: Traffic, model: str = MODEL) -> str:
    return Tags(Console(lambda: ROUTER, SystemClock(), traffic.so_far).model(ROOT, model)).words


def called(*attempts: Attempt, **changed: object) -> Traffic:
    traffic = Traffic()
    usual: dict[str, object] = {
        "model": MODEL,
        "provider": attempts[-1].provider,
        "usage": {"output": 100},
        "duration_ms": 2_000,
        "first_byte_ms": 250,
        "is_streaming": True,
    }
    traffic.record(call(7, 0, 1, attempts=attempts, **(usual | changed)))
    return traffic


def test_a_page_tells_how_fast_each_path_of_its_model_has_been() -> None:
    words = shown(called(BAD, GOOD))
    assert "/v1/chat/completions Time to first token 252 ms 252 ms 252 ms" in words
    assert "/v1/chat/completions Output tokens per second 50 50 50" in words
    assert "/v1/chat/completions Whole call 2.0 s 2.0 s 2.0 s" in words


def test_a_page_tells_of_each_provider_how_fast_and_how_often_it_answered() -> None:
    words = shown(called(BAD, GOOD))
    assert "Groq 1 100 % 252 ms 50 2.0 s" in words
    assert "Together AI 1 0 % – – –" in words


def test_a_provider_that_was_not_asked_has_no_numbers() -> None:
    assert "Fireworks AI not asked" in shown(called(GOOD))


def test_a_model_of_which_no_call_succeeded_has_no_times() -> None:
    words = shown(called(BAD, status="failed", error="provider_overloaded", http_status=503))
    assert "No call has succeeded in the last 5 minutes." in words
    assert "Together AI 1 0 % – – –" in words
    assert "Time to first token" not in words


def test_a_model_that_nobody_called_says_so_and_tells_no_numbers() -> None:
    words = shown(called(GOOD), "gpt-4o")
    assert "Live metrics Nobody has called it in the last 5 minutes, so that nothing was measured. Parameters" in words


def test_a_page_is_made_anew_when_something_else_was_measured_and_only_then() -> None:
    traffic = Traffic()
    made = Console(lambda: ROUTER, SystemClock(), traffic.so_far)
    quiet = made.model(ROOT, MODEL)
    assert made.model(ROOT, MODEL) is quiet
    traffic.record(call(7, 0, 1, model=MODEL, provider="groq", attempts=(GOOD,)))
    busy = made.model(ROOT, MODEL)
    assert busy is not quiet
    assert made.model(ROOT, MODEL) is busy


def test_a_page_goes_without_measurements_where_nobody_measures_or_they_cannot_be_read() -> None:
    def away(model_id: str) -> Sequence[Series]:
        raise StoreAway("gone")

    for measure in (None, away):
        page = Console(lambda: ROUTER, SystemClock(), measure).model(ROOT, MODEL)
        assert page.status == 200
        assert "Live metrics" not in Tags(page).words


@pytest.mark.parametrize(
    ("taken_ms", "text"), [(0, "0 ms"), (999, "999 ms"), (1_240, "1.2 s"), (9_900, "9.9 s"), (95_300, "95 s")]
)
def test_times_are_told_as_precisely_as_they_were_measured(taken_ms: float, text: str) -> None:
    assert duration(taken_ms) == text


@pytest.mark.parametrize(("tenths", "text"), [(4, "0.4"), (99, "9.9"), (423, "42"), (12_340, "1234")])
def test_tokens_in_a_second_are_told_shortly(tenths: float, text: str) -> None:
    assert speed(tenths) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(5, 5, "100 %"), (0, 5, "0 %"), (9_999, 10_000, "99.9 %"), (1, 10_000, "0.1 %"), (2, 3, "66.6 %")],
)
def test_a_share_is_whole_or_nothing_only_where_it_is(part: int, whole: int, text: str) -> None:
    assert share(part, whole) == text
