"""What processes have measured of their calls, for all of them to tell."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the table, and the index by which what is recent is found; old code goes on beside it."""
    op.create_table(
        "traffic",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("measured", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("traffic_by_time", "traffic", ["at_ms"])


def downgrade() -> None:
    """Forget what was measured."""
    op.drop_table("traffic")
