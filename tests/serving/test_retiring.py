"""Answers of a model that its maker takes away say when."""

from dataclasses import replace
from datetime import date
from email.utils import parsedate_to_datetime

import pytest

from modelport.serving.exchange import CallFailed
from modelport.serving.retiring import retiring
from tests.serving.stage import MODEL, NotingClient, on_stage, refused, stream, whole

GOING = replace(MODEL, retires_on=date(2027, 2, 3))
TOLD = {b"deprecation": b"@1801612800", b"sunset": b"Wed, 03 Feb 2027 00:00:00 GMT"}


def test_both_headers_name_the_same_moment() -> None:
    told = dict(retiring(date(2027, 2, 3)))
    assert told == TOLD
    sunset = parsedate_to_datetime(told[b"sunset"].decode())
    assert b"@%d" % sunset.timestamp() == told[b"deprecation"]


@pytest.mark.parametrize("is_streaming", [False, True])
async def test_an_answer_of_a_model_that_goes_says_when(is_streaming: bool) -> None:
    async with on_stage({"first": [stream() if is_streaming else whole()]}, model=GOING) as stage:
        client = await stage.call(stream=is_streaming)
    assert (client.status, client.marks) == (200, TOLD)


async def test_so_does_a_refusal() -> None:
    client = NotingClient()
    async with on_stage({"first": [refused(400)]}, model=GOING) as stage:
        with pytest.raises(CallFailed):
            await stage.call(client)
    assert client.marks == TOLD


async def test_an_answer_of_a_model_that_stays_says_nothing() -> None:
    async with on_stage({"first": [whole()]}) as stage:
        assert (await stage.call()).marks == {}
