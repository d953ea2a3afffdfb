"""A compiled catalogue on disk, so that the next start need not read and check every file again."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import msgspec

from modelport import __version__
from modelport.catalogue.compile import Facts
from modelport.catalogue.facts import Dialect, Model, Offer, Provider, Quirks, Rates, Retired

_KEPT = 3
_SUM_BYTES = 32


@dataclass(frozen=True, slots=True)
class _Sold:
    """An offer that names its provider by position and its quirks only where they are its own."""

    provider: int
    model_id: str
    upstream: str
    rates: tuple[Rates, ...]
    free: bool
    quirks: Quirks | None
    speaks: tuple[Dialect, ...]
    markup: Decimal


@dataclass(frozen=True, slots=True)
class _Stored:
    key: str
    models: tuple[Model, ...]
    retired: tuple[Retired, ...]
    providers: tuple[Provider, ...]
    sold: tuple[_Sold, ...]


def compiler_state() -> str:
    """Tell one state of the code that compiles from another, so that a snapshot never outlives it."""
    states = ((path.name, path.stat()) for path in sorted(Path(__file__).parent.glob("*.py")))
    return " ".join((__version__, *(f"{name} {state.st_size} {state.st_mtime_ns}" for name, state in states)))


def through_cache(folder: Path, key: str, compile_now: Callable[[], Facts]) -> Facts:
    """Return the facts stored under `key`, or compile and store them.

    A snapshot that is damaged or cannot be written costs time, never correctness.
    """
    path = folder / f"catalogue-{key[:32]}.msgpack"
    stored = _read(path, key)
    if stored is not None:
        return stored
    facts = compile_now()
    try:
        _write(path, key, facts)
    except OSError:
        return facts  # a read-only or full disk: the next start compiles again
    _forget_old(folder, path)
    return facts


def _read(path: Path, key: str) -> Facts | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(data[_SUM_BYTES:]).digest() != data[:_SUM_BYTES]:
        return None
    try:
        stored = msgspec.msgpack.decode(data[_SUM_BYTES:], type=_Stored)
    except msgspec.DecodeError:
        return None
    if stored.key != key:
        return None
    offers = tuple(_offer(sold, stored.providers[sold.provider]) for sold in stored.sold)
    return Facts(stored.models, stored.retired, stored.providers, offers)


def _offer(sold: _Sold, provider: Provider) -> Offer:
    quirks = provider.quirks if sold.quirks is None else sold.quirks
    return Offer(sold.model_id, provider, sold.upstream, sold.rates, sold.free, quirks, sold.speaks, sold.markup)


def _sold(offer: Offer, provider: int) -> _Sold:
    quirks = None if offer.quirks == offer.provider.quirks else offer.quirks
    return _Sold(provider, offer.model_id, offer.upstream, offer.rates, offer.free, quirks, offer.speaks, offer.markup)


def _write(path: Path, key: str, facts: Facts) -> None:
    index = {provider.id: number for number, provider in enumerate(facts.providers)}
    sold = tuple(_sold(offer, index[offer.provider.id]) for offer in facts.offers)
    data = msgspec.msgpack.encode(_Stored(key, facts.models, facts.retired, facts.providers, sold))
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".catalogue-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(data).digest() + data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _forget_old(folder: Path, newest: Path) -> None:
    others = [path for path in folder.glob("catalogue-*.msgpack") if path != newest]
    try:
        others.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in others[_KEPT - 1 :]:
            path.unlink(missing_ok=True)
    except OSError:
        return  # another process is tidying up too
