"""Calls and entries of an account as a file, streamed."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from modelport.api.problems import InvalidQuery, Overloaded
from modelport.api.query import Query
from modelport.api.request import Request
from modelport.core.clock import Clock
from modelport.core.moments import Period
from modelport.core.tabular import FORMS, Form, pieces
from modelport.ledger.exports import OWN_CALLS, Exports, own_entries

AT_ONCE = 8
AT_ONCE_OF_ACCOUNT = 2
"""Exports that a process writes at the same time, in all and for one account."""
_TYPES: dict[Form, bytes] = {"jsonl": b"application/jsonl; charset=utf-8", "csv": b"text/csv; charset=utf-8"}


@dataclass(slots=True)
class ExportRoutes:
    """`/v1/export/logs` and `/v1/export/entries`: what belongs to the account of a management key, oldest first."""

    exports: Exports
    clock: Clock
    run: Callable[..., Awaitable[Any]]
    _under_way: Counter[int] = field(default_factory=Counter[int], init=False)
    """Exports by account."""

    async def logs(self, request: Request) -> None:
        """Send a row for each call."""
        period, form = self._asked(request)
        account_id = request.caller.account_id
        pages = await self.run(self.exports.calls, period, account_id)
        await self._send(request, pieces(pages, OWN_CALLS, form), form, "logs")

    async def entries(self, request: Request) -> None:
        """Send a row for each entry."""
        period, form = self._asked(request)
        account_id = request.caller.account_id
        pages = await self.run(self.exports.entries, period, account_id)
        await self._send(request, pieces(pages, own_entries(account_id), form), form, "entries")

    def _asked(self, request: Request) -> tuple[Period, Form]:
        query = Query(request.query_string, ("from", "to", "format"))
        from_ms, to_ms = query.moment_ms("from"), query.moment_ms("to")
        if from_ms is not None and to_ms is not None and to_ms <= from_ms:
            raise InvalidQuery("'to': Expected moment later than 'from', received one that is not", "to")
        if to_ms is None:  # A busy account would be written to without an end.
            to_ms = max(self.clock.now_ms(), from_ms or 0) + 1
        return Period(from_ms, to_ms), query.choice("format", FORMS) or "jsonl"

    async def _send(self, request: Request, written: Iterator[bytes], form: Form, name: str) -> None:
        """Send what is written piece by piece, each once the one before it is on its way.

        What goes wrong after the first piece leaves the answer without its end, so that nobody takes it for whole.
        """
        client, account_id = request.client, request.caller.account_id
        if self._under_way[account_id] >= AT_ONCE_OF_ACCOUNT or self._under_way.total() >= AT_ONCE:
            raise Overloaded("too many exports are under way: try again when one of them has ended")
        self._under_way[account_id] += 1
        try:
            piece = await self.run(next, written, None)
            disposition = f'attachment; filename="{name}.{form}"'.encode()
            await client.start(200, ((b"content-type", _TYPES[form]), (b"content-disposition", disposition)))
            if request.method == "HEAD":
                piece = await client.send(b"")
            while piece is not None and not client.has_left:
                await client.send(piece)
                piece = await self.run(next, written, None)
            await client.finish()
        finally:
            self._under_way[account_id] -= 1
            self._under_way += Counter()  # drops who has none
