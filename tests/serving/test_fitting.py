"""Calls that not every provider can serve at all."""

import pytest

from modelport.catalogue.facts import Quirks
from modelport.core.errors import InvalidBody
from modelport.serving.exchange import CallFailed
from tests.serving.stage import offer_of, on_stage, whole

ONE_ANSWER = Quirks(choices=False)


async def test_several_answers_are_asked_of_the_next_offer_that_gives_them() -> None:
    offers = [offer_of("first", quirks=ONE_ANSWER), offer_of("second", priority=200)]
    async with on_stage({"second": [whole()]}, offers=offers) as stage:
        client = await stage.call(n=2)
    assert client.status == 200


async def test_a_call_that_no_offer_can_serve_is_refused_by_name() -> None:
    async with on_stage({}, offers=[offer_of("first", quirks=ONE_ANSWER)]) as stage:
        with pytest.raises(CallFailed) as failed:
            await stage.call(n=2)
        assert isinstance(failed.value.problem, InvalidBody)
        assert failed.value.problem.param == "n"
        assert stage.balance == 1000
