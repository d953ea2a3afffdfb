"""What is left of promotions: usage takes from the one that expires first, then the next, then the other money.

That is not done for each call but whenever money moves otherwise, from the sum of what was used since the last time.
Whoever calls this has locked the account's balance.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, select, text, update

from modelport.core.credits import Credits
from modelport.storage.tables import balances, promos

_USED = text(
    "SELECT (SELECT COALESCE(SUM(credits), 0) FROM entries WHERE to_account = :account AND to_account > 2)"
    " - (SELECT COALESCE(SUM(credits), 0) FROM entries WHERE from_account = :account AND from_account > 2"
    " AND kind <> 'MODEL_USAGE')"
    " - (SELECT credits FROM balances WHERE account_id = :account)"
)
"""What an account's calls cost so far: all that came, less what went in other ways, less what is left."""


@dataclass(frozen=True, slots=True)
class Promo:
    """Credit that expires, as of the last reckoning."""

    id: int
    granted: Credits
    remaining: Credits
    expires_at_ms: int
    note: str | None


def left_of(connection: Connection, account_id: int) -> list[Promo]:
    """List the promotions of which something is left, the first to expire first."""
    columns = promos.c["id", "granted", "remaining", "expires_at_ms", "note"]
    query = select(*columns).where(promos.c.account_id == account_id, promos.c.remaining > 0)
    return [Promo(*row) for row in connection.execute(query.order_by(promos.c.expires_at_ms, promos.c.id))]


def reckon_used(connection: Connection, account_id: int) -> None:
    """Take what was used since the last time from the promotions."""
    mine = balances.c.account_id == account_id
    used = int(connection.scalar(_USED, {"account": account_id}) or 0)
    since = used - (connection.scalar(select(balances.c.promos_reckoned).where(mine)) or 0)
    connection.execute(update(balances).where(mine).values(promos_reckoned=used))
    _take(connection, account_id, since)


def keep_within(connection: Connection, account_id: int) -> None:
    """Lower promotions that money which went away has left without cover: they are never more than the balance."""
    left = sum(promo.remaining for promo in left_of(connection, account_id))
    has = connection.scalar(select(balances.c.credits).where(balances.c.account_id == account_id)) or 0
    _take(connection, account_id, left - has)


def _take(connection: Connection, account_id: int, amount: int) -> None:
    if amount <= 0:
        return
    for promo in left_of(connection, account_id):
        taken = min(amount, promo.remaining)
        connection.execute(update(promos).where(promos.c.id == promo.id).values(remaining=promo.remaining - taken))
        amount -= taken
        if not amount:
            return
