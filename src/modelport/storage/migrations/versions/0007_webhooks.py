"""Webhooks of jobs: where their ends are told, how often that was tried, and what signs it."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")
ORDERED_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables and the column; old code goes on beside them: jobs that it forgets take their rows along."""
    op.add_column("keys", sa.Column("webhook_url", sa.Text))
    op.create_table(
        "deliveries",
        sa.Column("job_id", ORDERED_TEXT, sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.BigInteger, nullable=False),
        sa.Column("last_status", sa.Integer),
        sa.Column("last_error", sa.Text),
        sa.Column("last_at_ms", sa.BigInteger),
        sa.Column("next_at_ms", sa.BigInteger),
        sa.Column("claimed_until_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("deliveries_by_time", "deliveries", ["next_at_ms"])
    op.create_table(
        "delivery_outcomes",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("job_id", ORDERED_TEXT, sa.ForeignKey("deliveries.job_id", ondelete="CASCADE"), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("duration_ms", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("error", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index("delivery_outcomes_by_job", "delivery_outcomes", ["job_id", "id"])
    op.create_table(
        "webhook_seeds",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("account_id", sa.BigInteger, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("seed", sa.LargeBinary, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("until_ms", sa.BigInteger),
        sqlite_autoincrement=True,
    )
    op.create_index("webhook_seeds_by_account", "webhook_seeds", ["account_id", "id"])


def downgrade() -> None:
    """Forget whom to tell."""
    for table in ("webhook_seeds", "delivery_outcomes", "deliveries"):
        op.drop_table(table)
    op.drop_column("keys", "webhook_url")
