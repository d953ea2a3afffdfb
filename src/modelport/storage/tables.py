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
    Column("requests_per_minute", BigInteger),
    Column("tokens_per_minute", BigInteger),
    Column("concurrent_calls", BigInteger),
    Column("erased_at_ms", BigInteger),
    sqlite_autoincrement=True,
)

balances = Table(
    "balances",
    metadata,
    Column("account_id", SERIAL, ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    Column("credits", BigInteger, nullable=False),
    Column("owed", BigInteger, nullable=False, server_default="0"),
    Column("promos_reckoned", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("credits >= 0 OR account_id <= 2", name="only_world_and_house_go_negative"),
)
"""A row for each customer, and the lock under which everything about its money happens. World and house have rows that
nothing keeps: they are what the entries say."""

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
    Column("expires_at_ms", BigInteger),
    Column("models", JSON(none_as_null=True)),
    Column("providers", JSON(none_as_null=True)),
    Column("ip_ranges", JSON(none_as_null=True)),
    Column("requests_per_minute", BigInteger),
    Column("tokens_per_minute", BigInteger),
    Column("concurrent_calls", BigInteger),
    Column("webhook_url", Text),
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
_IS_OUT, _IS_IN, _IS_USAGE = "from_account > 2", "to_account > 2", "kind = 'MODEL_USAGE'"
Index("entries_usage", entries.c.from_account, entries.c.created_at_ms, sqlite_where=text(f"{_IS_OUT} AND {_IS_USAGE}"))
Index(
    "entries_out",
    entries.c.from_account,
    entries.c.created_at_ms,
    sqlite_where=text(f"{_IS_OUT} AND kind <> 'MODEL_USAGE'"),
)
Index("entries_in", entries.c.to_account, entries.c.created_at_ms, sqlite_where=text(_IS_IN))

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
    Column("provider_nano_usd", BigInteger),
    Index("requests_by_key", "key_id", "created_at_ms"),
)

usage_rollups = Table(
    "usage_rollups",
    metadata,
    Column("key_id", BigInteger, primary_key=True, autoincrement=False),
    Column("quarter", BigInteger, primary_key=True, autoincrement=False),
    Column("model", ORDERED_TEXT, primary_key=True),
    Column("status", Text, primary_key=True),
    Column("account_id", BigInteger, nullable=False),
    Column("requests", BigInteger, nullable=False),
    Column("charged", BigInteger, nullable=False),
    Column("credits", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""What the request rows of a quarter hour (counted from 1970) sum up to; `charged` counts those that cost something."""

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

key_allotments = Table(
    "key_allotments",
    metadata,
    Column("id", SERIAL, primary_key=True),
    Column("key_id", BigInteger, ForeignKey("keys.id"), nullable=False),
    Column("since_day", BigInteger, nullable=False),
    Column("owner", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("credits", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    UniqueConstraint("key_id", "since_day", "owner"),
    CheckConstraint("credits >= 0", name="a_slice_of_a_limit_is_not_overspent"),
    sqlite_autoincrement=True,
)
"""Slices of what a limited key may still spend in the period that began with `since_day`."""

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

jobs = Table(
    "jobs",
    metadata,
    Column("id", ORDERED_TEXT, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("key_id", BigInteger, ForeignKey("keys.id"), nullable=False),
    Column("model", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("mark", Text, nullable=False),
    Column("runner", Text),
    Column("asked", LargeBinary, nullable=False),
    Column("progress", LargeBinary, nullable=False),
    Column("made", LargeBinary),
    Column("result", LargeBinary),
    Column("error_name", Text),
    Column("error_message", Text),
    Column("held_credits", BigInteger, nullable=False),
    Column("limit_since_day", BigInteger),
    Column("limit_until_day", BigInteger),
    Column("charged_credits", BigInteger, nullable=False),
    Column("is_cancelled", Boolean, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("deadline_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("ended_at_ms", BigInteger),
    Index("jobs_by_account", "account_id", "id"),
    Index("jobs_by_state", "state", "created_at_ms"),
    Index("jobs_by_expiry", "expires_at_ms"),
)
"""Calls whose answer is fetched later. What is held for one that lives is in a slice that `job:` and its id own."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("job_id", ORDERED_TEXT, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("url", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("last_status", Integer),
    Column("last_error", Text),
    Column("last_at_ms", BigInteger),
    Column("next_at_ms", BigInteger),
    Column("claimed_until_ms", BigInteger, nullable=False),
    Index("deliveries_by_time", "next_at_ms"),
)
"""Where the ends of jobs are told. One whose job has ended is due at `next_at_ms`, unless somebody is at it."""

delivery_outcomes = Table(
    "delivery_outcomes",
    metadata,
    Column("id", SERIAL, primary_key=True),
    Column("job_id", ORDERED_TEXT, ForeignKey("deliveries.job_id", ondelete="CASCADE"), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("status", Integer),
    Column("error", Text),
    Index("delivery_outcomes_by_job", "job_id", "id"),
    sqlite_autoincrement=True,
)

webhook_seeds = Table(
    "webhook_seeds",
    metadata,
    Column("id", SERIAL, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("seed", LargeBinary, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger),
    Index("webhook_seeds_by_account", "account_id", "id"),
    sqlite_autoincrement=True,
)
"""What accounts' webhook secrets are derived from, with the version of the server's secret that it takes besides."""

promos = Table(
    "promos",
    metadata,
    Column("id", SERIAL, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("granted", BigInteger, nullable=False),
    Column("remaining", BigInteger, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("note", Text),
    Index("promos_by_account", "account_id", "expires_at_ms"),
    Index("promos_by_expiry", "remaining", "expires_at_ms"),
    CheckConstraint("remaining >= 0 AND remaining <= granted", name="a_promo_is_not_overspent"),
    sqlite_autoincrement=True,
)
"""Credit that expires; `remaining` is true as of the last time that the account's usage was reckoned against it."""

auto_top_ups = Table(
    "auto_top_ups",
    metadata,
    Column("account_id", BigInteger, ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    Column("is_enabled", Boolean, nullable=False),
    Column("threshold_credits", BigInteger, nullable=False),
    Column("amount_credits", BigInteger, nullable=False),
    Column("paused_until_ms", BigInteger, nullable=False, server_default="0"),
    Column("last_error", Text),
    Column("updated_at_ms", BigInteger, nullable=False),
)

payment_customers = Table(
    "payment_customers",
    metadata,
    Column("account_id", BigInteger, ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    Column("customer_id", Text, nullable=False),
    Column("payment_method_id", Text),
    Column("updated_at_ms", BigInteger, nullable=False),
)

orders = Table(
    "orders",
    metadata,
    Column("id", ORDERED_TEXT, primary_key=True),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("credits", BigInteger, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("session_id", Text, unique=True),
    Column("payment_id", Text, unique=True),
    Column("refunded_minor", BigInteger, nullable=False, server_default="0"),
    Column("error", Text),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    Index("orders_by_account", "account_id", "created_at_ms"),
    Index("orders_by_status", "status", "created_at_ms"),
)
"""Payments that customers were asked for; `amount_minor` is in the currency's smallest unit."""

payment_events = Table(
    "payment_events",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("received_at_ms", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
)
"""What a payment provider told us, each event once."""

traffic = Table(
    "traffic",
    metadata,
    Column("id", SERIAL, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("measured", Text, nullable=False),
    Index("traffic_by_time", "at_ms"),
    sqlite_autoincrement=True,
)
"""What a process measured of its calls until `at_ms`, since it last said so; rows live for some minutes."""

duties = Table(
    "duties",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)
"""Recurring work that one process at a time does for all, until its turn runs out."""

horizons = Table(
    "horizons",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
)
"""Before which moment rows of a kind were swept."""

catalogues = Table(
    "catalogues",
    metadata,
    Column("id", SERIAL, primary_key=True),
    Column("applied_at_ms", BigInteger, nullable=False),
    Column("applied_by", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("files", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
"""Catalogue files of operators for every replica; the newest row is in force."""

schema_terms = Table(
    "schema_terms",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("oldest", Text, nullable=False),
)
"""One row: the oldest revision whose code works on this schema, so that old and new run side by side."""
