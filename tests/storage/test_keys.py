"""The port of keys, on the twin and on the database."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from modelport.core.credits import Credits
from modelport.core.networks import network_of
from modelport.core.pace import Pace
from modelport.keys.key import Key, Limit, UnknownPrefix
from modelport.keys.store import KeyStore, KeyTerms, NewKey, terms_of
from modelport.storage.changes import open_changes
from modelport.storage.database import Database
from modelport.storage.keys import Keys
from tests.keys.twin import TwinKeys
from tests.twins.worlds import DATABASES, KINDS, opened

ACCOUNT = 3


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with opened(request.param, tmp_path, "ann", "bob") as found:
        yield found


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KeyStore]:
    if request.param == "twin":
        yield TwinKeys()
        return
    with opened(request.param, tmp_path, "ann", "bob") as found:
        yield Keys(found)


def new(prefix: str = "0123abcd", account_id: int = ACCOUNT) -> NewKey:
    scopes = frozenset({"model:chat", "model:image"})
    limit = Limit("week", Credits(500))
    return NewKey(account_id, prefix, prefix.encode() * 4, terms=KeyTerms("ci", scopes=scopes, limit=limit))  # type: ignore[arg-type]


def added(store: KeyStore, key: NewKey, at_ms: int) -> Key:
    stored = store.add(key, at_ms)
    assert stored is not None
    return stored


def test_a_key_is_found_by_its_digest_as_it_was_stored(store: KeyStore) -> None:
    key = added(store, new(), 1000)
    assert store.by_digest(new().digest) == key == store.by_prefix(ACCOUNT, "0123abcd")
    assert (key.scopes, key.limit, key.on_disconnect) == (new().terms.scopes, new().terms.limit, "drain_and_bill")
    assert (key.is_disabled, key.created_at_ms, key.updated_at_ms) == (False, 1000, 1000)
    assert store.by_digest(b"x" * 32) is None


def test_a_prefix_that_is_taken_is_not_stored(store: KeyStore) -> None:
    added(store, new(), 0)
    assert store.add(new(account_id=4), 0) is None


def test_keys_are_listed_by_age_then_prefix(store: KeyStore) -> None:
    for prefix, at_ms in (("cccccccc", 5), ("bbbbbbbb", 7), ("aaaaaaaa", 7), ("dddddddd", 1)):
        added(store, new(prefix), at_ms)
    added(store, new("eeeeeeee", account_id=4), 0)
    assert [key.prefix for key in store.of_account(ACCOUNT)] == ["dddddddd", "cccccccc", "aaaaaaaa", "bbbbbbbb"]


def test_terms_are_replaced_as_a_whole(store: KeyStore) -> None:
    added(store, new(), 1000)
    key = store.change(ACCOUNT, "0123abcd", lambda _: KeyTerms(is_disabled=True), 2000)
    assert (key.name, key.is_disabled, key.scopes, key.limit, key.updated_at_ms) == (None, True, None, None, 2000)
    assert store.by_digest(new().digest) == key
    none = store.change(
        ACCOUNT, "0123abcd", lambda _: KeyTerms("n", scopes=frozenset(), limit=Limit("day", Credits(1))), 3000
    )
    assert (none.scopes, none.limit) == (frozenset(), Limit("day", Credits(1)))


ALL_TERMS = KeyTerms(
    name="all",
    is_disabled=True,
    scopes=frozenset({"model:chat"}),
    limit=Limit("month", Credits(7)),
    on_disconnect="cancel_and_bill_delivered",
    expires_at_ms=4_102_444_800_123,
    models=frozenset({"acme/*", "other/think"}),
    providers=frozenset({"acme-cloud"}),
    ip_ranges=(network_of("10.0.0.0/8"), network_of("2001:db8::/32")),
    pace=Pace(60, None, 4),
)


def test_every_term_is_kept(store: KeyStore) -> None:
    made = added(store, NewKey(ACCOUNT, "0123abcd", b"d" * 32, terms=ALL_TERMS), 0)
    assert terms_of(made) == ALL_TERMS
    assert terms_of(store.by_prefix(ACCOUNT, "0123abcd")) == ALL_TERMS
    assert terms_of(store.change(ACCOUNT, "0123abcd", lambda _: KeyTerms(), 1)) == KeyTerms()
    assert terms_of(store.change(ACCOUNT, "0123abcd", lambda _: ALL_TERMS, 2)) == ALL_TERMS


def test_empty_lists_allow_nothing_and_are_not_taken_for_none(store: KeyStore) -> None:
    nothing = KeyTerms(scopes=frozenset(), models=frozenset(), providers=frozenset(), ip_ranges=())
    added(store, NewKey(ACCOUNT, "0123abcd", b"d" * 32, terms=nothing), 0)
    assert terms_of(store.by_prefix(ACCOUNT, "0123abcd")) == nothing


def test_terms_are_made_of_the_key_as_it_is_and_a_refusal_changes_nothing(store: KeyStore) -> None:
    added(store, NewKey(ACCOUNT, "0123abcd", b"d" * 32, terms=ALL_TERMS), 0)
    key = store.change(ACCOUNT, "0123abcd", lambda key: replace(terms_of(key), name="renamed"), 1)
    assert terms_of(key) == replace(ALL_TERMS, name="renamed")

    def refuse(key: Key) -> KeyTerms:
        raise PermissionError(key.prefix)

    with pytest.raises(PermissionError, match="0123abcd"):
        store.change(ACCOUNT, "0123abcd", refuse, 2)
    assert store.by_prefix(ACCOUNT, "0123abcd") == key


def test_two_who_change_different_terms_at_once_lose_neither(database: Database) -> None:
    store = Keys(database)
    added(store, NewKey(ACCOUNT, "0123abcd", b"d" * 32), 0)
    is_inside, other = threading.Event(), threading.Event()

    def rename(key: Key) -> KeyTerms:
        is_inside.set()
        other.wait(0.2)  # the other cannot get in between: it is waited for in vain
        return replace(terms_of(key), name="renamed")

    def narrow(key: Key) -> KeyTerms:
        other.set()
        return replace(terms_of(key), scopes=frozenset())

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(store.change, ACCOUNT, "0123abcd", rename, 1)
        is_inside.wait(5)
        second = pool.submit(store.change, ACCOUNT, "0123abcd", narrow, 2)
        first.result()
        second.result()
    key = store.by_prefix(ACCOUNT, "0123abcd")
    assert (key.name, key.scopes) == ("renamed", frozenset())


def test_a_deleted_key_is_gone_for_good(store: KeyStore) -> None:
    added(store, new(), 0)
    store.delete(ACCOUNT, "0123abcd", 1)
    assert store.by_digest(new().digest) is None
    assert store.of_account(ACCOUNT) == []
    for ask in (
        lambda: store.by_prefix(ACCOUNT, "0123abcd"),
        lambda: store.delete(ACCOUNT, "0123abcd", 2),
        lambda: store.change(ACCOUNT, "0123abcd", lambda _: KeyTerms(), 2),
    ):
        with pytest.raises(UnknownPrefix):
            ask()


def test_a_key_of_another_account_is_unknown(store: KeyStore) -> None:
    added(store, new(account_id=4), 0)
    with pytest.raises(UnknownPrefix, match="0123abcd"):
        store.by_prefix(ACCOUNT, "0123abcd")


def test_every_write_of_a_key_is_a_change(database: Database) -> None:
    store, changes = Keys(database), open_changes(database)
    key = added(store, new(), 0)
    store.change(ACCOUNT, "0123abcd", lambda _: KeyTerms(is_disabled=True), 0)
    store.delete(ACCOUNT, "0123abcd", 0)
    assert [(change.kind, change.subject) for change in changes.poll()] == [("key", str(key.id))] * 3
    changes.close()


def test_a_prefix_stays_taken_after_its_key_is_deleted(database: Database) -> None:
    store = Keys(database)
    added(store, new(), 0)
    store.delete(ACCOUNT, "0123abcd", 1)
    assert store.add(new(), 2) is None


def test_a_new_key_has_spent_nothing(store: KeyStore) -> None:
    assert store.spent_since(added(store, new(), 0).id, 0) == 0
