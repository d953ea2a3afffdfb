"""The fake of Stripe is as strict as Stripe, as the official client reads its answers."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import stripe

from tests.fake.stripe import Event, FakeStripe, Fault
from tests.fake.stripe.form import read_form
from tests.fake.stripe.objects import checked
from tests.fake.stripe.typed import WrongType

LINE = {"quantity": 1, "price_data": {"currency": "usd", "unit_amount": 500, "product_data": {"name": "Credit"}}}
SESSION: dict[str, Any] = {"mode": "payment", "success_url": "https://a.example/", "line_items": [LINE]}


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with FakeStripe() as running:
        yield running


@pytest.fixture
def client(fake: FakeStripe) -> Iterator[stripe.StripeClient]:
    with requests.Session() as session:
        yield open_client(fake, session)


def open_client(fake: FakeStripe, session: requests.Session, key: str = "sk_test_fake") -> stripe.StripeClient:
    http = stripe.RequestsClient(session=session, timeout=5)
    return stripe.StripeClient(key, base_addresses={"api": fake.url}, http_client=http, max_network_retries=0)


def charge(fake: FakeStripe, client: stripe.StripeClient, **changed: Any) -> dict[str, Any]:
    customer = client.v1.customers.create({"metadata": {}})
    fake.books.objects[customer.id]["cards"].append("pm_1")
    params: dict[str, Any] = {
        "amount": 500,
        "currency": "usd",
        "customer": customer.id,
        "payment_method": "pm_1",
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "off_session": True,
        "confirm": True,
    }
    return {name: value for name, value in (params | changed).items() if value is not None}


def test_forms_nest_as_stripes_do() -> None:
    assert read_form("a=1&b[c]=2&d[0][e]=3&d[1][e]=4&f[]=5") == {
        "a": "1",
        "b": {"c": "2"},
        "d": [{"e": "3"}, {"e": "4"}],
        "f": {"": "5"},
    }
    assert read_form("") == {}


def test_the_official_client_reads_its_answers(client: stripe.StripeClient) -> None:
    session = client.v1.checkout.sessions.create(SESSION)  # type: ignore[arg-type]
    assert isinstance(session, stripe.checkout.Session)
    assert (session.amount_total, session.payment_status, session.status) == (500, "unpaid", "open")
    assert session.url


@pytest.mark.parametrize(
    ("changed", "param", "code"),
    [
        ({"tip": 1}, "tip", "parameter_unknown"),
        ({"line_items": [LINE | {"tip": 1}]}, "line_items[0][tip]", "parameter_unknown"),
        ({"mode": None}, "mode", "parameter_missing"),
        ({"success_url": "nowhere"}, "success_url", "url_invalid"),
        ({"line_items": [{"quantity": "one", "price_data": LINE["price_data"]}]}, "line_items[0][quantity]", None),
        ({"adaptive_pricing": {"enabled": "maybe"}}, "adaptive_pricing[enabled]", None),
        ({"adaptive_pricing": "no"}, "adaptive_pricing", None),
        ({"customer": "cus_unknown"}, "customer", "resource_missing"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(
    changed: dict[str, Any], param: str, code: str | None, client: stripe.StripeClient
) -> None:
    params = {name: value for name, value in (SESSION | changed).items() if value is not None}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.checkout.sessions.create(params)  # type: ignore[arg-type]
    assert (refused.value.param, refused.value.code) == (param, code)


@pytest.mark.parametrize("price", [{"currency": "xxx"}, {"unit_amount": 49}])
def test_other_currencies_and_small_change_are_refused(price: dict[str, Any], client: stripe.StripeClient) -> None:
    line = LINE | {"price_data": LINE["price_data"] | price}  # type: ignore[operator]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.create(SESSION | {"line_items": [line]})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": 49},
        {"amount": "much"},
        {"currency": "xxx"},
        {"confirm": None},
        {"payment_method": "pm_other"},
        {"automatic_payment_methods": {"enabled": True}},
        {"payment_method_types": ["card"]},
    ],
)
def test_a_charge_that_stripe_would_not_take_is_refused(
    changed: dict[str, Any], fake: FakeStripe, client: stripe.StripeClient
) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.create(charge(fake, client, **changed))  # type: ignore[arg-type]
    assert fake.books.charges == []


def test_who_has_no_key_or_another_gets_nowhere(fake: FakeStripe) -> None:
    with requests.Session() as session, pytest.raises(stripe.AuthenticationError):
        open_client(fake, session, "sk_test_other").v1.checkout.sessions.create(SESSION)  # type: ignore[arg-type]
    assert requests.post(f"{fake.url}/v1/customers", timeout=5).status_code == 401


def test_an_unknown_route_or_object_is_missing(fake: FakeStripe, client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.retrieve("pi_unknown")
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.balance.retrieve()


def test_a_key_that_is_used_again_gets_the_first_answer_and_never_another_request(
    fake: FakeStripe, client: stripe.StripeClient
) -> None:
    params: Any = charge(fake, client)
    first = client.v1.payment_intents.create(params, {"idempotency_key": "one"})
    assert client.v1.payment_intents.create(params, {"idempotency_key": "one"}).id == first.id
    with pytest.raises(stripe.IdempotencyError):
        client.v1.payment_intents.create(params | {"amount": 600}, {"idempotency_key": "one"})
    assert len(fake.books.charges) == 1


def test_a_decline_and_a_failure_are_kept_under_their_key_and_a_refused_parameter_is_not(
    fake: FakeStripe, client: stripe.StripeClient
) -> None:
    params: Any = charge(fake, client)
    fake.books.declining.add("pm_1")
    for _ in range(2):
        with pytest.raises(stripe.CardError) as declined:
            client.v1.payment_intents.create(params, {"idempotency_key": "declined"})
        fake.books.declining.clear()
    assert (declined.value.code, declined.value.http_status) == ("card_declined", 402)
    fake.faults.append(Fault("POST /v1/payment_intents", "error after"))
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            client.v1.payment_intents.create(params, {"idempotency_key": "failed"})
    assert len(fake.books.charges) == 1
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.create(params | {"amount": 1}, {"idempotency_key": "refused"})
    client.v1.payment_intents.create(params, {"idempotency_key": "refused"})


def test_its_events_are_signed_as_the_official_client_checks(fake: FakeStripe, client: stripe.StripeClient) -> None:
    session = client.v1.checkout.sessions.create(SESSION)  # type: ignore[arg-type]
    fake.books.pay(session.id)
    assert [event.type for event in fake.books.events] == [
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]
    for event in fake.books.events:
        header = fake.signed(event)["stripe-signature"]
        read = client.construct_event(event.body, header, fake.webhook_secret)
        assert (read.id, read.type) == (event.id, event.type)
        with pytest.raises(stripe.SignatureVerificationError):
            client.construct_event(event.body, header, "whsec_other")


def test_its_objects_cannot_have_members_that_the_client_does_not_know() -> None:
    with pytest.raises(WrongType):
        checked({"id": "cus_1", "object": "customer", "nickname": "x"})
    with pytest.raises(WrongType):
        checked({"id": "cus_1", "object": "customer", "created": "yesterday"})


def test_events_may_be_changed_only_by_who_has_the_secret(fake: FakeStripe) -> None:
    event = Event("evt_1", "x", b'{"id":"evt_1","data":{"object":{"a":1}}}')
    assert event.changed(a=2).object == {"a": 2}
    assert event.renamed("evt_2").object == {"a": 1}
