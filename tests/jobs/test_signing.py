"""What signs webhooks: as Standard Webhooks has it, under secrets that outlive their replacement by a day."""

import base64

import pytest

from modelport.core.clock import DAY_MS
from modelport.jobs.signing import MOST_OLD, SigningSecretLost, WebhookSecrets, signed_headers
from tests.jobs.receiver import TwinSeeds

NOW_MS = 1_790_000_000_000
SERVER = [(2, b"n" * 32), (1, b"o" * 32)]


def test_a_signature_is_that_of_the_published_example() -> None:
    # https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/javascript/src/webhook.test.ts,
    # "sign function works" (read 2026-11-29).
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_each_key_has_a_signature_of_its_own() -> None:
    alone = [signed_headers([key], "evt_1", 7, b"{}")["webhook-signature"] for key in (b"a" * 32, b"b" * 32)]
    assert signed_headers([b"a" * 32, b"b" * 32], "evt_1", 7, b"{}")["webhook-signature"].split(" ") == alone


def test_a_secret_is_made_once_and_is_another_for_each_account() -> None:
    secrets = WebhookSecrets(TwinSeeds(), SERVER)
    [first], [again], [other] = secrets.of(3, NOW_MS), secrets.of(3, NOW_MS + 1), secrets.of(4, NOW_MS)
    shown = first.shown.reveal()
    assert shown == again.shown.reveal() != other.shown.reveal()
    assert shown.startswith("whsec_")
    assert base64.b64decode(shown.removeprefix("whsec_")) == first.key
    assert 24 <= len(first.key) <= 64


def test_a_secret_cannot_be_derived_from_the_database_alone() -> None:
    seeds = TwinSeeds()
    [mine] = WebhookSecrets(seeds, SERVER).of(3, NOW_MS)
    [theirs] = WebhookSecrets(seeds, [(2, b"x" * 32)]).of(3, NOW_MS)
    assert mine.key != theirs.key


def test_a_replaced_secret_signs_for_a_day_beside_the_new_one() -> None:
    secrets = WebhookSecrets(TwinSeeds(), SERVER)
    [old] = secrets.of(3, NOW_MS)
    new, beside = secrets.rotate(3, NOW_MS + 1)
    assert (beside.key, beside.until_ms) == (old.key, NOW_MS + 1 + DAY_MS)
    assert [one.key for one in secrets.of(3, NOW_MS + DAY_MS)] == [new.key, old.key]
    assert [one.key for one in secrets.of(3, NOW_MS + 1 + DAY_MS)] == [new.key]


def test_however_often_a_secret_is_replaced_few_old_ones_sign() -> None:
    secrets = WebhookSecrets(TwinSeeds(), SERVER)
    made = [secrets.rotate(3, NOW_MS + number)[0].key for number in range(9)]
    assert [one.key for one in secrets.of(3, NOW_MS + 9)] == made[::-1][: MOST_OLD + 1]


def test_a_secret_outlives_a_new_version_of_the_servers() -> None:
    seeds = TwinSeeds()
    [before] = WebhookSecrets(seeds, SERVER[1:]).of(3, NOW_MS)
    [after] = WebhookSecrets(seeds, SERVER).of(3, NOW_MS)
    assert before.key == after.key
    assert WebhookSecrets(seeds, SERVER).rotate(3, NOW_MS)[1].key == before.key


def test_without_the_servers_version_a_secret_is_lost_until_it_is_replaced() -> None:
    seeds = TwinSeeds()
    WebhookSecrets(seeds, SERVER[1:]).of(3, NOW_MS)
    later = WebhookSecrets(seeds, SERVER[:1])
    with pytest.raises(SigningSecretLost, match=r"version 1 .* --rotate"):
        later.of(3, NOW_MS)
    [new] = later.rotate(3, NOW_MS)
    assert later.of(3, NOW_MS)[0].key == new.key
