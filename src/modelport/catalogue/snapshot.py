"""A compiled catalogue on disk, so that the next start need not read and check every file again."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from modelport import __version__
from modelport.catalogue.compile import Facts
from modelport.catalogue.drafts import Drafts
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
    models: tuple[Model, ...]
    retired: tuple[Retired, ...]
    providers: tuple[Provider, ...]
    sold: tuple[_Sold, ...]


def compiler_state() -> str:
    """Tell one state of the code that compiles from another, so that a snapshot never outlives it."""
    states = ((path.name, path.stat()) for path in sorted(Path(__file__).parent.glob("*.py")))
    return " ".join((__version__, *(f"{name} {state.st_size} {state.st_mtime_ns}" for name, state in states)))


Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[Kept]):
    """One kind of thing that is kept in files, each under the hash of what it was made of."""

    kind: str
    encode: Callable[[Kept], bytes]
    decode: Callable[[memoryview], Kept]

    def through(self, folder: Path, key: str, make_now: Callable[[], Kept]) -> Kept:
        """Return what is stored under `key`, or make and store it.

        A snapshot that is damaged or cannot be written costs time, never correctness.
        """
        path = self._path(folder, key)
        stored = self._read(path, key.encode())
        if stored is not None:
            return stored
        made = make_now()
        try:
            _write(path, key.encode() + self.encode(made))
        except OSError:
            return made  # a read-only or full disk: the next start makes it again
        _forget_old(folder, self.kind, path)
        return made

    def is_kept(self, folder: Path, key: str) -> bool:
        """Whether something is stored under `key`, whole or not."""
        return self._path(folder, key).exists()

    def _path(self, folder: Path, key: str) -> Path:
        return folder / f"{self.kind}-{key[:32]}.msgpack"

    def _read(self, path: Path, key: bytes) -> Kept | None:
        try:
            data = path.read_bytes()
        except OSError:
            return None
        whole = memoryview(data)[_SUM_BYTES:]
        if hashlib.sha256(whole).digest() != data[:_SUM_BYTES] or bytes(whole[: len(key)]) != key:
            return None
        try:
            return self.decode(whole[len(key) :])
        except msgspec.DecodeError:
            return None


def _facts_from(data: memoryview) -> Facts:
    stored = msgspec.msgpack.decode(data, type=_Stored)
    offers = tuple(_offer(sold, stored.providers[sold.provider]) for sold in stored.sold)
    return Facts(stored.models, stored.retired, stored.providers, offers)


def _facts_to(facts: Facts) -> bytes:
    index = {provider.id: number for number, provider in enumerate(facts.providers)}
    sold = tuple(_sold(offer, index[offer.provider.id]) for offer in facts.offers)
    return msgspec.msgpack.encode(_Stored(facts.models, facts.retired, facts.providers, sold))


def _drafts_from(data: memoryview) -> Drafts:
    return msgspec.msgpack.decode(data, type=Drafts)


FACTS = Snapshot("catalogue", _facts_to, _facts_from)
"""Whole catalogues."""
DRAFTS: Snapshot[Drafts] = Snapshot("parsed", msgspec.msgpack.encode, _drafts_from)
"""Our own files as they were read, before others are laid on them."""


def _offer(sold: _Sold, provider: Provider) -> Offer:
    quirks = provider.quirks if sold.quirks is None else sold.quirks
    return Offer(sold.model_id, provider, sold.upstream, sold.rates, sold.free, quirks, sold.speaks, sold.markup)


def _sold(offer: Offer, provider: int) -> _Sold:
    quirks = None if offer.quirks == offer.provider.quirks else offer.quirks
    return _Sold(provider, offer.model_id, offer.upstream, offer.rates, offer.free, quirks, offer.speaks, offer.markup)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".catalogue-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(data).digest() + data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _forget_old(folder: Path, kind: str, newest: Path) -> None:
    others = [path for path in folder.glob(f"{kind}-*.msgpack") if path != newest]
    try:
        others.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in others[_KEPT - 1 :]:
            path.unlink(missing_ok=True)
    except OSError:
        return  # another process is tidying up too
