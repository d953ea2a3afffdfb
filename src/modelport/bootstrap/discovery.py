"""Trying a provider: is it there, does it take our key, which models does it list, does it answer a call."""

import json
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, cast

import msgspec

from modelport.bootstrap.parts import proxies, secret_of
from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.facts import Model, Offer, Provider, Rates
from modelport.core.clock import SystemClock
from modelport.core.errors import Problem
from modelport.dialects.table import CHAT, EMBEDDINGS, Asked
from modelport.dialects.wire import Identity, UpstreamRequest
from modelport.routing.router import Plan
from modelport.serving.attempts import FirstSuccess
from modelport.serving.health import Health
from modelport.serving.ports import UpstreamProblem
from modelport.settings import Settings, provider_secret
from modelport.upstream.dial import Tls
from modelport.upstream.providers import Providers

_ANSWER_MAX_BYTES = 16_000_000
_TINY_TOKENS = 16
_VERSION = (b"anthropic-version", b"2023-06-01")
_SHOWN = 5
_EXCERPT = 200


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried."""

    name: Literal["configured", "reachable", "key", "models", "call"]
    state: Literal["ok", "failed", "skipped"]
    detail: str


@dataclass(frozen=True, slots=True)
class Listed:
    """What a server answered when it was asked for its models."""

    status: int
    names: tuple[str, ...] | None
    """None where the answer is no list."""
    told: str
    """The beginning of what it said."""


def upstream_of(settings: Settings, provider: Provider) -> Providers:
    """Get ready to send to one provider, with the credential that the environment has for it."""
    secret = secret_of(provider)
    secrets = {} if secret is None else {provider.id: secret}
    return Providers(secrets, proxies=proxies(settings), tls=Tls(settings.egress.ca_file))


async def listed_models(upstream: Providers, provider: Provider) -> Listed:
    """Ask for `/models` below the base URL; raises `UpstreamProblem` when nobody answers."""
    version = (_VERSION,) if "anthropic_messages" in provider.speaks.get("chat", ()) else ()
    asked = UpstreamRequest("/models", version, b"", is_streaming=False, method="GET")
    async with upstream.send(Offer("", provider, ""), asked) as answer:
        body = await answer.body(_ANSWER_MAX_BYTES)
    names = _names(body) if answer.status == 200 else None
    return Listed(answer.status, names, " ".join(body[:_EXCERPT].decode("utf-8", "replace").split()))


def _names(body: bytes) -> tuple[str, ...] | None:
    """Read the names in a list as OpenAI, Anthropic or Google write it, or in a bare array."""
    try:
        told: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    if isinstance(told, dict):
        members = cast("dict[str, object]", told)
        told = members.get("data", members.get("models"))
    if not isinstance(told, list):
        return None
    names: list[str] = []
    for one in cast("list[object]", told):
        if isinstance(one, dict):
            entry = cast("dict[str, object]", one)
            name = entry.get("id", entry.get("name"))
            if isinstance(name, str):
                names.append(name.removeprefix("models/"))
    return tuple(dict.fromkeys(names))


async def examined(
    settings: Settings, catalogue: Catalogue, provider: Provider, *, model: Model | None, calls: bool
) -> AsyncIterator[Check]:
    """Try a provider step by step, as long as the next step makes sense."""
    missing = [name for name in provider.variables if provider_secret(name) is None]
    if missing:
        yield Check("configured", "failed", f"set {' and '.join(missing)}")
        return
    yield Check("configured", "ok", f"{' and '.join(provider.variables) or 'needs no key'}, at {provider.base_url}")
    if provider.is_local:
        yield Check("reachable", "skipped", "runs on this machine: `modelport doctor` says whether it can")
        return
    offers = _offers_of(catalogue, provider)
    async with upstream_of(settings, provider) as upstream:
        try:
            listed = await listed_models(upstream, provider)
        except UpstreamProblem as problem:
            yield Check("reachable", "failed", problem.message)
            return
        for check in _of_list(listed, provider, offers):
            yield check
        if listed.status in (401, 403) or not calls:
            return
        yield await _tiny_call(upstream, catalogue, offers, model)


def _of_list(listed: Listed, provider: Provider, offers: list[Offer]) -> list[Check]:
    reached = Check("reachable", "ok", f"answered with {listed.status}")
    if listed.status in (401, 403):
        variable = f"the key in {provider.secret_env}" if provider.secret_env else "a call without a key"
        return [reached, Check("key", "failed", f"{provider.name} refused {variable}: {listed.told}")]
    if listed.names is None:
        return [reached, Check("models", "skipped", f"lists no models at /models ({listed.status})")]
    mine = {offer.upstream: offer.model_id for offer in offers}
    there = [name for name in mine if name in listed.names]
    lacking = sorted(mine.keys() - set(listed.names))
    detail = f"lists {len(listed.names):,}; of {len(mine):,} that the catalogue buys there it has {len(there):,}"
    if lacking:
        more = "" if len(lacking) <= _SHOWN else f" and {len(lacking) - _SHOWN:,} more"
        detail += f"; not {', '.join(lacking[:_SHOWN])}{more}"
    return [reached, Check("models", "ok", detail)]


def _offers_of(catalogue: Catalogue, provider: Provider) -> list[Offer]:
    offers = (offer for model in catalogue.models() for offer in catalogue.offers(model.id))
    return [offer for offer in offers if offer.provider.id == provider.id]


async def _tiny_call(upstream: Providers, catalogue: Catalogue, offers: list[Offer], model: Model | None) -> Check:
    """Make the smallest call there is, of the model that is asked for or of the cheapest."""
    chosen = _cheapest(catalogue, offers, model)
    if chosen is None:
        what = (
            "no model that this version calls" if model is None else f"'{model.id}' is not bought there or not called"
        )
        return Check("call", "skipped", what)
    offer, asked_model = chosen
    body: dict[str, object] = {"model": asked_model.id}
    if asked_model.operation == "embeddings":
        asked = Asked(EMBEDDINGS.parser.parse(json.dumps({**body, "input": "ok"}).encode()), EMBEDDINGS)
    else:
        talk = {"messages": [{"role": "user", "content": "Say ok."}], "max_tokens": _TINY_TOKENS}
        asked = Asked(CHAT.parser.parse(json.dumps({**body, **talk}).encode()), CHAT)
    clock = SystemClock()
    begun_s = time.monotonic()
    plan = Plan(asked_model, ((offer, Rates(0, {})),))
    identity = Identity("try", clock.now_ms() // 1000, asked_model.id)
    health = Health(clock.monotonic_s)
    attempts = FirstSuccess(upstream, clock, health, random.random, asked, plan, None, [], lambda: identity)
    try:
        async with attempts as success:
            used = success.passage.usage()
    except Problem as problem:
        return Check("call", "failed", f"{asked_model.id}: {problem.message}")
    tokens = "no usage reported" if used is None else f"{used.input_tokens} tokens in, {used.output_tokens} out"
    return Check("call", "ok", f"{asked_model.id} answered in {time.monotonic() - begun_s:.1f} s, {tokens}")


def _cheapest(catalogue: Catalogue, offers: list[Offer], model: Model | None) -> tuple[Offer, Model] | None:
    known = [(offer, catalogue.find(offer.model_id)) for offer in offers]
    now_ms = time.time_ns() // 1_000_000

    def rank(pair: tuple[Offer, Model]) -> tuple[bool, bool, int, str]:
        rates = pair[0].rates_at(now_ms)
        return pair[1].operation != "chat", rates is None, 0 if rates is None else rates.usual, pair[1].id

    usable = (pair for pair in known if pair[0].can_be_called(pair[1].operation) and model in (None, pair[1]))
    return min(usable, key=rank, default=None)
