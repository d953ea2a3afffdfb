"""A key never grants what its maker lacks: what is within, what is wider, and that nothing widens along a chain."""

from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.core.credits import Credits
from modelport.core.networks import network_of
from modelport.core.pace import Pace
from modelport.keys.grants import MEMBERS, GrantsTooMuch, check_grant, inherited
from modelport.keys.key import Key, Limit, Scope
from modelport.keys.store import KeyTerms
from tests.keys.reach import NETWORKS, PERIODS, widened

FAMILIES = {
    "acme/talk": {"acme/*"},
    "acme/think": {"acme/*"},
    "gpt-big": {"openai/*"},
    "both": {"acme/*", "openai/*"},
    "plain": set[str](),
}


def families(model_id: str) -> set[str]:
    return FAMILIES[model_id]


def optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


BOUNDS = optional(st.integers(1, 4))
TERMS = st.builds(
    KeyTerms,
    name=optional(st.text(max_size=3)),
    scopes=optional(st.frozensets(st.sampled_from(get_args(Scope)[:3]))),
    limit=optional(st.builds(Limit, st.sampled_from(PERIODS), st.integers(1, 4).map(Credits))),
    expires_at_ms=BOUNDS,
    models=optional(st.frozensets(st.sampled_from([*FAMILIES, "acme/*", "openai/*"]), max_size=4)),
    providers=optional(st.frozensets(st.sampled_from(["one", "two", "three"]))),
    ip_ranges=optional(st.lists(st.sampled_from(NETWORKS), unique=True, max_size=4).map(tuple)),
    pace=st.builds(Pace, BOUNDS, BOUNDS, BOUNDS),
)


def key_of(terms: KeyTerms) -> Key:
    named = {name: getattr(terms, name) for name in KeyTerms.__dataclass_fields__}
    return Key(id=1, account_id=3, prefix="0123abcd", is_management=True, created_at_ms=0, updated_at_ms=0, **named)


@given(TERMS, TERMS)
def test_terms_are_refused_exactly_when_they_allow_what_the_maker_may_not(maker: KeyTerms, terms: KeyTerms) -> None:
    wider = widened(terms, maker, FAMILIES)
    for member in MEMBERS:
        try:
            check_grant(key_of(maker), terms, {member}, families)
            is_refused = False
        except GrantsTooMuch as refused:
            is_refused = True
            assert refused.param == member
            assert f"'{member}': the key 0123abcd cannot grant more than it has" in refused.message
        if member == "models" and member not in wider:
            continue  # a family may be refused where it happens to hold nothing else: tried below
        assert is_refused == (member in wider), member


@given(TERMS)
def test_a_key_of_which_nothing_is_said_is_as_wide_as_its_maker(maker: KeyTerms) -> None:
    terms = inherited(maker)
    check_grant(key_of(maker), terms, MEMBERS, families)
    assert (terms.name, terms.is_disabled, terms.on_disconnect) == (None, False, "drain_and_bill")
    assert widened(maker, terms, FAMILIES) == widened(terms, maker, FAMILIES) == set()


@given(TERMS, st.lists(TERMS, max_size=6))
def test_no_chain_of_makers_ever_widens(first: KeyTerms, wanted: list[KeyTerms]) -> None:
    maker = first
    for terms in wanted:
        try:
            check_grant(key_of(maker), terms, MEMBERS, families)
        except GrantsTooMuch:
            continue
        maker = terms
        assert widened(maker, first, FAMILIES) == set()


@pytest.mark.parametrize(
    ("mine", "wanted", "is_granted"),
    [
        (None, None, True),
        (None, {"acme/talk"}, True),
        ({"acme/talk"}, None, False),
        ({"acme/*"}, {"acme/talk", "both"}, True),
        ({"acme/*"}, {"gpt-big"}, False),
        ({"acme/*"}, {"acme/*"}, True),
        ({"acme/talk", "acme/think", "both"}, {"acme/*"}, False),
        ({"openai/*"}, {"gpt-big"}, True),
        ({"acme/*"}, {"plain"}, False),
        (set(), set(), True),
        (set(), {"plain"}, False),
    ],
)
def test_a_family_grants_its_models_and_only_a_family_grants_a_family(
    mine: set[str] | None, wanted: set[str] | None, is_granted: bool
) -> None:
    maker = KeyTerms(models=None if mine is None else frozenset(mine))
    terms = replace(maker, models=None if wanted is None else frozenset(wanted))
    if is_granted:
        check_grant(key_of(maker), terms, MEMBERS, families)
    else:
        with pytest.raises(GrantsTooMuch, match=r"^'models': "):
            check_grant(key_of(maker), terms, MEMBERS, families)


def test_ranges_that_lie_side_by_side_grant_what_covers_both() -> None:
    maker = KeyTerms(ip_ranges=(network_of("10.0.0.0/9"), network_of("10.128.0.0/9")))
    check_grant(key_of(maker), replace(maker, ip_ranges=(network_of("10.0.0.0/8"),)), MEMBERS, families)
    with pytest.raises(GrantsTooMuch, match=r"which is 10\.0\.0\.0/9, 10\.128\.0\.0/9$"):
        check_grant(key_of(maker), replace(maker, ip_ranges=(network_of("10.0.0.0/7"),)), MEMBERS, families)


def test_what_the_maker_has_is_named() -> None:
    maker = key_of(KeyTerms(limit=Limit("week", Credits(10_000_000)), expires_at_ms=1_777_716_000_123))
    with pytest.raises(GrantsTooMuch, match=r"which is 5 USD a week$"):
        check_grant(maker, KeyTerms(limit=Limit("day", Credits(1))), {"limit"}, families)
    with pytest.raises(GrantsTooMuch, match=r"which is 2026-05-02T10:00:00\.123Z$"):
        check_grant(maker, KeyTerms(), {"expires_at"}, families)
