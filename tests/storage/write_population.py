"""`python -m tests.storage.write_population` writes `released/HEAD.json`: rows of every kind that today's code makes.

Run it whenever a revision is added, before its version is released; a population of a released version never changes.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_network
from itertools import count
from pathlib import Path

from modelport.accounts.account import Account
from modelport.catalogue.facts import Rates
from modelport.catalogue.sources import Source
from modelport.core.clock import DAY_MS
from modelport.core.credits import Credits
from modelport.core.ids import IdSource
from modelport.core.pace import Pace
from modelport.jobs.deliveries import Delivery, Outcome, followed
from modelport.jobs.job import Asked, Failure, Job, Planned, Progress, Standing
from modelport.jobs.signing import WebhookSecrets
from modelport.jobs.store import Ending
from modelport.keys.issue import KeyHasher, KeyIssuer
from modelport.keys.key import Key, Limit
from modelport.keys.store import KeyTerms
from modelport.ledger.book import Book
from modelport.ledger.budget import KeyBudget, period_days
from modelport.ledger.hold import Entrusted
from modelport.ledger.payments import CardSaved, Disputed, NotPaid, Paid, PaymentEvent, Refunded
from modelport.ledger.records import Attempt, CallRecord, Receipt
from modelport.ledger.store import Fund, LedgerStore, Settlement
from modelport.pricing.charge import charge
from modelport.reports.traffic import Traffic
from modelport.serving.remembered import Remembered
from modelport.storage.accounts import Accounts
from modelport.storage.by_hand import adjust, expire, grant
from modelport.storage.catalogues import AppliedCatalogues
from modelport.storage.database import Database, sqlite_url
from modelport.storage.deliveries import StoredDeliveries
from modelport.storage.duties import take_duty
from modelport.storage.erasing import erasable, erase
from modelport.storage.jobs import StoredJobs
from modelport.storage.keys import Keys
from modelport.storage.ledger import Ledger
from modelport.storage.migrate import HEAD, migrate
from modelport.storage.payments import StoredPayments
from modelport.storage.promos import give_free_hour
from modelport.storage.responses import StoredResponses
from modelport.storage.sweeping import sweep_logs
from modelport.storage.traffic import StoredTraffic
from modelport.storage.webhook_seeds import StoredSeeds
from modelport.storage.writer import Writer
from tests.storage.populations import Population, rows_of, save, schema_of
from tests.twins.clock import StoppedClock

SECRETS = [(2, b"the second secret of this server"), (1, b"the first secret of this server!")]
RATES = {
    "input": 1_180_000_000_000,
    "cached_read": 590_000_000_000,
    "cached_write": 1_475_000_000_000,
    "cached_write_1h": 2_360_000_000_000,
    "audio_input": 80_000_000_000_000,
    "image_input": 3_333_333_333_333,
    "output": 1_580_000_000_000,
    "reasoning": 1_580_000_000_000,
    "audio_output": 160_000_000_000_000,
    "search": 20_000_000_000_000_000,
}
HOOK = "https://hooks.example.org/jobs"
STEPS_S = (300, 900, 3_600, 86_400, 172_800)


@dataclass
class Draws:
    """Randomness that is the same each time."""

    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def __call__(self, size: int) -> bytes:
        blocks = (hashlib.sha256(str(next(self.numbers)).encode()).digest() for _ in range(-(-size // 32)))
        return b"".join(blocks)[:size]


@dataclass
class Town:
    """A database, and those who use it."""

    database: Database
    clock: StoppedClock
    draws: Draws = field(default_factory=Draws)
    secrets: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.new_id = IdSource(self.clock.now_ms, self.draws)
        self.payments = StoredPayments(self.database)

    @property
    def now(self) -> int:
        return self.clock.now_ms()

    def account(self, name: str, credit: int = 0, email: str = "") -> Account:
        self.clock.pass_s(60)
        made = self.accounts[name] = Accounts(self.database).create(name, email, Credits(credit), self.now)
        return made

    def key(self, name: str, account: str, *, version: int = 2, is_management: bool = False, **terms: object) -> Key:
        self.clock.pass_s(11)
        issuer = KeyIssuer(Keys(self.database), KeyHasher(SECRETS[2 - version :]), self.draws)
        wanted = KeyTerms(**({"name": name} | terms))  # type: ignore[arg-type]
        key, secret = issuer.issue(self.accounts[account].id, self.now, wanted, is_management=is_management)
        self.secrets[key.prefix] = secret.reveal()
        self.keys[name] = key
        return key

    def record(self, name: str, usage: dict[str, int], **changed: object) -> CallRecord:
        key = self.keys[name]
        rates = {meter: RATES[meter] for meter in usage}
        facts: dict[str, object] = {
            "inference_id": self.new_id(),
            "request_id": f"req_{next(self.draws.numbers):08}",
            "client_request_id": None,
            "account_id": key.account_id,
            "key_id": key.id,
            "key_prefix": key.prefix,
            "created_at_ms": self.now,
            "duration_ms": 812,
            "first_byte_ms": 97,
            "endpoint": "/v1/chat/completions",
            "origin": "api",
            "model": "acme/large",
            "provider": "acme",
            "upstream_model": "large-2025",
            "is_streaming": False,
            "status": "succeeded",
            "http_status": 200,
            "error": None,
            "usage": usage,
            "usage_source": "provider" if usage else "none",
            "rates": rates,
            "cost_credits": charge(usage, rates),
            "is_on_house": False,
            "attempts": (Attempt("acme", 200, None, 790),),
            "dropped": (),
        }
        return CallRecord(**(facts | changed))  # type: ignore[arg-type]


async def call(town: Town, store: LedgerStore, record: CallRecord, *, is_lent: bool = False) -> Receipt:
    """Settle a call, out of slices of its account and key where it is lent money."""
    lent = limit = limit_slice = None
    key = next(key for key in town.keys.values() if key.id == record.key_id)
    if is_lent:
        lent = (await store.borrow(Fund(record.account_id), Credits(1), Credits(5_000))).slice
        if key.limit is not None:
            limit = Fund(record.account_id, key.id, period_days(key.limit.retention, town.now)[0])
            limit_slice = (await store.borrow(limit, Credits(1), Credits(5_000))).slice
    cost = record.cost_credits
    charged, on_house = (0, cost) if record.is_on_house else (cost, 0)
    ended: asyncio.Future[Receipt | Exception] = asyncio.get_running_loop().create_future()
    store.settle(Settlement(record, lent, Credits(charged), Credits(on_house), limit, limit_slice), ended.set_result)
    outcome = await ended
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def settle_in(town: Town) -> None:
    """Make accounts and keys on every term."""
    town.account("ann", 2_000_000, "ann@example.org")
    town.account("bob")
    town.account("Çağla & sons", 5_000, "çağla@example.org")
    town.account("idle", 777, "idle@example.org")
    town.account("owing")
    town.account("gone", 300, "gone@example.org")
    Accounts(town.database).limit(town.accounts["bob"].id, Pace(600, 1_000_000, 32), town.now)
    town.key("the manager", "ann", version=1, is_management=True)
    town.key("plain", "ann", version=1)
    town.key("by month", "ann", limit=Limit("month", Credits(1_000_000)))
    town.key("by week", "ann", limit=Limit("week", Credits(500_000)))
    town.key("by day", "ann", limit=Limit("day", Credits(400_000)))
    town.key("for good", "bob", limit=Limit("no_reset", Credits(300_000)))
    town.key("schlüssel", "Çağla & sons", scopes=frozenset({"model:chat", "model:embeddings"}))
    town.key("no scope", "Çağla & sons", scopes=frozenset())
    town.key("off", "ann")
    town.key("deleted", "ann")
    town.key("of owing", "owing")
    town.key("of gone", "gone")
    town.key(
        "every term",
        "bob",
        on_disconnect="cancel_and_bill_delivered",
        expires_at_ms=town.now + 90 * DAY_MS,
        models=frozenset({"acme/large", "acme/small"}),
        providers=frozenset({"acme"}),
        ip_ranges=(ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")),
        pace=Pace(60, 100_000, 4),
        webhook_url="https://hooks.example.org/bob",
    )
    town.key("expired", "bob", expires_at_ms=town.now + 1_000)


def pay(town: Town) -> None:
    """Begin orders of each kind and end them in each way; refund, dispute, and save a card."""
    payments, bob, owing = town.payments, town.accounts["bob"].id, town.accounts["owing"].id
    names = {f"order-{name}": name for name in ("paid", "failed", "expired", "open", "owed", "disputed", "strange")}
    for number, order in enumerate(names):
        account_id = owing if order == "order-owed" else bob
        payments.begin(order, account_id, Credits(2_000_000))
        payments.attach(order, f"cs_{number}")
    payments.keep_customer(bob, "cus_bob")
    payments.keep_customer(owing, "cus_owing")
    payments.record(PaymentEvent("evt_card", "setup", CardSaved("order-paid", "cus_bob", "pm_bob", 1_800_000_000_000)))
    for number, order in enumerate(names):
        if order in ("order-paid", "order-owed", "order-disputed"):
            fact = Paid(order, "checkout", 100, "usd", f"pi_{number}", f"cs_{number}")
            payments.record(PaymentEvent(f"evt_{order}", "paid", fact))
    payments.record(PaymentEvent("evt_failed", "x", NotPaid("order-failed", "checkout", "failed", "no", None, "cs_1")))
    payments.record(
        PaymentEvent("evt_expired", "x", NotPaid("order-expired", "checkout", "expired", "late", None, "cs_2"))
    )
    payments.record(PaymentEvent("evt_strange", "x", Paid("order-strange", "checkout", 99, "usd", "pi_9", "cs_6")))
    payments.record(PaymentEvent("evt_nothing", "x", None))
    payments.record(PaymentEvent("evt_unread", "x", None, "it has no amount"))
    payments.record(PaymentEvent("evt_refund", "x", Refunded("pi_0", "re_1", 40, "usd")))
    payments.record(PaymentEvent("evt_dispute", "x", Disputed("pi_5", "dp_1", 100, "usd", False)))
    payments.record(PaymentEvent("evt_won", "x", Disputed("pi_5", "dp_1", 100, "usd", True)))
    payments.set_auto_top_up(bob, True, Credits(100_000_000), Credits(20_000_000))
    payments.begin_auto("auto-paid", bob)
    payments.settle(Paid("auto-paid", "auto", 1_000, "usd", "pi_auto", None))
    payments.begin_auto("auto-failed", bob)
    payments.settle(NotPaid("auto-failed", "auto", "failed", "card declined", "pi_declined", None))
    payments.set_auto_top_up(owing, False, Credits(10_000), Credits(20_000))


def promise(town: Town) -> None:
    """Give credit that expires: used up, in part, expired, free for an hour, and with a note."""
    ann, idle = town.accounts["ann"].id, town.accounts["idle"].id
    for lives_s, amount, note in ((3_600, 500, "spring"), (10, 40, None), (40 * 86_400, 9_000, "summer")):
        grant(town.database, ann, Credits(amount), town.now + lives_s * 1000, note)
    grant(town.database, idle, Credits(1_000), town.now + 1_000, "short")
    with town.database.write() as connection:
        give_free_hour(connection, town.accounts["owing"].id, Credits(70), town.now)
    grant(town.database, ann, Credits(1_000_000), None, "for good")
    adjust(town.database, ann, -250, "a mistake")
    adjust(town.database, ann, 50, "half of it was none")
    town.clock.pass_s(60)
    expire(town.database, None)


async def use(town: Town, store: LedgerStore) -> None:
    """Make calls over many quarter hours, and of every outcome."""
    for step in range(12):
        for name in ("plain", "by month", "by week", "by day", "for good", "every term"):
            usage = {"input": 300 + step, "output": 40 + step}
            more = {"client_request_id": f"mine-{step}"} if step % 3 == 0 else {"provider_nano_usd": 1_234 * step}
            record = town.record(name, usage, is_streaming=step % 2 == 1, **more)
            await call(town, store, record, is_lent=True)
            town.clock.pass_s(1)
        town.clock.pass_s(STEPS_S[step % 5])
    every = {meter: 17 + number for number, meter in enumerate(RATES)}
    left = {"status": "failed", "http_status": 499, "error": "client_left", "is_streaming": True}
    asked = (Attempt("acme", 503, 'overloaded "now"', 31), Attempt("zenith", None, "connect timed out", 10_000))
    refused = {"status": "failed", "first_byte_ms": None, "upstream_model": None}
    for record in (
        town.record("plain", every, model="acme/every-meter", dropped=("logit_bias", "user")),
        town.record("schlüssel", {"input": 9}, endpoint="/v1/embeddings", usage_source="counted"),
        town.record("plain", {"input": 5}, endpoint="/v1/messages", usage_source="estimated", **left),
        town.record("plain", {"input": 50}, **(left | {"error": "stream_cut"}), is_on_house=True),
        town.record("by month", {}, **refused, http_status=502, error="provider_unavailable", attempts=asked),
        town.record("plain", {}, **refused, http_status=404, error="x", model="", provider=None, attempts=()),
        town.record("for good", {"input": 3}, rates={"input": 0}, cost_credits=0, origin="playground"),
        town.record("off", {"input": 1000}),
        town.record("deleted", {"input": 1000}),
        town.record("of gone", {"input": 100}, client_request_id="who I am"),
        town.record("of owing", {"input": 1_000_000}),
        town.record("schlüssel", {"input": 9_000, "output": 900}),
    ):
        receipt = await call(town, store, record)
    assert receipt.billing_status == "short"


def go(town: Town) -> None:
    """Take back what was spent, switch off, delete, erase, keep responses, sweep, apply to the catalogue, and take
    duties."""
    town.payments.record(PaymentEvent("evt_owed", "x", Refunded("pi_4", "re_2", 100, "usd")))
    ann, keys, now = town.accounts["ann"].id, Keys(town.database), town.now
    keys.change(ann, town.keys["off"].prefix, lambda _: KeyTerms("off", is_disabled=True), now)
    keys.delete(ann, town.keys["deleted"].prefix, now)
    kept = StoredResponses(town.database)
    said = '[{"role":"user","content":"grüß dich"}]'.encode()
    kept.save(Remembered(f"resp_{town.new_id()}", ann, now, now + 30 * DAY_MS, said, b"[]", b'{"id":"resp_1"}'))
    bob = town.accounts["bob"].id
    kept.save(Remembered(f"resp_{town.new_id()}", bob, now - DAY_MS, now - 1, b"[]", b"[]", bytes(range(256))))
    account = erasable(town.database, "gone")
    assert account is not None
    erase(town.database, account, forfeit=True, pause=lambda: None)
    assert sweep_logs(town.database, now - 5 * DAY_MS, 10_000)
    catalogues = AppliedCatalogues(town.database)
    catalogues.apply([Source("applied", "catalogue.toml", b'markup = "1.2"')], "ann@office", "für alle")
    catalogues.apply([], "bob@office")
    take_duty(town.database, "promos", "0123456789abcdef", 30)
    traffic = Traffic()
    for streaming in (True, False):
        traffic.record(town.record("plain", {"input": 300, "output": 40}, is_streaming=streaming))
    StoredTraffic(town.database).publish(traffic.take())


async def order(town: Town, store: LedgerStore) -> None:
    """Begin jobs of every kind: one that waits, one under way, one that is made, and ended ones."""
    kept = StoredJobs(town.database)
    async with Book(store, town.clock, 0.0, 3600.0) as book:
        for number, name in enumerate(("plain", "for good", "plain", "plain", "plain")):
            key = town.keys[name]
            limit = None if key.limit is None else KeyBudget(key.id, key.limit.retention)
            hold = await book.hold(key.account_id, limit, Credits(20), Credits(20))
            await hold.entrust(partial(_keep, town, kept, key, f"job-{number}"))
    progress = Progress((Attempt("acme", 200, None, 12),), standing=Standing("status", {"id": "abc"}, 0.5))
    kept.claim("0123456789abcdef", 2)
    kept.advance("job-1", "submitting", Progress())
    kept.advance("job-1", "taken", progress)
    kept.advance("job-2", "submitting", Progress())
    kept.advance("job-2", "made", progress, b"made")
    kept.cancel("job-1", Ending(town.record("for good", {}, inference_id="job-1")))
    for job_id, result, failure in (
        ("job-3", b"{}", None),
        ("job-4", None, Failure("SubmissionUnknown", "it is lost")),
    ):
        facts = {"inference_id": job_id, "endpoint": "/v1/stt/create", "status": "failed" if failure else "succeeded"}
        kept.end(job_id, Ending(town.record("plain", {} if failure else {"input": 10}, **facts), result, failure))
    tell(town)
    kept.close()


def tell(town: Town) -> None:
    """Tell of ended jobs: one webhook has taken it, one has not yet; what signs that was replaced."""
    deliveries = StoredDeliveries(town.database)
    for job_id, status in (("job-3", 204), ("job-4", 503)):
        outcome = Outcome(town.now, 31, status, None if status == 204 else "the receiver answered with status 503")
        deliveries.record(job_id, 0, outcome, followed(Delivery(url=HOOK), outcome, 0.5))
    secrets = WebhookSecrets(StoredSeeds(town.database), SECRETS, town.draws)
    secrets.of(town.accounts["ann"].id, town.now)
    secrets.rotate(town.accounts["ann"].id, town.now + 1)


async def _keep(town: Town, kept: StoredJobs, key: Key, job_id: str, lot: Entrusted) -> None:
    asked = Asked("req_job", "mine", key.prefix, "/v1/stt/create", b"call", (Planned("acme", "scribe", Rates(0, {})),))
    job = Job(
        id=job_id,
        account_id=key.account_id,
        key_id=key.id,
        model="acme/scribe",
        operation="transcription",
        asked=asked,
        held=lot.amount,
        limit=lot.limit,
        created_at_ms=town.now,
        deadline_ms=town.now + 1_800_000,
        expires_at_ms=town.now + 3_600_000,
        delivery=Delivery(url=HOOK) if job_id > "job-2" else None,
    )
    kept.add(job, lot)


async def live(town: Town) -> None:
    """Do all of it; in the end some slices have lapsed and others have not."""
    settle_in(town)
    pay(town)
    promise(town)
    async with Writer(town.database) as writer:
        store, other = (Ledger(town.database, writer, name) for name in ("0123456789abcdef", "fedcba9876543210"))
        await use(town, store)
        go(town)
        ann, bob, limited = town.accounts["ann"].id, town.accounts["bob"].id, town.keys["for good"]
        await other.borrow(Fund(ann), Credits(1), Credits(9_000))
        town.clock.pass_s(7)
        for lender in (store, other):
            await lender.borrow(Fund(bob), Credits(1), Credits(4_000))
            await lender.borrow(Fund(bob, limited.id, 0), Credits(1), Credits(1_000))
        await order(town, Ledger(town.database, writer, "00000000000000ff"))


@contextmanager
def lived() -> Iterator[Town]:
    """Open a database in which all of that was done."""
    with tempfile.TemporaryDirectory() as folder:
        migrate(sqlite_url(Path(folder)))
        clock = StoppedClock(1_771_000_000_000)
        town = Town(Database(sqlite_url(Path(folder)), clock=clock), clock)
        asyncio.run(live(town))
        yield town
        town.database.close()


def main() -> None:
    """Write it down."""
    with lived() as town:
        save(Population(HEAD, town.now, SECRETS, town.secrets, schema_of(town.database), rows_of(town.database)))


if __name__ == "__main__":
    main()
