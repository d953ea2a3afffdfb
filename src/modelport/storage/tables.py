"""The tables, as the newest migration leaves them."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

SERIAL = BigInteger().with_variant(Integer, "sqlite")
"""An integer that the database counts up; SQLite only does so for its own INTEGER."""
ORDERED_TEXT = Text().with_variant(Text(collation="C"), "postgresql")
"""Text in the order of its bytes, which is the order of time for our ids."""

metadata = MetaData()

accounts = Table(
    "accounts",
    metadata,
    Column("id", SERIAL, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("email", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

balances = Table(
    "balances",
    metadata,
    Column("account_id", SERIAL, ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    Column("credits", BigInteger, nullable=False),
    CheckConstraint("credits >= 0 OR account_id <= 2", name="only_world_and_house_go_negative"),
)

keys = Table(
    "keys",
    metadata,
    Column("id", SERIAL, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("prefix", Text, nullable=False, unique=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("name", Text),
    Column("is_management", Boolean, nullable=False),
    Column("is_disabled", Boolean, nullable=False),
    Column("is_deleted", Boolean, nullable=False),
    Column("scopes", JSON(none_as_null=True)),
    Column("limit_retention", Text),
    Column("limit_credits", BigInteger),
    Column("on_disconnect", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    CheckConstraint("(limit_retention IS NULL) = (limit_credits IS NULL)", name="limit_is_whole"),
    Index("keys_by_account", "account_id"),
    sqlite_autoincrement=True,
)

entries = Table(
    "entries",
    metadata,
    Column("id", SERIAL, primary_key=True),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("from_account", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("to_account", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("credits", BigInteger, nullable=False),
    Column("reference_id", Text),
    Column("model", Text),
    CheckConstraint("credits > 0", name="an_entry_moves_money"),
    CheckConstraint("from_account <> to_account", name="an_entry_has_two_sides"),
)
# Naming PostgreSQL's condition here would load its dialect at every start; its migrations name it.
Index("entries_out", entries.c.from_account, sqlite_where=text("from_account > 2"))
Index("entries_in", entries.c.to_account, sqlite_where=text("to_account > 2"))

requests = Table(
    "requests",
    metadata,
    Column("inference_id", ORDERED_TEXT, primary_key=True),
    Column("request_id", Text, nullable=False),
    Column("client_request_id", Text),
    Column("account_id", BigInteger, nullable=False),
    Column("key_id", BigInteger, nullable=False),
    Column("key_prefix", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("first_byte_ms", BigInteger),
    Column("endpoint", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("provider", Text),
    Column("upstream_model", Text),
    Column("is_streaming", Boolean, nullable=False),
    Column("status", Text, nullable=False),
    Column("http_status", Integer, nullable=False),
    Column("error", Text),
    Column("usage", Text, nullable=False),
    Column("usage_source", Text, nullable=False),
    Column("rates", Text, nullable=False),
    Column("cost_credits", BigInteger, nullable=False),
    Column("charged_credits", BigInteger, nullable=False),
    Column("house_credits", BigInteger, nullable=False),
    Column("billing_status", Text, nullable=False),
    Column("attempts", Text, nullable=False),
    Column("dropped", Text, nullable=False),
    Index("requests_by_account", "account_id", "created_at_ms"),
)

allotments = Table(
    "allotments",
    metadata,
    Column("id", SERIAL, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("owner", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("credits", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    UniqueConstraint("account_id", "owner"),
    CheckConstraint("credits >= 0", name="a_slice_is_not_overspent"),
    sqlite_autoincrement=True,
)

key_spend = Table(
    "key_spend",
    metadata,
    Column("key_id", BigInteger, primary_key=True, autoincrement=False),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("credits", BigInteger, nullable=False),
)

changes = Table(
    "changes",
    metadata,
    Column("id", SERIAL, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

responses = Table(
    "responses",
    metadata,
    Column("id", ORDERED_TEXT, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("input", LargeBinary, nullable=False),
    Column("output", LargeBinary, nullable=False),
    Column("response", LargeBinary, nullable=False),
    Index("responses_by_expiry", "expires_at_ms"),
)
