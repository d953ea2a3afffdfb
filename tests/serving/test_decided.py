"""Calls within what the operator decided of a model: its longest answer, its maintenance, its new name."""

from dataclasses import replace

import pytest

from modelport.api.errors import refusal
from modelport.routing.problems import UnderMaintenance
from modelport.serving.exchange import CallFailed
from tests.serving.stage import MODEL, key_of, on_stage, whole

SHORT = replace(MODEL, most_output_tokens=40)


@pytest.mark.parametrize(("asked", "sent"), [(100, 40), (40, 40), (30, 30), (None, 40)])
async def test_nobody_gets_a_longer_answer_than_the_operator_allows(asked: int | None, sent: int) -> None:
    async with on_stage({"first": [whole()]}, model=SHORT) as stage:
        assert (await stage.call(max_tokens=asked)).status == 200
        assert stage.upstream.body()["max_tokens"] == sent


async def test_only_what_the_allowed_answer_costs_is_held() -> None:
    async with on_stage({"first": [whole()]}, model=SHORT, credit=40) as stage:
        assert (await stage.call(max_tokens=100_000)).status == 200
        assert stage.upstream.body()["max_tokens"] == 40


async def test_a_model_in_maintenance_is_told_with_when_to_ask_again_and_nobody_is_asked() -> None:
    async with on_stage({"first": [whole()]}, model=replace(MODEL, maintenance="Back at noon.")) as stage:
        with pytest.raises(CallFailed) as failed:
            await stage.call()
        assert isinstance(failed.value.problem, UnderMaintenance)
        told = refusal(failed.value.problem, "")
        assert (told.status, told.code, told.retry_after_s) == (503, "model_in_maintenance", 60)
        assert told.message == "Service unavailable: The model 'acme/talk' is in maintenance: Back at noon."
        assert stage.upstream.asked == []
        assert (stage.row.http_status, stage.row.error) == (503, "model_in_maintenance")


async def test_a_key_that_is_limited_to_a_model_keeps_it_under_its_new_name() -> None:
    async with on_stage({"first": [whole()]}, model=replace(MODEL, former="old/name")) as stage:
        assert (await stage.call(key=replace(key_of(), models=frozenset({"old/name"})))).status == 200
