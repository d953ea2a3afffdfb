"""Terms of keys, from the words of whoever sets them."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.catalogue.catalogue import Catalogue
from modelport.catalogue.compile import Facts
from modelport.catalogue.facts import Model, Provider, Retired
from modelport.core.clock import iso_ms
from modelport.keys.terms import UnusableTerm, models_of, moment_of, networks_of, providers_of

NOW_MS = 1_777_716_000_123


def model(model_id: str, *aliases: str) -> Model:
    return Model(id=model_id, name=model_id, maker="Acme", operation="chat", description="", aliases=aliases)


CATALOGUE = Catalogue(
    Facts(
        (model("acme/talk", "talk"), model("gpt-big", "openai/gpt-big"), model("other/think")),
        (Retired("acme/old", "acme/talk"), Retired("acme/older", None)),
        (Provider("acme-cloud", "Acme", "https://acme.example", {}, aliases=("ac",)),),
        (),
    ),
    "digest",
)


def test_models_are_kept_by_the_one_name_that_they_go_by() -> None:
    given_names = ["talk", "ACME/Talk", "openai/gpt-big", "Other/*", "other/*", "openai/*"]
    assert models_of(given_names, CATALOGUE) == {"acme/talk", "gpt-big", "other/*", "openai/*"}
    assert models_of([], CATALOGUE) == frozenset()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("acme/tolk", "Unknown model, received 'acme/tolk': did you mean acme/talk"),
        ("acme/old", "Retired model, received 'acme/old': did you mean acme/talk?"),
        ("acme/older", "Retired model, received 'acme/older'"),
        ("acne/*", "Unknown maker, received 'acne/*': did you mean acme/*"),
        ("*", "Unknown model, received '*'"),
        ("/*", "Unknown maker, received '/*'"),
        ("acme/talk/*", "Unknown maker, received 'acme/talk/*'"),
        ("", "Unknown model, received ''"),
        ("x" * 5000, f"Unknown model, received '{'x' * 80}'"),
    ],
)
def test_a_model_that_does_not_exist_is_told_with_its_place_and_what_was_likely_meant(name: str, message: str) -> None:
    with pytest.raises(UnusableTerm, match=f"^{re.escape(message)}") as unusable:
        models_of(["acme/talk", name], CATALOGUE)
    assert unusable.value.index == 1
    assert len(unusable.value.message) < 300


def test_providers_are_kept_by_id() -> None:
    assert providers_of(["Acme-Cloud"], CATALOGUE) == {"acme-cloud"}
    with pytest.raises(UnusableTerm, match="Unknown provider, received 'acme': did you mean acme-cloud"):
        providers_of(["acme"], CATALOGUE)


def test_ranges_are_kept_once_each_in_order() -> None:
    texts = ["2001:db8::/32", "10.1.2.3/8", " 192.0.2.7 ", "10.0.0.0/8", "::ffff:192.0.2.7"]
    assert [str(one) for one in networks_of(texts)] == ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"]


@pytest.mark.parametrize("text", ["", "here", "10.0.0.0/33", "10.0.0", "fe80::1%eth0/64", "10.0.0.0/8, 11.0.0.0/8"])
def test_a_range_that_is_none_is_told(text: str) -> None:
    with pytest.raises(UnusableTerm, match="Expected an address or a range") as unusable:
        networks_of([text])
    assert unusable.value.index == 0


def test_ranges_are_bounded() -> None:
    assert len(networks_of([f"10.0.0.{number}" for number in range(100)])) == 100
    with pytest.raises(UnusableTerm, match="at most 100 ranges, received 101"):
        networks_of(["10.0.0.1"] * 101)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-12-31T00:00:00Z", "2026-12-31T00:00:00.000Z"),
        ("2026-12-31T00:00Z", "2026-12-31T00:00:00.000Z"),
        ("2026-12-31T01:30:00.123456+01:30", "2026-12-31T00:00:00.123Z"),
        ("2026-12-31T23:00:00-01:00", "2027-01-01T00:00:00.000Z"),
        ("9998-12-31T23:59:59.999Z", "9998-12-31T23:59:59.999Z"),
    ],
)
def test_a_moment_is_read_in_any_offset(text: str, moment: str) -> None:
    assert iso_ms(moment_of(text, NOW_MS)) == moment


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expected ISO-8601 with an offset or Z"),
        ("2026-12-31", "Expected ISO-8601 with an offset or Z"),
        ("2026-12-31T00:00:00", "Expected ISO-8601 with an offset or Z"),
        ("tomorrow", "Expected ISO-8601 with an offset or Z"),
        ("1798675200", "Expected ISO-8601 with an offset or Z"),
        ("2026-02-30T00:00:00Z", "Expected ISO-8601 with an offset or Z"),
        ("2026-05-02T10:00:00.123Z", "Expected a moment in the future"),
        ("1969-12-31T00:00:00Z", "Expected a moment in the future"),
        ("9999-12-31T23:59:59-14:00", "before the year 9999"),
    ],
)
def test_a_moment_must_name_its_offset_and_lie_ahead(text: str, message: str) -> None:
    with pytest.raises(UnusableTerm, match=message):
        moment_of(text, NOW_MS)


@given(st.datetimes(datetime(2027, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds
def test_a_moment_that_was_shown_is_read_as_the_same(moment: datetime) -> None:
    at_ms = moment_of(moment.isoformat(), NOW_MS)
    assert moment_of(iso_ms(at_ms), NOW_MS) == at_ms
