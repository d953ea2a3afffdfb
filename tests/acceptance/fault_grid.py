"""Every fault on every way from a provider to a caller: the catalogue for it, the calls, and what is seen."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from modelport.bootstrap.office import office
from modelport.settings import Settings
from tests.acceptance.faults_page import CALLED, CLOSING, LONG, UNREACHABLE, Cell, Seen, grid
from tests.acceptance.gateway import SECRETS, Gateway
from tests.acceptance.traffic import Reply, Town, exchange, request
from tests.fake import FakeUpstream
from tests.fake.overlay import KEY_ENV
from tests.fake.vendors import VENDORS

PATHS = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}
TIMEOUTS = "{ connect_s = 1.0, first_byte_s = 2.5, idle_s = 1.5 }"
TIMED = frozenset({"no-answer", "stall-headers", "stall-after-2", "stall-after-7", "slow-first"})
"""Faults that take the time of a time-out."""
WAITING = TIMED | {UNREACHABLE, "429-after-1", "503-after-1"}
"""Faults of which most calls only wait."""
HUGE = frozenset({"huge-body", "huge-header"})
_AT_ONCE = {"waiting": 120, "huge": 1, "quick": 8}
_SAID = " ".join(f"word{number}" for number in range(24))
_SPEAKING = {
    "chat": ("openai", "openai_chat", "bearer"),
    "messages": ("anthropic", "anthropic_messages", "x-api-key"),
    "responses": ("openai", "openai_responses", "bearer"),
    "gemini": ("gemini", "google_gemini", "x-goog-api-key"),
}
"""Which vendor the fake plays for a format, what the format is called, and how it takes a key."""
_SPARE = {called: "messages" if called == "chat" else "chat" for called in CALLED}
"""What the second provider of a model speaks: never the same as the first."""
GOOD_MODELS = {"good/echo": ("echo", ("0.5", "1.5")), "good/meter": ("meter", ("0", "500"))}
"""Models without a fault, at the first provider of chat: what the fake calls them, and their prices."""


def model_of(cell: Cell) -> str:
    """Name the model of a cell; those with two offers have one for each cell, as failures put an offer last."""
    if not cell.has_spare:
        return f"alone/{cell.way.called}/{cell.fault}"
    how = "stream" if cell.is_streaming else "whole"
    return f"pair/{cell.way.served}/{cell.way.called}/{how}/{cell.fault}"


def _first(cell: Cell) -> str:
    """Name the provider that misbehaves."""
    kind = "gone" if cell.fault == UNREACHABLE else "closing" if cell.fault in CLOSING else "first"
    return f"{kind}-{cell.way.called}"


@dataclass(slots=True)
class Grid(Town):
    """A gateway whose providers show the faults of every cell."""

    closing: FakeUpstream
    """Plays those whose connections close later, at an address of its own: connections are shared by address."""

    def fake_of(self, fault: str) -> FakeUpstream:
        """Find who plays a fault."""
        return self.closing if fault in CLOSING else self.fake


def write_catalogue(folder: Path, base_url: str, closing_url: str) -> None:
    """Offer a model for each cell, and those without a fault."""
    addresses = {"gone": "http://127.0.0.1:1", "closing": closing_url}
    offers: dict[str, list[str]] = {}
    models = {model_of(cell): cell for cell in grid()}
    for model, cell in models.items():
        upstream = f"models/fault/{cell.fault}" if cell.way.called == "gemini" else f"fault/{cell.fault}"
        offers.setdefault(_first(cell), []).append(_offer(model, upstream))
        if cell.has_spare:
            offers.setdefault(f"spare-{_SPARE[cell.way.called]}", []).append(_offer(model, "echo"))
    offers["first-chat"] += [_offer(model, *told) for model, told in GOOD_MODELS.items()]
    folder.mkdir(parents=True, exist_ok=True)
    for provider, offered in offers.items():
        kind, _, called = provider.partition("-")
        text = _provider(kind, called, addresses.get(kind, base_url)) + "".join(offered)
        (folder / f"{provider}.toml").write_text(text, encoding="utf-8")
    described = "".join(map(_model, [*models, *GOOD_MODELS]))
    (folder / "grid.toml").write_text(described, encoding="utf-8")


def _provider(kind: str, called: str, address: str) -> str:
    vendor, dialect, scheme = _SPEAKING[called]
    return f"""name     = "{kind}-{called}"
base_url = "{address}{VENDORS[vendor].prefix}"
auth     = {{ scheme = "{scheme}", env = "{KEY_ENV}" }}
speaks   = {{ chat = "{dialect}" }}
priority = {200 if kind == "spare" else 100}
timeouts = {TIMEOUTS}
"""


def _offer(model: str, upstream: str, price: tuple[str, str] = ("0.5", "1.5")) -> str:
    rates = f'{{ from = 2026-01-01, input = "{price[0]}", output = "{price[1]}" }}'
    return f'\n[[offers]]\nmodel    = "{model}"\nupstream = "{upstream}"\nrates    = [{rates}]\n'


def _model(name: str) -> str:
    about = f'id = "{name}"\nname = "{name}"\nmaker = "grid"\noperation = "chat"\ndescription = "-"\n'
    return f"\n[[models]]\n{about}output_tokens = 64000\n"


@asynccontextmanager
async def grid_town(folder: Path) -> AsyncGenerator[Grid]:
    """Run a gateway whose models show the faults of every cell."""
    gateway = Gateway(folder / "data", secrets={**SECRETS}, settings={"MODELPORT_SERVER_DRAIN_S": "2"})
    async with FakeUpstream() as fake, FakeUpstream() as closing:
        write_catalogue(gateway.catalogue, fake.base_url, closing.base_url)
        with gateway, office(Settings(data_dir=gateway.data_dir)) as desk:
            yield Grid(gateway, fake, desk, closing)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream; the data of `[DONE]` is None."""

    name: str | None
    data: Any


