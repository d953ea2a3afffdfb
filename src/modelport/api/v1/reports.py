"""What was used and what it cost: transactions of the account, usage and logs of keys."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from modelport.api.request import Answer, Request, json_answer
from modelport.api.v1.report_queries import (
    Asked,
    DetailQuery,
    LogsQuery,
    TransactionsQuery,
    read_detail,
    read_logs,
    read_transactions,
    read_usage,
)
from modelport.core.clock import Clock, iso_ms
from modelport.core.credits import usd_json
from modelport.keys.key import Key, KeyNotAllowed
from modelport.reports.calls import LoggedCall
from modelport.reports.days import days_of
from modelport.reports.store import ReportStore
from modelport.reports.transactions import Cursors, Transaction, place_of
from modelport.reports.usage import Part, Total, Window, totals

AT_ONCE = 2
"""How many reports are read at the same time: each may scan for a while, and what calls need comes first."""

_REFERRED = frozenset({"MODEL_USAGE", "PAYMENT"})
"""Kinds whose reference is the caller's to see: a call or a payment. Others hold what the operator wrote."""

Admit = Callable[[Key], Awaitable[None]]
"""Counts a report of a key; raises a `Problem` when it asks for too many."""


async def admit_all(_key: Key) -> None:
    """Let every report pass."""


@dataclass(frozen=True, slots=True)
class ReportRoutes:
    """`/v2/billing/transactions` for regular keys; `/v2/usage`, `/v2/usage/detail` and `/v2/logs` for every key."""

    store: ReportStore
    cursors: Cursors
    clock: Clock
    run: Callable[..., Awaitable[Any]]
    admit: Admit = admit_all
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def transactions(self, request: Request) -> Answer:
        """Answer a page of the account's ledger."""
        query = read_transactions(request.query_string)
        return await self._read(self._transactions, request.caller.account_id, query)

    def _transactions(self, account_id: int, query: TransactionsQuery) -> Answer:
        wanted = query.wanted
        after = None if query.cursor is None else self.cursors.read(query.cursor, account_id, wanted)
        found = self.store.transactions(account_id, wanted, after, query.limit + 1)
        page, has_more = found[: query.limit], len(found) > query.limit
        cursor = self.cursors.issue(place_of(page[-1]), account_id, wanted) if has_more else None
        return json_answer(
            {
                "data": [_transaction(one) for one in page],
                "pagination": {"next_cursor": cursor, "has_more": has_more},
            }
        )

    async def usage(self, request: Request) -> Answer:
        """Answer what a key spent."""
        asked = read_usage(request.query_string, self.clock.now_ms())
        await self.admit(request.caller)
        return await self._read(self._usage, request.caller, asked)

    def _usage(self, caller: Key, asked: Asked) -> Answer:
        spent = self.store.spent(self._key_id(caller, asked.key_prefix), asked.window)
        return json_answer(_summary(asked, spent.credits, spent.charged))

    async def detail(self, request: Request) -> Answer:
        """Answer what a key spent on which models and days."""
        query = read_detail(request.query_string, self.clock.now_ms())
        await self.admit(request.caller)
        return await self._read(self._detail, request.caller, query)

    def _detail(self, caller: Key, query: DetailQuery) -> Answer:
        asked, grouping = query.asked, query.grouping
        by_day = grouping is not None and grouping != "model"
        days = days_of(asked.window, query.zone) if by_day else ()
        windows: Sequence[Window] = [day.window for day in days] if by_day else [asked.window]
        parts = self.store.used(self._key_id(caller, asked.key_prefix), windows)
        content = {
            **_summary(asked, sum(part.credits for part in parts), sum(part.charged for part in parts)),
            "models": _models(parts),
        }
        if grouping is not None:
            content["groups"] = _groups(parts, [day.name for day in days], by_model=grouping != "day")
        return json_answer(content)

    async def logs(self, request: Request) -> Answer:
        """Answer a page of a key's calls."""
        query = read_logs(request.query_string, self.clock.now_ms())
        await self.admit(request.caller)
        return await self._read(self._logs, request.caller, query)

    def _logs(self, caller: Key, query: LogsQuery) -> Answer:
        key_id = self._key_id(caller, query.asked.key_prefix)
        page = self.store.calls(key_id, query.asked.window, query.wanted, query.offset, query.limit)
        return json_answer(
            {
                "data": [_call(one) for one in page.calls],
                "pagination": {
                    "limit": query.limit,
                    "offset": query.offset,
                    "total": page.total,
                    "has_more": query.offset + len(page.calls) < page.total,
                },
            }
        )

    async def _read(self, work: Callable[..., Answer], *arguments: object) -> Answer:
        async with self.slots:
            return await self.run(work, *arguments)

    def _key_id(self, caller: Key, prefix: str | None) -> int:
        """Find whose calls are asked for; raises `KeyNotAllowed` or `UnknownPrefix`."""
        if prefix is None or prefix == caller.prefix:
            return caller.id
        if not caller.is_management:
            raise KeyNotAllowed(
                f"the key {caller.prefix} sees its own calls only: leave out 'key_prefix', or use a management key"
            )
        return self.store.key_id(caller.account_id, prefix)


