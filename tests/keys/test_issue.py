"""Issuing keys and hashing their secrets."""

import hashlib
import hmac
from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.keys.issue import KeyHasher, KeyIssuer, PrefixesUsedUp
from modelport.keys.store import KeyTerms
from tests.keys.twin import TwinKeys

SERVER_SECRET = b"a secret of the server, 32 bytes."


@given(st.binary(min_size=16, max_size=200), st.binary(max_size=600))
def test_a_digest_is_its_version_and_the_hmac_under_the_server_secret(server_secret: bytes, secret: bytes) -> None:
    digest = KeyHasher([(3, server_secret)]).digest(secret)
    assert digest == b"\x03" + hmac.new(server_secret, secret, hashlib.sha256).digest()


def test_after_a_rotation_the_newest_secret_hashes_and_the_older_ones_still_verify() -> None:
    before = KeyHasher([(1, SERVER_SECRET)])
    after = KeyHasher([(2, SERVER_SECRET[::-1]), (1, SERVER_SECRET)])
    assert after.digest(b"key") != before.digest(b"key")
    assert list(after.digests(b"key")) == [after.digest(b"key"), before.digest(b"key")]


@pytest.mark.parametrize("secrets", [[], [(1, b"short")], [(256, SERVER_SECRET)]])
def test_a_missing_short_or_misnumbered_server_secret_is_refused(secrets: list[tuple[int, bytes]]) -> None:
    with pytest.raises(ValueError, match="secret"):
        KeyHasher(secrets)


def test_a_new_key_is_32_lower_case_hex_digits_of_which_8_are_public() -> None:
    store = TwinKeys()
    hasher = KeyHasher([(1, SERVER_SECRET)])
    key, secret = KeyIssuer(store, hasher).issue(7, 0, KeyTerms(name="ci"))
    text = secret.reveal()
    assert len(text) == 32
    assert set(text) <= set("0123456789abcdef")
    assert key.prefix == text[:8]
    assert store.by_digest(hasher.digest(text.encode())) == key
    assert text not in repr((key, secret, store))


def test_a_taken_prefix_makes_another_draw() -> None:
    draws = chain(repeat(b"\x00" * 16, 2), repeat(b"\x01" * 16))
    issuer = KeyIssuer(TwinKeys(), KeyHasher([(1, SERVER_SECRET)]), lambda size: next(draws))
    assert issuer.issue(7, 0)[0].prefix == "00000000"
    assert issuer.issue(7, 0)[0].prefix == "01010101"


def test_randomness_that_repeats_itself_ends_in_an_error_not_in_a_loop() -> None:
    issuer = KeyIssuer(TwinKeys(), KeyHasher([(1, SERVER_SECRET)]), lambda size: b"\x00" * size)
    issuer.issue(7, 0)
    with pytest.raises(PrefixesUsedUp):
        issuer.issue(7, 0)
