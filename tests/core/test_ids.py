"""Ids are 21 URL-safe characters in the order of time."""

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from modelport.core.ids import ID_LENGTH, IdSource, time_prefix

MOMENTS = st.integers(min_value=0, max_value=2**48 - 1)


@given(MOMENTS, MOMENTS)
def test_prefixes_sort_like_the_moments_they_stand_for(one: int, other: int) -> None:
    assert (time_prefix(one) < time_prefix(other)) == (one < other)


def test_ids_have_their_form_and_never_repeat() -> None:
    source = IdSource()
    drawn = [source() for _ in range(5000)]
    assert len(set(drawn)) == len(drawn)
    assert all(len(one) == ID_LENGTH and re.fullmatch(r"[A-Za-z0-9_-]+", one) for one in drawn)
    assert all(earlier[:8] <= later[:8] for earlier, later in pairwise(drawn))
