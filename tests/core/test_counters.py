"""Counters, and how they are printed."""

from modelport.core.counters import Counters


def test_counters_are_printed_in_prometheus_text_with_their_process() -> None:
    counters = Counters()
    calls = counters.counter("calls_total", "Calls.", "status", ("2xx", "5xx"))
    lost = counters.counter("lost_total", "Lost things.")
    level = 3
    counters.gauge("level", "How high it is.", lambda: level)
    calls.add("2xx")
    calls.add("2xx")
    calls.add("4xx")
    lost.add()
    level = 4
    assert counters.text("12") == (
        "# HELP calls_total Calls.\n"
        "# TYPE calls_total counter\n"
        'calls_total{process="12",status="2xx"} 2\n'
        'calls_total{process="12",status="5xx"} 0\n'
        'calls_total{process="12",status="4xx"} 1\n'
        "# HELP lost_total Lost things.\n"
        "# TYPE lost_total counter\n"
        'lost_total{process="12"} 1\n'
        "# HELP level How high it is.\n"
        "# TYPE level gauge\n"
        'level{process="12"} 4\n'
    )


def test_a_counter_without_a_label_is_shown_from_the_start() -> None:
    counters = Counters()
    counters.counter("lost_total", "Lost things.")
    assert 'lost_total{process="1"} 0\n' in counters.text("1")