@dataclass(frozen=True)
class Outcome:
    """What came of one call; read once."""

    cell: Cell
    reply: Reply
    took_s: float

    @property
    def is_stream(self) -> bool:
        """Whether the answer came as a stream."""
        return self.reply.headers.get("content-type", "").startswith("text/event-stream")

    @cached_property
    def is_complete(self) -> bool:
        """Whether its client would take it for a finished answer."""
        if not (self.reply.is_framed and self.reply.status == 200):
            return False
        return not self.is_stream or any(map(_is_end, self.events))

    @property
    def error(self) -> Mapping[str, Any]:
        """The error that was told, in an answer of its own or by the last event of a stream."""
        told = self.events[-1].data if self.is_stream else self.reply.json
        return {**told["error"], "status": told["statusCode"]}

    @cached_property
    def seen(self) -> Seen:
        """What the caller sees."""
        assert self.reply.is_framed, self.reply
        if self.is_complete:
            return Seen(200)
        error = self.error
        told = error["status"] if self.reply.status == 200 else None
        return Seen(self.reply.status, error["code"], error["origin"], told)

    @cached_property
    def events(self) -> list[Event]:
        """The events of a stream."""
        return [event for block in self.reply.body.decode().split("\n\n") if (event := _event(block)) is not None]

    @property
    def text(self) -> str:
        """What the answer says."""
        served = self.cell.way.served
        if self.is_stream:
            return "".join(_PIECES[served](event.data) for event in self.events if event.data is not None)
        return _TEXTS[served](self.reply.json)

    @property
    def is_cut_rightly(self) -> bool:
        """Whether a stream that does not end well ends in an error of its caller's format, and in nothing else."""
        return _CUTS[self.cell.way.served](self.events)


def _event(block: str) -> Event | None:
    fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
    if "data" not in fields:
        return None
    return Event(fields.get("event"), None if fields["data"] == "[DONE]" else json.loads(fields["data"]))


def _is_end(event: Event) -> bool:
    return event.data is None or event.data.get("type") in {"message_stop", "response.completed"}


def _is_chat_cut(events: list[Event]) -> bool:
    *begun, last = events
    return "error" in last.data and all("error" not in event.data and not event.data.get("usage") for event in begun)


def _is_messages_cut(events: list[Event]) -> bool:
    *begun, last = events
    if any(event.name != event.data["type"] for event in events):
        return False
    return last.name == "error" and all(event.name not in {"error", "message_delta"} for event in begun)


def _is_responses_cut(events: list[Event]) -> bool:
    *begun, failed, last = events
    if any(event.name != event.data["type"] for event in events) or failed.data["response"]["status"] != "failed":
        return False
    numbers = [event.data["sequence_number"] for event in events]
    names = {event.name for event in begun}
    return (
        (failed.name, last.name) == ("response.failed", "error")
        and not names & {"error", "response.failed", "response.incomplete"}
        and numbers == sorted(set(numbers))
    )


_CUTS: dict[str, Callable[[list[Event]], bool]] = {
    "chat": _is_chat_cut,
    "messages": _is_messages_cut,
    "responses": _is_responses_cut,
}
_TEXTS: dict[str, Callable[[Any], str]] = {
    "chat": lambda told: told["choices"][0]["message"]["content"],
    "messages": lambda told: told["content"][0]["text"],
    "responses": lambda told: told["output"][0]["content"][0]["text"],
}
_PIECES: dict[str, Callable[[Any], str]] = {
    "chat": lambda told: "".join(choice["delta"].get("content") or "" for choice in told["choices"]),
    "messages": lambda told: told["delta"].get("text", "") if told["type"] == "content_block_delta" else "",
    "responses": lambda told: told["delta"] if told["type"] == "response.output_text.delta" else "",
}


def said_in(cell: Cell) -> str:
    """What the caller of a cell says: enough for a cut in the middle of the answer, where there is to be one."""
    return _SAID if cell.fault in LONG else "hi"


def _body(cell: Cell) -> bytes:
    text = said_in(cell)
    said = {"input": text} if cell.way.served == "responses" else {"messages": [{"role": "user", "content": text}]}
    return json.dumps({"model": model_of(cell), "stream": cell.is_streaming, **said}).encode()


async def call(town: Town, key: str, cell: Cell) -> Outcome:
    """Make the call of a cell."""
    begun_s = time.monotonic()
    reply = await exchange(town.gateway.base_url, request(key, _body(cell), path=PATHS[cell.way.served]))
    return Outcome(cell, reply, time.monotonic() - begun_s)


async def call_all(town: Town, key: str, cells: Iterable[Cell]) -> list[Outcome]:
    """Make the calls of many cells, as many at once as does not make them slow."""
    gates = {name: asyncio.Semaphore(number) for name, number in _AT_ONCE.items()}

    async def in_turn(cell: Cell) -> Outcome:
        kind = "waiting" if cell.fault in WAITING else "huge" if cell.fault in HUGE else "quick"
        async with gates[kind]:
            return await call(town, key, cell)

    return await asyncio.gather(*map(in_turn, cells))
