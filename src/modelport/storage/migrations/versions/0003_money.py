"""Terms of keys, sums of usage, slices of limits, promotions, orders; old code goes on beside it."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")
ORDERED_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
QUARTER_MS = 900_000
INPUTS = ("input", "cached_read", "cached_write", "cached_write_1h", "audio_input", "image_input")
OUTPUTS = ("output", "reasoning", "audio_output")
AT_ONCE = 10_000


def upgrade() -> None:
    """Add columns and tables, exchange indexes, and sum up what was used so far."""
    if op.get_bind().dialect.name == "postgresql":  # world and house were given their numbers
        op.execute("SELECT setval(pg_get_serial_sequence('accounts', 'id'), (SELECT MAX(id) FROM accounts))")
    _add_terms()
    _exchange_indexes()
    _create_rollups()
    _create_money()
    _create_payments()
    _create_work()
    _fill_rollups()


def downgrade() -> None:
    """Refuse: what was summed and granted would be lost."""
    raise NotImplementedError("restore a backup instead")


def _add_terms() -> None:
    rates = ("requests_per_minute", "tokens_per_minute", "concurrent_calls")
    for table in ("accounts", "keys"):
        for name in rates:
            op.add_column(table, sa.Column(name, sa.BigInteger))
    op.add_column("accounts", sa.Column("erased_at_ms", sa.BigInteger))
    op.add_column("keys", sa.Column("expires_at_ms", sa.BigInteger))
    for name in ("models", "providers", "ip_ranges"):
        op.add_column("keys", sa.Column(name, sa.JSON(none_as_null=True)))
    for name in ("owed", "promos_reckoned"):
        op.add_column("balances", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("requests", sa.Column("provider_nano_usd", sa.BigInteger))


def _exchange_indexes() -> None:
    op.drop_index("requests_by_account", "requests")
    op.create_index("requests_by_key", "requests", ["key_id", "created_at_ms"])
    for name in ("entries_out", "entries_in"):
        op.drop_index(name, "entries")
    for name, column, condition in (
        ("entries_usage", "from_account", "from_account > 2 AND kind = 'MODEL_USAGE'"),
        ("entries_out", "from_account", "from_account > 2 AND kind <> 'MODEL_USAGE'"),
        ("entries_in", "to_account", "to_account > 2"),
    ):
        where = sa.text(condition)
        op.create_index(name, "entries", [column, "created_at_ms"], sqlite_where=where, postgresql_where=where)


def _create_rollups() -> None:
    op.create_table(
        "usage_rollups",
        sa.Column("key_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("quarter", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("model", ORDERED_TEXT, primary_key=True),
        sa.Column("status", sa.Text, primary_key=True),
        sa.Column("account_id", sa.BigInteger, nullable=False),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("charged", sa.BigInteger, nullable=False),
        sa.Column("credits", sa.BigInteger, nullable=False),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _create_money() -> None:
    op.create_table(
        "key_allotments",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("key_id", sa.BigInteger, sa.ForeignKey("keys.id"), nullable=False),
        sa.Column("since_day", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("credits", sa.BigInteger, nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("key_id", "since_day", "owner"),
        sa.CheckConstraint("credits >= 0", name="a_slice_of_a_limit_is_not_overspent"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "promos",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("account_id", sa.BigInteger, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("granted", sa.BigInteger, nullable=False),
        sa.Column("remaining", sa.BigInteger, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger, nullable=False),
        sa.Column("note", sa.Text),
        sa.CheckConstraint("remaining >= 0 AND remaining <= granted", name="a_promo_is_not_overspent"),
        sqlite_autoincrement=True,
    )
    op.create_index("promos_by_account", "promos", ["account_id", "expires_at_ms"])
    op.create_index("promos_by_expiry", "promos", ["remaining", "expires_at_ms"])


def _create_payments() -> None:
    account = ("account_id", sa.BigInteger, sa.ForeignKey("accounts.id"))
    op.create_table(
        "auto_top_ups",
        sa.Column(*account, primary_key=True, autoincrement=False),
        sa.Column("is_enabled", sa.Boolean, nullable=False),
        sa.Column("threshold_credits", sa.BigInteger, nullable=False),
        sa.Column("amount_credits", sa.BigInteger, nullable=False),
        sa.Column("paused_until_ms", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("last_error", sa.Text),
        sa.Column("updated_at_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "payment_customers",
        sa.Column("account_id", sa.BigInteger, sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
        sa.Column("customer_id", sa.Text, nullable=False),
        sa.Column("payment_method_id", sa.Text),
        sa.Column("updated_at_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "orders",
        sa.Column("id", ORDERED_TEXT, primary_key=True),
        sa.Column("account_id", sa.BigInteger, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("credits", sa.BigInteger, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("session_id", sa.Text, unique=True),
        sa.Column("payment_id", sa.Text, unique=True),
        sa.Column("refunded_minor", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("error", sa.Text),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("orders_by_account", "orders", ["account_id", "created_at_ms"])
    op.create_index("orders_by_status", "orders", ["status", "created_at_ms"])
    op.create_table(
        "payment_events",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("received_at_ms", sa.BigInteger, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
    )


def _create_work() -> None:
    op.create_table(
        "duties",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "horizons",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
    )
    terms = op.create_table(
        "schema_terms",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("oldest", sa.Text, nullable=False),
    )
    op.bulk_insert(terms, [{"id": 1, "oldest": "0003"}])


def _fill_rollups() -> None:
    connection = op.get_bind()
    sums: dict[tuple[int, int, str, str, int], list[int]] = {}
    rows = connection.execute(
        sa.text("SELECT key_id, created_at_ms, model, status, account_id, charged_credits, usage FROM requests"),
        execution_options={"yield_per": AT_ONCE},
    )
    for row in rows:
        place = (row.key_id, row.created_at_ms // QUARTER_MS, row.model, row.status, row.account_id)
        found = sums.setdefault(place, [0, 0, 0, 0, 0])
        used = json.loads(row.usage)
        more = (
            1,
            int(row.charged_credits > 0),
            row.charged_credits,
            sum(used.get(meter, 0) for meter in INPUTS),
            sum(used.get(meter, 0) for meter in OUTPUTS),
        )
        found[:] = [one + other for one, other in zip(found, more, strict=True)]
    insert = sa.text(
        "INSERT INTO usage_rollups (key_id, quarter, model, status, account_id, requests, charged, credits, "
        "input_tokens, output_tokens) VALUES (:k, :q, :m, :s, :a, :r, :c, :x, :i, :o)"
    )
    if sums:
        names = ("k", "q", "m", "s", "a", "r", "c", "x", "i", "o")
        connection.execute(insert, [dict(zip(names, (*place, *of), strict=True)) for place, of in sums.items()])
