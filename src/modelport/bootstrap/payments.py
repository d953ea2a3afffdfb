"""Payments as they are configured: both secrets, or none at all."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from importlib.util import find_spec
from typing import TypeVar

from modelport.bootstrap.background import background, duty, to_its_end
from modelport.checkout.desk import PaymentDesk
from modelport.checkout.stripe import StripeProvider
from modelport.core.clock import SystemClock
from modelport.core.credits import from_usd
from modelport.core.errors import Secret
from modelport.core.ids import IdSource
from modelport.ledger.payments import Bounds
from modelport.settings import Settings, SettingsInvalid
from modelport.storage.database import Database
from modelport.storage.payments import StoredPayments
from modelport.storage.promos import expire_all

_log = logging.getLogger(__name__)

T = TypeVar("T")

_THREADS = 16
"""For payments alone: each may wait for Stripe for most of a minute, and keys are looked up by the others."""
_TOP_UP_S = 1.0
_EXPIRE_S = 10.0


def bounds_of(settings: Settings) -> Bounds:
    """Return the smallest and the largest top-up."""
    return Bounds(from_usd(Decimal(settings.stripe.least_usd)), from_usd(Decimal(settings.stripe.most_usd)))


@contextlib.contextmanager
def payments(settings: Settings, database: Database) -> Generator[PaymentDesk | None]:
    """Open the desk of payments; None unless both of Stripe's secrets are set. Raises `SettingsInvalid`."""
    key, webhook = _given(settings.stripe.secret_key), _given(settings.stripe.webhook_secret)
    if key is None or webhook is None:
        if key is not None or webhook is not None:
            missing = "stripe.webhook_secret" if webhook is None else "stripe.secret_key"
            _log.warning("nobody can pay: set '%s' too, Stripe is used only with both secrets", missing)
        yield None
        return
    if find_spec("stripe") is None:
        raise SettingsInvalid(
            "setting 'stripe.secret_key': Stripe's client is missing: pip install 'modelport[stripe]', or unset it"
        )
    provider = StripeProvider(key, webhook, settings.stripe.base_url)
    threads = ThreadPoolExecutor(_THREADS, "payments")

    async def run(work: Callable[..., T], /, *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(threads, work, *arguments)

    try:
        yield PaymentDesk(provider, StoredPayments(database), bounds_of(settings), SystemClock(), IdSource(), run)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        provider.close()


def _given(secret: Secret | None) -> Secret | None:
    """Take a blank secret for none: whoever knows that it is blank could sign with it."""
    return secret if secret is not None and secret.reveal().strip() else None


@contextlib.asynccontextmanager
async def money_duties(database: Database, owner: str, desk: PaymentDesk | None) -> AsyncGenerator[None]:
    """Top up and expire credit beside the body, when no other process has that duty."""
    works = [duty(database, "promos", owner, _EXPIRE_S, partial(_expire, database))]
    if desk is not None:
        works.append(duty(database, "top-ups", owner, _TOP_UP_S, desk.sweep))
    async with background(*works):
        yield


async def _expire(database: Database) -> None:
    if went := await to_its_end(expire_all, database):
        _log.info("%d credits expired", went)
