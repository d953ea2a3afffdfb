"""Management of keys, and what a key may know of itself."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from modelport.api.body import parse
from modelport.api.request import Answer, Request, json_answer
from modelport.api.v1.key_bodies import CHANGE, CHOICES, CREATE, CreateBody, Reader, sent
from modelport.catalogue.catalogue import Catalogue
from modelport.core.clock import Clock, iso_ms, utc_day
from modelport.core.credits import usd_json
from modelport.keys.grants import MEMBERS, check_grant, inherited
from modelport.keys.issue import KeyIssuer
from modelport.keys.key import DRAIN_AND_BILL, Key, UnknownPrefix
from modelport.keys.ring import KeyRing
from modelport.keys.store import KeyStore, KeyTerms, terms_of

BODY_MAX_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class KeyRoutes:
    """`/v1/keys` for management keys, which see the regular keys of their account; `/v1/key` for a regular one."""

    store: KeyStore
    issuer: KeyIssuer
    ring: KeyRing
    clock: Clock
    run: Callable[..., Awaitable[Any]]
    catalogue: Callable[[], Catalogue]
    check_webhook: Callable[[str], Awaitable[None]]
    """Judges where the ends of jobs are to be told."""

    async def create(self, request: Request) -> Answer:
        """Make a key; the only answer that ever holds its secret."""
        body = await request.json_body(BODY_MAX_BYTES)
        wanted = parse(body, CREATE, CHOICES) if body.strip() else CreateBody()
        await self._check(wanted)
        terms = self._granted(request.caller, wanted)
        key, secret = await self.run(self._issue, request.caller.account_id, terms)
        self.ring.forget(key.id)
        return json_answer({"data": {**_shown(key, 0), "key": secret.reveal()}})

    async def _check(self, body: CreateBody) -> None:
        if isinstance(body.webhook_url, str):
            await self.check_webhook(body.webhook_url)

    def _issue(self, account_id: int, terms: KeyTerms) -> Any:
        return self.issuer.issue(account_id, self.clock.now_ms(), terms)

    def _granted(self, maker: Key, body: CreateBody) -> KeyTerms:
        """Lay a body over what a maker's keys are without a word; raises `GrantsTooMuch`."""
        return self._checked(maker, inherited(terms_of(maker)), body, MEMBERS)

    def _checked(self, maker: Key, terms: KeyTerms, body: CreateBody, members: frozenset[str]) -> KeyTerms:
        catalogue = self.catalogue()
        laid = Reader(catalogue, self.clock.now_ms()).laid_over(terms, body)
        check_grant(maker, laid, members, catalogue.families)
        return laid

    async def index(self, request: Request) -> Answer:
        """Show the account's keys, oldest first."""
        return json_answer({"data": await self.run(self._all, request.caller.account_id)})

    def _all(self, account_id: int) -> list[dict[str, object]]:
        keys = [key for key in self.store.of_account(account_id) if not key.is_management]
        return [self._with_usage(key) for key in keys]

    async def show(self, request: Request) -> Answer:
        """Show the key that the request was made with."""
        return json_answer({"data": await self.run(self._with_usage, request.caller)})

    async def change(self, request: Request) -> Answer:
        """Update what the body names."""
        body = parse(await request.json_body(BODY_MAX_BYTES), CHANGE, CHOICES)
        await self._check(body)
        maker = request.caller
        return await self._update(request, lambda key: self._checked(maker, terms_of(key), body, sent(body)))

    async def replace(self, request: Request) -> Answer:
        """Set everything anew; what the body leaves out becomes what a new key would have."""
        body = parse(await request.json_body(BODY_MAX_BYTES), CHANGE, CHOICES)
        await self._check(body)
        terms = self._granted(request.caller, body)
        return await self._update(request, lambda _: terms)

    async def _update(self, request: Request, terms: Callable[[Key], KeyTerms]) -> Answer:
        def update() -> tuple[int, dict[str, object]]:
            caller, at_ms = request.caller, self.clock.now_ms()
            after = self.store.change(caller.account_id, request.tail, lambda key: terms(_regular(key)), at_ms)
            return after.id, self._with_usage(after)

        key_id, shown = await self.run(update)
        self.ring.forget(key_id)
        return json_answer({"data": shown})

    async def delete(self, request: Request) -> Answer:
        """Revoke a key for good."""

        def delete() -> int:
            key = _regular(self.store.by_prefix(request.caller.account_id, request.tail))
            self.store.delete(key.account_id, key.prefix, self.clock.now_ms())
            return key.id

        self.ring.forget(await self.run(delete))
        return json_answer({"data": {"prefix": request.tail, "deleted": True}})

    def _with_usage(self, key: Key) -> dict[str, object]:
        return _shown(key, self.store.spent_since(key.id, _month_start(self.clock.now_ms())))


def _regular(key: Key) -> Key:
    """Return a key that may be managed here; a management key is as good as unknown, one's own included."""
    if key.is_management:
        raise UnknownPrefix(f"no regular key of this account has the prefix '{key.prefix}': see GET /v1/keys")
    return key


def _month_start(at_ms: int) -> int:
    first = datetime.fromtimestamp(at_ms / 1000, UTC).replace(day=1)
    return utc_day(int(first.timestamp() * 1000))


def _shown(key: Key, spent_credits: int) -> dict[str, object]:
    limit = key.limit
    return {
        "name": key.name,
        "prefix": key.prefix,
        "disabled": key.is_disabled,
        "scopes": None if key.scopes is None else sorted(key.scopes),
        "limit": None
        if limit is None
        else {"retention": limit.retention, "threshold": msgspec.Raw(usd_json(limit.threshold))},
        "created_at": iso_ms(key.created_at_ms),
        "updated_at": iso_ms(key.updated_at_ms),
        "monthly_usage": msgspec.Raw(usd_json(spent_credits)),
        **_beyond(key),
    }


def _beyond(key: Key) -> dict[str, object]:
    """Show the terms that the contract does not know, where something was said about them."""
    pace = key.pace
    shown: dict[str, object] = {}
    if key.expires_at_ms is not None:
        shown["expires_at"] = iso_ms(key.expires_at_ms)
    if key.models is not None:
        shown["models"] = sorted(key.models)
    if key.providers is not None:
        shown["providers"] = sorted(key.providers)
    if key.ip_ranges is not None:
        shown["ip_ranges"] = [str(one) for one in key.ip_ranges]
    if key.on_disconnect != DRAIN_AND_BILL:
        shown["on_disconnect"] = key.on_disconnect
    if not pace.is_free:
        shown["rate_limits"] = {
            "requests_per_minute": pace.requests_per_minute,
            "tokens_per_minute": pace.tokens_per_minute,
            "concurrent_calls": pace.concurrent_calls,
        }
    if key.webhook_url is not None:
        shown["webhook_url"] = key.webhook_url
    return shown
