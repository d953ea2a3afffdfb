"""A provider that wants tokens gets one that is signed with its key, and another before that one ends."""

from modelport.catalogue.load import load
from modelport.core.errors import Secret
from modelport.upstream.providers import Providers
from modelport.upstream.tokens import USED_S, VALID_S, signed
from tests.twins.clock import StoppedClock
from tests.upstream.vendor import OK, QUICK_SWEEP, answers, offer_of, request_of, vendor

PAIR = Secret("access:secret")
TOKEN = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
    ".eyJpc3MiOiJhY2Nlc3MiLCJleHAiOjE3OTAwMDE4MDAsIm5iZiI6MTc4OTk5OTk5NX0"
    ".qqHiWKGXc8c0GkPEAz4_mn4myFw12VHFrMpghy2mXHE"
)
"""As `openssl dgst -sha256 -hmac secret` signs it at the hour of the clock that stands still."""


def test_a_token_names_who_issued_it_and_is_signed_with_the_key() -> None:
    assert signed(PAIR, StoppedClock().now_ms()).reveal() == TOKEN


async def test_a_token_goes_in_place_of_the_key_and_is_renewed_before_it_ends() -> None:
    clock, sent = StoppedClock(), list[str]()
    async with (
        vendor(answers(OK)) as acme,
        Providers({"acme": PAIR}, limits=QUICK_SWEEP, clock=clock) as transport,
    ):
        for _ in range(3):
            async with transport.send(offer_of(acme.url, auth="jwt"), request_of()) as answer:
                await answer.body(1000)
            sent.append(acme.seen[-1].headers["authorization"])
            clock.pass_s(USED_S - 1)
    assert sent[:2] == [f"Bearer {TOKEN}"] * 2
    assert sent[2] == f"Bearer {signed(PAIR, StoppedClock().now_ms() + 2 * (USED_S - 1) * 1000).reveal()}"
    assert USED_S < VALID_S


def test_a_provider_of_tokens_needs_both_of_its_keys() -> None:
    kling = load().provider("kling")
    assert kling is not None
    assert kling.variables == ("KLING_ACCESS_KEY", "KLING_SECRET_KEY")
