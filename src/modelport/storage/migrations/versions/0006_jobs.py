"""Jobs: calls whose answer is fetched later."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ORDERED_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the table; old code goes on beside it, but lends what jobs hold once their slices lapse in its eyes."""
    op.create_table(
        "jobs",
        sa.Column("id", ORDERED_TEXT, primary_key=True),
        sa.Column("account_id", sa.BigInteger, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("key_id", sa.BigInteger, sa.ForeignKey("keys.id"), nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("mark", sa.Text, nullable=False),
        sa.Column("runner", sa.Text),
        sa.Column("asked", sa.LargeBinary, nullable=False),
        sa.Column("progress", sa.LargeBinary, nullable=False),
        sa.Column("made", sa.LargeBinary),
        sa.Column("result", sa.LargeBinary),
        sa.Column("error_name", sa.Text),
        sa.Column("error_message", sa.Text),
        sa.Column("held_credits", sa.BigInteger, nullable=False),
        sa.Column("limit_since_day", sa.BigInteger),
        sa.Column("limit_until_day", sa.BigInteger),
        sa.Column("charged_credits", sa.BigInteger, nullable=False),
        sa.Column("is_cancelled", sa.Boolean, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("deadline_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_at_ms", sa.BigInteger),
    )
    op.create_index("jobs_by_account", "jobs", ["account_id", "id"])
    op.create_index("jobs_by_state", "jobs", ["state", "created_at_ms"])
    op.create_index("jobs_by_expiry", "jobs", ["expires_at_ms"])


def downgrade() -> None:
    """Forget the jobs."""
    op.drop_table("jobs")
