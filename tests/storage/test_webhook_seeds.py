"""What secrets of webhooks are derived from: kept once for each account, and replaced with some overlap."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modelport.core.clock import DAY_MS
from modelport.jobs.signing import MOST_OLD, SeedStore, WebhookSecrets
from modelport.storage.webhook_seeds import StoredSeeds
from tests.jobs.receiver import TwinSeeds
from tests.twins.worlds import KINDS, opened

NOW_MS = 1_790_000_000_000


def secrets_on(store: SeedStore) -> WebhookSecrets:
    return WebhookSecrets(store, [(3, b"a secret of the server, 32 bytes.")])


@pytest.fixture(params=KINDS)
def secrets(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WebhookSecrets]:
    if request.param == "twin":
        yield secrets_on(TwinSeeds())
        return
    with opened(request.param, tmp_path, "ann", "bob") as database:
        yield secrets_on(StoredSeeds(database))


def test_a_seed_is_kept_for_each_account(secrets: WebhookSecrets) -> None:
    [ann], [bob] = secrets.of(3, NOW_MS), secrets.of(4, NOW_MS)
    assert secrets.of(3, NOW_MS + DAY_MS * 400) == [ann]
    assert ann.key != bob.key
    assert (ann.created_at_ms, ann.until_ms) == (NOW_MS, None)


def test_processes_that_need_the_first_secret_at_once_have_the_same(secrets: WebhookSecrets) -> None:
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: secrets.of(3, NOW_MS), range(12)))
    assert len({one.key for [one] in found}) == 1


def test_a_replaced_secret_signs_beside_the_new_one_until_its_time_is_over(secrets: WebhookSecrets) -> None:
    [old] = secrets.of(3, NOW_MS)
    new, beside = secrets.rotate(3, NOW_MS + 1)
    assert (beside.key, beside.until_ms, new.until_ms) == (old.key, NOW_MS + 1 + DAY_MS, None)
    assert secrets.of(3, NOW_MS + DAY_MS) == [new, beside]
    assert secrets.of(3, NOW_MS + 1 + DAY_MS) == [new]


def test_few_old_ones_are_kept(secrets: WebhookSecrets) -> None:
    made = [secrets.rotate(4, NOW_MS + number)[0].key for number in range(MOST_OLD + 3)]
    assert [one.key for one in secrets.of(4, NOW_MS + 9)] == made[::-1][: MOST_OLD + 1]
