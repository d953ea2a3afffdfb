"""Proves that the books balance, from the rows themselves."""

import re

from sqlalchemy import Connection, text

from modelport.core.clock import DAY_MS, QUARTER_MS
from modelport.core.ids import time_prefix
from modelport.storage.database import Database
from modelport.storage.periods import LOGS, horizon_of

_BALANCE_IS_NOT_SUM = """
SELECT 'account ' || b.account_id || ' shows ' || b.credits || ' credits, its entries sum to '
    || (COALESCE(i.total, 0) - COALESCE(o.total, 0))
FROM balances b
LEFT JOIN (SELECT to_account, SUM(credits) AS total FROM entries GROUP BY to_account) i ON i.to_account = b.account_id
LEFT JOIN (SELECT from_account, SUM(credits) AS total FROM entries GROUP BY from_account) o
    ON o.from_account = b.account_id
WHERE b.account_id > 2 AND b.credits <> COALESCE(i.total, 0) - COALESCE(o.total, 0)
"""
_NEGATIVE = """
SELECT 'account ' || account_id || ' is at ' || credits || ' credits, below zero'
FROM balances WHERE account_id > 2 AND credits < 0
"""
_OWED_IS_NOT_SUM = """
SELECT 'account ' || b.account_id || ' owes ' || b.owed || ' credits, its entries with the house sum to '
    || (COALESCE(i.total, 0) - COALESCE(o.total, 0))
FROM balances b
LEFT JOIN (SELECT to_account, SUM(credits) AS total FROM entries WHERE from_account = 2 GROUP BY to_account) i
    ON i.to_account = b.account_id
LEFT JOIN (SELECT from_account, SUM(credits) AS total FROM entries WHERE to_account = 2 GROUP BY from_account) o
    ON o.from_account = b.account_id
WHERE b.account_id > 2 AND b.owed <> COALESCE(i.total, 0) - COALESCE(o.total, 0)
"""
_LENT_TOO_MUCH = """
SELECT 'account ' || b.account_id || ' has ' || b.credits || ' credits, of which ' || SUM(a.credits) || ' are lent'
FROM balances b JOIN allotments a ON a.account_id = b.account_id
WHERE a.expires_at_ms > :now GROUP BY b.account_id, b.credits HAVING SUM(a.credits) > b.credits
"""
_ROW_IS_NOT_ENTRY = """
SELECT 'call ' || r.inference_id || ' says ' || r.charged_credits || ' charged and ' || r.house_credits
    || ' on the house, its entries say ' || COALESCE(e.charged, 0) || ' and ' || COALESCE(e.house, 0)
FROM requests r
LEFT JOIN (
    SELECT reference_id, SUM(CASE WHEN from_account = 2 THEN 0 ELSE credits END) AS charged,
        SUM(CASE WHEN from_account = 2 THEN credits ELSE 0 END) AS house
    FROM entries WHERE kind = 'MODEL_USAGE' GROUP BY reference_id
) e ON e.reference_id = r.inference_id
WHERE r.created_at_ms >= :horizon AND (r.charged_credits <> COALESCE(e.charged, 0)
    OR r.house_credits <> COALESCE(e.house, 0) OR r.cost_credits <> r.charged_credits + r.house_credits)
"""
_ENTRY_WITHOUT_ROW = """
SELECT 'entry ' || e.id || ' is for the call ' || e.reference_id || ', which has no row'
FROM entries e LEFT JOIN requests r ON r.inference_id = e.reference_id
WHERE e.kind = 'MODEL_USAGE' AND r.inference_id IS NULL AND {reference} >= :since_id
"""
_SPEND_IS_NOT_SUM = """
SELECT 'key ' || r.key_id || ' was charged ' || r.total || ' credits, its daily sums say ' || COALESCE(s.total, 0)
FROM (
    SELECT key_id, SUM(charged_credits) AS total FROM requests WHERE created_at_ms >= :day_begins GROUP BY key_id
) r
LEFT JOIN (SELECT key_id, SUM(credits) AS total FROM key_spend WHERE day >= :day GROUP BY key_id) s
    ON s.key_id = r.key_id
WHERE r.total <> COALESCE(s.total, 0)
"""
_ROLLUP_IS_NOT_SUM = """
SELECT 'key ' || r.key_id || ' has ' || r.total || ' calls that cost ' || r.credits || ' credits, the sums of quarter '
    || 'hours say ' || COALESCE(s.total, 0) || ' and ' || COALESCE(s.credits, 0)
FROM (
    SELECT key_id, COUNT(*) AS total, SUM(charged_credits) AS credits FROM requests
    WHERE created_at_ms >= :horizon GROUP BY key_id
) r
LEFT JOIN (
    SELECT key_id, SUM(requests) AS total, SUM(credits) AS credits FROM usage_rollups
    WHERE quarter >= :quarter GROUP BY key_id
) s ON s.key_id = r.key_id
WHERE r.total <> COALESCE(s.total, 0) OR r.credits <> COALESCE(s.credits, 0)
"""
_JOB_LACKS_ITS_SLICE = """
SELECT 'job ' || j.id || ' lives and holds ' || j.held_credits || ' credits, its slices have '
    || COALESCE(a.credits, 0) || CASE WHEN j.limit_since_day IS NULL THEN '' ELSE ' and ' || COALESCE(k.credits, 0) END
FROM jobs j
LEFT JOIN allotments a ON a.owner = 'job:' || j.id AND a.account_id = j.account_id
LEFT JOIN key_allotments k ON k.owner = 'job:' || j.id AND k.key_id = j.key_id
WHERE j.state IN ('queued', 'generating') AND j.held_credits > 0 AND (COALESCE(a.credits, 0) <> j.held_credits
    OR (j.limit_since_day IS NOT NULL AND COALESCE(k.credits, 0) <> j.held_credits))
"""
_SLICE_LACKS_ITS_JOB = """
SELECT 'a slice of ' || a.credits || ' credits is held for ' || a.owner || ', which does not live'
FROM (SELECT owner, credits FROM allotments UNION ALL SELECT owner, credits FROM key_allotments) a
WHERE a.owner LIKE 'job:%'
    AND NOT EXISTS (SELECT 1 FROM jobs j WHERE 'job:' || j.id = a.owner AND j.state IN ('queued', 'generating'))
"""
_JOB_IS_NOT_ITS_ROW = """
SELECT 'job ' || j.id || ' says that ' || j.charged_credits || ' credits were charged, its row says '
    || COALESCE(r.charged_credits, -1)
FROM jobs j LEFT JOIN requests r ON r.inference_id = j.id
WHERE j.state IN ('completed', 'error') AND j.created_at_ms >= :horizon
    AND j.charged_credits <> COALESCE(r.charged_credits, -1)
"""
_CHECKS = (
    _BALANCE_IS_NOT_SUM,
    _NEGATIVE,
    _OWED_IS_NOT_SUM,
    _LENT_TOO_MUCH,
    _ROW_IS_NOT_ENTRY,
    _ENTRY_WITHOUT_ROW,
    _SPEND_IS_NOT_SUM,
    _ROLLUP_IS_NOT_SUM,
    _JOB_LACKS_ITS_SLICE,
    _SLICE_LACKS_ITS_JOB,
    _JOB_IS_NOT_ITS_ROW,
)
_SHOWN = 20


def check_books(database: Database) -> list[str]:
    """Say what does not add up: at most twenty lines of each kind, none when the books balance.

    Calls whose rows were swept are left out of what is compared with rows: it begins at their horizon.
    """
    with database.read() as connection:
        horizon = horizon_of(connection, LOGS)
        day = -(-horizon // DAY_MS)  # What keys spend is summed by days: the one that is not whole is left out.
        terms = {
            "now": database.lease_now_ms(),
            "horizon": horizon,
            "quarter": horizon // QUARTER_MS,
            "day": day,
            "day_begins": day * DAY_MS,
            "since_id": time_prefix(horizon) if horizon else "",
        }
        return [line for check in _CHECKS for line in _lines(connection, check, terms)]


def _lines(connection: Connection, check: str, terms: dict[str, int | str]) -> list[str]:
    is_sqlite = connection.dialect.name == "sqlite"
    query = check.replace("{reference}", "e.reference_id" if is_sqlite else 'e.reference_id COLLATE "C"')
    named = {name: value for name, value in terms.items() if re.search(rf":{name}\b", query)}
    return list(connection.scalars(text(f"{query} LIMIT {_SHOWN}"), named))
