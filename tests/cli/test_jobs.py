"""`modelport jobs unknown` tells the operator what may be on a provider's bill."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from modelport.cli import main
from modelport.cli.stores import examine_stores
from modelport.settings import load
from tests.jobs.shop import DRAW, SAY, Shop, open_shop
from tests.jobs.test_crashes import lived


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path) as opened:
        yield opened


def told(folder: Path, *arguments: str) -> str:
    done = CliRunner().invoke(main, ["jobs", "unknown", "--data-dir", str(folder), *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def found(folder: Path) -> list[str]:
    settings = load(given={"data_dir": folder})
    return [finding.detail for finding in examine_stores(settings) if finding.name == "jobs"]


async def test_jobs_that_were_lost_on_their_way_are_listed(shop: Shop, tmp_path: Path) -> None:
    done, lost = await shop.order(SAY), await shop.order(DRAW)
    await lived(shop, done, [])
    assert await lived(shop, lost, [3]) == ["submitting"]
    [line] = told(tmp_path).splitlines()
    assert lost.id in line
    assert "fake/painter at fake-queue" in line
    [one] = json.loads(told(tmp_path, "--json"))["data"]
    assert (one["id"], one["provider"], one["upstream"]) == (lost.id, "fake-queue", "fal-ai/flux/dev")
    assert await asyncio.to_thread(found, tmp_path) == [
        "of 1 it is not known whether their provider made them: `modelport jobs unknown` lists them"
    ]


async def test_without_such_jobs_that_is_said(shop: Shop, tmp_path: Path) -> None:
    assert told(tmp_path).startswith("None: ")
    assert await asyncio.to_thread(found, tmp_path) == ["of every job it is known whether its provider took it"]
