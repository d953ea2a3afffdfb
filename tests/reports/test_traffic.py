"""How fast models answer and how often providers fail, counted in little room."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.ledger.records import Attempt, CallRecord
from modelport.reports.traffic import Series, Traffic, bucket_of, middle_of, percentiles, summed
from tests.twins.worlds import call

GOOD = Attempt("acme", 200, None, 90)


def ended(**changed: Any) -> CallRecord:
    usual = {"usage": {"input": 10, "output": 50}, "duration_ms": 1000, "attempts": (GOOD,)}
    return call(7, 0, 1, **(usual | changed))


def measured(*calls: CallRecord) -> list[Series]:
    traffic = Traffic()
    for one in calls:
        traffic.record(one)
    return summed(traffic.take())


@given(st.integers(0, 2**30 - 1))
def test_a_bucket_stands_for_its_values_to_within_a_thirtieth(value: int) -> None:
    assert abs(middle_of(bucket_of(value)) - value) <= value / 30


@given(st.integers(0, 2**31), st.integers(0, 2**31))
def test_more_is_never_in_a_lower_bucket(one: int, other: int) -> None:
    least, most = sorted((one, other))
    assert bucket_of(least) <= bucket_of(most)


@given(st.lists(st.integers(0, 10**7), min_size=1))
def test_a_percentile_is_the_value_that_so_many_do_not_exceed(values: list[int]) -> None:
    buckets: dict[int, int] = {}
    for value in values:
        buckets[bucket_of(value)] = buckets.get(bucket_of(value), 0) + 1
    found = percentiles(buckets)
    for percent in (50, 75, 90, 99):
        exact = sorted(values)[-(-percent * len(values) // 100) - 1]
        assert found[percent] == middle_of(bucket_of(exact))


def test_nothing_has_no_percentiles() -> None:
    assert percentiles({}) == {}


@given(st.lists(st.integers(0, 400_000), max_size=300), st.integers(0, 300))
def test_what_two_processes_measured_adds_up_to_what_one_would_have(durations: list[int], cut: int) -> None:
    calls = [ended(duration_ms=duration, is_streaming=duration % 2 == 0) for duration in durations]
    assert summed((*measured(*calls[:cut]), *measured(*calls[cut:]))) == measured(*calls)


def test_times_are_those_of_calls_that_succeeded() -> None:
    (one,) = measured(ended(), ended(status="failed", http_status=502, error="provider_failed"))
    assert one.whole().duration_ms == {bucket_of(1000): 1}
    assert one.whole().tps == {bucket_of(500): 1}


def test_a_stream_of_text_has_a_first_piece_and_a_whole_answer_has_none() -> None:
    (streamed,) = measured(ended(is_streaming=True, first_byte_ms=200))
    (whole,) = measured(ended(is_streaming=False, first_byte_ms=200))
    assert streamed.whole().ttft_ms == {bucket_of(200): 1}
    assert whole.whole().ttft_ms == {}


@pytest.mark.parametrize("endpoint", ["/v1/embeddings", "/v1/tts", "/v1/images/generations"])
def test_what_is_no_text_has_only_its_whole_time(endpoint: str) -> None:
    (one,) = measured(ended(endpoint=endpoint, is_streaming=True, first_byte_ms=200))
    times = one.whole()
    assert (times.ttft_ms, times.tps) == ({}, {})
    assert times.duration_ms


def test_models_and_paths_are_measured_apart() -> None:
    found = measured(ended(), ended(model="acme/small"), ended(endpoint="/v1/messages"))
    places = [(one.model, one.endpoint) for one in found]
    assert places == [
        ("acme/large", "/v1/chat/completions"),
        ("acme/large", "/v1/messages"),
        ("acme/small", "/v1/chat/completions"),
    ]


BLAMED = [
    ("an answer", (GOOD,), None, {"acme": (1, 0)}),
    ("no answer", (Attempt("acme", None, "ConnectFailed", 5),), "provider_unreachable", {"acme": (1, 1)}),
    ("an error of its own", (Attempt("acme", 500, "UpstreamFault", 5),), "provider_error", {"acme": (1, 1)}),
    ("too much asked of it", (Attempt("acme", 429, "UpstreamFault", 5),), "provider_rate_limit", {"acme": (1, 1)}),
    ("a request that was wrong", (Attempt("acme", 400, "UpstreamFault", 5),), "provider_refused", {"acme": (1, 0)}),
    ("a stream that broke off", (GOOD,), "provider_cut_short", {"acme": (1, 1)}),
    ("a caller who left", (GOOD,), "client_left", {"acme": (1, 0)}),
    (
        "another that answered",
        (Attempt("zenith", 503, "UpstreamFault", 5), GOOD),
        None,
        {"zenith": (1, 1), "acme": (1, 0)},
    ),
]


@pytest.mark.parametrize(("attempts", "error", "tries"), [row[1:] for row in BLAMED], ids=[row[0] for row in BLAMED])
def test_a_provider_is_blamed_for_what_it_did(
    attempts: tuple[Attempt, ...], error: str | None, tries: dict[str, tuple[int, int]]
) -> None:
    (one,) = measured(ended(attempts=attempts, error=error, status="failed" if error else "succeeded"))
    assert {name: (found.attempts, found.errors) for name, found in one.providers.items()} == tries


def test_times_are_of_the_provider_that_answered() -> None:
    failed = Attempt("zenith", 503, "UpstreamFault", 5)
    (one,) = measured(ended(attempts=(failed, GOOD)), ended(provider="zenith", duration_ms=5))
    assert one.providers["acme"].duration_ms == {bucket_of(1000): 1}
    assert one.providers["zenith"].duration_ms == {5: 1}


def test_memory_is_bounded_however_many_calls_there_are() -> None:
    traffic = Traffic()
    for number in range(20_000):
        traffic.record(ended(duration_ms=number * number, first_byte_ms=number, is_streaming=True))
    (one,) = traffic.take()
    durations = one.whole().duration_ms
    assert len(durations) < 450
    assert sum(durations.values()) == 20_000


def test_memory_is_bounded_however_many_models_there_are() -> None:
    traffic = Traffic()
    for number in range(5_000):
        traffic.record(ended(model=f"acme/{number}"))
    assert len(traffic.take()) == 4_000


def test_what_was_taken_counts_until_it_was_told() -> None:
    traffic = Traffic()
    traffic.record(ended())
    taken = traffic.take()
    traffic.record(ended(duration_ms=5))
    assert summed(traffic.so_far()) == measured(ended(), ended(duration_ms=5))
    traffic.let_go()
    assert len(taken) == 1
    assert summed(traffic.so_far()) == measured(ended(duration_ms=5))
    assert traffic.told == 1


def test_what_is_asked_of_one_model_is_of_no_other() -> None:
    traffic = Traffic()
    traffic.record(ended())
    traffic.take()
    traffic.record(ended(model="acme/small"))
    traffic.record(ended(duration_ms=5))
    assert traffic.so_far("acme/large") == measured(ended(), ended(duration_ms=5))
    assert traffic.so_far("acme/none") == []


def test_no_call_is_lost_or_counted_twice_while_another_thread_looks() -> None:
    traffic, done = Traffic(), threading.Event()

    def look() -> None:
        while not done.is_set():
            traffic.so_far()

    with ThreadPoolExecutor(2) as threads:
        looking = [threads.submit(look) for _ in range(2)]
        for _ in range(20_000):
            traffic.record(ended())
        done.set()
        for one in looking:
            one.result(timeout=60)
    (found,) = traffic.so_far()
    assert sum(found.whole().duration_ms.values()) == 20_000
