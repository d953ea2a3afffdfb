"""Accounts, keys, entries, requests, allotments and changes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")
ORDERED_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create everything, and the two accounts that are always there."""
    _create_owners()
    _create_money()
    _create_requests()
    op.create_table(
        "changes",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Refuse: the first schema has none before it."""
    raise NotImplementedError("the first schema has none before it: restore a backup instead")


def _create_owners() -> None:
    accounts = op.create_table(
        "accounts",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "keys",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("account_id", sa.BigInteger, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("prefix", sa.Text, nullable=False, unique=True),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("name", sa.Text),
        sa.Column("is_management", sa.Boolean, nullable=False),
        sa.Column("is_disabled", sa.Boolean, nullable=False),
        sa.Column("is_deleted", sa.Boolean, nullable=False),
        sa.Column("scopes", sa.JSON(none_as_null=True)),
        sa.Column("limit_retention", sa.Text),
        sa.Column("limit_credits", sa.BigInteger),
        sa.Column("on_disconnect", sa.Text, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger, nullable=False),
        sa.CheckConstraint("(limit_retention IS NULL) = (limit_credits IS NULL)", name="limit_is_whole"),
        sqlite_autoincrement=True,
    )
    op.create_index("keys_by_account", "keys", ["account_id"])
    always_there = {"email": "", "kind": "system", "created_at_ms": 0}
    op.bulk_insert(accounts, [{"id": 1, "name": "world"} | always_there, {"id": 2, "name": "house"} | always_there])


def _create_money() -> None:
    balances = op.create_table(
        "balances",
        sa.Column("account_id", SERIAL, sa.ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
        sa.Column("credits", sa.BigInteger, nullable=False),
        sa.CheckConstraint("credits >= 0 OR account_id <= 2", name="only_world_and_house_go_negative"),
    )
    op.bulk_insert(balances, [{"account_id": 1, "credits": 0}, {"account_id": 2, "credits": 0}])
    op.create_table(
        "entries",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("from_account", sa.BigInteger, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("to_account", sa.BigInteger, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("credits", sa.BigInteger, nullable=False),
        sa.Column("reference_id", sa.Text),
        sa.Column("model", sa.Text),
        sa.CheckConstraint("credits > 0", name="an_entry_moves_money"),
        sa.CheckConstraint("from_account <> to_account", name="an_entry_has_two_sides"),
    )
    for name, column in (("entries_out", "from_account"), ("entries_in", "to_account")):
        customers = sa.text(f"{column} > 2")
        op.create_index(name, "entries", [column], sqlite_where=customers, postgresql_where=customers)
    op.create_table(
        "allotments",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("account_id", sa.BigInteger, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("credits", sa.BigInteger, nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("account_id", "owner"),
        sa.CheckConstraint("credits >= 0", name="a_slice_is_not_overspent"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "key_spend",
        sa.Column("key_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("credits", sa.BigInteger, nullable=False),
    )


def _create_requests() -> None:
    op.create_table(
        "requests",
        sa.Column("inference_id", ORDERED_TEXT, primary_key=True),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("client_request_id", sa.Text),
        sa.Column("account_id", sa.BigInteger, nullable=False),
        sa.Column("key_id", sa.BigInteger, nullable=False),
        sa.Column("key_prefix", sa.Text, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("duration_ms", sa.BigInteger, nullable=False),
        sa.Column("first_byte_ms", sa.BigInteger),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("provider", sa.Text),
        sa.Column("upstream_model", sa.Text),
        sa.Column("is_streaming", sa.Boolean, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("http_status", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("usage", sa.Text, nullable=False),
        sa.Column("usage_source", sa.Text, nullable=False),
        sa.Column("rates", sa.Text, nullable=False),
        sa.Column("cost_credits", sa.BigInteger, nullable=False),
        sa.Column("charged_credits", sa.BigInteger, nullable=False),
        sa.Column("house_credits", sa.BigInteger, nullable=False),
        sa.Column("billing_status", sa.Text, nullable=False),
        sa.Column("attempts", sa.Text, nullable=False),
        sa.Column("dropped", sa.Text, nullable=False),
    )
    op.create_index("requests_by_account", "requests", ["account_id", "created_at_ms"])
