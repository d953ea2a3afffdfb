"""The loops that the server runs on: asyncio's own, and uvloop, which `serve` uses."""

import asyncio

import pytest
import uvloop


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, object]:
    """Run the server's own tests on both loops, the others on the one that is used."""
    factories: dict[str, object] = {"uvloop": uvloop.new_event_loop}
    if item.path.name in ("test_protocol.py", "test_server.py"):
        factories["asyncio"] = asyncio.new_event_loop
    return factories
