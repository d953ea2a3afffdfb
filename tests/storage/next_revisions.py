"""Revisions that a version to come could have, in folders of the tests' own."""

from pathlib import Path

from modelport.storage.migrate import HEAD

OLDEST = "0003"
"""The oldest whose code works on the schema of today: no revision since has let go of it."""
EXPANDED = f"{int(HEAD) + 1:04}"
"""Adds a column and a table, and goes on serving the code of today."""
CONTRACTED = f"{int(HEAD) + 2:04}"
"""Lets go of the code of today."""

_FORM = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade():
{body}
"""
_EXPAND = """
    op.add_column("requests", sa.Column("region", sa.Text))
    op.create_table("regions", sa.Column("name", sa.Text, primary_key=True), sa.Column("calls", sa.BigInteger))
    op.execute("INSERT INTO regions SELECT 'unknown', COUNT(*) FROM requests")
"""
_CONTRACT = f"""
    op.execute("UPDATE schema_terms SET oldest = '{EXPANDED}'")
    op.execute("UPDATE requests SET region = 'unknown' WHERE region IS NULL")
"""
_BREAK = """
    op.add_column("requests", sa.Column("region", sa.Text))
    op.create_table("regions", sa.Column("name", sa.Text, primary_key=True))
    op.execute("UPDATE balances SET credits = 0")
    op.execute("UPDATE a_table_that_is_not_there SET credits = 0")
"""


def next_revisions(folder: Path) -> Path:
    """Write the revisions that expand and then contract."""
    return _written(folder, (EXPANDED, HEAD, _EXPAND), (CONTRACTED, EXPANDED, _CONTRACT))


def broken_revision(folder: Path) -> Path:
    """Write a revision that fails after it has changed much."""
    return _written(folder, (EXPANDED, HEAD, _BREAK))


def _written(folder: Path, *revisions: tuple[str, str, str]) -> Path:
    versions = folder / "next"
    versions.mkdir()
    for revision, before, body in revisions:
        (versions / f"{revision}_next.py").write_text(_FORM.format(revision=revision, before=before, body=body))
    return versions
