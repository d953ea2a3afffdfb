"""Verifying keys from memory and from the store."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from modelport.core.clock import iso_ms
from modelport.keys.issue import PREFIX_LENGTH, KeyHasher, KeyIssuer
from modelport.keys.key import DisabledKey, ExpiredKey, MissingKey, UnknownKey
from modelport.keys.ring import KeyRing
from modelport.keys.store import KeyTerms
from tests.keys.twin import TwinKeys
from tests.twins.clock import StoppedClock

HASHER = KeyHasher([(1, b"a secret of the server, 32 bytes.")])


async def at_once(call: Callable[..., Any], *arguments: Any) -> Any:
    return call(*arguments)


def disable(store: TwinKeys, prefix: str, *, is_disabled: bool = True) -> None:
    store.change(7, prefix, lambda _: KeyTerms(is_disabled=is_disabled), 1)


async def test_a_known_key_is_looked_up_once() -> None:
    store = TwinKeys()
    key, secret = KeyIssuer(store, HASHER).issue(7, 0)
    ring = KeyRing(store, HASHER)
    assert await ring.authenticate(secret.reveal()) == key
    assert await ring.authenticate(secret.reveal().encode()) == key
    assert store.asked == 1


@pytest.mark.parametrize("secret", [None, "", b""])
async def test_a_missing_credential_is_told_apart_from_a_wrong_one(secret: bytes | str | None) -> None:
    with pytest.raises(MissingKey):
        await KeyRing(TwinKeys(), HASHER).authenticate(secret)


async def test_an_unknown_key_is_looked_up_once_until_something_changes() -> None:
    store = TwinKeys()
    ring = KeyRing(store, HASHER, run=at_once)
    for _ in range(3):
        with pytest.raises(UnknownKey):
            await ring.authenticate("wrong")
    assert store.asked == 1
    ring.forget()
    with pytest.raises(UnknownKey):
        await ring.authenticate("wrong")
    assert store.asked == 2


async def test_keys_that_share_their_first_characters_are_told_apart() -> None:
    """CVE-2026-35030: a cache by a part of the token let one caller pass for another; ours is by the whole digest."""
    store = TwinKeys()
    _, secret = KeyIssuer(store, HASHER).issue(7, 0)
    ring = KeyRing(store, HASHER, run=at_once)
    await ring.authenticate(secret.reveal())
    with pytest.raises(UnknownKey):
        await ring.authenticate(secret.reveal()[:-1] + "x")
    with pytest.raises(UnknownKey):
        await ring.authenticate(secret.reveal()[:PREFIX_LENGTH])
    with pytest.raises(UnknownKey):
        await ring.authenticate(secret.reveal() + "0")


async def test_a_key_that_was_refused_works_on_the_first_call_after_it_was_made_elsewhere() -> None:
    store = TwinKeys()
    made_elsewhere = False

    async def refresh() -> None:
        if made_elsewhere:
            ring.forget()

    ring = KeyRing(store, HASHER, refresh=refresh, run=at_once)
    issuer = KeyIssuer(store, HASHER, lambda size: b"\x07" * size)
    with pytest.raises(UnknownKey):
        await ring.authenticate("07" * 16)
    key, secret = issuer.issue(7, 0)
    made_elsewhere = True
    assert await ring.authenticate(secret.reveal()) == key


async def test_a_disabled_key_is_refused_and_works_again_when_enabled_elsewhere() -> None:
    store = TwinKeys()
    key, secret = KeyIssuer(store, HASHER).issue(7, 0)

    async def refresh() -> None:
        ring.forget(key.id)

    ring = KeyRing(store, HASHER, refresh=refresh, run=at_once)
    await ring.authenticate(secret.reveal())
    disable(store, key.prefix)
    ring.forget(key.id)
    with pytest.raises(DisabledKey, match=key.prefix):
        await ring.authenticate(secret.reveal())
    disable(store, key.prefix, is_disabled=False)
    assert (await ring.authenticate(secret.reveal())).is_disabled is False


async def test_an_expired_key_is_refused_from_memory_without_asking_the_store() -> None:
    store, clock = TwinKeys(), StoppedClock()
    expires_at_ms = clock.now_ms() + 1000
    key, secret = KeyIssuer(store, HASHER).issue(7, 0, KeyTerms(expires_at_ms=expires_at_ms))
    ring = KeyRing(store, HASHER, run=at_once, clock=clock)
    assert await ring.authenticate(secret.reveal()) == key
    clock.at_ms = expires_at_ms - 1
    assert await ring.authenticate(secret.reveal()) == key
    clock.at_ms = expires_at_ms
    for _ in range(3):
        with pytest.raises(ExpiredKey, match=f"{key.prefix} expired at {iso_ms(expires_at_ms)}"):
            await ring.authenticate(secret.reveal())
    assert store.asked == 1


async def test_a_key_that_had_expired_before_it_was_first_used_is_refused_too() -> None:
    store, clock = TwinKeys(), StoppedClock()
    _, secret = KeyIssuer(store, HASHER).issue(7, 0, KeyTerms(expires_at_ms=clock.now_ms()))
    with pytest.raises(ExpiredKey):
        await KeyRing(store, HASHER, run=at_once, clock=clock).authenticate(secret.reveal())


async def test_an_expired_key_works_again_once_its_time_was_extended_elsewhere() -> None:
    store, clock = TwinKeys(), StoppedClock()
    key, secret = KeyIssuer(store, HASHER).issue(7, 0, KeyTerms(expires_at_ms=clock.now_ms() + 1))

    async def refresh() -> None:
        ring.forget(key.id)

    ring = KeyRing(store, HASHER, refresh=refresh, run=at_once, clock=clock)
    await ring.authenticate(secret.reveal())
    clock.at_ms += 1
    store.change(7, key.prefix, lambda _: KeyTerms(expires_at_ms=clock.now_ms() + 1000), 1)
    assert (await ring.authenticate(secret.reveal())).prefix == key.prefix


async def test_forgetting_one_key_leaves_the_others_in_memory() -> None:
    store = TwinKeys()
    issuer = KeyIssuer(store, HASHER)
    first, first_secret = issuer.issue(7, 0)
    _, second_secret = issuer.issue(7, 0)
    ring = KeyRing(store, HASHER, run=at_once)
    for secret in (first_secret, second_secret):
        await ring.authenticate(secret.reveal())
    ring.forget(first.id)
    await ring.authenticate(second_secret.reveal())
    assert store.asked == 2


async def test_an_answer_of_the_store_that_a_change_overtook_is_not_remembered() -> None:
    store = TwinKeys()
    release = asyncio.Event()

    async def slowly(call: Callable[..., Any], *arguments: Any) -> Any:
        found = call(*arguments)
        await release.wait()
        return found

    ring = KeyRing(store, HASHER, run=slowly)
    early = asyncio.create_task(ring.authenticate("07" * 16))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert store.asked == 1
    KeyIssuer(store, HASHER, lambda size: b"\x07" * size).issue(7, 0)
    ring.forget()
    release.set()
    with pytest.raises(UnknownKey):
        await early
    assert (await ring.authenticate("07" * 16)).prefix == "07070707"


async def test_many_calls_with_one_new_key_ask_the_store_once() -> None:
    store = TwinKeys()
    key, secret = KeyIssuer(store, HASHER).issue(7, 0)
    ring = KeyRing(store, HASHER)
    found = await asyncio.gather(*(ring.authenticate(secret.reveal()) for _ in range(50)))
    assert found == [key] * 50
    assert store.asked == 1


async def test_the_store_is_asked_outside_the_loop_thread() -> None:
    threads: list[int] = []

    class Watched(TwinKeys):
        def by_digest(self, digest: bytes) -> None:
            threads.append(threading.get_ident())

    with pytest.raises(UnknownKey):
        await KeyRing(Watched(), HASHER).authenticate("wrong")
    assert threads
    assert threading.get_ident() not in threads


async def test_what_is_remembered_is_bounded() -> None:
    store = TwinKeys()
    ring = KeyRing(store, HASHER, run=at_once, remembered=10)
    for number in range(50):
        with pytest.raises(UnknownKey):
            await ring.authenticate(f"wrong {number}")
    asked = store.asked
    for number in range(40, 50):
        with pytest.raises(UnknownKey):
            await ring.authenticate(f"wrong {number}")
    assert store.asked == asked


async def test_an_overlong_secret_is_refused_without_asking_the_store() -> None:
    store = TwinKeys()
    with pytest.raises(UnknownKey):
        await KeyRing(store, HASHER).authenticate(b"x" * 10_000)
    assert store.asked == 0


async def test_a_key_hashed_under_an_older_server_secret_still_verifies() -> None:
    store = TwinKeys()
    key, secret = KeyIssuer(store, HASHER).issue(7, 0)
    rotated = KeyHasher([(2, b"the newer secret of the server."), (1, b"a secret of the server, 32 bytes.")])
    assert await KeyRing(store, rotated).authenticate(secret.reveal()) == key