def _usd(amount_credits: int) -> msgspec.Raw:
    return msgspec.Raw(usd_json(amount_credits))


def _transaction(one: Transaction) -> dict[str, object]:
    return {
        "created_at": iso_ms(one.created_at_ms),
        "direction": one.direction,
        "type": one.kind,
        "amount": {"usd": _usd(one.amount), "credits": one.amount},
        "model": one.model,
        "reference_id": one.reference_id if one.kind in _REFERRED else None,
    }


def _summary(asked: Asked, spent_credits: int, charged: int) -> dict[str, object]:
    return {
        "api_key_prefix": asked.key_prefix,
        "start": iso_ms(asked.window.start_ms),
        "end": iso_ms(asked.window.end_ms),
        "spend": _usd(spent_credits),
        "currency": "USD",
        "requests": charged,
    }


def _models(parts: Sequence[Part]) -> list[dict[str, object]]:
    by_model = sorted(totals(parts, lambda part: part.model).items(), key=lambda one: (-one[1].credits, one[0]))
    return [{"model": model, "spend": _usd(total.credits), "requests": total.charged} for model, total in by_model]


def _groups(parts: Sequence[Part], days: Sequence[str], *, by_model: bool) -> list[dict[str, object]]:
    """Render the groups: the earliest day first, of one day the dearest model first."""
    groups = totals(parts, lambda part: (part.window, part.model if by_model else ""))
    ordered = sorted(groups.items(), key=lambda one: (one[0][0], -one[1].credits, one[0][1]))
    return [
        {
            **({"day": days[window]} if days else {}),
            **({"model": model} if by_model else {}),
            **_group(total),
        }
        for (window, model), total in ordered
    ]


def _group(total: Total) -> dict[str, object]:
    return {
        "spend": _usd(total.credits),
        "tokens": _tokens(total.input_tokens, total.output_tokens),
        "requests": {
            "total": total.requests,
            "charged": total.charged,
            "succeeded": total.succeeded,
            "failed": total.failed,
        },
    }


def _tokens(came_in: int, went_out: int) -> dict[str, int]:
    return {"input": came_in, "output": went_out, "total": came_in + went_out}


def _call(one: LoggedCall) -> dict[str, object]:
    usage = one.shown_usage
    return {
        "created": iso_ms(one.created_at_ms),
        "status": one.status,
        "origin": one.origin,
        "model": one.model,
        "cost": {"usd": _usd(one.charged), "credits": one.charged},
        "tokens": _tokens(usage.input_tokens, usage.output_tokens),
        "request_id": one.request_id or None,  # taken from the rows of erased accounts
        "inference_id": one.inference_id,
        "client_request_id": one.client_request_id,
    }
