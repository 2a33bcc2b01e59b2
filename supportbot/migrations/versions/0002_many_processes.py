"""many processes: leases, deaths, and the queue

Frozen, like every step. It only adds, so processes of the release before may go on beside it.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_QUEUE = "supportbot_queue"


def upgrade() -> None:
    """Go from 0001 to 0002."""
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
        sqlite_with_rowid=False,
    )
    op.add_column("turns", sa.Column("deaths", sa.Integer(), server_default="0", nullable=False))
    if op.get_bind().dialect.name == "postgresql":
        _add_queue()


def downgrade() -> None:
    """Go back to 0001. What waits in the queue waits in ``conversations`` too."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP SCHEMA {_QUEUE} CASCADE")
    with op.batch_alter_table("turns") as turns:
        turns.drop_column("deaths")
    op.drop_table("leases")


def _add_queue() -> None:
    """Give procrastinate a schema of its own, and its functions the path to it wherever they are called."""
    from procrastinate.schema import SchemaManager

    driver: Any = op.get_bind().connection.driver_connection
    before = driver.execute("SELECT current_setting('search_path')").fetchone()[0]
    driver.execute(f"CREATE SCHEMA {_QUEUE}")
    driver.execute(f"SET LOCAL search_path = {_QUEUE}")
    driver.execute(SchemaManager.get_schema())
    driver.execute(
        """
        DO $$ DECLARE each regprocedure; BEGIN
            FOR each IN SELECT oid FROM pg_proc WHERE pronamespace = 'supportbot_queue'::regnamespace LOOP
                EXECUTE format('ALTER FUNCTION %s SET search_path = supportbot_queue, pg_catalog', each);
            END LOOP;
        END $$
        """
    )
    # It looks for other jobs of a conversation whenever it hands one out.
    driver.execute(
        "CREATE INDEX supportbot_jobs_of_conversation ON procrastinate_jobs (lock)"
        " WHERE status IN ('todo', 'doing')"
    )
    driver.execute("SELECT set_config('search_path', %s, true)", (before,))
