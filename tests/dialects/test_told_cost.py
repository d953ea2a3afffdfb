"""What providers say that a call costs: read exactly, wherever usage is read, and never in the way of it."""

import json
from collections.abc import Callable

import pytest

from modelport.dialects.anthropic_messages import metering
from modelport.dialects.chat_body import meters as chat_meters
from modelport.dialects.embeddings import openai_embeddings
from modelport.dialects.openai_responses.meters import meters as responses_meters
from modelport.operations.usage import Usage

Meters = Callable[[bytes], Usage | None]
FORMS: dict[str, tuple[Meters, bytes]] = {
    "chat": (chat_meters, b'"prompt_tokens":12,"completion_tokens":3'),
    "chat with details": (
        chat_meters,
        b'"prompt_tokens":12,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":2}',
    ),
    "responses": (responses_meters, b'"input_tokens":12,"output_tokens":3'),
    "messages": (metering.meters, b'"input_tokens":12,"output_tokens":3'),
    "embeddings": (openai_embeddings.meters, b'"prompt_tokens":15,"total_tokens":15'),
}


def told(members: bytes, form: str = "chat") -> int | None:
    meters, tokens = FORMS[form]
    usage = meters(b"{" + tokens + b"," + members + b"}")
    assert usage is not None, "a cost that makes no sense must not make usage unusable"
    assert usage.input_tokens + usage.output_tokens == 15
    return usage.provider_nano_usd


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("members", "nano_usd"),
    [
        (b'"cost":0.95', 950_000_000),
        (b'"cost":0.00001315,"is_byok":false,"cost_details":{"upstream_inference_cost":null}', 13_150),
        (b'"cost":0.001,"is_byok":true,"cost_details":{"upstream_inference_cost":0.019}', 20_000_000),
        (b'"cost_in_usd_ticks":37756000,"num_sources_used":0', 3_775_600),
        (b'"cost_in_usd_ticks":0', 0),
        (b'"estimated_cost":1.19e-05', 11_900),
        (
            b'"cost":{"input_tokens_cost":1e-05,"output_tokens_cost":0.0001,"request_cost":0.005,"total_cost":0.00511}',
            5_110_000,
        ),
        (b'"cost":{"currency":"USD","input_cost":1,"output_cost":1,"total_cost":2}', 2_000_000_000),
    ],
)
def test_each_provider_s_way_of_telling_the_cost_is_read(form: str, members: bytes, nano_usd: int) -> None:
    assert told(members, form) == nano_usd


@pytest.mark.parametrize(
    ("number", "nano_usd"),
    [
        (b"0", 0),
        (b"0.1", 100_000_000),
        (b"1e-9", 1),
        (b"0.0000000005", 0),
        (b"0.0000000015", 2),
        (b"0.00000000149999999999", 1),
        (b"1.4500000000000001e-05", 14_500),
        (b"123456789.123456789", 123_456_789_123_456_789),
        (b"999999999", 999_999_999_000_000_000),
        (b"1e-999", 0),
    ],
)
def test_a_cost_is_exact_to_the_nearest_billionth(number: bytes, nano_usd: int) -> None:
    assert told(b'"cost":' + number) == nano_usd


@pytest.mark.parametrize(
    "members",
    [
        b'"cost":null',
        b'"cost":-0.1',
        b'"cost":"0.1"',
        b'"cost":[1]',
        b'"cost":true',
        b'"cost":1e9',
        b'"cost":1e999',
        b'"cost":1e99999999999999999999',
        b'"cost":' + b"1" * 5000,
        b'"cost":{"currency":"CNY","total_cost":2}',
        b'"cost":{"total_cost":"2"}',
        b'"cost":{"total_cost":{}}',
        b'"cost":{}',
        b'"cost":0.1,"is_byok":true',
        b'"cost":0.1,"is_byok":true,"cost_details":7',
        b'"cost_in_usd_ticks":-5',
        b'"estimated_cost":"much"',
        b'"total_cost":1',
    ],
)
def test_what_is_no_cost_in_dollars_is_not_taken_for_one(members: bytes) -> None:
    assert told(members) is None


def test_every_float_that_a_provider_may_print_is_read_as_what_it_says() -> None:
    for units in range(0, 5_000_000, 4_999):
        assert told(b'"cost":' + json.dumps(units / 1e9).encode()) == units
